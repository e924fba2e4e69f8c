"""Reading TIFF files (OME, ImageJ, LSM, plain): one array for each position of the sample."""

from __future__ import annotations

import logging
import math
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, NamedTuple
from xml.etree import ElementTree

import numpy as np

from napari_pixel_embedding.core.io.array_axes import settle_axes
from napari_pixel_embedding.core.io.colors import as_shown, samples_last
from napari_pixel_embedding.core.io.failures import UnreadableFileError
from napari_pixel_embedding.core.io.files import open_regular
from napari_pixel_embedding.core.io.pixel_size import stored_pixel_size
from napari_pixel_embedding.core.io.tiff.ome_set import OmeSet, inspect_ome
from napari_pixel_embedding.core.io.tiff.page_list import check_page_list
from napari_pixel_embedding.core.io.tiff.series import (
    POSITION_AXES,
    check_codec,
    check_pages,
    complete_frames,
    own_position,
    read_series,
    select_series,
)
from napari_pixel_embedding.core.io.units import PixelSize

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from numpy.typing import NDArray
    from tifffile import TiffFile, TiffPageSeries


class StoredImage(NamedTuple):
    """One image of a file, its axes (None if unknown), pixel size and remarks."""

    data: NDArray[Any]
    axes: str | None
    scale: tuple[float, ...] | None = None
    units: str | None = None
    notes: tuple[str, ...] = ()
    position: int | None = None
    """Number of the position, from 1, where the file has several."""


_ONE_FILE = {"is_mmstack": False, "is_ndtiff": False}
"""Flags that disable tifffile's Micro-Manager readers, which open further files."""


class _Opened(NamedTuple):
    file: TiffFile
    series: list[TiffPageSeries]
    ome: OmeSet


def count_positions(path: Path) -> int:
    """Count the images that :func:`read_tiff` returns, without reading their pixels."""
    with _quiet(), _opened(path) as opened:
        return sum(map(_place_count, select_series(opened.series).positions))


def stored_description(path: Path, most: int) -> str:
    """Return the text that is stored with the image of an OME-TIFF; empty without any.

    Parameters
    ----------
    path : path
        Only a regular file is opened.
    most : int
        Characters of OME-XML that are looked at; empty beyond.
    """
    import tifffile

    with _quiet(), open_regular(path) as stream:
        flags: dict[str, Any] = {f"is_{kind}": False for kind in tifffile.TIFF.FILE_FLAGS}
        with tifffile.TiffFile(stream, name=path.name, **flags) as file:
            text = file.pages.first.description if file.pages else ""
    if "<OME" not in text[:2000] or len(text) > most:
        return ""
    found = ElementTree.fromstring(text.strip(" \t\r\n\0")).find("{*}Image/{*}Description")
    return "" if found is None else found.text or ""


def read_tiff(
    path: Path, *, indexed: bool, position: int | None = None, first: bool = False
) -> list[StoredImage]:
    """Read the largest image of a TIFF file, and all others of its shape.

    Parameters
    ----------
    path : path
    indexed : bool
        Return stored values: palette indices, and grey values without inversion.
    position : int, optional
        Read one position only, counted from 0; ValueError where there is none.
    first : bool
        Read one position only: the first that is stored in this file of a set.
    """
    with _quiet(), _opened(path) as opened:
        selection = select_series(opened.series)
        counts = list(map(_place_count, selection.positions))
        if first:
            position = sum(counts[: own_position(selection.positions, path)])
        which = range(len(counts)) if position is None else [_series_of(position, counts, path)]
        images = []
        for at in which:
            read = _read_positions(opened, selection.positions[at], path, indexed=indexed)
            for number, image in enumerate(read, sum(counts[:at]) + 1):
                notes = (*selection.notes, *image.notes)
                images.append(image._replace(notes=notes, position=number))
    if sum(counts) == 1:
        return [images[0]._replace(position=None)]
    if position is None:
        return images
    (image,) = (one for one in images if one.position == position + 1)
    if not first:
        return [image]
    others = f"position {position + 1} was read, the others were not."
    note = f"The file holds {sum(counts)} positions: {others}"
    return [image._replace(notes=(*image.notes, note), position=None)]


def _series_of(position: int, counts: Sequence[int], path: Path) -> int:
    """Return the index of the series that holds a position, of those with so many each."""
    if not 0 <= position < sum(counts):
        raise UnreadableFileError(
            f"series must be from 0 to {sum(counts) - 1} for {path}, found {position}."
        )
    return next(at for at in range(len(counts)) if position < sum(counts[: at + 1]))


@contextmanager
def _quiet() -> Iterator[None]:
    """Suppress the reader's log messages of this thread; remarks and errors replace them.

    Some would be wrong here, such as that missing planes are read as zeros.
    """
    thread = threading.get_ident()

    def from_elsewhere(record: logging.LogRecord) -> bool:
        return record.thread != thread

    logger = logging.getLogger("tifffile")
    logger.addFilter(from_elsewhere)
    try:
        yield
    finally:
        logger.removeFilter(from_elsewhere)


