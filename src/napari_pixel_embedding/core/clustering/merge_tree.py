"""The merge tree: the order in which superpixels merge as the bandwidth grows."""

from __future__ import annotations

from dataclasses import dataclass
from heapq import heapify, heappop, heappush
from typing import TYPE_CHECKING

import numpy as np

from napari_pixel_embedding.core.clustering.kernels.distance import Array, Real, set_mean, squared
from napari_pixel_embedding.core.clustering.kernels.jit import jit
from napari_pixel_embedding.core.clustering.kernels.tree_nodes import make_nodes

if TYPE_CHECKING:
    from numpy.typing import NDArray


@dataclass(frozen=True, eq=False)
class Regions:
    """The superpixels, which a cut can join but never split, and their contacts.

    Parameters
    ----------
    means : array of float32, shape (R, E)
        Mean vectors.
    weight : array of float32, shape (R,)
        Number of pixels.
    peak : array of float32, shape (R,)
        Highest value of the distance map in the superpixel.
    edges : array of int32, shape (M, 2)
        Touching superpixels, the smaller number first.
    saddle : array of float32, shape (M,)
        Each contact has two blocks, and the larger of their distances from their own means:
        the minimum of this over the contacts of an edge.
    valley : array of float32, shape (M,)
        The lower value of the distance map at the two blocks: its maximum over the contacts.
    near : array of float32, shape (M,), optional
        Where vectors drift along an object: distance of the vectors on the two sides of an edge,
        the mean over its contacts.
    contacts : array of float32, shape (M,), optional
        Number of contacts of each edge, wherever ``near`` is given.
    """

    means: NDArray[np.float32]
    weight: NDArray[np.float32]
    peak: NDArray[np.float32]
    edges: NDArray[np.int32]
    saddle: NDArray[np.float32]
    valley: NDArray[np.float32]
    near: NDArray[np.float32] | None = None
    contacts: NDArray[np.float32] | None = None

    @property
    def count(self) -> int:
        """Number of superpixels."""
        return self.weight.size


@dataclass(frozen=True, eq=False)
class Tree:
    """M merges of R superpixels, in the order of the radius at which they happen.

    Parameters
    ----------
    heights : array of float32, shape (M,)
        Radius of each merge, never decreasing: so the cuts are nested.
    parent : array of int32, shape (R + M,)
        Parent of each node, -1 for a root. Nodes are the R superpixels, then the M merges.
    heaviest : array of int32, shape (R + M,)
        Superpixel with the most pixels in each node.
    """

    heights: NDArray[np.float32]
    parent: NDArray[np.int32]
    heaviest: NDArray[np.int32]

    @property
    def regions(self) -> int:
        """Number of superpixels."""
        return self.parent.size - self.heights.size

    def node_heights(self) -> NDArray[np.float32]:
        """Return the radius from which each node exists: 0 for a superpixel."""
        return np.concatenate([np.zeros(self.regions, np.float32), self.heights])

    def parent_heights(self) -> NDArray[np.float32]:
        """Return the radius from which each node is part of its parent; infinity for a root."""
        heights = np.append(self.node_heights(), np.float32(np.inf))
        return heights[self.parent]


def link(regions: Regions, r_max: Real, cosine: bool, valleys: NDArray[np.float32]) -> Tree:
    """Merge touching superpixels, the lowest edge first, up to radius ``r_max``.

    Two clusters are as far apart as their means. Where vectors drift along an object, as those of
    a model with a ``pull_window`` do, the means of a long object's parts lie far apart: then it is
    the mean of ``regions.near`` over all contacts between them (average linkage).

    Parameters
    ----------
    regions : Regions
        Superpixels and their edges.
    r_max : Real
        Radius at which to stop: a full tree takes quadratic time and is never cut above this.
    cosine : bool
        Whether means are unit vectors.
    valleys : array of float32, shape (5,)
        Seed threshold, softness, hold, and the veto's slope and limit in embedding units;
        a threshold of 0 stands for no distance map.

    Returns
    -------
    Tree
        The merges.
    """
    heights, absorbed, into = _link(
        regions.means,
        regions.weight,
        regions.peak,
        regions.edges,
        regions.saddle,
        regions.valley,
        np.float32(r_max),
        cosine,
        valleys,
        np.empty(0, np.float32) if regions.near is None else regions.near,
        np.empty(0, np.float32) if regions.contacts is None else regions.contacts,
    )
    parent, heaviest = make_nodes(absorbed, into, regions.weight)
    return Tree(np.maximum.accumulate(heights), parent, heaviest)


