"""Padding: constant rows, columns and planes at the border, and corners left by a rotation."""

from __future__ import annotations

from itertools import product
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

_FEWEST = 64
"""Pixels of an image, and of a padded corner, at least: fewer may be equal by chance."""
_FEWEST_ACROSS = 8
"""Pixels that a row or column of padding has at least."""
_DRAWN = 0.5
"""Share of the other lines that are constant too at most: in a drawn image each may be."""
_OFF_LINE = 1.5
"""Distance in pixels from a straight edge, because pixels are squares."""
_ON_LINE = 0.85
"""Share of a corner's edge that lies on a line at least; the image may have the same value."""
_BLURRED = 2
"""Pixels along the edge of a corner that interpolation mixed from image and padding."""
_SAMPLE = 8
"""Every so many rows and columns usually tell that there is more than padding."""
_FITS = 5
"""Fits of the edge, each without what lay off the last."""


def padding(channel: NDArray[Any]) -> NDArray[np.bool_]:
    """Find the pixels that were added around an image, of any constant value.

    These are rows, columns (and planes) at the border that hold one value throughout, and corners
    of a plane, each of one value and cut off by a straight line, as a rotation or shear leaves.
    Nothing is padding where the rest would have one value only.

    Parameters
    ----------
    channel : array, shape ([Z,] Y, X)

    Returns
    -------
    array of bool
        Same shape.
    """
    padded = np.ones(channel.shape, bool)
    inner = _inner_box(channel)
    padded[inner] = False
    for plane, mask in zip(_planes(channel[inner]), _planes(padded[inner]), strict=True):
        for corner in _corners(plane):
            mask |= corner
    for step in (_SAMPLE, 1):
        some = (..., slice(None, None, step), slice(None, None, step))
        rest = channel[some][~padded[some]]
        rest = rest[np.isfinite(rest)]
        if rest.size and rest.min() < rest.max():
            return padded
    return np.zeros_like(padded)


def _inner_box(channel: NDArray[Any]) -> tuple[slice, ...]:
    """Return what is left without rows, columns and planes of one value at the border."""
    return tuple(_inner_slice(channel, axis) for axis in range(channel.ndim))


def _inner_slice(channel: NDArray[Any], axis: int) -> slice:
    length = channel.shape[axis]
    if channel.size < _FEWEST or length * _FEWEST_ACROSS > channel.size:
        return slice(0, length)
    others = tuple(a for a in range(channel.ndim) if a != axis)
    low, high = channel.min(axis=others), channel.max(axis=others)
    front, back = _run(low, high), _run(low[::-1], high[::-1])
    inner = slice(front, length - back)
    is_drawn = inner.start < inner.stop and np.mean((low == high)[inner]) > _DRAWN
    return slice(0, length) if is_drawn else inner


def _run(low: NDArray[Any], high: NDArray[Any]) -> int:
    """Count the lines from the first on that hold the value of the first; 0 if all do."""
    same = (low == high) & (low == low[0])
    return 0 if same.all() else int(np.argmin(same))


def _planes(array: NDArray[Any]) -> NDArray[Any]:
    """View the planes of an image, (…, Y, X), one after the other."""
    return array[None] if array.ndim == 2 else array


def _corners(plane: NDArray[Any]) -> Iterator[NDArray[np.bool_]]:
    """Yield a mask for each padded corner of a plane."""
    if min(plane.shape, default=0) < _FEWEST_ACROSS:
        return
    for steps in product((1, -1), repeat=2):
        order = slice(None, None, steps[0]), slice(None, None, steps[1])
        turned = plane[order]
        if turned[0, 0] != turned[0, 1] or turned[0, 0] != turned[1, 0]:
            continue
        mask = np.zeros(plane.shape, bool)
        if _mark_corner(turned, mask[order]):
            yield mask


def _mark_corner(plane: NDArray[Any], mask: NDArray[np.bool_]) -> bool:
    """Mark the corner at the origin; False where it is not cut off by a straight line."""
    value = plane[0, 0]
    if _length(plane[0] == value) < _length(plane[:, 0] == value):
        plane, mask = plane.T, mask.T  # the edge falls by one pixel a column at most
    width, height = _length(plane[0] == value), _length(plane[:, 0] == value)
    runs = _lengths(plane[: height + 1, :width] == value)
    edge = _straight_edge(runs, len(plane))
    if edge is None or np.minimum(runs, edge).sum() < _FEWEST:
        return False
    mask[:, :width] = np.arange(len(plane))[:, None] < np.minimum(runs, edge) + _BLURRED
    return True


def _straight_edge(runs: NDArray[np.int64], most: int) -> NDArray[np.float64] | None:
    """Return the falling line that the lengths of runs follow, up to ``most``; None without one."""
    at = np.arange(len(runs))
    near = runs < most
    line = np.zeros(len(runs))
    for _ in range(_FITS):
        if near.sum() < 2:
            return None
        slope, start = np.polyfit(at[near], runs[near], 1)
        line = np.clip(slope * at + start, 0, most)
        off = np.abs(runs - line)
        near = (runs < most) & (off <= max(_OFF_LINE, float(np.median(off))))
    is_line = np.mean(off <= _OFF_LINE) >= _ON_LINE and slope < 0
    return np.ceil(line) if is_line else None


def _length(same: NDArray[np.bool_]) -> int:
    return int(_lengths(same[:, None])[0])


def _lengths(same: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Count the pixels of each column that are the same, from the first row on."""
    counts = np.where(same.all(axis=0), len(same), same.argmin(axis=0))
    return counts.astype(np.int64)
