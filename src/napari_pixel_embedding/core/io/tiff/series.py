"""Selection of TIFF series: finest level, largest image, complete frames; and reading them."""

from __future__ import annotations

import math
import re
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_pixel_embedding.core.io.failures import UnreadableFileError, check_size
from napari_pixel_embedding.core.io.tiff.ome_set import listed

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path

    from numpy.typing import NDArray
    from tifffile import TiffPage, TiffPageSeries

_NOT_THE_IMAGE = re.compile(r"thumb|snapshot|macro|overview|preview|^label|slide label", re.I)
"""Names of the extra images that microscopes store with the image."""

_FAX = (2, 3, 4, 32771)
"""Codes of the CCITT compressions."""

POSITION_AXES = "RPMJK"
"""Axis letters of tifffile for places of a sample: regions, positions, tiles."""


@dataclass(frozen=True)
class Selection:
    """Series of equal shape, one for each position, and a sentence on what was skipped."""

    positions: tuple[TiffPageSeries, ...]
    notes: tuple[str, ...] = ()


def select_series(series: Iterable[TiffPageSeries]) -> Selection:
    """Select the largest image of a file, at its finest level, and all others of its shape.

    Thumbnails, snapshots and masks are skipped. Of equal sizes the one with more bits is taken:
    a snapshot often shows the same field of view in 8-bit colours.

    Raises
    ------
    ValueError
        When there is no image.
    """
    images = [max(one.levels, key=_pixel_count) for one in series]
    images = [one for one in images if _pixel_count(one) and one.dtype.kind in "buifc"]
    full = [one for one in images if not _is_extra(one)] or images
    if not full:
        raise ValueError("it holds no image")
    largest = max(full, key=lambda one: (_pixel_count(one), one.dtype.itemsize))
    positions = tuple(one for one in full if _kind(one) == _kind(largest))
    others = [one for one in images if one not in positions]
    return Selection(positions, _passed_over(largest, others))


def complete_frames(
    series: TiffPageSeries, path: Path, missing: Sequence[str]
) -> tuple[TiffPageSeries, tuple[str, ...]]:
    """Drop frames with a missing plane instead of reading the plane as zeros.

    Parameters
    ----------
    series : TiffPageSeries
        Missing pages are None.
    path : path
    missing : sequence of str
        Names of files that are missing.

    Raises
    ------
    ValueError
        When no frame is complete; the message names the missing files.
    """
    import tifffile

    if _is_contiguous(series):
        return series, ()
    pages = list(series.pages)
    absent = np.array([_is_absent(page) for page in pages])
    if not absent.any():
        return series, ()
    shape, axes = _stack_shape(series, len(pages))
    along, keep = _best_axis(absent.reshape(shape), axes)
    if not len(keep):
        files = f" The missing files are {listed(list(missing))}." if missing else ""
        raise UnreadableFileError(
            f"{path} lacks {absent.sum()} of {len(pages)} planes, and no frame is complete.{files} "
            "Put the files of the set into one folder, or export it again."
        )
    chosen = np.arange(len(pages)).reshape(shape).take(keep, axis=along)
    picked = [pages[i] for i in chosen.ravel()]
    rest = series.keyframe.shape
    reduced = tifffile.TiffPageSeries(
        picked,
        (*chosen.shape, *rest),
        series.dtype,
        axes + series.axes[len(series.axes) - len(rest) :],
        parent=series.parent,
        name=series.name,
        kind=series.kind,
        multifile=series.is_multifile,
    )
    note = (
        f"{absent.sum()} of {len(pages)} planes are missing: only the {len(keep)} of "
        f"{shape[along]} along {axes[along]} that are complete were read."
    )
    return reduced, (note,)


def check_pages(series: TiffPageSeries, path: Path) -> None:
    """Check that the files can hold a series, before memory is allocated for it.

    Raises
    ------
    ValueError
        When the image is larger than files or memory, its data lies beyond the end of a file, or
        its compression is not for such pixels.
    """
    page, itemsize = series.keyframe, series.dtype.itemsize
    check_codec(page, path)
    contiguous = _is_contiguous(series)
    pages = [page] if contiguous else [page for page in series.pages if page is not None]
    shape = series.shape if contiguous else (len(pages), *page.shape)
    stored = sum({one.parent.filename: one.parent.filehandle.size for one in pages}.values())
    check_size(path, shape, itemsize, stored)
    check_size(path, page.chunks, itemsize, stored)
    if contiguous:
        end = int(series.dataoffset or 0) + math.prod(series.shape) * page.bitspersample // 8
        short = int(end > page.parent.filehandle.size)
    else:
        short = sum(not _is_whole(one) for one in pages)
    if short:
        raise UnreadableFileError(
            f"{path} could not be read as {path.suffix[1:].upper()}: {short} of {len(pages)} pages "
            "go beyond the file's end. The file is damaged or was not copied whole."
        )


