"""Compiled loops over blocks: mean shift, filling, means and contacts of superpixels.

``grid`` is the raveled padded grid of block numbers (-1 background, -2 outside the image),
``position`` the index of each block in it, ``touching`` and ``near`` offsets to neighbours.
"""

from __future__ import annotations

import numpy as np

from napari_pixel_embedding.core.clustering.kernels.distance import (
    Array,
    Real,
    row_squared,
    rows_squared,
    set_mean,
    squared,
)
from napari_pixel_embedding.core.clustering.kernels.jit import jit


@jit
def flatness(position: Array, grid: Array, vectors: Array, variance: Array, near: Array) -> Array:
    """Return the mean of each block's variance and its squared distances to its neighbours."""
    result = np.empty(position.size, np.float32)
    for i in range(position.size):
        total, count = variance[i], 1
        for offset in near:
            j = grid[position[i] + offset]
            if j >= 0:
                total += rows_squared(vectors, i, vectors, j)
                count += 1
        result[i] = total / count
    return result


@jit
def mean_shift(
    order: Array,
    position: Array,
    grid: Array,
    vectors: Array,
    weight: Array,
    touching: Array,
    radius: Real,
    cores: int,
    smallest: int,
    cosine: bool,
    labels: Array,
    count: int,
) -> int:
    """Cluster the free blocks by connected greedy mean shift; return the number of superpixels.

    Mean shift with a flat kernel (Comaniciu and Meer, 2002), restricted to blocks connected with
    the seed. A set is kept if it has ``smallest`` blocks, ``cores`` of them core blocks, with all
    their neighbours in the set. Only blocks that could be core blocks are seeds, and the blocks
    of a rejected set are no longer seeds: otherwise a long sliver would be grown once for each of
    its blocks. The mean is first found on the 64 blocks nearest to the seed, so the whole set is
    grown only once or twice.
    """
    state = np.zeros(position.size, np.int32)
    tried = np.zeros(position.size, np.bool_)
    queue = np.empty(position.size, np.int32)
    mean = np.empty(vectors.shape[1], np.float32)
    total = np.empty(vectors.shape[1], np.float32)
    tick = 0
    for seed in order:
        if labels[seed] >= 0 or tried[seed]:
            continue
        if cores > 0 and not _free_around(seed, labels, position, grid, touching):
            continue
        mean[:] = vectors[seed]
        size = 0
        for n in range(8):
            tick += 1
            limit = position.size if n > 1 else 64
            size = _grow(
                seed,
                radius,
                mean,
                tick,
                state,
                queue,
                limit,
                labels,
                position,
                grid,
                vectors,
                touching,
            )
            moved = _recentre(queue[:size], vectors, weight, cosine, total, mean)
            if size < smallest or (moved <= 0.05 * radius and (n > 1 or size < limit)):
                break
        inside = queue[:size]
        if size >= smallest and _has_cores(inside, tick, state, position, grid, touching, cores):
            labels[inside] = count
            count += 1
        else:
            tried[inside] = True
    return count


@jit
def _free_around(i: int, labels: Array, position: Array, grid: Array, touching: Array) -> bool:
    for offset in touching:
        j = grid[position[i] + offset]
        if j == -1 or (j >= 0 and labels[j] >= 0):
            return False
    return True


@jit
def _grow(
    seed: int,
    radius: Real,
    mean: Array,
    tick: int,
    state: Array,
    queue: Array,
    limit: int,
    labels: Array,
    position: Array,
    grid: Array,
    vectors: Array,
    touching: Array,
) -> int:
    queue[0], state[seed] = seed, tick
    size, head = 1, 0
    while head < size and size < limit:
        at = position[queue[head]]
        head += 1
        for offset in touching:
            j = grid[at + offset]
            if j < 0 or labels[j] >= 0 or abs(state[j]) == tick or size == limit:
                continue
            if row_squared(vectors, j, mean) <= radius * radius:
                state[j] = tick
                queue[size] = j
                size += 1
            else:
                state[j] = -tick
    return size


@jit
def _recentre(
    inside: Array, vectors: Array, weight: Array, cosine: bool, total: Array, mean: Array
) -> Real:
    before = mean.copy()
    total[:] = 0.0
    mass = 0.0
    for i in inside:
        share = weight[i]
        mass += share
        for k in range(total.size):
            total[k] += share * vectors[i, k]
    set_mean(total, mass, cosine, mean)
    moved: Real = np.sqrt(squared(before, mean))
    return moved


