"""Shape of objects: perimeter, convex hull, axes of the ellipse with the same moments."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from napari_pixel_embedding.core.clustering.kernels.jit import jit

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[Any]

HALO = 2
"""Rows around a slab that :func:`perimeter_kinds` needs."""

STEPS = (1.0, np.sqrt(2), (1 + np.sqrt(2)) / 2)
"""Length that a border pixel of each kind adds (Benkrid & Crookes, 2000)."""

_KINDS = np.zeros(64, np.uint8)
"""Kind by 1 + 2 × straight + 10 × diagonal neighbours on the border."""
_KINDS[[5, 7, 15, 17, 25, 27]] = 1
_KINDS[[21, 33]] = 2
_KINDS[[13, 23]] = 3


@jit
def _is_border(labels: Array, y: int, x: int) -> bool:
    height, width = labels.shape
    if y == 0 or x == 0 or y == height - 1 or x == width - 1:
        return True
    k = labels[y, x]
    return bool(
        labels[y - 1, x] != k
        or labels[y + 1, x] != k
        or labels[y, x - 1] != k
        or labels[y, x + 1] != k
    )


@jit
def _perimeter_kinds(labels: Array, table: Array, kinds: Array) -> None:
    height, width = labels.shape
    border = np.zeros(labels.shape, np.bool_)
    for y in range(height):
        for x in range(width):
            border[y, x] = labels[y, x] != 0 and _is_border(labels, y, x)
    for y in range(height):
        for x in range(width):
            if not border[y, x]:
                continue
            code = 1
            for v in range(max(y - 1, 0), min(y + 2, height)):
                for u in range(max(x - 1, 0), min(x + 2, width)):
                    if border[v, u] and labels[v, u] == labels[y, x]:
                        code += 2 if v == y or u == x else 10
            # the pixel itself was counted as a neighbour in its row
            kinds[y, x] = table[code - 2]


def perimeter_kinds(labels: NDArray[np.integer[Any]]) -> NDArray[np.uint8]:
    """Return what each pixel adds to the perimeter of its object.

    Parameters
    ----------
    labels : array of int, shape (Y, X)
        Label image; the outermost rows are taken as those of the image.

    Returns
    -------
    array of uint8, shape (Y, X)
        0 for nothing, k for the length ``STEPS[k - 1]``.

    Notes
    -----
    K. Benkrid and D. Crookes, *Design and FPGA implementation of a perimeter estimator*, 2000: the
    border pixels with 4 neighbours, weighted by the border pixels around them, as in scikit-image.
    """
    kinds = np.zeros(labels.shape, np.uint8)
    _perimeter_kinds(labels, _KINDS, kinds)
    return kinds


def hull_areas(
    rank: NDArray[np.int64], y: NDArray[np.int64], start: NDArray[np.int64], stop: NDArray[np.int64]
) -> NDArray[np.float64]:
    """Return the area of the convex hull of each object, in pixels.

    Parameters
    ----------
    rank : array of int, shape (R,)
        Number of the object of each run, ascending from 0 without gaps.
    y, start, stop : array of int, shape (R,)
        The runs.

    Returns
    -------
    array of float64, shape (N,)
        The hull of the squares of all pixels.
    """
    ends = np.flatnonzero(np.diff(rank, append=-1)) + 1
    areas = np.zeros(ends.size)
    _hull_areas(np.append(0, ends), y, start, stop, areas)
    return areas


@jit
def _hull_areas(ends: Array, y: Array, start: Array, stop: Array, areas: Array) -> None:
    for k in range(areas.size):
        low, high = ends[k], ends[k + 1]
        top = y[low:high].min()
        count = y[low:high].max() - top + 2
        left, right = np.full(count, np.inf), np.full(count, np.inf)
        for run in range(low, high):
            for row in range(y[run] - top, y[run] - top + 2):
                left[row] = min(left[row], start[run])
                right[row] = min(right[row], -stop[run])
        areas[k] = -_below(left) - _below(right)


@jit
def _below(values: Array) -> float:
    """Return the integral of the largest convex function that is nowhere above ``values``."""
    stack = np.empty(values.size, np.int64)
    size = 0
    for k in range(values.size):
        if values[k] == np.inf:
            continue
        while size > 1:
            a, b = stack[size - 2], stack[size - 1]
            if (values[b] - values[a]) * (k - a) < (values[k] - values[a]) * (b - a):
                break
            size -= 1
        stack[size] = k
        size += 1
    area = 0.0
    for j in range(1, size):
        a, b = stack[j - 1], stack[j]
        area += (values[a] + values[b]) / 2 * (b - a)
    return area


def hull_volumes(
    rank: NDArray[np.int64],
    z: NDArray[np.int64],
    y: NDArray[np.int64],
    start: NDArray[np.int64],
    stop: NDArray[np.int64],
) -> NDArray[np.float64]:
    """Return the volume of the convex hull of each object, in voxels; as :func:`hull_areas`."""
    from scipy.spatial import ConvexHull

    points = np.stack(
        [np.stack([z + dz, y + dy, x], -1) for dz in (0, 1) for dy in (0, 1) for x in (start, stop)]
    )
    ends = np.flatnonzero(np.diff(rank, append=-1)) + 1
    parts = zip(np.append(0, ends[:-1]), ends, strict=True)
    return np.array([ConvexHull(points[:, a:b].reshape(-1, 3)).volume for a, b in parts])


def axis_lengths(moments: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the axes of the ellipse (ellipsoid) with the same second moments, the largest first.

    Parameters
    ----------
    moments : array of float64, shape (N, D, D)
        Central second moments divided by the number of pixels: covariances of the positions.

    Returns
    -------
    array of float64, shape (N, D)
        Full lengths; 0 along a direction in which an object is one pixel wide.
    """
    variances = np.linalg.eigvalsh(moments)[:, ::-1]
    dim = moments.shape[-1]
    return np.asarray(2 * np.sqrt((dim + 2) * np.maximum(variances, 0)))
