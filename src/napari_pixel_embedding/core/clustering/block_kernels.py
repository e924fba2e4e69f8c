"""Compiled loops over blocks. What they mean is said by the modules that call them.

``grid`` is the raveled padded grid of block numbers (-1 background, -2 outside the image),
``position`` the place of each block in it, ``touching`` and ``near`` offsets to neighbours.
"""

from __future__ import annotations

import numpy as np

from napari_pixel_embedding.core.clustering.jit import jit
from napari_pixel_embedding.core.clustering.metric import Array, Real, set_mean, squared


@jit
def flatness(position: Array, grid: Array, vectors: Array, variance: Array, near: Array) -> Array:
    """Mean of a block's variance and its squared distances to its neighbours."""
    result = np.empty(position.size, np.float32)
    for i in range(position.size):
        total, count = variance[i], 1
        for offset in near:
            j = grid[position[i] + offset]
            if j >= 0:
                total += squared(vectors[i], vectors[j])
                count += 1
        result[i] = total / count
    return result


@jit
def smooth(position: Array, grid: Array, values: Array, near: Array) -> Array:
    """Mean of a block's value and its neighbours'; background counts as zero."""
    result = np.empty(position.size, np.float32)
    for i in range(position.size):
        total, count = values[i], 1
        for offset in near:
            j = grid[position[i] + offset]
            if j >= 0:
                total += values[j]
            if j != -2:
                count += 1
        result[i] = total / count
    return result


@jit
def find_seeds(
    order: Array,
    values: Array,
    position: Array,
    grid: Array,
    touching: Array,
    floor: Real,
    softness: Real,
) -> Array:
    """Blocks that are maxima of ``values`` with a valley deeper than ``floor`` around them.

    Floods from the highest block down; where two floods meet, the lower peak is a seed if the
    meeting point lies deep enough below it. ``order`` is by decreasing value.
    """
    count = position.size
    parent = np.full(count, -1, np.int32)
    seed = np.zeros(count, np.bool_)
    for i in order:
        parent[i] = i
        high = i
        for offset in touching:
            j = grid[position[i] + offset]
            if j < 0 or parent[j] < 0 or parent[j] == high:
                continue
            low = _root(parent, j)
            if low == high:
                continue
            if values[low] > values[high]:
                high, low = low, high
            if values[low] - values[i] > floor * (values[low] + softness):
                seed[low] = True
            parent[low] = high
    for i in range(count):
        if parent[i] == i and values[i] > 0:
            seed[i] = True
    return seed


@jit
def _root(parent: Array, i: int) -> int:
    while parent[i] != i:
        parent[i] = parent[parent[i]]
        i = parent[i]
    return i


