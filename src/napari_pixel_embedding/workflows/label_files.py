"""Label image files and the images that belong to them, read for measuring and exporting."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_pixel_embedding.core.exchange.ome_zarr_reader import is_zarr, read_ome_zarr_labels
from napari_pixel_embedding.core.inference.axes import scale_along
from napari_pixel_embedding.core.io.images import ImageData, read_labels

if TYPE_CHECKING:
    import os
    from collections.abc import Sequence

    PathLike = str | os.PathLike[str]


@dataclass(frozen=True, eq=False)
class LabelFile:
    """A label image with its axes and pixel size.

    Parameters
    ----------
    path : Path
    labels : array_like, shape ([T,] [Z,] Y, X)
        In memory, or of OME-Zarr read part by part.
    axes : str
    spacing : tuple of float, optional
        Size of a pixel along ([Z,] Y, X).
    units : str, optional
    """

    path: Path
    labels: Any
    axes: str
    spacing: tuple[float, ...] | None
    units: str | None


def read_label_file(
    path: PathLike,
    axes: str | None = None,
    spacing: Sequence[float] | None = None,
    units: str | None = None,
    image: ImageData | None = None,
) -> LabelFile:
    """Read a label image; what is given counts before what is stored in it or in its image.

    Of OME-Zarr, only what is stored beside the pixels is read.

    Raises
    ------
    ValueError
        When the file is no label image or its axes are unknown.
    """
    found = _read(Path(path))
    named = (axes or found.axes or "").upper() or _axes_of(found.data, Path(path))
    if spacing is None and found.scale is None and image is not None:
        found = replace(found, scale=image.scale, units=image.units)
    if spacing is None:
        spacing, units = scale_along(found, named), units or found.units
    size = None if spacing is None else tuple(spacing)
    return LabelFile(Path(path), found.data, named, size, units)


def _read(path: Path) -> ImageData:
    if not is_zarr(path):
        return read_labels(path)
    stored = read_ome_zarr_labels(path)
    return ImageData(stored.labels, stored.axes, stored.size.scale, stored.size.units, path.stem)


def _axes_of(labels: Any, path: Path) -> str:
    if labels.ndim == 2:
        return "YX"
    raise ValueError(
        f"{path} has {labels.ndim} axes without names, which could be planes or frames: say "
        "which by axes, such as ZYX or TYX."
    )
