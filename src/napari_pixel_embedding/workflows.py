"""Whole tasks on files: what the command line does, for scripts.

Each function takes paths, reports as it goes and leaves complete files behind.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from napari_pixel_embedding.core.checkpoint import (
    EmbeddingModel,
    load_model,
    model_path,
    save_model,
)
from napari_pixel_embedding.core.configs import FineTuneConfig, TrainConfig
from napari_pixel_embedding.core.evaluation import Scores, ap_validation, evaluate
from napari_pixel_embedding.core.files import find_pairs, list_images
from napari_pixel_embedding.core.fine_tuning import fine_tune
from napari_pixel_embedding.core.inference import segment
from napari_pixel_embedding.core.io import read_image, read_labels, write_labels
from napari_pixel_embedding.core.training import (
    TrainProgress,
    model_config_for,
    prepare_samples,
    train,
)

if TYPE_CHECKING:
    import os
    from collections.abc import Generator, Iterable, Iterator, Sequence

    from numpy.typing import NDArray

    from napari_pixel_embedding.core.clustering import ClusterParams
    from napari_pixel_embedding.core.files import Pair
    from napari_pixel_embedding.core.io import ImageData
    from napari_pixel_embedding.core.model_config import ModelConfig
    from napari_pixel_embedding.core.progress import Progress
    from napari_pixel_embedding.core.training import System, Validation

    PathLike = str | os.PathLike[str]


@dataclass(frozen=True)
class SegmentedFile:
    """What became of one image file.

    Parameters
    ----------
    image : Path
        The image.
    labels : Path, optional
        The label image that was written; None when it failed.
    objects : int
        Number of objects found.
    seconds : float
        Wall time.
    error : str, optional
        Why it failed.
    """

    image: Path
    labels: Path | None
    objects: int = 0
    seconds: float = 0.0
    error: str | None = None


def segment_files(
    images: PathLike | Sequence[PathLike],
    output: PathLike | None = None,
    *,
    model: str | EmbeddingModel = "nuclei-fluo",
    params: ClusterParams | None = None,
    axes: str | None = None,
    device: str = "auto",
    progress: Progress | None = None,
) -> Iterator[SegmentedFile]:
    """Segment image files and write ``NAME_labels.tif`` for each.

    A file that fails does not stop the others. What an earlier run wrote into a folder is not
    segmented again.

    Parameters
    ----------
    images : path or sequence of paths
        Files or folders.
    output : path, optional
        Folder to write to; beside each image by default.
    model, params, axes, device, progress
        As in :func:`segment`; the axes stored in a file are used where ``axes`` is None.

    Yields
    ------
    SegmentedFile
        One an image, in order, as soon as it is written.
    """
    if not isinstance(model, EmbeddingModel):
        model = load_model(model)
    for path, target in _targets(images_to_segment(images), output):
        try:
            yield _segment_file(path, target, model, params, axes, device, progress)
        except (ValueError, OSError) as error:
            yield SegmentedFile(path, None, error=str(error))


def _targets(paths: Sequence[Path], output: PathLike | None) -> list[tuple[Path, Path]]:
    """Pair each image with its label file; raises ValueError when two would share one."""
    sources: dict[Path, Path] = {}
    for path in paths:
        folder = path.parent if output is None else Path(output)
        target = folder / f"{path.stem}_labels.tif"
        if target in sources:
            raise ValueError(
                f"{sources[target]} and {path} would both be written to {target}: rename one, or "
                "segment them one after the other into different output folders."
            )
        sources[target] = path
    return [(path, target) for target, path in sources.items()]


def images_to_segment(images: PathLike | Sequence[PathLike]) -> list[Path]:
    """Image files among paths, without the label images that :func:`segment_files` wrote.

    Raises ValueError or FileNotFoundError where :func:`~.core.files.list_images` does.
    """
    paths = list_images(images)
    stems = {(path.parent, path.stem) for path in paths}

    def is_result(path: Path) -> bool:
        image = path.stem.removesuffix("_labels")
        return path.suffix == ".tif" and image != path.stem and (path.parent, image) in stems

    return [path for path in paths if not is_result(path)]


def _segment_file(
    path: Path,
    target: Path,
    model: EmbeddingModel,
    params: ClusterParams | None,
    axes: str | None,
    device: str,
    progress: Progress | None,
) -> SegmentedFile:
    started = time.perf_counter()
    image = read_image(path)
    named = (axes or image.axes or model.config.axes).upper().replace("C", "")
    axes = axes.upper() if axes else _model_axes(image, model.config)
    labels = segment(image.data, model, params=params, axes=axes, device=device, progress=progress)
    write_labels(target, labels, named, _scale_along(image, named), image.units)
    frames = labels if axes and "T" in axes else labels[None]
    objects = sum(len(set(frame[frame > 0].tolist())) for frame in frames)
    return SegmentedFile(path, target, objects, time.perf_counter() - started)


def _model_axes(image: ImageData, config: ModelConfig) -> str | None:
    """Axes of an image for a model; planes are taken one by one where the model is 2-D."""
    if image.axes is not None and "Z" in image.axes and config.axes == "YX":
        return image.axes.replace("Z", "T") if "T" not in image.axes else image.axes
    return image.axes


def _scale_along(image: ImageData, axes: str) -> tuple[float, ...] | None:
    """Size of a pixel along the spatial axes among ``axes``, where the file tells."""
    count = len(axes.replace("T", ""))
    return image.scale[-count:] if image.scale and len(image.scale) >= count else None


def evaluate_folder(
    folder: PathLike,
    *,
    model: str | EmbeddingModel = "nuclei-fluo",
    params: ClusterParams | None = None,
    names: Iterable[str] | None = None,
    device: str = "auto",
    progress: Progress | None = None,
) -> Scores:
    """Score a model on the image and mask pairs of a folder.

    Parameters
    ----------
    folder : path
        Holds ``images/NAME.*`` and ``masks/NAME.*``.
    model, params, device, progress
        As in :func:`evaluate`.
    names : iterable of str, optional
        Only these pairs, see :func:`~.core.files.names_where`.
    """
    if not isinstance(model, EmbeddingModel):
        model = load_model(model)
    data = _read_pairs(_select(find_pairs(folder), names), model.config)
    return evaluate(
        model,
        data.images,
        data.labels,
        params=params,
        axes=data.axes,
        device=device,
        progress=progress,
    )


def _select(pairs: Sequence[Pair], names: Iterable[str] | None) -> list[Pair]:
    if names is None:
        return list(pairs)
    wanted = set(names)
    chosen = [pair for pair in pairs if pair.image.stem in wanted]
    if not chosen:
        raise ValueError(
            f"none of the {len(wanted)} names asked for is among the {len(pairs)} pairs."
        )
    return chosen


class _Annotated(NamedTuple):
    """Images with their label images, and the axes that all the images' files name."""

    images: list[NDArray[Any]]
    labels: list[NDArray[Any]]
    axes: str | None


