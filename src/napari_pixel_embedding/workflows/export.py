"""Exporting a label image file for another program."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_pixel_embedding.core.exchange.export import export_labels
from napari_pixel_embedding.core.io.images import read_image
from napari_pixel_embedding.workflows.label_files import read_label_file

if TYPE_CHECKING:
    import os
    from collections.abc import Sequence
    from pathlib import Path

    from napari_pixel_embedding.core.exchange.formats import Format
    from napari_pixel_embedding.core.progress import Progress

    PathLike = str | os.PathLike[str]


def export_file(
    labels: PathLike,
    output: PathLike,
    format: Format | None = None,
    *,
    image: PathLike | None = None,
    axes: str | None = None,
    spacing: Sequence[float] | None = None,
    units: str | None = None,
    overwrite: bool = False,
    progress: Progress | None = None,
) -> Path:
    """Write a label image file in another format; return the path of the result.

    Parameters
    ----------
    labels : path
        Label image.
    output, format, axes, spacing, units, overwrite, progress
        As for :func:`export_labels`; axes and pixel size are by default those stored in the label
        image, and the pixel size that of its image.
    image : path, optional
        The image, for overlays and OME-Zarr.
    """
    shown = None if image is None else read_image(image)
    file = read_label_file(labels, axes, spacing, units, shown)
    return export_labels(
        output,
        file.labels,
        format,
        axes=file.axes,
        spacing=file.spacing,
        units=file.units,
        image=None if shown is None else shown.data,
        image_axes=None if shown is None else shown.axes,
        overwrite=overwrite,
        progress=progress,
    )
