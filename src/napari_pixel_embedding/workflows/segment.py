"""Segmenting image files.

Functions take paths, report progress and write complete files only.
"""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_pixel_embedding.core.features.given import load_source
from napari_pixel_embedding.core.features.source import features_named
from napari_pixel_embedding.core.inference.axes import image_layout, scale_along
from napari_pixel_embedding.core.inference.channels import read_channel
from napari_pixel_embedding.core.inference.layout import rows_last
from napari_pixel_embedding.core.inference.segment import segment_and_tell
from napari_pixel_embedding.core.io.images import count_images, read_image, write_labels
from napari_pixel_embedding.core.io.units import usable_scale
from napari_pixel_embedding.core.model.model_file import (
    EmbeddingModel,
    load_model,
)
from napari_pixel_embedding.core.progress import Cancelled
from napari_pixel_embedding.workflows.label_names import (
    free_target,
    images_to_segment,
    label_targets,
    position_suffix,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from napari_pixel_embedding.core.clustering import ClusterParams
    from napari_pixel_embedding.core.inference.channels import Channel
    from napari_pixel_embedding.core.inference.segment import Method
    from napari_pixel_embedding.core.progress import Progress

    PathLike = str | os.PathLike[str]


@dataclass(frozen=True)
class SegmentedFile:
    """Result of one image file, or of one of the positions in it.

    Parameters
    ----------
    image : Path
        The image; of an OME set, its first file.
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
    position : int, optional
        Number of the position, from 1, where the file has several.
    """

    image: Path
    labels: Path | None
    objects: int = 0
    seconds: float = 0.0
    error: str | None = None
    notes: tuple[str, ...] = ()
    skipped: bool = False
    position: int | None = None


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

    A file with several positions gives ``NAME_position1_labels.tif`` and so on; an OME set of
    several files is segmented once, under the name of its first file. An image that fails does not
    stop the others. Label images from an earlier run are not segmented.

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
        One per image and position, in order, as soon as it is written.
    """
    if not isinstance(model, EmbeddingModel) and features_named(model) is None:
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
    sets = images_to_segment(images, recursive=recursive)
    _check_output(output)
    for task in _tasks(sets, output):
        if task.target.exists() and not overwrite:
            yield task.result(labels=task.target, skipped=True)
            continue
        try:
            done = _segment_file(task, model, params, **options)
        except Cancelled:
            raise
        except Exception as error:  # one bad image never ends the rest
            done = task.result(error=_worded(error))
        yield done


@dataclass(frozen=True)
class _Task:
    """An image to segment, the index of its position where there are several, and its result."""

    path: Path
    target: Path
    series: int | None = None
    notes: tuple[str, ...] = ()

    def result(self, labels: Path | None = None, **found: Any) -> SegmentedFile:
        position = None if self.series is None else self.series + 1
        return SegmentedFile(self.path, labels, position=position, **found)


def _tasks(sets: Mapping[Path, Sequence[Path]], output: PathLike | None) -> Iterator[_Task]:
    """Yield a task for each image and position; a file is looked into when it is its turn."""
    targets = label_targets(list(sets), output)
    taken = dict.fromkeys(targets.values())
    for path, target in targets.items():
        others = ", ".join(one.name for one in sets[path])
        notes = (f"Read together with the other files of its OME set: {others}.",) if others else ()
        total = _count(path)
        if total == 1:
            yield _Task(path, target, notes=notes)
            continue
        for series in range(total):
            own = free_target(path, output, taken, position_suffix(series + 1, total))
            taken[own] = None
            yield _Task(path, own, series, notes)


def _count(path: Path) -> int:
    """Count a file's positions; one that cannot be opened has one, which tells why."""
    try:
        return count_images(path)
    except Exception:
        return 1


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


def _segment_file(
    task: _Task,
    source: str | EmbeddingModel,
    params: ClusterParams | None,
    *,
    axes: str | None,
    channel: Channel | None,
    **options: Any,
) -> SegmentedFile:
    started = time.perf_counter()
    image = read_image(task.path, task.series)
    model, axes = load_source(source, image.data.shape, axes or image.axes)
    layout = image_layout(image.data.shape, axes, model.config, channel)
    spacing = scale_along(image, model.config.axes)
    options |= {"axes": axes, "channel": channel, "spacing": spacing}
    labels, remarks = segment_and_tell(image.data, model, params=params, **options)
    stored, named = rows_last(labels, layout.label_axes)
    scale, units, dropped = usable_scale(named, scale_along(image, named), image.units)
    write_labels(task.target, stored, named, scale, units)
    frames = layout.lift(labels) if layout.frame_axes else labels[None]
    objects = sum(len(set(frame[frame > 0].tolist())) for frame in frames)
    notes = (*task.notes, *image.notes, *dropped, *remarks)
    seconds = time.perf_counter() - started
    return task.result(labels=task.target, objects=objects, seconds=seconds, notes=notes)
