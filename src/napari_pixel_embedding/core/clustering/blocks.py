"""Blocks of pixels and their mean vectors, which mean shift works on instead of pixels."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_pixel_embedding.core.clustering.kernels import pixels as kernels

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_pixel_embedding.core.clustering.constants import IndexConstants
    from napari_pixel_embedding.core.embedding.embedding_map import EmbeddingMap

BACKGROUND, OUTSIDE = -1, -2
"""Values of the padded grid where there is no block: inside the image, and outside of it."""

WEAK, CONFIDENT = 1, 2
"""Levels of a pixel; 0 is background."""


@dataclass(frozen=True, eq=False)
class Pixels:
    """An embedding map as (Z, Y, X) volumes for the kernels; Z is 1 for an image.

    Parameters
    ----------
    embedding : array of float32, shape (E, Z, Y, X)
        Vectors as the network predicted them.
    inverse_norm : array of float32, shape (Z, Y, X)
        Factor that makes a vector a unit vector under cosine; ones otherwise.
    level : array of uint8, shape (Z, Y, X)
        0 background, 1 weak, 2 confident foreground.
    foreground, distance : array of float32, shape (Z, Y, X)
        As in the embedding map; distance may be None.
    spacing : tuple of float
        Relative pixel size along Z, Y, X, the finest axis 1.
    cosine : bool
        Whether vectors are compared by angle.
    flat : bool
        Whether the map is an image, not a volume.
    drifts : bool
        Whether vectors drift along an object.
    """

    embedding: NDArray[np.float32]
    inverse_norm: NDArray[np.float32]
    level: NDArray[np.uint8]
    foreground: NDArray[np.float32]
    distance: NDArray[np.float32] | None
    spacing: tuple[float, float, float]
    cosine: bool
    flat: bool
    drifts: bool

    def with_level(self, level: NDArray[np.uint8]) -> Pixels:
        """Return the same pixels with other levels."""
        return replace(self, level=level)


@dataclass(frozen=True, eq=False)
class Blocks:
    """N blocks of pixels with their mean vectors, addressed through a padded grid.

    Parameters
    ----------
    grid : array of int32, shape (Z, Y, X) of blocks with a margin of one
        Block number, ``BACKGROUND`` or ``OUTSIDE``. An image has no margin along Z.
    step : tuple of int
        Pixels in a block along Z, Y, X.
    position : array of int32, shape (N,)
        Index of each block in the raveled grid.
    vectors : array of float32, shape (N, E)
        Mean of the block's pixels; a unit vector under cosine.
    weight, variance : array of float32, shape (N,)
        Number of pixels, and variance of their vectors.
    distance : array of float32, shape (N,), or None
        Mean of the distance map.
    touching, near, faces : array of int32
        Offsets in the raveled grid to all neighbours, to those along finely sampled axes, and to
        those that share a face.
    """

    grid: NDArray[np.int32]
    step: tuple[int, int, int]
    position: NDArray[np.int32]
    vectors: NDArray[np.float32]
    weight: NDArray[np.float32]
    variance: NDArray[np.float32]
    distance: NDArray[np.float32] | None
    touching: NDArray[np.int32]
    near: NDArray[np.int32]
    faces: NDArray[np.int32]


def read_pixels(emap: EmbeddingMap, constants: IndexConstants) -> Pixels:
    """Return an embedding map as volumes, with the foreground level of each pixel.

    A pixel whose vector or foreground is NaN or infinite, or whose vector is zero under cosine,
    is background.
    """
    cosine = emap.space == "cosine"
    embedding = _volume(emap.embedding, 4)
    foreground = _volume(emap.foreground, 3)
    level, inverse_norm = kernels.read_levels(
        embedding, foreground, np.float32(constants.weak), np.float32(constants.confident), cosine
    )
    spacing = np.asarray(emap.spacing, dtype=float)
    relative = (1.0,) * (3 - emap.ndim) + tuple(spacing / spacing.min())
    distance = None if emap.distance is None else np.nan_to_num(_volume(emap.distance, 3))
    return Pixels(
        embedding=embedding,
        inverse_norm=inverse_norm,
        level=level,
        foreground=foreground,
        distance=distance,
        spacing=relative,
        cosine=cosine,
        flat=emap.ndim == 2,
        drifts=emap.drifts,
    )


def make_blocks(pixels: Pixels, level: int, step: tuple[int, int, int]) -> Blocks:
    """Average the pixels of one level over blocks of ``step`` pixels."""
    grid = _number_blocks(pixels.level == level, step, pixels.flat)
    inner = _inner(grid, pixels.flat)
    count = int(inner.max(initial=-1)) + 1
    vectors, weight, variance, distance = kernels.average(
        pixels.embedding,
        pixels.inverse_norm,
        pixels.level,
        level,
        np.zeros((0, 0, 0), np.float32) if pixels.distance is None else pixels.distance,
        inner,
        step,
        count,
        pixels.cosine,
    )
    touching, near, faces = _neighbours(grid.shape, step, pixels)
    return Blocks(
        grid=grid,
        step=step,
        position=np.flatnonzero(grid.ravel() >= 0).astype(np.int32),
        vectors=vectors,
        weight=weight,
        variance=variance,
        distance=None if pixels.distance is None else distance,
        touching=touching,
        near=near,
        faces=faces,
    )


def inner_grid(blocks: Blocks, flat: bool) -> NDArray[np.int32]:
    """Return the grid of block numbers without its margin."""
    return _inner(blocks.grid, flat)


def block_step(side: int, pixels: Pixels) -> tuple[int, int, int]:
    """Return the pixels in a block along (Z, Y, X), so that blocks are about as deep as wide."""
    z, y, x = (max(1, round(side / size)) for size in pixels.spacing)
    return (1 if pixels.flat else z), y, x


def object_diameter(pixels: Pixels, jump: float) -> float:
    """Estimate the typical object diameter in pixels of the finest axis.

    Scans about 128 rows: a run of foreground ends where the embedding changes by more than
    ``jump`` over two pixels. The length of the run with the median pixel is close to a diameter.
    """
    lengths = kernels.run_lengths(
        pixels.embedding, pixels.inverse_norm, pixels.level, np.float32(jump), 128
    )
    if lengths.size == 0:
        return 0.0
    ordered = np.sort(lengths)
    middle = np.searchsorted(np.cumsum(ordered), ordered.sum() / 2)
    return float(ordered[middle]) * pixels.spacing[2]


def _volume(array: NDArray[Any], ndim: int) -> NDArray[np.float32]:
    full = array if array.ndim == ndim else np.expand_dims(array, ndim - 3)
    return np.ascontiguousarray(full, dtype=np.float32)


def _number_blocks(
    mask: NDArray[np.bool_], step: tuple[int, int, int], flat: bool
) -> NDArray[np.int32]:
    margins = [(0, -size % n) for size, n in zip(mask.shape, step, strict=True)]
    if step != (1, 1, 1):
        full = np.pad(mask, margins)
        z, y, x = step
        starts = itertools.product(range(z), range(y), range(x))
        mask = np.logical_or.reduce([full[k::z, j::y, i::x] for k, j, i in starts])
    pad = [(0 if flat else 1,) * 2, (1, 1), (1, 1)]
    grid = np.pad(np.full(mask.shape, BACKGROUND, np.int32), pad, constant_values=OUTSIDE)
    _inner(grid, flat)[mask] = np.arange(np.count_nonzero(mask), dtype=np.int32)
    return grid


def _inner(grid: NDArray[np.int32], flat: bool) -> NDArray[np.int32]:
    return grid[:, 1:-1, 1:-1] if flat else grid[1:-1, 1:-1, 1:-1]


def _neighbours(
    shape: tuple[int, ...], step: tuple[int, int, int], pixels: Pixels
) -> tuple[NDArray[np.int32], NDArray[np.int32], NDArray[np.int32]]:
    sizes = np.multiply(step, pixels.spacing)
    fine = sizes <= 1.5 * sizes[1 if pixels.flat else 0 :].min()
    reach = [(0,) if pixels.flat else (-1, 0, 1), (-1, 0, 1), (-1, 0, 1)]
    moves = np.array([move for move in itertools.product(*reach) if any(move)])
    offsets = (moves @ [shape[1] * shape[2], shape[2], 1]).astype(np.int32)
    near = ~moves[:, ~fine].any(axis=1)
    return offsets, offsets[near], offsets[np.abs(moves).sum(axis=1) == 1]