def _read_pairs(pairs: Sequence[Pair], config: ModelConfig) -> _Annotated:
    images = [read_image(pair.image) for pair in pairs]
    labels = [read_labels(pair.mask).data for pair in pairs]
    return _Annotated([image.data for image in images], labels, _common_axes(images, config))


def _common_axes(images: Sequence[ImageData], config: ModelConfig) -> str | None:
    found = {_model_axes(image, config) for image in images}
    return found.pop() if len(found) == 1 else None


@dataclass(frozen=True)
class TrainingPairs:
    """Pairs to learn from and pairs to choose the best step by."""

    train: list[Pair]
    validation: list[Pair]


def split_pairs(pairs: Sequence[Pair], every: int = 10) -> TrainingPairs:
    """Hold back every tenth pair for validation; none when there are fewer than five pairs."""
    if len(pairs) < 5:
        return TrainingPairs(list(pairs), [])
    held_back = list(pairs[:: min(every, len(pairs))])
    return TrainingPairs([p for p in pairs if p not in held_back], held_back)


def train_from_folder(
    folder: PathLike,
    output: PathLike,
    *,
    system: System = "euclidean",
    config: TrainConfig | None = None,
    validation: PathLike | None = None,
    names: Iterable[str] | None = None,
    max_validation: int = 24,
    device: str = "auto",
    **model_options: Any,
) -> Generator[TrainProgress, None, None]:
    """Train a model on the image and mask pairs of a folder.

    The best model so far is written to ``output`` at every validation. What is needed to go on
    after an interruption is kept beside it, with the suffix ``.training``, until the last step.

    Parameters
    ----------
    folder : path
        Holds ``images/NAME.*`` and ``masks/NAME.*``.
    output : path
        A ``.safetensors`` file.
    system : {"euclidean", "cosine", "wnet"}
        See :func:`~.core.training.model_config_for`.
    config : TrainConfig, optional
        How to train.
    validation : path, optional
        Another such folder; every tenth pair of ``folder`` is held back by default.
    names : iterable of str, optional
        Only these pairs, of both folders; see :func:`~.core.files.names_where`.
    max_validation : int
        At most so many validation images, spread evenly.
    device : str
        "auto", "cpu", "cuda" or "mps".
    **model_options
        Fields of :class:`~.core.checkpoint.ModelConfig`.
    """
    output = model_path(output)
    names = None if names is None else list(names)
    pairs = _select(find_pairs(folder), names)
    if validation is None:
        split = split_pairs(pairs)
    else:
        split = TrainingPairs(pairs, _select(find_pairs(validation), names))
    shape_options = _shape_options(split.train[0])
    model_config = model_config_for(system, **{**shape_options, **model_options})
    config = config or TrainConfig()
    data = _read_pairs(split.train, model_config)
    samples = prepare_samples(data.images, data.labels, model_config, data.axes)
    model_config = replace(
        model_config,
        provenance={
            "system": system,
            "training_images": len(split.train),
            "steps": config.steps,
            "batch_size": config.batch_size,
            "crop": config.crop,
            **model_config.provenance,
        },
    )
    checkpoint = output.with_suffix(".training")
    run = train(
        EmbeddingModel.untrained(model_config, config.seed),
        samples,
        config,
        validation=_validation(split.validation, max_validation, model_config, device),
        device=device,
        checkpoint=checkpoint,
    )
    for state in run:
        if state.model is not None:
            save_model(state.model, output)
        yield state
    checkpoint.unlink(missing_ok=True)


