"""Compiled loops that find seeds in the distance map and grow regions from them.

``grid`` is the raveled padded grid of block numbers (-1 background, -2 outside the image),
``position`` the place of each block in it, ``touching``, ``near`` and ``faces`` offsets to
neighbours.
"""

from __future__ import annotations

import numpy as np

from napari_pixel_embedding.core.clustering.jit import jit
from napari_pixel_embedding.core.clustering.metric import Array, Real, set_mean, squared


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
    # A bucket queue: chains of items, first in first out, by rounded key; used items are reused.
    buckets = 512
    scale = (buckets - 1) / (radius + delay.max() + 1e-30)
    head, tail = np.full(buckets, -1, np.int32), np.full(buckets, -1, np.int32)
    pool = seeds.size + position.size * faces.size
    block, region = np.empty(pool, np.int32), np.empty(pool, np.int32)
    after = np.empty(pool, np.int32)
    total, mass, mean = _seed_means(seeds, position, grid, vectors, weight, faces, cosine)
    grown = np.zeros(seeds.size, np.int32)
    best = np.full(position.size, np.inf, np.float32)
    for r in range(seeds.size):
        block[r], region[r] = seeds[r], r
        _append(r, 0, head, tail, after)
    used, spare, lowest = seeds.size, -1, 0
    while lowest < buckets:
        item = head[lowest]
        if item < 0:
            lowest += 1
            continue
        head[lowest] = after[item]
        i, r = block[item], region[item]
        if labels[i] < 0 and 0 < grown[r] < 64:  # a young mean has moved since: look again
            key = np.sqrt(squared(vectors[i], mean[r])) + delay[i]
            bucket = min(int(key * scale), buckets - 1)
            if bucket > lowest + 1:
                _append(item, bucket, head, tail, after)
                continue
        after[item], spare = spare, item
        if labels[i] >= 0:
            continue
        labels[i] = r
        grown[r] += 1
        mass[r] += weight[i]
        for k in range(total.shape[1]):
            total[r, k] += vectors[i, k] * weight[i]
        if grown[r] < 64 or grown[r] % 16 == 0:
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
            item = spare
            if item < 0:
                item, used = used, used + 1
            else:
                spare = after[item]
            block[item], region[item] = j, r
            bucket = int(key * scale)
            _append(item, bucket, head, tail, after)
            lowest = min(lowest, bucket)


@jit
def _seed_means(
    seeds: Array,
    position: Array,
    grid: Array,
    vectors: Array,
    weight: Array,
    faces: Array,
    cosine: bool,
) -> tuple[Array, Array, Array]:
    """Sum, weight and mean of each seed and its neighbours."""
    total = np.zeros((seeds.size, vectors.shape[1]), np.float32)
    mass = np.zeros(seeds.size, np.float32)
    mean = np.zeros((seeds.size, vectors.shape[1]), np.float32)
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
    return total, mass, mean


@jit
def _append(item: int, bucket: int, head: Array, tail: Array, after: Array) -> None:
    after[item] = -1
    if head[bucket] < 0:
        head[bucket] = item
    else:
        after[tail[bucket]] = item
    tail[bucket] = item
