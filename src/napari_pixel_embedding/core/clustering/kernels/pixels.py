"""Compiled loops over pixels, as (Z, Y, X) volumes; an image has one plane."""

from __future__ import annotations

import numpy as np

from napari_pixel_embedding.core.clustering.kernels.distance import Array, Real, set_mean, squared
from napari_pixel_embedding.core.clustering.kernels.jit import jit

STRIP = 64  # pixels of a row that are read together, so that their blocks stay in the cache


@jit
def read_levels(
    embedding: Array, foreground: Array, weak: Real, confident: Real, cosine: bool
) -> tuple[Array, Array]:
    """Return the level of each pixel, and the factor that normalises its vector."""
    depth, height, width = foreground.shape
    level = np.zeros((depth, height, width), np.uint8)
    inverse = np.ones((depth, height, width), np.float32)
    norm = np.empty(width, np.float32)
    for z in range(depth):
        for y in range(height):
            norm[:] = 0.0
            for e in range(embedding.shape[0]):
                row = embedding[e, z, y]
                for x in range(width):
                    norm[x] += row[x] * row[x]
            for x in range(width):
                if not (np.isfinite(norm[x]) and np.isfinite(foreground[z, y, x])):
                    continue
                if cosine:
                    if norm[x] < 1e-24:
                        continue
                    inverse[z, y, x] = 1.0 / np.sqrt(norm[x])
                value = foreground[z, y, x]
                level[z, y, x] = np.uint8(value > weak) + np.uint8(value > confident)
    return level, inverse