@jit
def _height(
    a: int, b: int, near: Real, saddle: Real, valley: Real, peak: Array, valleys: Array
) -> np.float32:
    """Return the radius at which two touching clusters merge.

    The larger of their distance ``near`` and their saddle; less where no valley of the distance
    map separates them, more where one does.
    """
    apart = max(near, saddle)
    threshold, softness, hold, slope, limit = valleys
    if threshold == 0:
        return np.float32(apart)
    low = min(peak[a], peak[b])
    depth = max(low - valley, 0.0) / (low + softness) / threshold
    if depth < 1:
        return np.float32(apart * (hold + (1 - hold) * depth))
    return np.float32(apart + min(slope * (depth - 1), limit))


@jit
def _link(
    region_means: Array,
    region_weight: Array,
    region_peak: Array,
    region_edges: Array,
    region_saddle: Array,
    region_valley: Array,
    r_max: Real,
    cosine: bool,
    valleys: Array,
    region_near: Array,
    region_contacts: Array,
) -> tuple[Array, Array, Array]:
    means, weight, peak = region_means.copy(), region_weight.copy(), region_peak.copy()
    ends, saddle, valley = region_edges.copy(), region_saddle.copy(), region_valley.copy()
    count, size = weight.size, ends.shape[0]
    near = np.empty(size, np.float32)
    drifts = region_near.size > 0
    span = region_contacts.copy() if drifts else np.ones(size, np.float32)
    # Each superpixel has a linked list of edge sides: side 2 * e + k is end k of edge e.
    first = np.full(count, -1, np.int32)
    after = np.full(2 * size, -1, np.int32)
    version = np.zeros(size, np.int64)  # negative: the edge is gone
    heap = [(np.float32(0.0), 0, 0)][:0]
    for e in range(size):
        for k in range(2):
            after[2 * e + k] = first[ends[e, k]]
            first[ends[e, k]] = 2 * e + k
        if drifts:
            near[e] = region_near[e]
        else:
            near[e] = np.sqrt(squared(means[ends[e, 0]], means[ends[e, 1]]))
        height = _height(ends[e, 0], ends[e, 1], near[e], saddle[e], valley[e], peak, valleys)
        if height <= r_max:
            heap.append((height, e, 0))
    heapify(heap)
    heights = np.empty(count, np.float32)
    absorbed, into = np.empty(count, np.int32), np.empty(count, np.int32)
    mark = np.full(count, -1, np.int32)
    total = np.empty(means.shape[1], np.float32)
    merges = 0
    while len(heap) > 0:
        height, e, seen = heappop(heap)
        if version[e] != seen:
            continue
        a, b = ends[e, 0], ends[e, 1]
        if weight[b] > weight[a]:
            a, b = b, a
        heights[merges], absorbed[merges], into[merges] = height, b, a
        merges += 1
        version[e] = -1
        total[:] = means[a] * weight[a] + means[b] * weight[b]
        weight[a] += weight[b]
        set_mean(total, weight[a], cosine, means[a])
        peak[a] = max(peak[a], peak[b])
        _join(a, b, first, after, ends, version, mark, near, span, saddle, valley)
        side = first[a]
        while side >= 0:
            n = side // 2
            version[n] += 1
            other = ends[n, 1 - side % 2]
            if not drifts:
                near[n] = np.sqrt(squared(means[a], means[other]))
            height = _height(a, other, near[n], saddle[n], valley[n], peak, valleys)
            if height <= r_max:
                heappush(heap, (height, n, int(version[n])))
            side = after[side]
    return heights[:merges], absorbed[:merges], into[:merges]


@jit
def _join(
    a: int,
    b: int,
    first: Array,
    after: Array,
    ends: Array,
    version: Array,
    mark: Array,
    near: Array,
    span: Array,
    saddle: Array,
    valley: Array,
) -> None:
    """Move the edges of ``b`` to ``a``; two edges to one neighbour become one."""
    side, last = first[a], -1
    while side >= 0:
        following = after[side]
        if version[side // 2] < 0:
            if last < 0:
                first[a] = following
            else:
                after[last] = following
        else:
            mark[ends[side // 2, 1 - side % 2]] = side // 2
            last = side
        side = following
    side = first[b]
    while side >= 0:
        following, e = after[side], side // 2
        other = ends[e, 1 - side % 2]
        if version[e] >= 0:
            if mark[other] >= 0:
                kept = mark[other]
                both = span[kept] + span[e]
                near[kept] = (near[kept] * span[kept] + near[e] * span[e]) / both
                span[kept] = both
                saddle[kept] = min(saddle[kept], saddle[e])
                valley[kept] = max(valley[kept], valley[e])
                version[e] = -1
            else:
                ends[e, side % 2] = a
                after[side] = first[a]
                first[a] = side
        side = following
    side = first[a]
    while side >= 0:
        mark[ends[side // 2, 1 - side % 2]] = -1
        side = after[side]
