"""Segmenting image files.

Functions take paths, report progress and write complete files only.
"""

from __future__ import annotations

import os
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_pixel_embedding.core.inference.axes import scale_along
from napari_pixel_embedding.core.inference.channels import read_channel
from napari_pixel_embedding.core.inference.layout import rows_last
from napari_pixel_embedding.core.inference.options import PredictOptions
from napari_pixel_embedding.core.io.images import count_images, read_image, write_labels
from napari_pixel_embedding.core.io.units import usable_scale
from napari_pixel_embedding.core.model.model_file import (
    EmbeddingModel,
)
from napari_pixel_embedding.core.progress import Cancelled
from napari_pixel_embedding.core.recipe.apply import FoundModel, MadeByRecipe, layout_of
from napari_pixel_embedding.core.recipe.recipe_file import (
    SUFFIX,
    save_segmentation_recipe,
    text_for,
)
from napari_pixel_embedding.core.recipe.record import recipe_of_run
from napari_pixel_embedding.core.segmentation.segment import segment_and_record
from napari_pixel_embedding.workflows.label_names import (
    free_target,
    images_to_segment,
    label_targets,
    position_suffix,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from napari_pixel_embedding.core.clustering import ClusterParams, LocalBandwidth
    from napari_pixel_embedding.core.inference.channels import Channel
    from napari_pixel_embedding.core.io.images import ImageData
    from napari_pixel_embedding.core.progress import Progress
    from napari_pixel_embedding.core.segmentation.segment import Method

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
    source: PathLike | None = None,
    params: ClusterParams | None = None,
    method: Method = "mean_shift",
    axes: str | None = None,
    channel: Channel | None = None,
    diameter: float | None = None,
    augment: int = 1,
    device: str = "auto",
    overwrite: bool = False,
    recursive: bool = False,
    tile: int | None = None,
    local_bandwidths: Sequence[Sequence[LocalBandwidth]] = (),
    spacing: tuple[float, ...] | None = None,
    save_recipe: bool = False,
    progress: Progress | None = None,
) -> Iterator[SegmentedFile]:
    """Segment image files and write ``NAME_labels.tif`` for each.

    A file with several positions gives ``NAME_position1_labels.tif`` and so on; an OME set of
    several files is segmented once, under the name of its first file. An image that fails does not
    stop the others. Label images from an earlier run are not segmented. Every label file carries
    the recipe of its labels, see :func:`recipe_of`.

    Parameters
    ----------
    images : path or sequence of paths
        Files or folders.
    output : path, optional
        Folder to write to; beside each image by default.
    model, params, method, axes, channel, diameter, augment, device, progress
        As in :func:`segment`; the axes stored in a file are used where ``axes`` is None.
    tile, local_bandwidths
        As in :func:`segment`.
    source : path, optional
        Where a loaded ``model`` comes from, for the recipe.
    overwrite : bool
        Whether a label file that is there already is replaced: it may hold corrections.
    recursive : bool
        Whether the images of subfolders belong to a folder.
    spacing : tuple of float, optional
        Size of a pixel along the model's spatial axes; by default as stored in each file.
    save_recipe : bool
        Whether the recipe is also written beside each label file, as ``….recipe.json``.

    Yields
    ------
    SegmentedFile
        One per image and position, in order, as soon as it is written.
    """
    found = (
        FoundModel.of(model, source)
        if isinstance(model, EmbeddingModel)
        else FoundModel.load(model)
    )
    read_channel(channel)
    options = PredictOptions(device, diameter, augment=augment, tile=tile)

    def segment_image(image: ImageData) -> MadeByRecipe:
        loaded, given = found.for_image(image.data.shape, axes or image.axes)
        size = spacing or scale_along(image, loaded.config.axes)
        segmented = segment_and_record(
            image.data,
            loaded,
            params=params,
            method=method,
            axes=given,
            channel=channel,
            spacing=size,
            diameter=diameter,
            augment=augment,
            device=device,
            tile=tile,
            local_bandwidths=local_bandwidths,
            progress=progress,
        )
        recipe = recipe_of_run(
            segmented,
            replace(options, diameter=segmented.diameter),
            found.reference,
            method=method,
            local_bandwidths=local_bandwidths,
            name=image.name,
            diameter_source="measured" if segmented.measured else None,
        )
        return MadeByRecipe(segmented.labels, recipe, layout_of(segmented), segmented.notes)

    yield from segment_each(
        images,
        output,
        segment_image,
        overwrite=overwrite,
        recursive=recursive,
        save_recipe=save_recipe,
    )


def segment_each(
    images: PathLike | Sequence[PathLike],
    output: PathLike | None,
    segment_image: Callable[[ImageData], MadeByRecipe],
    *,
    overwrite: bool,
    recursive: bool,
    save_recipe: bool,
) -> Iterator[SegmentedFile]:
    """Segment image files with a function of one image; otherwise as :func:`segment_files`."""
    sets = images_to_segment(images, recursive=recursive)
    _check_output(output)
    for task in _tasks(sets, output):
        if task.target.exists() and not overwrite:
            yield task.result(labels=task.target, skipped=True)
            continue
        try:
            done = _segment_file(task, segment_image, save_recipe)
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
    task: _Task, segment_image: Callable[[ImageData], MadeByRecipe], save_recipe: bool
) -> SegmentedFile:
    started = time.perf_counter()
    image = read_image(task.path, task.series)
    made = segment_image(image)
    labels, layout = made.labels, made.layout
    stored, named = rows_last(labels, layout.label_axes)
    scale, units, dropped = usable_scale(named, scale_along(image, named), image.units)
    described = text_for(made.recipe, task.target.parent)
    write_labels(task.target, stored, named, scale, units, described)
    if save_recipe:
        save_segmentation_recipe(made.recipe, task.target.with_suffix(SUFFIX))
    frames = layout.lift(labels) if layout.frame_axes else labels[None]
    objects = sum(len(set(frame[frame > 0].tolist())) for frame in frames)
    notes = (*task.notes, *image.notes, *dropped, *made.notes)
    seconds = time.perf_counter() - started
    return task.result(labels=task.target, objects=objects, seconds=seconds, notes=notes)