@contextmanager
def _opened(path: Path) -> Iterator[_Opened]:
    """Open a file and list its series, without metadata on which the reader fails."""
    import tifffile

    ome = _ome_of(path)
    plain: dict[str, Any] = {f"is_{kind}": False for kind in tifffile.TIFF.FILE_FLAGS}
    attempts: list[dict[str, Any]] = [{"is_ome": False}, plain]
    if ome.xml is not None:
        attempts.insert(0, {"omexml": ome.xml, "is_ome": True})
    errors: list[Exception] = []
    for flags in attempts:
        try:
            file = tifffile.TiffFile(path, **_ONE_FILE | flags)
        except Exception as error:
            errors.append(error)
            continue
        with file:
            try:
                series = file.series
            except Exception as error:
                errors.append(error)
                continue
            yield _Opened(file, series, _without(ome, errors))
            return
    raise errors[0]


def _ome_of(path: Path) -> OmeSet:
    """Look at the file's metadata, and at the page lists of all files that will be opened."""
    import tifffile

    check_page_list(path)
    with tifffile.TiffFile(path, is_ome=False, is_mmstack=False, is_ndtiff=False) as file:
        if not len(file.pages):
            raise ValueError("it holds no image")
        ome = inspect_ome(file.pages.first.description, path)
    for member in ome.members:
        check_page_list(member)
    return ome


def _without(ome: OmeSet, errors: Sequence[Exception]) -> OmeSet:
    """Add a remark if the reader failed on metadata."""
    if not errors:
        return ome
    note = f"Metadata that cannot be used was passed over ({errors[0]}): axes are not known."
    return OmeSet(ome.xml, ome.members, ome.missing, (*ome.notes, note))


class OpenedSeries(NamedTuple):
    """The image of a file that stays open, so that parts of it can be read."""

    file: TiffFile
    series: TiffPageSeries
    size: PixelSize


def open_series(path: Path) -> OpenedSeries:
    """Open the largest image of a TIFF file to read parts of it; the caller closes ``file``.

    Raises whatever the reader does on damaged files, and ValueError where it holds several
    positions: they are read one by one.
    """
    import tifffile

    with _quiet():
        with _opened(path) as found:
            selection = select_series(found.series)
            count = sum(map(_place_count, selection.positions))
            place = found.series.index(_series_holding(selection.positions[0], found.series))
            size = _pixel_size(found, selection.positions[0], settled_axes(selection.positions[0]))
            flags: dict[str, Any] = {"is_ome": found.file.is_ome}
            for level in found.series[place].levels:
                check_codec(level.keyframe, path)
        if count > 1:
            raise UnreadableFileError(
                f"{path} holds {count} positions, which cannot be read part by part: export them "
                "as files of their own."
            )
        file = tifffile.TiffFile(path, **_ONE_FILE | flags)
        return OpenedSeries(file, file.series[place], size)


def settled_axes(series: TiffPageSeries) -> str | None:
    """Return the letters out of ``TCZYX`` of a series, as :func:`settle_axes` does of pixels."""
    small = np.zeros([min(n, 2) for n in series.shape], np.uint8)
    return settle_axes(small, series.axes.upper()).axes


def _series_holding(level: TiffPageSeries, series: Sequence[TiffPageSeries]) -> TiffPageSeries:
    """Return the series of which one of the levels is the selected one."""
    return next(one for one in series if any(each is level for each in one.levels))


def _read_positions(
    opened: _Opened, series: TiffPageSeries, path: Path, *, indexed: bool
) -> list[StoredImage]:
    """Read a series; positions stored as an axis of it are returned one by one."""
    series, incomplete = complete_frames(series, path, opened.ome.missing)
    check_pages(series, path)
    data, axes = read_series(series), series.axes.upper()
    if data.ndim != len(axes):
        axes = "Q" * (data.ndim - 2) + "YX"
    if not indexed:
        data, axes = as_shown(data, axes, series.keyframe)
    elif series.kind != "shaped":  # tifffile writes a stack of three planes as planar colours
        data, axes = samples_last(data, axes, series.keyframe)
    images = []
    for place, letters in _places(data, axes):
        settled = settle_axes(place, letters)
        size = _pixel_size(opened, series, settled.axes)
        notes = (*opened.ome.notes, *incomplete, *settled.notes, *size.notes)
        images.append(StoredImage(settled.data, settled.axes, size.scale, size.units, notes))
    return images


def _place_count(series: TiffPageSeries) -> int:
    """Count the places of a sample in a series, as :func:`_places` splits it."""
    axes = series.axes.upper()
    if len(axes) != len(series.shape):
        return 1
    sizes = (size for axis, size in zip(axes, series.shape, strict=True) if axis in POSITION_AXES)
    return math.prod(sizes)


def _places(data: NDArray[Any], axes: str) -> list[tuple[NDArray[Any], str]]:
    """Split an array along the axes that are places of a sample."""
    along = [i for i, letter in enumerate(axes) if letter in POSITION_AXES]
    rest = "".join(letter for letter in axes if letter not in POSITION_AXES)
    data = np.moveaxis(data, along, range(len(along)))
    places = data.reshape(-1, *data.shape[len(along) :])
    return [(place, rest) for place in places]


def _pixel_size(opened: _Opened, series: TiffPageSeries, axes: str | None) -> PixelSize:
    if axes is None:
        return PixelSize()
    try:
        return stored_pixel_size(opened.file, series, axes, opened.ome.xml)
    except Exception as error:  # bad metadata must not prevent reading the pixels
        return PixelSize(notes=(f"The pixel size cannot be read ({error}) and was dropped.",))
