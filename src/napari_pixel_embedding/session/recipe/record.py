"""The record of a run, and the recipe of the session's labels."""

from __future__ import annotations

import logging
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from napari_pixel_embedding.core.recipe.recipe import (
    BandwidthsByFrame,
    ImageRecord,
    Region,
    SegmentationRecipe,
)
from napari_pixel_embedding.core.recipe.record import (
    installed_versions,
    intensities_of,
    model_reference,
    pixels_key,
    text_of,
)
from napari_pixel_embedding.session.state.results import RunRecord

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_pixel_embedding.core.blockwise.roi import ROI
    from napari_pixel_embedding.core.inference.axes import ImageStack
    from napari_pixel_embedding.core.inference.layout import Layout
    from napari_pixel_embedding.core.inference.options import PredictOptions
    from napari_pixel_embedding.core.model.model_file import EmbeddingModel
    from napari_pixel_embedding.session.engine import Engine
    from napari_pixel_embedding.session.state.session import Session

_logger = logging.getLogger(__name__)


def record_run(
    engine: Engine,
    model: EmbeddingModel,
    source: str | EmbeddingModel,
    options: PredictOptions,
    stack: ImageStack,
) -> RunRecord | None:
    """Record a run on a whole image, whose intensities were measured; called in a worker."""
    part = record_part(engine, model, source, options, stack.spacing, stack.ranges)
    return None if part is None else replace(part, pixels=pixels_key(stack))


def record_part(
    engine: Engine,
    model: EmbeddingModel,
    source: str | EmbeddingModel,
    options: PredictOptions,
    spacing: tuple[float, ...] | None,
    ranges: NDArray[Any] | None,
) -> RunRecord | None:
    """Record a run on a part of a large image, all pixels of which are never read.

    None for a model that cannot be recorded: its labels count all the same.
    """
    place = source if isinstance(source, str) else None
    try:
        reference = model_reference(model.config.name, place, engine.fingerprint(model))
    except Exception:
        _logger.debug("the model cannot be recorded", exc_info=True)
        return None
    return RunRecord(
        reference, options, spacing, None, intensities_of(ranges), installed_versions()
    )


def with_source(record: RunRecord | None, session: Session) -> RunRecord | None:
    """Add to the record of a run that has just ended where its diameter comes from."""
    if record is None or record.options.diameter is None:
        return record
    same = session.diameter == record.options.diameter
    return replace(record, diameter_source=session.diameter_source if same else "typed")


def session_recipe(session: Session) -> SegmentationRecipe | None:
    """Return the recipe of the session's labels.

    None without labels of a run, and where a value cannot be part of a recipe.
    """
    record, layout, params = session.run_record, session.layout, session.cluster_params
    if session.labels is None or record is None or layout is None or params is None:
        return None
    channel: Any = layout.channel
    augment: Any = record.options.augment
    try:
        return SegmentationRecipe(
            model=record.model,
            axes=layout.axes,
            clustering=params,
            method=session.method,
            channel=channel,
            spacing=record.spacing,
            diameter=record.options.diameter,
            diameter_source=record.diameter_source,
            augment=augment,
            tile=record.options.tile,
            device=record.options.device,
            image=_image_record(session, record, layout),
            versions=record.versions,
        )
    except ValueError:
        _logger.debug("there is no recipe of these labels", exc_info=True)
        return None


def _image_record(session: Session, record: RunRecord, layout: Layout) -> ImageRecord:
    roi, image, model = session.roi, session.image, session.model
    return ImageRecord(
        name="" if image is None else text_of(image.name),
        shape=layout.shape,
        pixels=record.pixels,
        percentiles=(0.0, 100.0) if model is None else model.config.percentiles,
        intensities=record.intensities,
        local_bandwidths=_bandwidths(session, layout),
        corrected=session.corrected_count,
        region=None if roi is None else Region(roi.level, roi.start, roi.shape, roi.frame),
    )


def _bandwidths(session: Session, layout: Layout) -> BandwidthsByFrame:
    """Return single objects' bandwidths for each frame of the image, in its finest pixels."""
    local, roi = session.local_bandwidths, session.roi
    if not any(local) or session.method != "mean_shift":
        return ()
    if roi is None:
        return local
    return tuple(
        _in_finest(local[0], roi) if frame == (roi.frame or 0) else ()
        for frame in range(layout.frame_count)
    )


def _in_finest(local: Any, roi: ROI) -> Any:
    return tuple(replace(one, point=roi.to_finest(one.point)) for one in local)
