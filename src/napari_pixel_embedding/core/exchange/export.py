"""Export a label image: one function for all formats."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_pixel_embedding.core.exchange.contours import contours, write_contour_picture
from napari_pixel_embedding.core.exchange.formats import Format, format_of
from napari_pixel_embedding.core.exchange.geojson import write_geojson
from napari_pixel_embedding.core.exchange.imagej_roi import write_imagej_rois
from napari_pixel_embedding.core.exchange.ome_zarr import write_ome_zarr
from napari_pixel_embedding.core.io.images import write_labels
from napari_pixel_embedding.core.io.units import usable_scale
from napari_pixel_embedding.core.label_frames import Frame, label_frames, like_frame
from napari_pixel_embedding.core.measurement.channels import split_channels
from napari_pixel_embedding.core.validation import check_label_image

if TYPE_CHECKING:
    import os
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from napari_pixel_embedding.core.progress import Progress


def export_labels(
    path: str | os.PathLike[str],
    labels: Any,
    format: Format | None = None,
    *,
    axes: str | None = None,
    spacing: Sequence[float] | None = None,
    units: str | None = None,
    image: Any = None,
    image_axes: str | None = None,
    overwrite: bool = False,
    progress: Progress | None = None,
) -> Path:
    """Write a label image for another program.

    Parameters
    ----------
    path : path
        File or, for OME-Zarr, folder to write; missing folders are created.
    labels : array_like, shape ([T,] [Z,] Y, X)
        Label image, 0 is background.
    format : str, optional
        By default as the path ends:

        - ``"tiff"``: OME-TIFF.
        - ``"ome-zarr"``, ``"ome-zarr-0.4"``: pyramid; beside the image where one is given.
        - ``"geojson"``: polygons for QuPath, in pixels.
        - ``"imagej-roi"``: zip for Fiji's ROI Manager.
        - ``"outlines"``: outermost pixels of each object, as ids in a TIFF or white in a PNG.
        - ``"overlay"``: PNG of the outlines in colors over the image.
    axes : str, optional
        A letter out of ``TZYX`` for each axis of the labels; needed for three axes.
    spacing : sequence of float, optional
        Size of a pixel along ([Z,] Y, X).
    units : str, optional
        Unit of ``spacing``.
    image : array_like, optional
        The image, for ``"overlay"`` and OME-Zarr.
    image_axes : str, optional
        Its axes, where it has one axis C more than the labels.
    overwrite : bool
        Whether an existing file may be replaced.
    progress : callable, optional
        Called with the finished fraction.

    Returns
    -------
    Path
        What was written.

    Raises
    ------
    ValueError
        When the format does not fit the path or the labels, or a library is missing.
    FileExistsError
        When there is a file already.
    """
    path = Path(path)
    chosen = format_of(path, format, image is not None)
    if path.exists() and not overwrite:
        raise FileExistsError(f"{path} is there already. Choose another name, or overwrite it.")
    frames = label_frames(labels, axes)
    size = usable_scale(frames[0].axes, spacing, units)
    if spacing is not None and size.scale is None:
        raise ValueError(
            f"spacing and units must be sizes along {frames[0].spatial_axes} and a length, found "
            f"{tuple(spacing)} and {units!r}."
        )
    if chosen == "geojson":
        write_geojson(path, frames, progress)
    elif chosen == "imagej-roi":
        write_imagej_rois(path, frames, progress)
    elif chosen in ("ome-zarr", "ome-zarr-0.4"):
        channels = {} if image is None else _channels(image, image_axes, frames)
        version: Any = "0.4" if chosen.endswith("0.4") else "0.5"
        write_ome_zarr(
            path,
            frames,
            size.scale,
            size.units,
            channels=channels,
            version=version,
            progress=progress,
        )
    elif path.suffix.lower() == ".png":
        _write_picture(path, frames, image, image_axes, chosen)
    else:
        whole = check_label_image(frames[0].array)
        written = contours(whole) if chosen == "outlines" else whole
        write_labels(path, written, frames[0].axes, size.scale, size.units)
    return path


def _channels(image: Any, axes: str | None, frames: Sequence[Frame]) -> dict[str, list[Frame]]:
    found = split_channels(image, axes, frames[0], "image")
    return {name: [like_frame(a, frame, name) for frame in frames] for name, a in found.items()}


def _write_picture(
    path: Path, frames: Sequence[Frame], image: Any, axes: str | None, chosen: Format
) -> None:
    if frames[0].axes != "YX":
        raise ValueError(
            f"A PNG shows one plane of one frame, found labels with the axes {frames[0].axes}. "
            "Pass one plane, or export the outlines as TIFF."
        )
    if chosen == "overlay" and image is None:
        raise ValueError("An overlay needs the image, found none. Give it, or choose outlines.")
    shown = None if image is None or chosen == "outlines" else _picture(image, axes, frames[0])
    write_contour_picture(path, frames[0].read(), shown)


def _picture(image: Any, axes: str | None, labels: Frame) -> NDArray[Any]:
    """Return the image as (Y, X), or as colors where it has three or four channels."""
    channels = [np.asarray(part) for part in split_channels(image, axes, labels, "image").values()]
    return np.stack(channels[:3], axis=-1) if len(channels) in (3, 4) else channels[0]
