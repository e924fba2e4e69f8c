"""Large images, part by part: what a run does in a worker when memory does not bear all."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_pixel_embedding.core.blockwise.memory import memory_budget
from napari_pixel_embedding.core.blockwise.roi import (
    FIELD_PIXELS,
    choose_field,
    count_pixels,
    image_diameter,
    margin,
    pixel_bytes,
    read_box,
)
from napari_pixel_embedding.core.boxes import grown, within
from napari_pixel_embedding.core.inference.axes import resolve_axes

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from napari_pixel_embedding.core.blockwise.block_plan import Block, Layout
    from napari_pixel_embedding.core.blockwise.mosaic import Mosaic, MosaicCut
    from napari_pixel_embedding.core.blockwise.roi import Field
    from napari_pixel_embedding.core.boxes import Box
    from napari_pixel_embedding.core.clustering import ClusterIndex, ClusterParams
    from napari_pixel_embedding.core.embedding.embedding_map import EmbeddingMap
    from napari_pixel_embedding.core.model.config import ModelConfig
    from napari_pixel_embedding.core.model.model_file import EmbeddingModel
    from napari_pixel_embedding.session.elsewhere import Elsewhere
    from napari_pixel_embedding.session.engine import Engine
    from napari_pixel_embedding.session.jobs import Report
    from napari_pixel_embedding.session.pipeline import RunRequest
    from napari_pixel_embedding.session.state import ImageInput


@dataclass(frozen=True, eq=False)
class Source:
    """What the parts of one large image are made from.

    Parameters
    ----------
    request : RunRequest
        Image, device and whatever else the user chose.
    model : EmbeddingModel
    axes : str
        A letter for each axis of the image.
    ranges : array, shape (C, 2)
        Intensities of the whole image.
    """

    request: RunRequest
    model: EmbeddingModel
    axes: str
    ranges: NDArray[Any]

    @property
    def image(self) -> ImageInput:
        """The image."""
        return self.request.image

    @property
    def shape(self) -> tuple[int, ...]:
        """Pixels of the finest level along ([Z,] Y, X)."""
        parts = zip(self.axes, self.image.shape, strict=True)
        return tuple(n for letter, n in parts if letter in "ZYX")

    @property
    def frames(self) -> int:
        """Number of frames; 1 without that axis."""
        return self.image.shape[self.axes.index("T")] if "T" in self.axes else 1


def first_field(request: RunRequest, model: EmbeddingModel, axes: str | None) -> Field | None:
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
    most = min(FIELD_PIXELS, max(most // 2, 1))
    return choose_field(axes, shapes, request.view, most, config.stride)


def finest_part(
    request: RunRequest, model: EmbeddingModel, axes: str | None
) -> tuple[ImageInput, str | None]:
    """Give what is seen of a large image at its finest level; all of a smaller one."""
    image = replace(request.image, coarser=())
    field = first_field(replace(request, image=image), model, axes)
    if field is None:
        return image, axes
    settled = resolve_axes(image.shape, axes, model.config.axes, model.config.in_channels)
    return image.part(settled, field), settled


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


def embed_field(
    engine: Engine, source: Source, field: Field, progress: Callable[[float], None]
) -> EmbeddingMap:
    """Run the model on a field and what it has to see around it."""
    shape = _spatial(source.image.levels[field.level].shape, source.axes)
    level_diameter = diameter_at(source.model.config, source.request.diameter, field.factor)
    padded = grown(field.box, margin(source.model.config, level_diameter), shape)
    part = _Part(field.level, field.factor, field.frame, field.box, padded)
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


def index_block(
    engine: Engine, source: Source, block: Block, progress: Callable[[float], None]
) -> ClusterIndex:
    """Run the model on a block of the finest level, and index its window."""
    frame = block.frame if "T" in source.axes else None
    finest = (1.0,) * len(block.core)
    part = _Part(0, finest, frame, block.window, block.padded)
    return engine.build_cluster_index(_embed(engine, source, part, progress))


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


# -------------------------------------------------------------------------------- the rest


@dataclass(frozen=True)
class Plan:
    """The blocks of a large image that are to be made, and how many there are in all.

    Parameters
    ----------
    blocks : tuple of Block
        Those that memory bears, the nearest to the field first.
    count : int
        Number of blocks of the whole image.
    """

    blocks: tuple[Block, ...]
    count: int


def plan(source: Source, field: Field, known: Mosaic | None) -> Plan:
    """Divide an image into blocks around a field, as many as memory bears.

    Parameters
    ----------
    source : Source
    field : Field
    known : Mosaic, optional
        What is finished already, and in memory.
    """
    from napari_pixel_embedding.core.blockwise.block_plan import nearest_first, plan_blocks
    from napari_pixel_embedding.core.blockwise.mosaic import INDEX_BYTES

    memory = memory_budget() if source.request.memory is None else source.request.memory
    layout = _layout(source, memory)
    blocks = plan_blocks(source.shape, source.frames, layout)
    middle = [(part.start + part.stop) / 2 for part in field.finest_box]
    ordered = nearest_first(blocks, field.frame or 0, middle)
    bytes_each = INDEX_BYTES * layout.window_pixels()
    kept = 0 if known is None else len(known.pieces)
    return Plan(tuple(ordered[: kept + max(memory // bytes_each, 1)]), len(blocks))


def _layout(source: Source, memory: int) -> Layout:
    from napari_pixel_embedding.core.blockwise.block_plan import plan_layout

    config = source.model.config
    said = source.request.diameter
    most = memory // 4 // pixel_bytes(config, said)
    diameter = image_diameter(config, said) or 4.0 * config.stride
    return plan_layout(len(source.shape), config.stride, diameter, margin(config, said), most)


def begin(source: Source, field: Field, index: ClusterIndex, known: Mosaic | None) -> Mosaic:
    """Make a mosaic without blocks, or go on with those of another field, around a field."""
    from napari_pixel_embedding.core.blockwise.block_plan import Block
    from napari_pixel_embedding.core.blockwise.mosaic import Mosaic

    mosaic = known or Mosaic(source.shape)
    if field.level > 0:
        return mosaic.with_field(None)
    block = Block(field.frame or 0, field.box, field.box, field.box)
    return mosaic.with_field((block, index))


@dataclass(frozen=True, eq=False)
class Growth:
    """A mosaic that has grown by a block, or how far the next one is."""

    mosaic: Mosaic | None
    done: float
    plan: Plan


def grow(
    engine: Engine, source: Source, field: Field, index: ClusterIndex, known: Mosaic | None
) -> Callable[[Report], Plan]:
    """Give the work that makes all blocks around a field, one after another.

    It reports a :class:`Growth` whenever there is news. Blocks that memory does not bear any more
    are given up.
    """

    def work(report: Report) -> Plan:
        planned = plan(source, field, known)
        mosaic = begin(source, field, index, known).only(planned.blocks)
        report(Growth(mosaic, len(mosaic.pieces), planned))
        for block in mosaic.missing(planned.blocks):
            count = len(mosaic.pieces)
            made = index_block(engine, source, block, _within_block(report, count, planned))
            mosaic = mosaic.with_block(block, made)
            report(Growth(mosaic, count + 1, planned))
        return planned

    return work


def _within_block(report: Report, count: int, planned: Plan) -> Callable[[float], None]:
    return lambda fraction: report(Growth(None, count + 0.9 * fraction, planned))


@dataclass(frozen=True, eq=False)
class RestRequest:
    """Everything that the labels around a field depend on.

    Parameters
    ----------
    mosaic : Mosaic
    params : ClusterParams
    elsewhere : Elsewhere
    field : Field
    fixed : (array or None, tuple)
        Corrections of the field, as far as they show, and its single cuts.
    preview_is_over : bool
        Whether a field of a coarse level gives way to the finest one.
    """

    mosaic: Mosaic
    params: ClusterParams
    elsewhere: Elsewhere
    field: Field
    fixed: tuple[Any, Any] = (None, ())
    preview_is_over: bool = False

    def is_answered_by(self, other: RestRequest | None) -> bool:
        """Whether both ask for the same labels."""
        if other is None:
            return False
        same = all(
            getattr(self, name) is getattr(other, name) for name in ("mosaic", "elsewhere", "field")
        )
        same = same and self.fixed[0] is other.fixed[0] and self.fixed[1] == other.fixed[1]
        return same and (self.params, self.preview_is_over) == (other.params, other.preview_is_over)


@dataclass(frozen=True, eq=False)
class Rest:
    """Labels of all finished blocks, and how many objects they hold."""

    cut: MosaicCut
    object_count: int


def cut_rest(request: RestRequest) -> Rest:
    """Cut all finished blocks, lay corrections over them, and leave room for the field."""
    field, (corrections, local) = request.field, request.fixed
    elsewhere = request.elsewhere
    if corrections is not None:
        elsewhere = elsewhere.put_away((field,), corrections, local)
    cut = replace(
        request.mosaic.cut(request.params, elsewhere.all_places((field,), local)),
        corrections=elsewhere.corrections,
        hole=None if request.preview_is_over else (field.frame or 0, field.finest_box),
    )
    return Rest(cut, cut.count())
