"""Measuring label image files."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_pixel_embedding.core.io.images import ImageData, read_image
from napari_pixel_embedding.core.label_frames import label_frames
from napari_pixel_embedding.core.measurement.channels import split_channels
from napari_pixel_embedding.core.measurement.measure import measure_objects
from napari_pixel_embedding.core.measurement.table import Measurements, stacked
from napari_pixel_embedding.core.measurement.table_files import save_measurements, table_writer
from napari_pixel_embedding.core.progress import share
from napari_pixel_embedding.workflows.label_files import read_label_file

if TYPE_CHECKING:
    from collections.abc import Sequence

    from napari_pixel_embedding.core.progress import Progress

    PathLike = str | os.PathLike[str]


def measure_files(
    labels: PathLike | Sequence[PathLike],
    output: PathLike | None = None,
    *,
    images: Sequence[PathLike] = (),
    axes: str | None = None,
    spacing: Sequence[float] | None = None,
    units: str | None = None,
    properties: Sequence[str] = (),
    shape: bool = True,
    overwrite: bool = False,
    progress: Progress | None = None,
) -> Measurements:
    """Measure the objects of label image files into one table.

    Parameters
    ----------
    labels : path or sequence of paths
        Label images; with several, a column ``file`` says which.
    output : path, optional
        Table to write, ``.csv`` or ``.parquet``.
    images : sequence of paths
        One image for each label image, in their order, measured as ``intensity``; or several
        images of one label image, measured by their names.
    axes, spacing, units
        As for :func:`measure_objects`; by default those stored in the label image, and the pixel
        size of its image.
    properties, shape, progress
        As for :func:`measure_objects`.
    overwrite : bool
        Whether an existing table may be replaced.

    Raises
    ------
    ValueError
        When files do not belong together.
    FileExistsError
        When there is such a table already.
    """
    paths = [Path(labels)] if isinstance(labels, (str, os.PathLike)) else list(map(Path, labels))
    belonging = _belonging(paths, images)
    if output is not None:
        table_writer(output)
        if Path(output).exists() and not overwrite:
            raise FileExistsError(
                f"{output} is there already. Choose another name, or overwrite it."
            )
    tables = []
    for number, path in enumerate(paths):
        read = {name: read_image(image) for name, image in belonging[number].items()}
        options: dict[str, Any] = {"properties": properties, "shape": shape}
        options["progress"] = share(progress, number, len(paths))
        table = _measured(path, read, axes, spacing, units, options)
        tables.append(table if len(paths) == 1 else _with_file(table, path))
    _check_alike(tables, paths)
    result = stacked(tables)
    if output is not None:
        save_measurements(output, result)
    return result


def _belonging(paths: Sequence[Path], images: Sequence[PathLike]) -> list[dict[str, PathLike]]:
    """Return the images of each label image by name."""
    if not images:
        return [{} for _ in paths]
    if len(images) == len(paths):
        return [{"intensity": image} for image in images]
    names = [Path(image).stem for image in images]
    if len(paths) == 1 and len(set(names)) == len(names):
        return [dict(zip(names, images, strict=True))]
    raise ValueError(
        f"Expected one image for each of {len(paths)} label images, or several images of different "
        f"names for one label image, found {len(images)} images."
    )


def _measured(
    path: Path,
    images: dict[str, ImageData],
    axes: str | None,
    spacing: Sequence[float] | None,
    units: str | None,
    options: dict[str, Any],
) -> Measurements:
    file = read_label_file(path, axes, spacing, units, next(iter(images.values()), None))
    frame = label_frames(file.labels, file.axes)[0]
    channels: dict[str, Any] = {}
    for name, image in images.items():
        channels |= split_channels(image.data, image.axes, frame, name)
    return measure_objects(
        file.labels, channels, axes=file.axes, spacing=file.spacing, units=file.units, **options
    )


def _with_file(table: Measurements, path: Path) -> Measurements:
    names = np.full(len(table), path.name, dtype=object)
    return Measurements({"file": names, **table.columns}, table.units)


def _check_alike(tables: Sequence[Measurements], paths: Sequence[Path]) -> None:
    """Raise where tables cannot stand below each other."""
    for table, path in zip(tables, paths, strict=True):
        if table.headings() != tables[0].headings():
            raise ValueError(
                f"Label images in one table need the same axes, channels and unit, but {path} "
                f"differs from {paths[0]}. Measure them apart, or say spacing and units."
            )