@jit
def grow_seeds(
    seeds: Array,
    position: Array,
    grid: Array,
    vectors: Array,
    weight: Array,
    delay: Array,
    faces: Array,
    radius: Real,
    cosine: bool,
    labels: Array,
) -> None:
    """Grow regions from seeds, the block nearest to its region's running mean first.

    Writes region numbers into ``labels`` where they are negative. A block waits ``delay`` longer
    than its distance says; blocks beyond ``radius`` stay free.
    """
    levels = 512
    scale = levels / (radius + delay.max() + 1e-30)
    head, tail = np.full(levels, -1, np.int32), np.full(levels, -1, np.int32)
    pool = seeds.size + position.size * faces.size
    block, region = np.empty(pool, np.int32), np.empty(pool, np.int32)
    after = np.empty(pool, np.int32)
    total = np.zeros((seeds.size, vectors.shape[1]), np.float32)
    mass = np.zeros(seeds.size, np.float32)
    mean = np.zeros((seeds.size, vectors.shape[1]), np.float32)
    best = np.full(position.size, np.inf, np.float32)
    used, lowest = 0, 0
    for r in range(seeds.size):
        i = seeds[r]
        total[r] += vectors[i] * weight[i]
        mass[r] += weight[i]
        for offset in faces:
            j = grid[position[i] + offset]
            if j >= 0:
                total[r] += vectors[j] * weight[j]
                mass[r] += weight[j]
        set_mean(total[r], mass[r], cosine, mean[r])
        total[r] = mean[r] * mass[r]
        block[used], region[used] = i, r
        _append(used, 0, head, tail, after)
        used += 1
    while lowest < levels:
        item = head[lowest]
        if item < 0:
            lowest += 1
            continue
        head[lowest] = after[item]
        i, r = block[item], region[item]
        if labels[i] >= 0:
            continue
        if i != seeds[r]:
            key = np.sqrt(squared(vectors[i], mean[r])) + delay[i]
            bucket = int(key * scale)
            if bucket > lowest + 1:
                if bucket < levels:
                    _append(item, bucket, head, tail, after)
                continue
        labels[i] = r
        mass[r] += weight[i]
        for k in range(total.shape[1]):
            total[r, k] += vectors[i, k] * weight[i]
        set_mean(total[r], mass[r], cosine, mean[r])
        for offset in faces:
            j = grid[position[i] + offset]
            if j < 0 or labels[j] >= 0:
                continue
            away = np.sqrt(squared(vectors[j], mean[r]))
            key = away + delay[j]
            if away > radius or key >= best[j]:
                continue
            best[j] = key
            block[used], region[used] = j, r
            bucket = min(int(key * scale), levels - 1)
            _append(used, bucket, head, tail, after)
            lowest = min(lowest, bucket)
            used += 1


@jit
def _append(item: int, bucket: int, head: Array, tail: Array, after: Array) -> None:
    after[item] = -1
    if head[bucket] < 0:
        head[bucket] = item
    else:
        after[tail[bucket]] = item
    tail[bucket] = item


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
    """Cluster the free blocks by connected greedy mean shift; give the new number of regions.

    A set is kept if it has ``smallest`` blocks, ``cores`` of them with all their neighbours in it.
    The blocks of a set that is not kept are no seeds any more: otherwise a long sliver would be
    walked once for each of its blocks. The mean is first found on the 64 blocks nearest to the
    seed, so that the whole set is walked once or twice only.
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
            if squared(vectors[j], mean) <= radius * radius:
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
        mass += weight[i]
        for k in range(total.size):
            total[k] += weight[i] * vectors[i, k]
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
    """Give free blocks the nearest mode among their labelled neighbours, ring by ring."""
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
                    away = squared(vectors[i], means[labels[j]])
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
    """Mean vector and number of pixels of each region."""
    total = np.zeros((count, vectors.shape[1]), np.float32)
    mass = np.zeros(count, np.float32)
    for i in range(labels.size):
        if labels[i] >= 0:
            mass[labels[i]] += weight[i]
            for k in range(vectors.shape[1]):
                total[labels[i], k] += weight[i] * vectors[i, k]
    for r in range(count):
        set_mean(total[r].copy(), mass[r], cosine, total[r])
    return total, mass


@jit
def contacts(
    labels: Array,
    position: Array,
    grid: Array,
    vectors: Array,
    means: Array,
    values: Array,
    touching: Array,
) -> tuple[Array, Array, Array]:
    """Every contact of two regions: pair number, embedding saddle, height of the valley."""
    away = np.empty(labels.size, np.float32)
    for i in range(labels.size):
        away[i] = np.sqrt(squared(vectors[i], means[labels[i]]))
    size = 0
    for i in range(labels.size):
        for offset in touching:
            j = grid[position[i] + offset]
            size += offset > 0 and j >= 0 and labels[j] != labels[i]
    pair = np.empty(size, np.int64)
    saddle, valley = np.empty(size, np.float32), np.empty(size, np.float32)
    n = 0
    for i in range(labels.size):
        for offset in touching:
            j = grid[position[i] + offset]
            if offset > 0 and j >= 0 and labels[j] != labels[i]:
                a, b = min(labels[i], labels[j]), max(labels[i], labels[j])
                pair[n] = np.int64(a) * means.shape[0] + b
                saddle[n] = max(away[i], away[j])
                valley[n] = min(values[i], values[j])
                n += 1
    return pair, saddle, valley