def check_codec(page: TiffPage, path: Path) -> None:
    """Raise when fax compression is claimed for pixels that are not black or white.

    Its decoder, in C, trusts the claim and writes beyond the end of its memory.
    """
    if page.compression in _FAX and (page.bitspersample, page.samplesperpixel) != (1, 1):
        raise UnreadableFileError(
            f"{path} could not be read as TIFF: it claims fax compression (CCITT), which is for "
            f"black and white, of {page.bitspersample}-bit pixels. The file is damaged; export it "
            "again."
        )


def read_series(series: TiffPageSeries) -> NDArray[Any]:
    """Read the pixels of a complete series.

    tifffile looks for the pixels in the file that was opened first. The pages of a series in
    another file of the set are therefore read one by one.
    """
    if _is_in_one_file(series):
        return np.asarray(series.asarray())
    pages = [page for page in series.pages if page is not None]
    data = np.empty((len(pages), *series.keyframe.shape), series.dtype)
    for target, page in zip(data, pages, strict=True):
        with _open_file(page):
            target[...] = page.asarray()
    return data.reshape(series.shape)


@contextmanager
def _open_file(page: Any) -> Iterator[None]:
    """Open the file of a page; tifffile keeps other files of a set closed."""
    handle = page.parent.filehandle
    if not handle.closed:
        yield
        return
    handle.open()
    try:
        yield
    finally:
        handle.close()


def own_position(positions: Sequence[TiffPageSeries], path: Path) -> int:
    """Return the index of the first position with pages in this file; 0 if there is none."""
    for index, series in enumerate(positions):
        if any(page is not None and page.parent.filename == path.name for page in series.pages):
            return index
    return 0


def _stack_shape(series: TiffPageSeries, count: int) -> tuple[tuple[int, ...], str]:
    """Return shape and axes of a series' stack of pages, without the axes within a page."""
    inside = len(series.keyframe.shape)
    shape = tuple(series.shape[: len(series.shape) - inside])
    if math.prod(shape) != count:
        return (count,), "I"
    return shape, series.axes[: len(shape)]


def _best_axis(absent: NDArray[Any], axes: str) -> tuple[int, NDArray[Any]]:
    """Return the axis along which most is complete (time first), and the complete indices."""
    candidates = []
    for along, letter in enumerate(axes):
        others = tuple(axis for axis in range(absent.ndim) if axis != along)
        keep = np.flatnonzero(~absent.any(axis=others))
        kept = len(keep) * absent.size // absent.shape[along]
        candidates.append(((kept, letter == "T", -along), along, keep))
    _, along, keep = max(candidates, key=lambda candidate: candidate[0])
    return along, keep


def _is_contiguous(series: TiffPageSeries) -> bool:
    """Whether one page describes the whole series; it can claim any number of planes."""
    return _is_in_one_file(series) and series.dataoffset is not None


def _is_in_one_file(series: TiffPageSeries) -> bool:
    return not series.is_multifile and series.keyframe.parent is series.parent


def _is_whole(page: Any) -> bool:
    """Whether every strip or tile of a page lies within its file."""
    offsets = np.array(page.dataoffsets, np.float64)  # no overflow with damaged files
    counts = np.array(page.databytecounts, np.float64)
    if len(offsets) != len(counts) or len(offsets) < math.prod(page.keyframe.chunked):
        return False
    bits = page.keyframe.bitspersample
    if page.keyframe.compression == 1 and bits % 8 == 0:
        counts = np.minimum(counts, math.prod(page.keyframe.chunks) * bits // 8)
    return bool((offsets + counts <= page.parent.filehandle.size).all())


def _is_absent(page: Any) -> bool:
    """Whether a plane is not stored; the Micro-Manager reader gives such a page no offset."""
    return page is None or tuple(page.dataoffsets) == (0,)


def _is_extra(series: TiffPageSeries) -> bool:
    page = series.keyframe
    return bool(_NOT_THE_IMAGE.search(series.name) or page.is_reduced or page.is_mask)


def _pixel_count(series: TiffPageSeries) -> int:
    pairs = zip(series.axes, series.shape, strict=False)
    return math.prod(size for axis, size in pairs if axis != "S")


def _kind(series: TiffPageSeries) -> tuple[object, ...]:
    return series.shape, series.axes, series.dtype


def _passed_over(largest: TiffPageSeries, others: Sequence[TiffPageSeries]) -> tuple[str, ...]:
    if not others:
        return ()
    sizes = [" × ".join(map(str, one.shape)) for one in others]
    kinds = [f"{one.name} ({size})".strip() for one, size in zip(others, sizes, strict=True)]
    kinds = [kind.removeprefix("(").removesuffix(")") if kind[0] == "(" else kind for kind in kinds]
    size = " × ".join(map(str, largest.shape))
    return (f"The largest image ({size}) was read; passed over: {listed(kinds)}.",)
