"""Segmenting image files.

Functions take paths, report progress and write complete files only.
"""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from itertools import count, islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_pixel_embedding.core.inference.axes import image_layout, read_stack, scale_along
from napari_pixel_embedding.core.inference.channels import read_channel
from napari_pixel_embedding.core.inference.intensity_range import NO_SIGNAL
from napari_pixel_embedding.core.inference.layout import rows_last
from napari_pixel_embedding.core.inference.segment import segment
from napari_pixel_embedding.core.io.files import list_images
from napari_pixel_embedding.core.io.images import read_image, write_labels
from napari_pixel_embedding.core.io.units import usable_scale
from napari_pixel_embedding.core.model.model_file import (
    EmbeddingModel,
    load_model,
)
from napari_pixel_embedding.core.progress import Cancelled

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from napari_pixel_embedding.core.clustering import ClusterParams
    from napari_pixel_embedding.core.inference.channels import Channel
    from napari_pixel_embedding.core.inference.segment import Method
    from napari_pixel_embedding.core.progress import Progress

    PathLike = str | os.PathLike[str]


@dataclass(frozen=True)
class SegmentedFile:
    """Result of one image file.

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
    notes : tuple of str
        What was passed over or dropped in reading and writing it, a sentence each.
    skipped : bool
        Whether ``labels`` was there already and is left as it is.
    """

    image: Path
    labels: Path | None
    objects: int = 0
    seconds: float = 0.0
    error: str | None = None
    notes: tuple[str, ...] = ()
    skipped: bool = False


def segment_files(
    images: PathLike | Sequence[PathLike],
    output: PathLike | None = None,
    *,
    model: str | EmbeddingModel = "nuclei-fluo",
    params: ClusterParams | None = None,
    method: Method = "mean_shift",
    axes: str | None = None,
    channel: Channel | None = None,
    diameter: float | None = None,
    augment: int = 1,
    device: str = "auto",
    overwrite: bool = False,
    recursive: bool = False,
    progress: Progress | None = None,
) -> Iterator[SegmentedFile]:
    """Segment image files and write ``NAME_labels.tif`` for each.

    A file that fails does not stop the others. Label images from an earlier run are not segmented.

    Parameters
    ----------
    images : path or sequence of paths
        Files or folders.
    output : path, optional
        Folder to write to; beside each image by default.
    model, params, method, axes, channel, diameter, augment, device, progress
        As in :func:`segment`; the axes stored in a file are used where ``axes`` is None.
    overwrite : bool
        Whether a label file that is there already is replaced: it may hold corrections.
    recursive : bool
        Whether the images of subfolders belong to a folder.

    Yields
    ------
    SegmentedFile
        One per image, in order, as soon as it is written.
    """
    if not isinstance(model, EmbeddingModel):
        model = load_model(model)
    options: dict[str, Any] = {
        "method": method,
        "axes": axes,
        "channel": channel,
        "diameter": diameter,
        "augment": augment,
        "device": device,
        "progress": progress,
    }
    read_channel(channel)
    targets = _targets(images_to_segment(images, recursive=recursive), output)
    _check_output(output)
    for path, target in targets:
        if target.exists() and not overwrite:
            yield SegmentedFile(path, target, skipped=True)
            continue
        try:
            yield _segment_file(path, target, model, params, **options)
        except Cancelled:
            raise
        except Exception as error:  # one bad file never ends the rest
            yield SegmentedFile(path, None, error=_worded(error))


def _worded(error: Exception) -> str:
    if isinstance(error, (ValueError, OSError)):
        return str(error)
    if isinstance(error, MemoryError):
        return "Not enough memory: crop the image, or close other programs."
    return f"Unexpected error: {type(error).__name__}: {error}"


def _check_output(output: PathLike | None) -> None:
    """Make the folder that labels go to, so that it fails before any work."""
    if output is None:
        return
    folder = Path(output)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ValueError(f"expected a folder to write to, found {folder}: {error}.") from error
    if not os.access(folder, os.W_OK):
        raise ValueError(f"expected a folder to write to, found {folder}, which is read-only.")


def _targets(paths: Sequence[Path], output: PathLike | None) -> list[tuple[Path, Path]]:
    """Pair each image with its label file; names say what tells images of one name apart."""
    taken: dict[Path, Path] = {}
    for path in dict.fromkeys(paths):
        folder = path.parent if output is None else Path(output)
        target = next(t for name in _names(path) if (t := folder / name) not in taken)
        taken[target] = path
    return [(path, target) for target, path in taken.items()]


def _names(path: Path) -> Iterator[str]:
    """Yield names for an image's labels: its own, with its ending, its folder, and a number."""
    yield f"{path.stem}_labels.tif"
    with_ending = f"{path.stem}_{path.suffix.lower().removeprefix('.')}"
    yield f"{with_ending}_labels.tif"
    with_folder = f"{path.absolute().parent.name}_{with_ending}"
    yield f"{with_folder}_labels.tif"
    yield from (f"{with_folder}_{number}_labels.tif" for number in count(2))


def images_to_segment(
    images: PathLike | Sequence[PathLike], *, recursive: bool = False
) -> list[Path]:
    """List the image files among paths, without label images that :func:`segment_files` wrote.

    Raises ValueError or FileNotFoundError where :func:`~.files.list_images` does.
    """
    paths = list_images(images, recursive=recursive)
    results = {path.parent / name for path in paths for name in islice(_names(path), 3)}
    return [path for path in paths if path not in results]


def _segment_file(
    path: Path,
    target: Path,
    model: EmbeddingModel,
    params: ClusterParams | None,
    *,
    axes: str | None,
    channel: Channel | None,
    **options: Any,
) -> SegmentedFile:
    started = time.perf_counter()
    image = read_image(path)
    axes = axes or image.axes
    layout = image_layout(image.data.shape, axes, model.config, channel)
    spacing = scale_along(image, model.config.axes)
    options |= {"axes": axes, "channel": channel, "spacing": spacing}
    labels = segment(image.data, model, params=params, **options)
    stored, named = rows_last(labels, layout.label_axes)
    scale, units, dropped = usable_scale(named, scale_along(image, named), image.units)
    write_labels(target, stored, named, scale, units)
    frames = layout.lift(labels) if layout.frame_axes else labels[None]
    objects = sum(len(set(frame[frame > 0].tolist())) for frame in frames)
    notes = (*image.notes, *dropped)
    if objects == 0 and not read_stack(image.data, model.config, axes, channel=channel).has_signal(
        model.config.percentiles
    ):
        notes = (*notes, f"There is {NO_SIGNAL}.")
    return SegmentedFile(path, target, objects, time.perf_counter() - started, notes=notes)