@jit
def average(
    embedding: Array,
    inverse: Array,
    level: Array,
    wanted: int,
    distance: Array,
    grid: Array,
    step: tuple[int, int, int],
    count: int,
    cosine: bool,
) -> tuple[Array, Array, Array, Array]:
    """Return the mean vector, number of pixels, variance and mean distance of each block."""
    channels, depth, height, width = embedding.shape
    vectors = np.zeros((count, channels), np.float32)
    squares = np.zeros(count, np.float64)
    weight = np.zeros(count, np.float32)
    distances = np.zeros(count, np.float32)
    single = step[0] * step[1] * step[2] == 1
    columns, block = np.empty(STRIP, np.int32), np.empty(STRIP, np.int32)
    value, scale = np.empty(STRIP, np.float32), np.empty(STRIP, np.float32)
    norm = np.empty(STRIP, np.float64)
    for z in range(depth):
        for y in range(height):
            blocks = grid[z // step[0], y // step[1]]
            for left in range(0, width, STRIP):
                size = 0
                for x in range(left, min(left + STRIP, width)):
                    if level[z, y, x] == wanted:
                        b = blocks[x // step[2]]
                        columns[size], block[size] = x, b
                        scale[size], norm[size] = inverse[z, y, x], 0.0
                        size += 1
                        weight[b] += 1
                        if distance.size > 0:
                            distances[b] += distance[z, y, x]
                if single:  # a block is its pixel
                    for e in range(channels):
                        row = embedding[e, z, y]
                        for n in range(size):
                            vectors[block[n], e] = row[columns[n]] * scale[n]
                    continue
                for e in range(channels):
                    row = embedding[e, z, y]
                    for n in range(size):
                        value[n] = row[columns[n]] * scale[n]
                        norm[n] += np.float64(value[n]) * value[n]
                    for n in range(size):
                        vectors[block[n], e] += value[n]
                for n in range(size):
                    squares[block[n]] += norm[n]
    variance = np.zeros(count, np.float32)
    if single and not cosine:
        return vectors, weight, variance, distances
    total = np.empty(channels, np.float32)
    for b in range(count):
        total[:] = vectors[b]
        distances[b] /= weight[b]
        if not single:
            spread = squares[b] / weight[b]
            for e in range(channels):
                middle = np.float64(total[e]) / weight[b]
                spread -= middle * middle
            variance[b] = max(spread, 0.0)
        set_mean(total, weight[b], cosine, vectors[b])
    return vectors, weight, variance, distances


@jit
def run_lengths(embedding: Array, inverse: Array, level: Array, jump: Real, rows: int) -> Array:
    """Return the lengths of runs of one object along about ``rows`` rows."""
    channels, depth, height, width = embedding.shape
    lengths = np.zeros(depth * height * width // 2 + width, np.int64)
    stride = max(1, depth * height // rows)
    count = 0
    for row in range(stride // 2, depth * height, stride):
        z, y = row // height, row % height
        run = 0
        for x in range(width):
            inside = bool(level[z, y, x] == 2)
            far = False
            if inside and run > 1:
                total = np.float32(0.0)
                for e in range(channels):
                    here = embedding[e, z, y, x] * inverse[z, y, x]
                    there = embedding[e, z, y, x - 2] * inverse[z, y, x - 2]
                    total += (here - there) * (here - there)
                far = bool(total > jump * jump)
            if run > 0 and (far or not inside):
                lengths[count] = run
                count += 1
                run = 0
            if inside:
                run += 1
        if run > 0:
            lengths[count] = run
            count += 1
    return lengths[:count]


@jit
def paint(
    embedding: Array,
    inverse: Array,
    level: Array,
    wanted: int,
    inner: Array,
    step: tuple[int, int, int],
    labels: Array,
    position: Array,
    grid: Array,
    means: Array,
    touching: Array,
    base: Array,
) -> None:
    """Write the number of each pixel's superpixel plus one into ``base``.

    Where blocks are wider than a pixel, each pixel of a block at a border takes the superpixel
    around it with the nearest mean.
    """
    depth, height, width = level.shape
    vector = np.empty(means.shape[1], np.float32)
    mixed = np.zeros(labels.size, np.bool_)
    if step[0] * step[1] * step[2] > 1:
        for b in range(labels.size):
            mixed[b] = _mixed(b, labels, position, grid, touching)
    for z in range(depth):
        for y in range(height):
            blocks = inner[z // step[0], y // step[1]]
            for x in range(width):
                if level[z, y, x] != wanted:
                    continue
                b = blocks[x // step[2]]
                base[z, y, x] = labels[b] + 1
                if not mixed[b]:
                    continue
                for e in range(vector.size):
                    vector[e] = embedding[e, z, y, x] * inverse[z, y, x]
                nearest = squared(vector, means[labels[b]])
                for offset in touching:
                    j = grid[position[b] + offset]
                    if j >= 0 and labels[j] != base[z, y, x] - 1:
                        away = squared(vector, means[labels[j]])
                        if away < nearest:
                            nearest = away
                            base[z, y, x] = labels[j] + 1


@jit
def _mixed(b: int, labels: Array, position: Array, grid: Array, touching: Array) -> bool:
    for offset in touching:
        j = grid[position[b] + offset]
        if j >= 0 and labels[j] != labels[b]:
            return True
    return False


@jit
def dilate_labels(level: Array, base: Array) -> None:
    """Grow labels over the weak pixels that touch them, evenly in all directions."""
    depth, height, width = level.shape
    flat_level, flat_base = level.ravel(), base.ravel()
    queue = np.flatnonzero(flat_base)
    size, head = queue.size, 0
    queue = np.append(queue, np.empty(np.count_nonzero(flat_level == 1), np.int64))
    while head < size:
        i = queue[head]
        head += 1
        z, y, x = i // (width * height), i // width % height, i % width
        for axis in range(6):
            side = 1 if axis % 2 else -1
            zz = z + (side if axis // 2 == 0 else 0)
            yy = y + (side if axis // 2 == 1 else 0)
            xx = x + (side if axis // 2 == 2 else 0)
            if not (0 <= zz < depth and 0 <= yy < height and 0 <= xx < width):
                continue
            j = (zz * height + yy) * width + xx
            if flat_level[j] == 1 and flat_base[j] == 0:
                flat_base[j] = flat_base[i]
                queue[size] = j
                size += 1


@jit
def sizes_above(base: Array, foreground: Array, threshold: Real, regions: int) -> Array:
    """Count the pixels of each superpixel whose foreground is above the threshold."""
    sizes = np.zeros(regions + 1, np.int64)
    for i in range(base.size):
        if foreground[i] > threshold:
            sizes[base[i]] += 1
    return sizes[1:]


@jit
def relabel(base: Array, foreground: Array, threshold: Real, lut: Array, out: Array) -> None:
    """Write ``lut[base]`` where the foreground is above the threshold, and 0 elsewhere."""
    for i in range(base.size):
        out[i] = lut[base[i]] if foreground[i] > threshold else 0
