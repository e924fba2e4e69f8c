"""Outlines of objects as closed rings of pixel corners, exact, with holes and several pieces."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_pixel_embedding.core.clustering.kernels.jit import jit
from napari_pixel_embedding.core.label_regions import connected_pieces

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from napari_pixel_embedding.core.label_frames import Frame

    Array = NDArray[Any]

Ring = list[list[int]]
"""Corners [x, y] of a closed outline, the first not repeated at the end."""


@dataclass(frozen=True)
class Outline:
    """An object in one plane of one frame.

    Parameters
    ----------
    label : int
        Its id.
    polygons : list of list of Ring
        A polygon for each piece: the outer ring, then the holes. Pixel (y, x) covers the square
        from (x, y) to (x + 1, y + 1).
    plane : int, optional
        Index along Z; None in 2-D.
    frame : int, optional
        Index along T; None without that axis.
    """

    label: int
    polygons: list[list[Ring]]
    plane: int | None = None
    frame: int | None = None


def outlines(frame: Frame, window_pixels: int = 1 << 20) -> Iterator[Outline]:
    """Yield the outline of every object in every plane of a frame, from top to bottom.

    Only the rows of some objects are read at a time, so memory stays bounded.

    Parameters
    ----------
    frame : Frame
        Label image.
    window_pixels : int
        Pixels to read at once; more where an object is taller than that.
    """
    time = frame.time if "T" in frame.axes else None
    *planes, rows, columns = frame.shape
    height = max(window_pixels // columns, 1)
    for z in range(planes[0]) if planes else [None]:
        first, last, ids = _row_ranges(frame, z)
        for top in range(0, rows, height):
            chosen = (first >= top) & (first < top + height)
            if chosen.any():
                labels = _read(frame, z, top, int(last[chosen].max()))
                labels = labels if chosen.all() else labels * _among(labels, ids[chosen])
                for label, polygons in _polygons(labels, top):
                    yield Outline(label, polygons, z, time)


def _read(frame: Frame, z: int | None, top: int, bottom: int) -> NDArray[np.integer[Any]]:
    rows = (slice(top, bottom), slice(0, frame.shape[-1]))
    return frame.read(rows) if z is None else frame.read((slice(z, z + 1), *rows))[0]


def _row_ranges(
    frame: Frame, z: int | None
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """Return the first row of each object of a plane, the one after its last, and its id."""
    from napari_pixel_embedding.core.measurement.runs import find_runs
    from napari_pixel_embedding.core.measurement.sums import ObjectSums

    sums = ObjectSums()
    for box in frame.slabs():
        *planes, rows, columns = box
        if z is None:
            sums.add_runs(find_runs(frame.read(box), box))
        elif planes[0].start <= z < planes[0].stop:
            part = frame.read((slice(z, z + 1), rows, columns))
            sums.add_runs(find_runs(part[0], (rows, columns)))
    return sums.get("min_y"), sums.get("max_y"), sums.ids()[sums.order()]


def _among(labels: NDArray[np.integer[Any]], ids: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Return where an object is one of ``ids``, which are sorted."""
    at = np.minimum(np.searchsorted(ids, labels), ids.size - 1)
    return np.asarray(ids[at] == labels)


def _polygons(labels: NDArray[np.integer[Any]], top: int) -> Iterator[tuple[int, list[list[Ring]]]]:
    """Yield each object of a plane with its polygons."""
    pieces, owner, _ = connected_pieces(labels)
    corners, ends, piece = trace(pieces.astype(np.int32))
    corners[:, 1] += top
    ids = owner[piece - 1]
    order = np.lexsort((piece, ids))  # stable: the outer ring stays before its holes
    starts = np.append(0, ends[:-1])
    last = np.flatnonzero(np.diff(ids[order], append=-1)) + 1
    for first, end in zip(np.append(0, last[:-1]), last, strict=True):
        polygons: dict[int, list[Ring]] = {}
        for ring in order[first:end]:
            found = corners[starts[ring] : ends[ring]].tolist()
            polygons.setdefault(int(piece[ring]), []).append(found)
        yield int(ids[order[first]]), list(polygons.values())


def trace(
    pieces: NDArray[np.int32],
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """Trace the border of every piece along the edges of its pixels.

    Parameters
    ----------
    pieces : array of int32, shape (Y, X)
        4-connected pieces; 0 is background.

    Returns
    -------
    corners : array of int64, shape (P, 2)
        Corners (x, y) of all rings, where their direction changes. The piece is on the right.
    ends : array of int64, shape (R,)
        End of each ring in ``corners``.
    piece : array of int64, shape (R,)
        Piece of each ring: its outer ring first, then its holes.

    Notes
    -----
    Where two pixels of a piece touch only at a corner, the ring goes on to the other pixel. The
    piece is connected elsewhere, so the two sides of the corner belong to different rings, and no
    ring touches itself: polygons are valid in the sense of OGC.
    """
    padded = np.pad(pieces, 1)
    tops = padded[1:, :] != padded[:-1, :]
    starts = int(np.count_nonzero(tops & (padded[1:, :] != 0)))
    sides = int(np.count_nonzero(padded[:, 1:] != padded[:, :-1]))
    corners = np.empty((2 * (int(np.count_nonzero(tops)) + sides) + 8, 2), np.int64)
    ends, piece = np.empty(starts + 1, np.int64), np.empty(starts + 1, np.int64)
    rings, points = _trace(padded, np.zeros(padded.shape, np.bool_), corners, ends, piece)
    return corners[:points].copy(), ends[:rings].copy(), piece[:rings].copy()


@jit
def _trace(
    padded: Array, done: Array, corners: Array, ends: Array, piece: Array
) -> tuple[int, int]:
    """Follow each ring from its first upper edge; ``done`` marks upper edges that were passed."""
    height, width = padded.shape
    points, rings = 0, 0
    for top in range(1, height - 1):
        for left in range(1, width - 1):
            k = padded[top, left]
            if k == 0 or padded[top - 1, left] == k or done[top, left]:
                continue
            # (y, x) is the corner above and left of pixel (y, x); directions: 0 right, 1 down,
            # 2 left, 3 up. The pixel of the piece is on the right of each edge.
            y, x, direction = top, left, 0
            while True:
                if direction == 0:
                    done[y, x] = True
                    x += 1
                elif direction == 1:
                    y += 1
                elif direction == 2:
                    x -= 1
                else:
                    y -= 1
                # pixels ahead of the corner, on the left and on the right of the direction
                if direction == 0:
                    ahead_left, ahead_right = padded[y - 1, x] == k, padded[y, x] == k
                elif direction == 1:
                    ahead_left, ahead_right = padded[y, x] == k, padded[y, x - 1] == k
                elif direction == 2:
                    ahead_left, ahead_right = padded[y, x - 1] == k, padded[y - 1, x - 1] == k
                else:
                    ahead_left, ahead_right = padded[y - 1, x - 1] == k, padded[y - 1, x] == k
                turn = 3 if ahead_left else (0 if ahead_right else 1)
                if turn != 0:
                    corners[points, 0], corners[points, 1] = x - 1, y - 1
                    points += 1
                    direction = (direction + turn) % 4
                if y == top and x == left and direction == 0:
                    break
            ends[rings], piece[rings] = points, k
            rings += 1
    return rings, points