@jit
def _has_cores(
    inside: Array,
    tick: int,
    state: Array,
    position: Array,
    grid: Array,
    touching: Array,
    cores: int,
) -> bool:
    for i in inside:
        if cores <= 0:
            return True
        core = True
        for offset in touching:
            j = grid[position[i] + offset]
            if j == -1 or (j >= 0 and state[j] != tick):
                core = False
                break
        if core:
            cores -= 1
    return cores <= 0


@jit
def fill(
    position: Array,
    grid: Array,
    vectors: Array,
    means: Array,
    touching: Array,
    rings: int,
    labels: Array,
) -> None:
    """Label free blocks with the nearest mean among their labelled neighbours, ring by ring."""
    free = np.flatnonzero(labels < 0)
    found = np.empty(free.size, np.int32)
    for _ in range(rings):
        left, changed = 0, False
        for n in range(free.size):
            i = free[n]
            nearest: Real = np.inf
            found[n] = -1
            for offset in touching:
                j = grid[position[i] + offset]
                if j >= 0 and labels[j] >= 0 and labels[j] != found[n]:
                    away = rows_squared(vectors, i, means, labels[j])
                    if away < nearest:
                        nearest, found[n] = away, labels[j]
        for n in range(free.size):
            if found[n] >= 0:
                labels[free[n]] = found[n]
                changed = True
            else:
                free[left] = free[n]
                left += 1
        free = free[:left]
        if not changed:
            break


@jit
def region_means(
    labels: Array, vectors: Array, weight: Array, count: int, cosine: bool
) -> tuple[Array, Array]:
    """Return the mean vector and number of pixels of each superpixel."""
    total = np.zeros((count, vectors.shape[1]), np.float32)
    mass = np.zeros(count, np.float32)
    for i in range(labels.size):
        r, share = labels[i], weight[i]
        if r >= 0:
            mass[r] += share
            for k in range(vectors.shape[1]):
                total[r, k] += share * vectors[i, k]
    for r in range(count):
        set_mean(total[r].copy(), mass[r], cosine, total[r])
    return total, mass


@jit
def contacts(labels: Array, position: Array, grid: Array, touching: Array) -> tuple[Array, Array]:
    """Return the two blocks of every contact of two superpixels."""
    size = 0
    for i in range(labels.size):
        for offset in touching:
            j = grid[position[i] + offset]
            size += offset > 0 and j >= 0 and labels[j] != labels[i]
    one, other = np.empty(size, np.int32), np.empty(size, np.int32)
    n = 0
    for i in range(labels.size):
        for offset in touching:
            j = grid[position[i] + offset]
            if offset > 0 and j >= 0 and labels[j] != labels[i]:
                one[n], other[n] = i, j
                n += 1
    return one, other


@jit
def distances(labels: Array, vectors: Array, means: Array) -> Array:
    """Return the distance of each block from the mean of its superpixel."""
    away = np.empty(labels.size, np.float32)
    for i in range(labels.size):
        away[i] = np.sqrt(rows_squared(vectors, i, means, labels[i]))
    return away


@jit
def means_around(
    at: Array,
    labels: Array,
    position: Array,
    grid: Array,
    vectors: Array,
    weight: Array,
    window: Array,
    cosine: bool,
) -> Array:
    """Return the mean of the blocks around some blocks, of their own superpixel alone.

    ``grid`` is not raveled here; ``window`` is how many blocks along Z, Y, X are looked at.
    """
    local = np.empty((at.size, vectors.shape[1]), np.float32)
    total = np.empty(vectors.shape[1], np.float32)
    for n in range(at.size):
        mass = _sum_around(at[n], labels, position[at[n]], grid, vectors, weight, window, total)
        set_mean(total, mass, cosine, local[n])
    return local


@jit
def _sum_around(
    i: int,
    labels: Array,
    place: int,
    grid: Array,
    vectors: Array,
    weight: Array,
    window: Array,
    total: Array,
) -> np.float32:
    """Sum the vectors of a block's superpixel in a window around it; return their weight."""
    depth, height, width = grid.shape
    z, y, x = place // (height * width), place // width % height, place % width
    total[:] = 0
    mass = np.float32(0)
    for c in range(max(z - window[0], 0), min(z + window[0] + 1, depth)):
        for b in range(max(y - window[1], 0), min(y + window[1] + 1, height)):
            for a in range(max(x - window[2], 0), min(x + window[2] + 1, width)):
                j = grid[c, b, a]
                if j >= 0 and labels[j] == labels[i]:
                    mass += weight[j]
                    for k in range(total.size):
                        total[k] += vectors[j, k] * weight[j]
    return mass


@jit
def region_peaks(labels: Array, values: Array, count: int) -> Array:
    """Return the highest value in each superpixel."""
    peak = np.zeros(count, np.float32)
    for i in range(labels.size):
        peak[labels[i]] = max(peak[labels[i]], values[i])
    return peak