def _validation(
    pairs: Sequence[Pair], at_most: int, config: ModelConfig, device: str
) -> Validation | None:
    if not pairs:
        return None
    data = _read_pairs(pairs[:: -(-len(pairs) // at_most)], config)
    return ap_validation(data.images, data.labels, axes=data.axes, device=device)


def _shape_options(pair: Pair) -> dict[str, Any]:
    """Spatial axes and channels of a model for images like this one."""
    image = read_image(pair.image)
    axes = image.axes or "ZYX"[-image.data.ndim :]
    channels = min(image.data.shape[axes.index("C")], 3) if axes.endswith("C") else 1
    if "C" in axes and not axes.endswith("C"):
        channels = image.data.shape[axes.index("C")]
    return {"axes": "ZYX" if "Z" in axes else "YX", "in_channels": channels}


def fine_tune_files(
    images: Sequence[PathLike],
    corrections: Sequence[PathLike],
    output: PathLike,
    *,
    model: str | EmbeddingModel = "nuclei-fluo",
    config: FineTuneConfig | None = None,
    axes: str | None = None,
    device: str = "auto",
) -> Generator[TrainProgress, None, None]:
    """Tune a model on image files and their corrected label images.

    Parameters
    ----------
    images, corrections : sequence of paths
        As many corrections as images: label images in which −1 is not corrected, or plain
        label images in which every object and the background counts.
    output : path
        Where the tuned model goes, a ``.safetensors`` file.
    model, config, axes, device
        As in :func:`fine_tune`.
    """
    if not isinstance(model, EmbeddingModel):
        model = load_model(model)
    output = model_path(output)
    read = [read_image(path) for path in images]
    axes = axes or _common_axes(read, model.config)
    arrays = [image.data for image in read]
    targets = [read_image(path).data for path in corrections]
    for state in fine_tune(model, arrays, targets, config, axes=axes, device=device):
        if state.model is not None:
            save_model(state.model, output)
        yield state
