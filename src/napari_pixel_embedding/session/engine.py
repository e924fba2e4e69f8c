"""The core functions that a session's jobs call; each can be replaced."""

from __future__ import annotations

from dataclasses import dataclass, field
from importlib import import_module
from typing import TYPE_CHECKING, Any

from napari_pixel_embedding.session.warm_up import WarmUp

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from napari_pixel_embedding.core.clustering import ClusterIndex
    from napari_pixel_embedding.core.datasets.inspection import TrainingPlan
    from napari_pixel_embedding.core.embedding.colors import ColorBasis
    from napari_pixel_embedding.core.embedding.embedding_map import EmbeddingMap
    from napari_pixel_embedding.core.evaluation.worst_images import ImageScore
    from napari_pixel_embedding.core.fine_tuning.job_folder import Interrupted
    from napari_pixel_embedding.core.fine_tuning.pace import Pace
    from napari_pixel_embedding.core.inference.quality import Finding, Quality
    from napari_pixel_embedding.core.inference.trial import Candidate, Trial
    from napari_pixel_embedding.core.model.config import ModelConfig
    from napari_pixel_embedding.core.model.model_file import EmbeddingModel
    from napari_pixel_embedding.core.training.train import TrainProgress
    from napari_pixel_embedding.session.state.image import CorrectedImage


def _core(module: str, name: str) -> Callable[..., Any]:
    """Wrap a core function that is imported only when it is called, in the worker."""

    def call(*args: Any, **kwargs: Any) -> Any:
        return getattr(import_module(f"napari_pixel_embedding.core.{module}"), name)(
            *args, **kwargs
        )

    return call


def _read_corrected_images(
    folder: str, config: ModelConfig, split_masks: bool | None = None
) -> list[CorrectedImage]:
    """Read the images and corrections of a folder with ``images`` and ``masks``."""
    from napari_pixel_embedding.core.datasets.pair_checks import read_labelled_images
    from napari_pixel_embedding.core.datasets.pairs import find_pairs
    from napari_pixel_embedding.session.state.image import CorrectedImage, ImageInput

    pairs, corrected_images = find_pairs(folder), []
    read = read_labelled_images(pairs, config, split_masks, unknown=True)
    for pair, (image, labels, layout) in zip(pairs, read, strict=True):
        source = ImageInput(image.data, layout.axes, pair.image.name, image.scale).arranged(layout)
        corrected_images.append(CorrectedImage(source, source.axes, layout.lift(labels)))
    return corrected_images


@dataclass(frozen=True)
class Engine:
    """The functions that a session's jobs call: by default those of the core.

    Nothing is imported before it is called, so a window opens without torch. Signatures are
    those of the functions of the same name in :mod:`napari_pixel_embedding.core`.
    """

    load_model: Callable[..., EmbeddingModel] = field(
        default=_core("model.model_file", "load_model")
    )
    load_features: Callable[..., EmbeddingModel] = field(
        default=_core("features.given", "load_features")
    )
    fit_model: Callable[..., EmbeddingModel] = field(default=_core("features.given", "fit_model"))
    save_model: Callable[..., Any] = field(default=_core("model.model_file", "save_model"))
    fingerprint: Callable[..., str] = field(default=_core("model.model_file", "fingerprint"))
    segment_folder: Callable[..., Generator[dict[str, Any], None, None]] = field(
        default=_core("recipe.folder_process", "segment_folder")
    )
    embed_frames: Callable[..., Iterator[EmbeddingMap]] = field(
        default=_core("inference.predict", "embed_frames")
    )
    measure_diameter: Callable[..., float] = field(
        default=_core("inference.diameter", "measure_diameter")
    )
    measure_quality: Callable[..., Quality] = field(
        default=_core("inference.quality", "measure_quality")
    )
    find_problem: Callable[..., Finding | None] = field(
        default=_core("inference.quality", "find_problem")
    )
    candidates: Callable[..., list[Candidate]] = field(
        default=_core("inference.trial", "candidates")
    )
    busiest: Callable[..., tuple[float, ...]] = field(default=_core("inference.trial", "busiest"))
    try_model: Callable[..., Trial] = field(default=_core("inference.trial", "try_model"))
    intensity_ranges: Callable[..., NDArray[Any]] = field(
        default=_core("blockwise.intensity", "intensity_ranges")
    )
    same_model: Callable[..., bool] = field(default=_core("model.model_file", "same_model"))
    build_cluster_index: Callable[..., ClusterIndex] = field(
        default=_core("clustering", "build_cluster_index")
    )
    mutex_watershed: Callable[..., NDArray[Any]] = field(
        default=_core("clustering", "mutex_watershed")
    )
    warm_up: WarmUp = field(default_factory=lambda: WarmUp(_core("clustering", "warm_up")))
    no_corrections: Callable[..., NDArray[Any]] = field(
        default=_core("corrections.corrections", "no_corrections")
    )
    record_edit: Callable[..., NDArray[Any]] = field(
        default=_core("corrections.corrections", "record_edit")
    )
    apply_corrections: Callable[..., NDArray[Any]] = field(
        default=_core("corrections.corrections", "apply_corrections")
    )
    save_corrections: Callable[..., Any] = field(
        default=_core("corrections.file", "save_corrections")
    )
    load_corrections: Callable[..., NDArray[Any]] = field(
        default=_core("corrections.file", "load_corrections")
    )
    corrections_from: Callable[..., NDArray[Any]] = field(
        default=_core("corrections.file", "corrections_from")
    )
    fit_color_basis: Callable[..., ColorBasis] = field(
        default=_core("embedding.colors", "fit_color_basis")
    )
    basis_fits: Callable[..., bool] = field(default=_core("embedding.colors", "basis_fits"))
    embedding_to_rgb: Callable[..., NDArray[Any]] = field(
        default=_core("embedding.colors", "embedding_to_rgb")
    )
    inspect_dataset: Callable[..., TrainingPlan] = field(
        default=_core("datasets.inspection", "inspect_dataset")
    )
    run_in_process: Callable[..., Iterator[TrainProgress]] = field(
        default=_core("training.worker_process", "run_in_process")
    )
    worst_images: Callable[..., list[ImageScore]] = field(
        default=_core("evaluation.worst_images", "worst_images")
    )
    fine_tune: Callable[..., Iterator[TrainProgress]] = field(
        default=_core("fine_tuning.job_folder", "fine_tune_in_process")
    )
    read_corrected_images: Callable[..., Sequence[CorrectedImage]] = field(
        default=_read_corrected_images
    )
    resume_tuning: Callable[..., Iterator[TrainProgress]] = field(
        default=_core("fine_tuning.job_folder", "resume_tuning")
    )
    measure_pace: Callable[..., Pace] = field(default=_core("fine_tuning.pace", "measure_pace"))
    interrupted_tunings: Callable[[], list[Interrupted]] = field(
        default=_core("fine_tuning.job_folder", "interrupted_tunings")
    )
    forget_tuning: Callable[[Path], None] = field(
        default=_core("fine_tuning.job_folder", "forget_tuning")
    )
    segment_region: Callable[..., NDArray[Any]] = field(
        default=_core("segmentation.segment", "segment_region")
    )
