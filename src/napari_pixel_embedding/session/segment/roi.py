"""The part of a large image that a run works on."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from napari_pixel_embedding.core.blockwise.memory import memory_budget
from napari_pixel_embedding.core.blockwise.roi import (
    ROI_PIXELS,
    choose_roi,
    count_pixels,
    margin,
    pixel_bytes,
    read_box,
)
from napari_pixel_embedding.core.boxes import grown, within
from napari_pixel_embedding.core.inference.axes import resolve_axes
from napari_pixel_embedding.session.segment.requests import Source

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from napari_pixel_embedding.core.blockwise.roi import ROI
    from napari_pixel_embedding.core.boxes import Box
    from napari_pixel_embedding.core.embedding.embedding_map import EmbeddingMap
    from napari_pixel_embedding.core.model.config import ModelConfig
    from napari_pixel_embedding.core.model.model_file import EmbeddingModel
    from napari_pixel_embedding.session.engine import Engine
    from napari_pixel_embedding.session.segment.requests import RunRequest
    from napari_pixel_embedding.session.state.image import ImageInput


def first_roi(request: RunRequest, model: EmbeddingModel, axes: str | None) -> ROI | None:
    """Choose what is worked on first; None when the whole image fits into memory.

    Raises
    ------
    ValueError
        When the image does not fit into memory, nor its axes the model.
    """
    image, config = request.image, model.config
    memory = memory_budget() if request.memory is None else request.memory
    most = max(memory // pixel_bytes(config, request.diameter), 1)
    if math.prod(image.shape) <= most:
        return None
    axes = resolve_axes(image.shape, axes, config.axes, config.in_channels)
    if count_pixels(axes, image.shape) <= most:
        return None
    shapes = [tuple(level.shape) for level in image.levels]
    most = min(ROI_PIXELS, max(most // 2, 1))
    return choose_roi(axes, shapes, request.view, most, config.stride)


def finest_part(
    request: RunRequest, model: EmbeddingModel, axes: str | None
) -> tuple[ImageInput, str | None]:
    """Give what is seen of a large image at its finest level; all of a smaller one."""
    image = replace(request.image, coarser=())
    roi = first_roi(replace(request, image=image), model, axes)
    if roi is None:
        return image, axes
    settled = resolve_axes(image.shape, axes, model.config.axes, model.config.in_channels)
    return image.part(settled, roi), settled


def read_source(
    engine: Engine, request: RunRequest, model: EmbeddingModel, axes: str | None
) -> Source:
    """Look at a large image as far as all of its parts depend on it."""
    config, image = model.config, request.image
    settled = resolve_axes(image.shape, axes, config.axes, config.in_channels)
    return Source(request, model, settled, engine.intensity_ranges(config, image.data, settled))


@dataclass(frozen=True)
class _Part:
    """What is embedded at once: a box of a level, and how much of it is kept."""

    level: int
    factor: tuple[float, ...]
    frame: int | None
    kept: Box
    padded: Box


def embed_roi(
    engine: Engine, source: Source, roi: ROI, progress: Callable[[float], None]
) -> EmbeddingMap:
    """Run the model on a field and what it has to see around it."""
    shape = _spatial(source.image.levels[roi.level].shape, source.axes)
    level_diameter = diameter_at(source.model.config, source.request.diameter, roi.factor)
    padded = grown(roi.box, margin(source.model.config, level_diameter), shape)
    part = _Part(roi.level, roi.factor, roi.frame, roi.box, padded)
    return _embed(engine, source, part, progress)


def diameter_at(
    config: ModelConfig, diameter: float | None, factor: Sequence[float]
) -> float | None:
    """Diameter of objects in pixels of a level, as far as it has to be said.

    At coarse levels they are smaller. There they are never enlarged, for it is but a preview.
    """
    known = diameter or config.image_diameter
    if max(factor) == 1 or known is None or config.object_diameter is None:
        return diameter
    return max(known / max(factor), config.object_diameter)


def _spatial(shape: Sequence[int], axes: str) -> tuple[int, ...]:
    return tuple(n for letter, n in zip(axes, shape, strict=True) if letter in "ZYX")


def _embed(
    engine: Engine, source: Source, part: _Part, progress: Callable[[float], None]
) -> EmbeddingMap:
    data = read_box(source.image.levels[part.level], source.axes, part.padded, part.frame)
    spacing = source.image.spatial_spacing(len(part.kept))
    maps = engine.predict_frames(
        source.model,
        data,
        axes=source.axes,
        device=source.request.device,
        augment=source.request.augment,
        spacing=None if spacing is None else tuple(np.multiply(spacing, part.factor).tolist()),
        diameter=diameter_at(source.model.config, source.request.diameter, part.factor),
        ranges=source.ranges,
        progress=progress,
    )
    (whole,) = maps
    return replace(whole.crop(within(part.kept, part.padded)), frame=part.frame)
