"""Scatter plot of an embedding: projection of the foreground, point density, lasso selection.

Nothing here draws. A plot shows an image of the density, computed once, instead of a million
single points.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_pixel_embedding.core.embedding.colors import iterate_features

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from napari_pixel_embedding.core.embedding.colors import ColorBasis
    from napari_pixel_embedding.core.embedding.embedding_map import EmbeddingMap, Space

POSITION = None
"""In place of two components: the plane of the position channels, without projection."""

_MARGIN = 0.04
"""Empty border around the points, as a share of the plot's side."""

_CELLS = 256
"""Cells per side of the grid that a lasso is tested on before single points are."""

_FAINTEST = 96
"""Brightness, of 255, of a cell that holds a single point."""


@dataclass(frozen=True, eq=False)
class PointCloud:
    """Foreground pixels as points on a plane.

    Parameters
    ----------
    points : array of float32, shape (2, N)
        Horizontal and vertical coordinate of each point, in embedding units.
    pixels : array of int, shape (N,)
        Pixel of each point, as an index into the flattened image ([Z,] Y, X).
    shape : tuple of int
        Pixels of the image along ([Z,] Y, X).
    origin : tuple of float
        Lower left corner of the square that holds the points.
    side : float
        Length of that square's side, above 0.
    """

    points: NDArray[np.float32]
    pixels: NDArray[np.integer[Any]]
    shape: tuple[int, ...]
    origin: tuple[float, float]
    side: float

    @property
    def count(self) -> int:
        """Number of points."""
        return int(self.points.shape[1])


def project_to_plane(
    emap: EmbeddingMap,
    basis: ColorBasis,
    components: tuple[int, int] | None = (0, 1),
    foreground_threshold: float = 0.5,
) -> PointCloud:
    """Project the foreground's vectors onto the plane of two components of a colour basis.

    A distance on the plane is at most that of the vectors, in cosine space at most the chord: so
    a disc of :func:`disc_radius` holds every pixel within the bandwidth.

    Parameters
    ----------
    emap : EmbeddingMap
    basis : ColorBasis
        From :func:`~.colors.fit_color_basis`.
    components : tuple of int, optional
        Two of the basis's three components that span the plane, horizontal first;
        :data:`POSITION` takes the last two position channels instead, x to the right and y up.
    foreground_threshold : float
        Pixels above it become points, 0 to 1.

    Raises
    ------
    ValueError
        When the basis or the components do not fit the embedding.

    Examples
    --------
    >>> from napari_pixel_embedding.core.embedding.embedding_map import EmbeddingMap
    >>> from napari_pixel_embedding.core.embedding.colors import fit_color_basis
    >>> vectors = np.array([[[0.0, 1.0, 5.0]], [[0.0, 0.0, 0.0]]], dtype=np.float32)
    >>> emap = EmbeddingMap(vectors, np.array([[1.0, 1.0, 0.0]], np.float32))
    >>> cloud = project_to_plane(emap, fit_color_basis(emap))
    >>> cloud.pixels, np.ptp(cloud.points[0]).round(3)
    (array([0, 1]), np.float32(1.0))
    """
    matrix, offset = _plane(emap, basis, components)
    foreground = emap.foreground.reshape(-1)
    points, pixels = [], []
    wrap = components is not POSITION
    for part, features in iterate_features(emap, wrap=wrap):
        inside = np.flatnonzero(foreground[part] > foreground_threshold)
        with np.errstate(invalid="ignore", over="ignore"):
            laid = matrix @ (features[:, inside] - offset[:, None])
        finite = np.isfinite(laid).all(axis=0)
        points.append(laid[:, finite])
        pixels.append(inside[finite] + part.start)
    together = np.ascontiguousarray(np.concatenate(points, axis=1))
    return PointCloud(together, np.concatenate(pixels), emap.shape, *_square(together))


def place_on_plane(
    vector: NDArray[np.float32],
    emap: EmbeddingMap,
    basis: ColorBasis,
    components: tuple[int, int] | None = (0, 1),
) -> tuple[float, float]:
    """Return the point to which :func:`project_to_plane` projects a vector of shape (E,)."""
    one = vector.reshape(-1, *[1] * emap.ndim)
    foreground = np.ones(one.shape[1:], np.float32)
    pixel = replace(emap, embedding=one, foreground=foreground, distance=None)
    x, y = project_to_plane(pixel, basis, components).points[:, 0]
    return float(x), float(y)


