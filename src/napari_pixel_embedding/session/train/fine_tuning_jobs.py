"""Jobs of a fine-tuning: pure functions of a frozen request."""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

from napari_pixel_embedding.session.state.results import Preview

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator

    from napari_pixel_embedding.core.clustering import ClusterParams
    from napari_pixel_embedding.core.fine_tuning.job_folder import Interrupted
    from napari_pixel_embedding.core.fine_tuning.pace import Pace
    from napari_pixel_embedding.core.inference.options import PredictOptions
    from napari_pixel_embedding.core.model.model_file import EmbeddingModel
    from napari_pixel_embedding.core.training.train import TrainProgress
    from napari_pixel_embedding.session.engine import Engine
    from napari_pixel_embedding.session.jobs import Report
    from napari_pixel_embedding.session.state.image import CorrectedImage, ImageInput, ImageRegion


@dataclass(frozen=True, eq=False)
class TuneRequest:
    """Input of a fine-tuning."""

    model: EmbeddingModel
    corrected_images: tuple[CorrectedImage, ...]
    config: Any
    device: str
    folder: str = ""
    """Holds further images and corrections, as ``images/NAME.*`` and ``masks/NAME.*``."""
    diameter: float | None = None
    """Typical object diameter in pixels, if the run used one."""
    split_masks: bool | None = None
    """What to do where one id in the folder covers several pieces; None asks."""


def tune(engine: Engine, request: TuneRequest, report: Report) -> None:
    """Fine-tune and report every step, and None as a heartbeat."""
    _follow(_steps(engine, request, report), report)


def measure_pace(engine: Engine, request: TuneRequest, report: Report) -> Pace:
    """Measure in a few steps how long the fine-tuning takes; the request is that of a trial."""
    with closing(_steps(engine, request, report, trial=True)) as steps:
        return engine.measure_pace(_heeding(steps, report))


def _heeding(steps: Iterator[TrainProgress], report: Report) -> Iterator[TrainProgress]:
    """Pass steps on, as long as no report stops the work."""
    for progress in steps:
        report(None)
        yield progress


def _steps(
    engine: Engine, request: TuneRequest, report: Report, **options: bool
) -> Generator[TrainProgress, None, None]:
    corrected_images = request.corrected_images
    if request.folder:
        corrected_images += tuple(
            engine.read_corrected_images(request.folder, request.model.config, request.split_masks)
        )
    steps = engine.fine_tune(
        request.model,
        [corrected_image.image.data for corrected_image in corrected_images],
        [corrected_image.corrections for corrected_image in corrected_images],
        request.config,
        axes=[corrected_image.axes for corrected_image in corrected_images],
        spacing=[
            corrected_image.image.spatial_spacing(request.model.config.ndim)
            for corrected_image in corrected_images
        ],
        diameter=request.diameter,
        device=request.device,
        names=[corrected_image.image.name for corrected_image in corrected_images],
        heartbeat=lambda: report(None),
        **options,
    )
    return cast("Generator[TrainProgress, None, None]", steps)


def resume(engine: Engine, interrupted: Interrupted, report: Report) -> None:
    """Resume an interrupted fine-tuning; reports as :func:`tune`."""
    _follow(engine.resume_tuning(interrupted.folder, heartbeat=lambda: report(None)), report)


def _follow(steps: Iterator[TrainProgress], report: Report) -> None:
    """Report steps; close their generator when a report stops the work."""
    with closing(cast("Generator[TrainProgress, None, None]", steps)):
        for progress in steps:
            report(progress)


@dataclass(frozen=True, eq=False)
class PreviewRequest:
    """Input of a preview: a model and a region of an image."""

    model: EmbeddingModel
    image: ImageInput
    axes: str
    region: ImageRegion
    params: ClusterParams | None
    options: PredictOptions


def preview(engine: Engine, request: PreviewRequest) -> Preview:
    """Segment a region of the image."""
    model, region = request.model, request.region
    image = request.image.read(model.config, request.axes).frame(region.frame)
    labels = engine.segment_region(model, image, region.pixels, request.options, request.params)
    return Preview(labels, region)
