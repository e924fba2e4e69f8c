"""Superpixels ("base regions" of the method): small connected parts of objects.

Every cut is a union of superpixels. They are found by mean shift with a flat kernel (Comaniciu
and Meer, 2002), or grown from the maxima of the distance map.
"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from napari_pixel_embedding.core.clustering.blocks import (
    CONFIDENT,
    WEAK,
    Blocks,
    Pixels,
    inner_grid,
    make_blocks,
)
from napari_pixel_embedding.core.clustering.kernels import blocks as kernels
from napari_pixel_embedding.core.clustering.kernels import (
    pixels as pixel_kernels,
)
from napari_pixel_embedding.core.clustering.kernels import (
    seeds as seed_kernels,
)
from napari_pixel_embedding.core.clustering.merge_tree import Regions

if TYPE_CHECKING:
    from napari_pixel_embedding.core.clustering.constants import IndexConstants

Labels = NDArray[np.int32]


def superpixels(
    pixels: Pixels, step: tuple[int, int, int], unit: float, constants: IndexConstants
) -> tuple[NDArray[np.unsignedinteger], Regions]:
    """Divide the foreground into superpixels.

    Confident pixels first; weak pixels join the superpixel that they touch, and those that touch
    none form superpixels of their own.

    Parameters
    ----------
    pixels : Pixels
        The embedding map.
    step : tuple of int
        Pixels in a block along Z, Y, X.
    unit : float
        Unit of length in embedding space that the constants are multiples of.
    constants : IndexConstants
        Constants of the method.

    Returns
    -------
    base : array of uint16 or uint32, shape (Z, Y, X)
        Number of each pixel's superpixel plus one; 0 is background.
    regions : Regions
        The superpixels and which of them touch.
    """
    base = np.zeros(pixels.level.shape, np.int32)
    parts = [_label_level(pixels, CONFIDENT, step, unit, constants, base)]
    pixel_kernels.dilate_labels(pixels.level, base)
    left = (pixels.level == WEAK) & (base == 0)
    if left.any():
        rest = np.zeros_like(base)
        level = np.where(left, pixels.level, 0).astype(np.uint8)
        parts.append(_label_level(pixels.with_level(level), WEAK, step, unit, constants, rest))
        base[left] = rest[left] + parts[0].count
    regions = _concatenate(parts)
    return base.astype(np.uint16 if regions.count < 2**16 else np.uint32), regions


def _label_level(
    pixels: Pixels,
    level: int,
    step: tuple[int, int, int],
    unit: float,
    constants: IndexConstants,
    base: NDArray[np.int32],
) -> Regions:
    blocks = make_blocks(pixels, level, step)
    labels, count = _label_blocks(blocks, pixels, unit, constants)
    regions = _regions(blocks, labels, count, pixels, constants)
    pixel_kernels.paint(
        pixels.embedding,
        pixels.inverse_norm,
        pixels.level,
        level,
        inner_grid(blocks, pixels.flat),
        step,
        labels,
        blocks.position,
        blocks.grid.ravel(),
        regions.means,
        blocks.touching,
        base,
    )
    return regions


def _label_blocks(
    blocks: Blocks, pixels: Pixels, unit: float, constants: IndexConstants
) -> tuple[Labels, int]:
    """Label every block with a superpixel: from seeds, by mean shift, then the leftovers."""
    grid, cosine = blocks.grid.ravel(), pixels.cosine
    labels = np.full(blocks.weight.size, -1, np.int32)
    spread = kernels.flatness(blocks.position, grid, blocks.vectors, blocks.variance, blocks.near)
    order = _ascending(spread)
    radius = _base_radius(spread, unit, constants)
    count = _grow_from_seeds(blocks, labels, unit, cosine, constants)

    def shift(radius: float, cores: int, smallest: int) -> None:
        nonlocal count
        count = kernels.mean_shift(
            order, blocks.position, grid, blocks.vectors, blocks.weight, blocks.touching,
            np.float32(radius), cores, smallest, cosine, labels, count,
        )  # fmt: skip

    def fill(rings: int) -> None:
        means, _ = kernels.region_means(labels, blocks.vectors, blocks.weight, count, cosine)
        kernels.fill(blocks.position, grid, blocks.vectors, means, blocks.touching, rings, labels)

    for factor in constants.leftover_factors:
        shift(factor * radius, constants.cores, constants.core_set)
    fill(math.ceil(constants.ring / max(blocks.step)))
    shift(constants.leftover_factors[-1] * radius, cores=0, smallest=constants.speck)
    fill(labels.size)
    shift(np.inf, cores=0, smallest=1)
    return labels, count


def _base_radius(spread: NDArray[np.float32], unit: float, constants: IndexConstants) -> float:
    if spread.size == 0:
        return unit
    noise = math.sqrt(np.percentile(spread, 30))
    return min(
        max(constants.base_factor * noise, constants.base_floor * unit), constants.base_cap * unit
    )


def _grow_from_seeds(
    blocks: Blocks, labels: Labels, unit: float, cosine: bool, constants: IndexConstants
) -> int:
    if blocks.distance is None or labels.size == 0:
        return 0
    grid, heights = blocks.grid.ravel(), _heights(blocks)
    top, pairs, saddle = seed_kernels.climb(heights, blocks.position, grid, blocks.touching)
    order = _ascending(saddle)[::-1]
    seeds, basin = seed_kernels.choose_seeds(
        top, heights, pairs[order], saddle[order],
        np.float32(constants.seed_floor), np.float32(constants.seed_softness),
    )  # fmt: skip
    seed_kernels.grow_seeds(
        seeds, basin, heights, np.float32(constants.core), blocks.position, grid, blocks.vectors,
        blocks.weight, blocks.faces, np.float32(constants.seed_radius * unit), cosine, labels,
    )  # fmt: skip
    return seeds.size


def _heights(blocks: Blocks) -> NDArray[np.float32]:
    """Return the smoothed distance value of each block; zeros without a distance map."""
    if blocks.distance is None:
        return np.zeros(blocks.weight.size, np.float32)
    return seed_kernels.smooth(blocks.position, blocks.grid.ravel(), blocks.distance, blocks.near)


def _regions(
    blocks: Blocks, labels: Labels, count: int, pixels: Pixels, constants: IndexConstants
) -> Regions:
    heights = _heights(blocks)
    means, weight = kernels.region_means(
        labels, blocks.vectors, blocks.weight, count, pixels.cosine
    )
    peak = kernels.region_peaks(labels, heights, count)
    one, other = kernels.contacts(labels, blocks.position, blocks.grid.ravel(), blocks.touching)
    edges, order, start = _grouped(labels[one], labels[other], count)
    away = kernels.distances(labels, blocks.vectors, means)
    saddle = _reduced(np.minimum, np.maximum(away[one], away[other])[order], start)
    valley = _reduced(np.maximum, np.minimum(heights[one], heights[other])[order], start)
    regions = Regions(means, weight, peak, edges, saddle, valley)
    if not pixels.drifts:
        return regions
    apart = _sides_apart(one, other, blocks, labels, pixels, constants)
    contacts = np.diff(start, append=one.size).astype(np.float32)
    near = _reduced(np.add, apart[order], start) / contacts
    # A saddle compares blocks with the mean of their superpixel, which is far from its ends.
    return replace(regions, near=near, contacts=contacts, saddle=np.zeros_like(saddle))


def _grouped(
    one: Labels, other: Labels, count: int
) -> tuple[NDArray[np.int32], NDArray[np.intp], NDArray[np.intp]]:
    """Return the pairs of superpixels, the order that brings theirs together, and their starts."""
    pair = np.minimum(one, other).astype(np.int64) * count + np.maximum(one, other)
    order = np.argsort(pair, kind="stable")
    start = np.flatnonzero(np.diff(pair[order], prepend=-1))
    edges = np.stack(np.divmod(pair[order][start], max(count, 1)), axis=1).astype(np.int32)
    return edges, order, start


def _reduced(
    how: np.ufunc, values: NDArray[np.float32], start: NDArray[np.intp]
) -> NDArray[np.float32]:
    """Reduce each group of values to one."""
    return how.reduceat(values, start) if start.size else values


def _sides_apart(
    one: NDArray[np.int32],
    other: NDArray[np.int32],
    blocks: Blocks,
    labels: Labels,
    pixels: Pixels,
    constants: IndexConstants,
) -> NDArray[np.float32]:
    """Return how far apart the two sides of each contact are.

    A side is the mean of its superpixel's blocks within reach, so that it follows vectors that
    drift along a superpixel.
    """
    steps = np.array(blocks.step) * pixels.spacing
    window = np.maximum(constants.reach / steps, 1).astype(np.int32)
    at, place = np.unique(np.concatenate([one, other]), return_inverse=True)
    sides = kernels.means_around(
        at, labels, blocks.position, blocks.grid, blocks.vectors, blocks.weight, window,
        pixels.cosine,
    )  # fmt: skip
    gaps = sides[place[: one.size]] - sides[place[one.size :]]
    apart: NDArray[np.float32] = np.linalg.norm(gaps, axis=1)
    return apart


def _concatenate(parts: list[Regions]) -> Regions:
    if len(parts) == 1:
        return parts[0]
    first, second = parts
    return Regions(
        np.concatenate([first.means, second.means]),
        np.concatenate([first.weight, second.weight]),
        np.concatenate([first.peak, second.peak]),
        np.concatenate([first.edges, second.edges + np.int32(first.count)]),
        np.concatenate([first.saddle, second.saddle]),
        np.concatenate([first.valley, second.valley]),
        None if first.near is None else np.concatenate([first.near, second.near]),
        None if first.contacts is None else np.concatenate([first.contacts, second.contacts]),
    )


def _ascending(values: NDArray[np.float32]) -> NDArray[np.intp]:
    """Return the ascending order of non-negative values, to about three digits.

    The upper bits of a positive float sort as the float does, and numpy radix-sorts 16-bit keys.
    """
    key = np.maximum(values, 0).view(np.int32) >> 15
    return np.argsort(key.astype(np.uint16), kind="stable")
