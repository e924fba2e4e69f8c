"""Choosing and embedding the ROI of a large image."""

from __future__ import annotations

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
from napari_pixel_embedding.core.inference.axes import ImageStack
from napari_pixel_embedding.core.inference.object_scale import diameter_at_level
from napari_pixel_embedding.core.validation import as_numeric_image
from napari_pixel_embedding.session.segment.requests import Source

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from napari_pixel_embedding.core.blockwise.roi import ROI
    from napari_pixel_embedding.core.boxes import Box
    from napari_pixel_embedding.core.embedding.embedding_map import EmbeddingMap
    from napari_pixel_embedding.core.model.model_file import EmbeddingModel
    from napari_pixel_embedding.session.engine import Engine
    from napari_pixel_embedding.session.segment.requests import RunRequest
    from napari_pixel_embedding.session.state.image import ImageInput


def first_roi(request: RunRequest, model: EmbeddingModel, axes: str) -> ROI | None:
    """Choose the first ROI; None if the whole image fits into memory."""
    image, config = request.image, model.config
    memory = memory_budget() if request.memory is None else request.memory
    spacing = image.spatial_spacing(config.ndim)
    most = max(memory // pixel_bytes(config, request.options.diameter, spacing), 1)
    if count_pixels(axes, image.shape) <= most:
        return None
    shapes = [tuple(level.shape) for level in image.levels]
    most = min(ROI_PIXELS, max(most // 2, 1))
    return choose_roi(axes, shapes, request.view, most, config.stride)


def finest_part(request: RunRequest, model: EmbeddingModel, axes: str) -> ImageInput:
    """Return the part of a large image in view at its finest level; all of a smaller one."""
    image = replace(request.image, coarser=())
    return image.part(axes, first_roi(replace(request, image=image), model, axes))


def read_source(engine: Engine, request: RunRequest, model: EmbeddingModel, axes: str) -> Source:
    """Read what all parts of a large image share."""
    ranges = engine.intensity_ranges(model.config, request.image.data, axes)
    return Source(request, model, axes, ranges)


@dataclass(frozen=True)
class _Part:
    """Unit of embedding: a box of a level, and the part of it that is kept."""

    level: int
    factor: tuple[float, ...]
    frame: int | None
    kept: Box
    padded: Box


def embed_roi(
    engine: Engine, source: Source, roi: ROI, progress: Callable[[float], None]
) -> EmbeddingMap:
    """Run the model on an ROI and the halo around it."""
    config, shape = source.model.config, _spatial(source.image.levels[roi.level].shape, source.axes)
    diameter = diameter_at_level(config, source.request.options.diameter, roi.factor)
    padded = grown(roi.box, margin(config, diameter), shape)
    part = _Part(roi.level, roi.factor, roi.frame, roi.box, padded)
    return _embed(engine, source, part, progress)


def _spatial(shape: Sequence[int], axes: str) -> tuple[int, ...]:
    return tuple(n for letter, n in zip(axes, shape, strict=True) if letter in "ZYX")


def _embed(
    engine: Engine, source: Source, part: _Part, progress: Callable[[float], None]
) -> EmbeddingMap:
    config, options = source.model.config, source.request.options
    data = read_box(source.image.levels[part.level], source.axes, part.padded, part.frame)
    spacing = source.image.spatial_spacing(len(part.kept))
    if spacing is not None:
        spacing = tuple(np.multiply(spacing, part.factor).tolist())
    stack = ImageStack(
        as_numeric_image(data),
        source.axes,
        source.image.count_read(config),
        spacing,
        source.ranges,
    )
    diameter = diameter_at_level(config, options.diameter, part.factor)
    (whole,) = engine.embed_frames(
        source.model, stack, replace(options, diameter=diameter), progress
    )
    return replace(whole.crop(within(part.kept, part.padded)), frame=part.frame)
