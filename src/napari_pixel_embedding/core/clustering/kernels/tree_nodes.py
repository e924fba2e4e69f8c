"""Compiled loops over the nodes of a merge tree.

Nodes are the R superpixels, then one for each of the M merges in their order: so a parent's number
is larger than its children's. ``parent`` is -1 for a root; ``merged`` is true for the merges that
are done. Where a merge is not done, none above it is.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from napari_pixel_embedding.core.clustering.kernels.jit import jit

if TYPE_CHECKING:
    from napari_pixel_embedding.core.clustering.kernels.distance import Array, Real


@jit
def make_nodes(absorbed: Array, into: Array, weight: Array) -> tuple[Array, Array]:
    """Return the parent of each node, and the heaviest superpixel in it (of equals the first)."""
    regions = weight.size
    parent = np.full(regions + absorbed.size, -1, np.int32)
    heaviest = np.arange(regions + absorbed.size).astype(np.int32)
    top = heaviest[:regions].copy()
    for k in range(absorbed.size):
        a, b = top[into[k]], top[absorbed[k]]
        parent[a] = parent[b] = top[into[k]] = regions + k
        a, b = heaviest[a], heaviest[b]
        if weight[b] > weight[a] or (weight[b] == weight[a] and b < a):
            a = b
        heaviest[regions + k] = a
    return parent, heaviest


@jit
def add_up(parent: Array, sizes: Array) -> Array:
    """Return the size of each node from the sizes of the superpixels."""
    total = np.zeros(parent.size, np.int64)
    total[: sizes.size] = sizes
    for n in range(parent.size):
        if parent[n] >= 0:
            total[parent[n]] += total[n]
    return total


@jit
def find_objects(parent: Array, merged: Array) -> Array:
    """Return the node of the object that each node lies in."""
    regions = parent.size - merged.size
    found = np.arange(parent.size)
    for n in range(parent.size - 1, -1, -1):
        if parent[n] >= 0 and merged[parent[n] - regions]:
            found[n] = found[parent[n]]
    return found


@jit
def set_apart(parent: Array, heights: Array, region: int, radius: Real, merged: Array) -> None:
    """Change ``merged`` so that the object of a superpixel is what it is at ``radius``.

    All merges inside the object are done, and none with others.
    """
    regions = parent.size - merged.size
    node = region
    while parent[node] >= 0 and heights[parent[node] - regions] <= radius:
        node = parent[node]
    inside = np.zeros(node + 1, np.bool_)
    inside[node] = True
    for n in range(node, regions - 1, -1):
        inside[n] |= 0 <= parent[n] <= node and inside[min(parent[n], node)]
        merged[n - regions] |= inside[n]
    while parent[node] >= 0:
        node = parent[node]
        merged[node - regions] = False


@jit
def path_up(parent: Array, node: int) -> Array:
    """Return the nodes from one up to the root of its tree."""
    path = [node]
    while parent[path[-1]] >= 0:
        path.append(parent[path[-1]])
    return np.array(path)


@jit
def meeting(parent: Array, first: int, second: int) -> int:
    """Return the lowest common ancestor of two nodes, -1 when there is none."""
    while first != second:
        if first > second:  # a parent's number is larger than its children's
            first, second = second, first
        first = parent[first]
        if first < 0:
            return -1
    return first


@jit
def object_heights(
    parent: Array, heights: Array, sizes: Array, smallest: int
) -> tuple[Array, Array]:
    """Return the radius below which each node splits, and that from which it merges.

    Parts of fewer than ``smallest`` pixels are not objects: to lose or absorb one does not count.
    A node that never splits has 0, one that never merges infinity.
    """
    regions = parent.size - heights.size
    split = np.zeros(parent.size, np.float32)
    merge = np.full(parent.size, np.inf, np.float32)
    large = np.zeros(parent.size, np.int64)
    for n in range(parent.size):
        if n >= regions and large[n] > 1:
            split[n] = heights[n - regions]
        up = parent[n]
        if up >= 0:
            large[up] += sizes[n] >= smallest
            split[up] = max(split[up], split[n])
    for n in range(parent.size - 1, -1, -1):
        up = parent[n]
        if up >= 0:
            alone = large[up] - (sizes[n] >= smallest) == 0
            merge[n] = merge[up] if alone else heights[up - regions]
    return split, merge


@jit
def run_ends(counts: Array, tolerance: float) -> Array:
    """Return, for each count, the next index at which the count differs by more than a share."""
    ends = np.empty(counts.size, np.int64)
    for i in range(counts.size):
        j = i + 1
        while j < counts.size and abs(counts[j] - counts[i]) <= tolerance * counts[i]:
            j += 1
        ends[i] = j
    return ends