def _plane(
    emap: EmbeddingMap, basis: ColorBasis, components: tuple[int, int] | None
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return the matrix (2, F) and offset (F,) that turn features into coordinates."""
    if components is POSITION:
        if emap.position_channels < 2:
            raise ValueError(
                "The plane of positions is for embeddings with at least 2 position channels, "
                f"found {emap.position_channels}. Choose two components, such as (0, 1)."
            )
        matrix = np.zeros((2, emap.embedding_dim), np.float32)
        matrix[0, emap.position_channels - 1] = 1
        matrix[1, emap.position_channels - 2] = -1  # rows count downwards, plots upwards
        return matrix, np.zeros(emap.embedding_dim, np.float32)
    if len(components) != 2 or not set(components) <= {0, 1, 2}:
        raise ValueError(f"components must be two of 0, 1 and 2, found {components}.")
    expected = emap.embedding_dim + emap.position_channels
    if len(basis.mean) != expected:
        raise ValueError(
            f"The colour basis is for vectors of {len(basis.mean)} components, found an embedding "
            f"of {expected}. Fit a new basis with fit_color_basis."
        )
    return basis.components[list(components)], basis.mean


def _square(points: NDArray[np.float32]) -> tuple[tuple[float, float], float]:
    """Return origin and side of a square around all points, with a margin."""
    if points.shape[1] == 0:
        return (-0.5, -0.5), 1.0
    low, high = (f(points, axis=1).astype(float) for f in (np.min, np.max))
    side = (1 + 2 * _MARGIN) * float((high - low).max())
    size = float(np.abs(points).max())
    if side <= 1e-6 * size or side < 1e-30:  # one point, within rounding
        side = max(1e-3 * size, 1.0)
    origin = (low + high - side) / 2
    return (float(origin[0]), float(origin[1])), side


def raster(
    cloud: PointCloud, bins: int = 512, chosen: NDArray[np.bool_] | None = None
) -> NDArray[np.int64]:
    """Count the points in each cell of a square grid.

    Parameters
    ----------
    cloud : PointCloud
    bins : int
        Cells per side, at least 1.
    chosen : array of bool, shape (N,), optional
        Count only these points.

    Returns
    -------
    array of int, shape (bins, bins)
        Number of points in each cell; the first axis is vertical, its first row the lowest.

    Raises
    ------
    ValueError
        When ``bins`` is under 1.
    """
    if bins < 1:
        raise ValueError(f"bins must be at least 1 cell a side, found {bins}.")
    points = cloud.points if chosen is None else cloud.points[:, chosen]
    column, row = _cells(cloud, points, bins)
    counts = np.bincount(row * np.int32(bins) + column, minlength=bins * bins)
    return counts.reshape(bins, bins)


def _cells(
    cloud: PointCloud, points: NDArray[np.float32], bins: int
) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    """Return column and row of the cell of each point."""
    scale = np.float32(bins / cloud.side)
    origin = np.array(cloud.origin, np.float32)
    # Clipped before the cast: points that rounding puts outside belong to the outermost cells.
    column, row = (
        np.clip((axis - start) * scale, 0, bins - 1).astype(np.int32)
        for axis, start in zip(points, origin, strict=True)
    )
    return column, row


def density_image(counts: NDArray[np.integer[Any]]) -> NDArray[np.uint8]:
    """Return brightness from counts on a logarithmic scale, so that sparse points are visible.

    Parameters
    ----------
    counts : array of int, shape (H, W)
        From :func:`raster`.

    Returns
    -------
    array of uint8, shape (H, W)
        0 without a point, 255 at the highest count.
    """
    most = int(counts.max(initial=0))
    if most == 0:
        return np.zeros(counts.shape, np.uint8)
    logs = np.log1p(counts.astype(np.float32)) / np.float32(math.log1p(most))
    bright = _FAINTEST + (255 - _FAINTEST) * logs
    return np.where(counts > 0, np.rint(bright), 0).astype(np.uint8)


def disc_radius(space: Space, bandwidth: float) -> float:
    """Return the radius of the disc on the plane that holds all vectors within a bandwidth.

    Parameters
    ----------
    space : {"euclidean", "cosine"}
    bandwidth : float
        Distance in embedding units, or 1 − cos in cosine space.

    Returns
    -------
    float
        The bandwidth itself, or in cosine space the chord between unit vectors.

    Examples
    --------
    >>> disc_radius("euclidean", 1.5), disc_radius("cosine", 0.5)
    (1.5, 1.0)
    """
    return math.sqrt(2 * bandwidth) if space == "cosine" else float(bandwidth)


def points_in_lasso(cloud: PointCloud, lasso: Sequence[Sequence[float]]) -> NDArray[np.bool_]:
    """Return which points lie in a closed curve, by the even-odd rule.

    Parameters
    ----------
    cloud : PointCloud
    lasso : sequence of (float, float)
        Corners (horizontal, vertical) of a polygon, which is closed; fewer than 3 enclose nothing.

    Returns
    -------
    array of bool, shape (N,)

    Raises
    ------
    ValueError
        When a corner is not a pair of finite numbers.
    """
    corners = np.asarray(lasso, np.float64).reshape(-1, 2) if len(lasso) else np.zeros((0, 2))
    if not np.isfinite(corners).all():
        raise ValueError("The lasso's corners must be finite numbers, found NaN or Inf.")
    inside = np.zeros(cloud.count, bool)
    if len(corners) < 3 or cloud.count == 0:
        return inside
    near = np.flatnonzero(_in_box(cloud.points, corners))
    points = cloud.points[:, near]
    column, row = _cells(cloud, points, _CELLS)
    cell = row * np.int32(_CELLS) + column
    inside[near] = _whole_cells(cloud, corners).ravel()[cell]
    crossed = np.flatnonzero(_crossed_cells(cloud, corners).ravel()[cell])
    inside[near[crossed]] = inside_polygon(points[:, crossed].astype(np.float64), corners)
    return inside


def _in_box(points: NDArray[np.float32], corners: NDArray[np.float64]) -> NDArray[np.bool_]:
    low, high = corners.min(axis=0), corners.max(axis=0)
    x, y = points
    inside: NDArray[np.bool_] = (x >= low[0]) & (x <= high[0]) & (y >= low[1]) & (y <= high[1])
    return inside


def _whole_cells(cloud: PointCloud, corners: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Return the cells whose centre lies in the polygon; uncrossed ones lie in it entirely."""
    middles = (np.arange(_CELLS) + 0.5) * cloud.side / _CELLS
    x, y = np.meshgrid(cloud.origin[0] + middles, cloud.origin[1] + middles)
    return inside_polygon(np.stack([x.ravel(), y.ravel()]), corners).reshape(_CELLS, _CELLS)


def _crossed_cells(cloud: PointCloud, corners: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Return the cells that the polygon's sides may cross, and their neighbours."""
    start = (corners - cloud.origin) * (_CELLS / cloud.side)
    along = np.roll(start, -1, axis=0) - start
    first, last = _within_grid(start, along)
    start, along = start + first[:, None] * along, (last - first)[:, None] * along
    steps = np.where(last > first, np.ceil(np.abs(along).max(axis=1)) + 2, 0).astype(int)
    line = np.repeat(np.arange(len(start)), steps)
    part = np.arange(len(line)) - np.repeat(np.cumsum(steps) - steps, steps)
    where = start[line] + along[line] * (part / np.maximum(steps[line] - 1, 1))[:, None]
    crossed = np.zeros((_CELLS + 2, _CELLS + 2), bool)
    column, row = np.clip(np.floor(where), -1, _CELLS).astype(int).T + 1
    for down in (-1, 0, 1):
        for right in (-1, 0, 1):
            y, x = np.clip(row + down, 0, _CELLS + 1), np.clip(column + right, 0, _CELLS + 1)
            crossed[y, x] = True
    return crossed[1:-1, 1:-1]


def _within_grid(
    start: NDArray[np.float64], along: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the start and end, 0 to 1, of each side's part on the grid; start > end for none."""
    steady = along == 0
    step = np.where(steady, 1.0, along)
    ends = np.stack([(-1 - start) / step, (_CELLS + 1 - start) / step])
    beside = steady & ((start < -1) | (start > _CELLS + 1))
    low = np.where(steady, np.where(beside, 2.0, 0.0), ends.min(axis=0)).max(axis=1)
    high = np.where(steady, 1.0, ends.max(axis=0)).min(axis=1)
    return np.maximum(low, 0.0), np.minimum(high, 1.0)


def inside_polygon(points: NDArray[np.float64], corners: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Return which points (2, N) are inside: those with an odd number of sides to their right."""
    x, y = points
    order = np.argsort(y, kind="stable")
    x, y = x[order], y[order]
    odd = np.zeros(len(y), bool)
    following = np.roll(corners, -1, axis=0)
    bottoms, tops = np.minimum(corners[:, 1], following[:, 1]), np.maximum(corners, following)[:, 1]
    first, last = np.searchsorted(y, bottoms), np.searchsorted(y, tops)
    for (x0, y0), (x1, y1), i, j in zip(corners, following, first, last, strict=True):
        if i < j:  # only points beside this side, half open at its top
            crossing = x0 + (y[i:j] - y0) * ((x1 - x0) / (y1 - y0))
            odd[i:j] ^= x[i:j] < crossing
    inside = np.empty_like(odd)
    inside[order] = odd
    return inside


def objects_inside(
    labels: NDArray[np.integer[Any]], inside: NDArray[np.bool_], share: float = 0.5
) -> NDArray[np.integer[Any]]:
    """Return the ids of the objects with more than a share of their pixels inside.

    Parameters
    ----------
    labels : array of int, shape (N,)
        Label of each point, 0 is background.
    inside : array of bool, shape (N,)
        Which points are inside.
    share : float
        From 0 to 1.

    Returns
    -------
    array of int
        In ascending order.

    Raises
    ------
    ValueError
        When the shapes differ.

    Examples
    --------
    >>> objects_inside(np.array([0, 1, 1, 2, 2]), np.array([True, True, False, True, True]))
    array([2])
    """
    if labels.shape != inside.shape:
        raise ValueError(
            f"labels and inside must have one shape, found {labels.shape} and {inside.shape}."
        )
    ids = np.maximum(labels.ravel(), 0)
    within = np.bincount(ids[inside.ravel()], minlength=int(ids.max(initial=0)) + 1)
    found = within > share * np.bincount(ids, minlength=len(within))
    found[0] = False
    return np.flatnonzero(found)
