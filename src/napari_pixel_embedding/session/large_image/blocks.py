"""Jobs that segment an image larger than memory block by block."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from napari_pixel_embedding.core.blockwise.memory import memory_budget
from napari_pixel_embedding.core.blockwise.roi import (
    margin,
    pixel_bytes,
)
from napari_pixel_embedding.core.inference.object_scale import image_diameter
from napari_pixel_embedding.session.segment.roi import _embed, _Part
from napari_pixel_embedding.session.state.results import MosaicLabels

if TYPE_CHECKING:
    from collections.abc import Callable

    from napari_pixel_embedding.core.blockwise.block_plan import Block, Layout
    from napari_pixel_embedding.core.blockwise.mosaic import Mosaic
    from napari_pixel_embedding.core.blockwise.roi import ROI
    from napari_pixel_embedding.core.clustering import ClusterIndex, ClusterParams
    from napari_pixel_embedding.session.engine import Engine
    from napari_pixel_embedding.session.jobs import Report
    from napari_pixel_embedding.session.segment.requests import Source
    from napari_pixel_embedding.session.state.whole_image import WholeImageCorrections


def index_block(
    engine: Engine, source: Source, block: Block, progress: Callable[[float], None]
) -> ClusterIndex:
    """Run the model on a block of the finest level, and index its window."""
    frame = block.frame if "T" in source.axes else None
    finest = (1.0,) * len(block.core)
    part = _Part(0, finest, frame, block.window, block.padded)
    return engine.build_cluster_index(_embed(engine, source, part, progress))


# -------------------------------------------------------------------------------- around the ROI


@dataclass(frozen=True)
class Plan:
    """Blocks of a large image to segment, and the total number of blocks.

    Parameters
    ----------
    blocks : tuple of Block
        Those that fit into memory, the nearest to the ROI first.
    count : int
        Number of blocks of the whole image.
    """

    blocks: tuple[Block, ...]
    count: int


def plan(source: Source, roi: ROI, known: Mosaic | None) -> Plan:
    """Divide an image into blocks around an ROI, as many as fit into memory.

    Parameters
    ----------
    source : Source
    roi : ROI
    known : Mosaic, optional
        Finished blocks, which are in memory.
    """
    from napari_pixel_embedding.core.blockwise.block_plan import nearest_first, plan_blocks
    from napari_pixel_embedding.core.blockwise.mosaic import INDEX_BYTES

    memory = memory_budget() if source.request.memory is None else source.request.memory
    layout = _layout(source, memory)
    blocks = plan_blocks(source.shape, source.frames, layout)
    middle = [(part.start + part.stop) / 2 for part in roi.finest_box]
    ordered = nearest_first(blocks, roi.frame or 0, middle)
    bytes_each = INDEX_BYTES * layout.window_pixels()
    kept = 0 if known is None else len(known.indexed_blocks)
    return Plan(tuple(ordered[: kept + max(memory // bytes_each, 1)]), len(blocks))


def _layout(source: Source, memory: int) -> Layout:
    from napari_pixel_embedding.core.blockwise.block_plan import plan_layout

    config = source.model.config
    chosen = source.request.options.diameter
    spacing = source.image.spatial_spacing(config.ndim)
    most = memory // 4 // pixel_bytes(config, chosen, spacing)
    diameter = image_diameter(config, chosen) or 4.0 * config.stride
    return plan_layout(len(source.shape), config.stride, diameter, margin(config, chosen), most)


def begin(source: Source, roi: ROI, index: ClusterIndex, known: Mosaic | None) -> Mosaic:
    """Make a mosaic around an ROI from the blocks that are finished already."""
    from napari_pixel_embedding.core.blockwise.block_plan import Block
    from napari_pixel_embedding.core.blockwise.mosaic import Mosaic

    mosaic = known or Mosaic(source.shape)
    if roi.level > 0:
        return mosaic.with_roi(None)
    block = Block(roi.frame or 0, roi.box, roi.box, roi.box)
    return mosaic.with_roi((block, index))


@dataclass(frozen=True, eq=False)
class Growth:
    """Progress: the mosaic with one more block, or the finished fraction of the next one."""

    mosaic: Mosaic | None
    done: float
    plan: Plan


def grow(
    engine: Engine, source: Source, roi: ROI, index: ClusterIndex, known: Mosaic | None
) -> Callable[[Report], Plan]:
    """Return the work that segments all blocks around an ROI, one after another.

    It reports a :class:`Growth` as it proceeds. Known blocks that no longer fit into memory are
    dropped.
    """

    def work(report: Report) -> Plan:
        planned = plan(source, roi, known)
        mosaic = begin(source, roi, index, known).only(planned.blocks)
        report(Growth(mosaic, len(mosaic.indexed_blocks), planned))
        for block in mosaic.missing(planned.blocks):
            count = len(mosaic.indexed_blocks)
            made = index_block(engine, source, block, _within_block(report, count, planned))
            mosaic = mosaic.with_block(block, made)
            report(Growth(mosaic, count + 1, planned))
        return planned

    return work


def _within_block(report: Report, count: int, planned: Plan) -> Callable[[float], None]:
    return lambda fraction: report(Growth(None, count + 0.9 * fraction, planned))


@dataclass(frozen=True, eq=False)
class MosaicLabelsRequest:
    """Input of the labels around an ROI.

    Parameters
    ----------
    mosaic : Mosaic
    params : ClusterParams
    whole_image : WholeImageCorrections
    roi : ROI
    fixed : (array or None, tuple)
        Corrections of the ROI, as far as they are shown, and its local bandwidths.
    preview_is_over : bool
        Whether the blocks, at the finest level, replace an ROI of a coarse level.
    """

    mosaic: Mosaic
    params: ClusterParams
    whole_image: WholeImageCorrections
    roi: ROI
    fixed: tuple[Any, Any] = (None, ())
    preview_is_over: bool = False

    def is_answered_by(self, other: MosaicLabelsRequest | None) -> bool:
        """Whether both ask for the same labels."""
        if other is None:
            return False
        same = all(
            getattr(self, name) is getattr(other, name) for name in ("mosaic", "whole_image", "roi")
        )
        same = same and self.fixed[0] is other.fixed[0] and self.fixed[1] == other.fixed[1]
        return same and (self.params, self.preview_is_over) == (other.params, other.preview_is_over)


def cut_mosaic(request: MosaicLabelsRequest) -> MosaicLabels:
    """Cluster all finished blocks, apply corrections, and leave out the ROI."""
    roi, (corrections, local) = request.roi, request.fixed
    whole_image = request.whole_image
    if corrections is not None:
        whole_image = whole_image.write((roi,), corrections, local)
    cut = replace(
        request.mosaic.cut(request.params, whole_image.all_places((roi,), local)),
        corrections=whole_image.corrections,
        hole=None if request.preview_is_over else (roi.frame or 0, roi.finest_box),
    )
    return MosaicLabels(cut, cut.count())
