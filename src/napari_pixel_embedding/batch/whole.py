"""Segmenting an image that fits into memory as a whole, and writing what comes out."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_pixel_embedding.batch.data.images import ImageOnDisk, open_image
from napari_pixel_embedding.batch.data.labels import list_labels, version_of
from napari_pixel_embedding.batch.request import NAME
from napari_pixel_embedding.core.exchange.ome_zarr import write_ome_zarr
from napari_pixel_embedding.core.exchange.ome_zarr_reader import is_zarr
from napari_pixel_embedding.core.inference.layout import rows_last
from napari_pixel_embedding.core.io.images import read_image, write_labels
from napari_pixel_embedding.core.io.units import PixelSize, usable_scale
from napari_pixel_embedding.core.label_frames import label_frames
from napari_pixel_embedding.core.measurement.channels import split_channels
from napari_pixel_embedding.core.measurement.measure import measure_objects
from napari_pixel_embedding.core.measurement.table_files import save_measurements
from napari_pixel_embedding.core.recipe.apply import segment_by_recipe
from napari_pixel_embedding.core.recipe.recipe_file import text_for

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_pixel_embedding.batch.plan import ImagePlan
    from napari_pixel_embedding.batch.request import BatchRequest
    from napari_pixel_embedding.core.recipe.apply import FoundModel, MadeByRecipe

TABLE = ".parquet"


@dataclass(frozen=True)
class WholeImage:
    """What came out: the number of objects, and what is to be said."""

    objects: int
    notes: tuple[str, ...]


def segment_whole(
    plan: ImagePlan, request: BatchRequest, found: FoundModel, folder: Path
) -> WholeImage:
    """Segment an image of a plan as ``segment --recipe`` does; write labels and table."""
    image, notes = _read(Path(plan.path), request.level)
    pixels = np.asarray(image.data)
    made = segment_by_recipe(request.recipe, pixels, found, stored_axes=image.axes, name=plan.name)
    labels, axes = rows_last(made.labels, made.layout.label_axes)
    _write(plan, labels, axes, image.size, made, request)
    if request.measure:
        _measure(table_path(folder, plan), pixels, made, image.size)
    frames = made.layout.lift(made.labels) if made.layout.frame_axes else made.labels[None]
    objects = sum(int(np.unique(frame[frame > 0]).size) for frame in frames)
    return WholeImage(objects, (*notes, *made.notes))


def _read(path: Path, level: int) -> tuple[ImageOnDisk, tuple[str, ...]]:
    """Read an image; files are read as ``segment`` reads them, whatever they hold."""
    if is_zarr(path) or level:
        image = open_image(path, level)
        return image, tuple(image.size.notes)
    read = read_image(path)
    return ImageOnDisk(read.data, read.axes, PixelSize(read.scale, read.units), ""), read.notes


def _write(
    plan: ImagePlan,
    labels: NDArray[Any],
    axes: str,
    size: PixelSize,
    made: MadeByRecipe,
    request: BatchRequest,
) -> None:
    path, usable = Path(plan.output), _usable(axes, size)
    if path.suffix == ".tif":
        text = text_for(made.recipe, path.parent)
        write_labels(path, labels, axes, usable.scale, usable.units, text)
        return
    frames = label_frames(labels, axes)
    image = Path(plan.path)
    version = version_of(image) if request.beside else request.version
    write_ome_zarr(path, frames, usable.scale, usable.units, version=version)
    if request.beside:
        list_labels(image, NAME)


def _usable(axes: str, size: PixelSize) -> PixelSize:
    count = len(axes.replace("T", ""))
    scale = size.scale[-count:] if size.scale and len(size.scale) >= count else None
    return usable_scale(axes, scale, size.units)


def _measure(path: Path, pixels: NDArray[Any], made: MadeByRecipe, size: PixelSize) -> None:
    layout = made.layout
    labels, axes = rows_last(made.labels, layout.label_axes)
    frame = label_frames(labels, axes)[0]
    order = [layout.axes.index(a) for a in layout.axes if a == "C"]
    stored = [layout.axes.index(a) for a in axes]
    moved = pixels.transpose([*order, *stored])
    images = split_channels(moved, "C" * len(order) + axes, frame)
    usable = _usable(axes, size)
    table = measure_objects(
        labels, images, axes=axes, spacing=usable.scale, units=usable.units, shape=False
    )
    save_measurements(path, table)


def table_path(folder: Path, plan: ImagePlan) -> Path:
    """Return where the table of an image goes: into the run's folder."""
    return folder / f"{plan.name}{TABLE}"
