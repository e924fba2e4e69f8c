"""Images of any size, of which only parts are read: OME-Zarr, TIFF, NPY, and small files whole."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_pixel_embedding.core.exchange.extras import needed
from napari_pixel_embedding.core.exchange.ome_zarr_reader import (
    StoredArray,
    is_zarr,
    read_ome_zarr_image,
)
from napari_pixel_embedding.core.io.array_axes import settle_axes
from napari_pixel_embedding.core.io.failures import explained
from napari_pixel_embedding.core.io.files import TIFF_SUFFIXES, image_name
from napari_pixel_embedding.core.io.images import read_image
from napari_pixel_embedding.core.io.tiff.reader import open_series, settled_axes
from napari_pixel_embedding.core.io.units import PixelSize

if TYPE_CHECKING:
    from pathlib import Path

    from tifffile import TiffPageSeries

SLIDE_SUFFIXES = (".svs", ".ndpi", ".qptiff", ".scn", ".btf")
"""Endings of whole slides that are TIFF files under another name."""
_UNSHOWN = ("PALETTE", "MINISWHITE")
"""Kinds of pixels that are not values of an image as they are stored."""


@dataclass(frozen=True, eq=False)
class ImageOnDisk:
    """An image of which parts are read.

    Parameters
    ----------
    data : array_like
        Anything with a shape and slices.
    axes : str, optional
        A letter for each axis; None if unknown.
    size : PixelSize
    name : str
    """

    data: Any
    axes: str | None
    size: PixelSize
    name: str

    def close(self) -> None:
        """Close its file, where one is open."""
        close = getattr(self.data, "close", None)
        if close is not None:
            close()


def open_image(path: Path, level: int = 0) -> ImageOnDisk:
    """Open an image without reading its pixels, as far as its format allows it.

    Parameters
    ----------
    path : Path
        OME-Zarr, TIFF or a whole slide that is one, NPY; other files are read whole.
    level : int
        Of a pyramid, 0 is the finest.

    Raises
    ------
    FileNotFoundError, ValueError, OSError
        When there is no image that can be read part by part; the message says what to do.
    """
    if is_zarr(path):
        with explained(path):
            found = read_ome_zarr_image(path, level)
        return ImageOnDisk(found.data, found.axes, found.size, _zarr_name(path))
    suffix = path.suffix.lower()
    if suffix in (*TIFF_SUFFIXES, *SLIDE_SUFFIXES):
        with explained(path):
            return _open_tiff(path, level)
    if level:
        raise ValueError(f"level must be 0 for {path}, which has no coarser ones, found {level}.")
    if suffix == ".npy":
        with explained(path):
            array = np.load(path, mmap_mode="r", allow_pickle=False)
        settled = settle_axes(array, None)
        return ImageOnDisk(settled.data, settled.axes, PixelSize(), image_name(path))
    image = read_image(path)
    return ImageOnDisk(
        image.data, image.axes, PixelSize(image.scale, image.units), image_name(path)
    )


def _zarr_name(path: Path) -> str:
    name = path.name
    for ending in (".zarr", ".ome"):
        name = name.removesuffix(ending)
    return name or path.name


class _TiffArray:
    """The pixels of a TIFF series: mapped where they lie in one piece, else its tiles or strips."""

    def __init__(self, file: Any, whole: TiffPageSeries, level: int, path: Path) -> None:
        self._file = file
        self._array: Any
        series = whole.levels[level]
        if series.dataoffset is not None:
            self._array = np.memmap(
                path,
                series.dtype.newbyteorder(file.byteorder),
                "r",
                series.dataoffset,
                series.shape,
            )
        else:
            zarr = needed("zarr", "Parts of compressed TIFF files", "batch")
            self._array = zarr.open(whole.aszarr(level=level), mode="r")
        self.shape, self.dtype = tuple(self._array.shape), np.dtype(series.dtype)
        self.ndim = len(self.shape)
        self.chunks = getattr(self._array, "chunks", self.shape)

    def __getitem__(self, key: Any) -> Any:
        return np.asarray(self._array[key])

    def close(self) -> None:
        self._array = None
        self._file.close()


def _open_tiff(path: Path, level: int) -> ImageOnDisk:
    opened = open_series(path)
    try:
        series, size = opened.series, opened.size
        levels = series.levels
        if not 0 <= level < len(levels):
            raise ValueError(f"level must be from 0 to {len(levels) - 1}, found {level}.")
        kind = getattr(series.keyframe.photometric, "name", "")
        if kind in _UNSHOWN:
            raise ValueError(f"its pixels are {kind} and cannot be read part by part: convert it")
        chosen = levels[level]
        axes, kept = _axes_of(chosen)
        whole = _TiffArray(opened.file, series, level, path)
        data = StoredArray(whole, path, kept)
        return ImageOnDisk(data, axes, _at_level(size, series, chosen), image_name(path))
    except BaseException:
        opened.file.close()
        raise


def _axes_of(series: TiffPageSeries) -> tuple[str | None, list[bool]]:
    """Return the letters of the axes that are longer than one, and which those are."""
    letters = series.axes.upper()
    kept = [a in "YX" or n > 1 for a, n in zip(letters, series.shape, strict=True)]
    named = "".join(a for a, use in zip(letters, kept, strict=True) if use)
    settled = settled_axes(series)
    if settled is None or len(settled) != len(named):
        return None, kept
    in_place = "".join("C" if a in "SEH" else a for a in named)
    return (in_place if sorted(in_place) == sorted(settled) else settled), kept


def _at_level(size: PixelSize, series: TiffPageSeries, chosen: TiffPageSeries) -> PixelSize:
    """Return the pixel size of a coarser level."""
    if size.scale is None or series.shape == chosen.shape:
        return size
    letters = [(n, a) for n, a in enumerate(series.axes.upper()) if a in "ZYX"]
    factors = [series.shape[n] / chosen.shape[n] for n, _ in letters][-len(size.scale) :]
    scale = tuple(s * f for s, f in zip(size.scale, factors, strict=True))
    return PixelSize(scale, size.units, size.notes)
