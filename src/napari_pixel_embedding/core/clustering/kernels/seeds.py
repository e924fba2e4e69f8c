"""Compiled loops that find seeds in the distance map and grow superpixels from them.

``grid`` is the raveled padded grid of block numbers (-1 background, -2 outside the image),
``position`` the index of each block in it, ``touching``, ``near`` and ``faces`` offsets to
neighbours.
"""

from __future__ import annotations

import numpy as np

from napari_pixel_embedding.core.clustering.kernels.distance import Array, Real, set_mean, squared
from napari_pixel_embedding.core.clustering.kernels.jit import jit


@jit
def smooth(position: Array, grid: Array, values: Array, near: Array) -> Array:
    """Return the mean of each block's value and its neighbours'; background counts as zero."""
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
def climb(
    values: Array, position: Array, grid: Array, touching: Array
) -> tuple[Array, Array, Array]:
    """Assign each block to a maximum of ``values`` by steepest ascent.

    Returns the block of each one's maximum, the pairs of maxima whose basins touch, once for each
    contact, and the lower value at each contact.
    """
    top = np.empty(position.size, np.int32)
    for i in range(position.size):
        best = i
        for offset in touching:
            j = grid[position[i] + offset]
            if j >= 0 and (values[j] > values[best] or (values[j] == values[best] and j < best)):
                best = j
        top[i] = best
    for i in range(position.size):
        top[i] = _root(top, i)
    size = 0
    for i in range(position.size):
        for offset in touching:
            j = grid[position[i] + offset]
            size += j > i and top[j] != top[i]
    pairs, saddle = np.empty((size, 2), np.int32), np.empty(size, np.float32)
    n = 0
    for i in range(position.size):
        for offset in touching:
            j = grid[position[i] + offset]
            if j > i and top[j] != top[i]:
                pairs[n, 0], pairs[n, 1] = top[i], top[j]
                saddle[n] = min(values[i], values[j])
                n += 1
    return top, pairs, saddle


@jit
def choose_seeds(
    top: Array, values: Array, pairs: Array, saddle: Array, floor: Real, softness: Real
) -> tuple[Array, Array]:
    """Keep the maxima that a valley of relative depth above ``floor`` separates from others.

    Merges basins from the highest contact down, as the pairs are ordered; where two meet, the
    lower peak is a seed if the contact lies deep enough below it, and else joins the other.

    Returns the seeds, and for each block the number of its seed or -1.
    """
    flood, owner = top.copy(), top.copy()
    seed = np.zeros(top.size, np.bool_)
    for n in range(saddle.size):
        near, far = pairs[n]
        high, low = _root(flood, near), _root(flood, far)
        if high == low:
            continue
        if values[low] > values[high]:
            high, low, near = low, high, far
        flood[low] = high
        if values[low] - saddle[n] > floor * (values[low] + softness):
            seed[low] = True
        else:
            owner[low] = near
    for i in range(top.size):
        seed[i] |= flood[i] == i and values[i] > 0
    seeds = np.flatnonzero(seed)
    number = np.full(top.size, -1, np.int32)
    for r in range(seeds.size):
        number[seeds[r]] = r
    basin = np.empty(top.size, np.int32)
    for i in range(top.size):
        basin[i] = number[_root(owner, i)]
    return seeds, basin


@jit
def _root(parent: Array, i: int) -> int:
    while parent[i] != i:
        parent[i] = parent[parent[i]]
        i = parent[i]
    return i


@jit
def grow_seeds(
    seeds: Array,
    basin: Array,
    values: Array,
    core: Real,
    position: Array,
    grid: Array,
    vectors: Array,
    weight: Array,
    faces: Array,
    radius: Real,
    cosine: bool,
    labels: Array,
) -> None:
    """Grow superpixels from seeds, the block nearest to the superpixel's running mean first.

    A superpixel starts with the blocks of its basin that have at least the share ``core`` of the
    seed's value. Writes superpixel numbers into ``labels`` where they are negative; blocks beyond
    ``radius`` stay unlabelled.
    """
    total, mass, mean = _plant(seeds, basin, values, core, vectors, weight, radius, cosine, labels)
    # A bucket queue: linked lists of items, first in first out, by rounded key; items are reused.
    buckets = 512
    scale = (buckets - 1) / (radius + 1e-30)
    head, tail = np.full(buckets, -1, np.int32), np.full(buckets, -1, np.int32)
    pool = position.size * faces.size
    items = np.empty((pool, 3), np.int32)  # block, region, next item
    grown = np.zeros(seeds.size, np.int32)
    best = np.full(position.size, np.inf, np.float32)
    used, spare, lowest = 0, -1, 0
    planted = np.flatnonzero(labels >= 0)
    start = 0
    while start < planted.size or lowest < buckets:
        if start < planted.size:
            i = planted[start]
            r = labels[i]
            start += 1
        else:
            item = head[lowest]
            if item < 0:
                lowest += 1
                continue
            i, r, head[lowest] = items[item, 0], items[item, 1], items[item, 2]
            items[item, 2], spare = spare, item
            if labels[i] >= 0:
                continue
            labels[i] = r
            grown[r] += 1
            mass[r] += weight[i]
            for k in range(total.shape[1]):
                total[r, k] += vectors[i, k] * weight[i]
            if grown[r] < 4 or grown[r] % 16 == 0:
                set_mean(total[r], mass[r], cosine, mean[r])
        for offset in faces:
            j = grid[position[i] + offset]
            if j < 0 or labels[j] >= 0:
                continue
            away = np.sqrt(squared(vectors[j], mean[r]))
            if away > radius or away >= best[j]:
                continue
            best[j] = away
            item = spare
            if item < 0:
                item, used = used, used + 1
            else:
                spare = items[item, 2]
            items[item, 0], items[item, 1], items[item, 2] = j, r, -1
            bucket = int(away * scale)
            _append(item, bucket, head, tail, items)
            lowest = min(lowest, bucket)


@jit
def _plant(
    seeds: Array,
    basin: Array,
    values: Array,
    core: Real,
    vectors: Array,
    weight: Array,
    radius: Real,
    cosine: bool,
    labels: Array,
) -> tuple[Array, Array, Array]:
    """Label the cores; return the sum, weight and mean of each."""
    total = np.zeros((seeds.size, vectors.shape[1]), np.float32)
    mass = np.zeros(seeds.size, np.float32)
    mean = np.zeros((seeds.size, vectors.shape[1]), np.float32)
    for i in range(labels.size):
        r = basin[i]
        if r >= 0 and values[i] >= core * values[seeds[r]]:
            mass[r] += weight[i]
            for k in range(vectors.shape[1]):
                total[r, k] += vectors[i, k] * weight[i]
    for r in range(seeds.size):
        set_mean(total[r], mass[r], cosine, mean[r])
        labels[seeds[r]] = r
    for i in range(labels.size):
        r = basin[i]
        if r >= 0 and values[i] >= core * values[seeds[r]]:
            if squared(vectors[i], mean[r]) <= radius * radius:
                labels[i] = r
    return total, mass, mean


@jit
def _append(item: int, bucket: int, head: Array, tail: Array, items: Array) -> None:
    if head[bucket] < 0:
        head[bucket] = item
    else:
        items[tail[bucket], 2] = item
    tail[bucket] = item
