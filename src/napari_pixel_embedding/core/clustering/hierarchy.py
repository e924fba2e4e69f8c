"""Superpixels of an embedding and their merge tree, which every cut is read from."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_pixel_embedding.core.clustering.params import (
    ClusterParams,
    LocalBandwidths,
    bandwidth_range,
    bandwidth_to_radius,
    default_bandwidth,
    radius_to_bandwidth,
)

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_pixel_embedding.core.clustering.constants import IndexConstants
    from napari_pixel_embedding.core.clustering.merge_tree import Regions, Tree
    from napari_pixel_embedding.core.clustering.tree_cut import TreeCut
    from napari_pixel_embedding.core.embedding.embedding_map import Space


class RegionHierarchy:
    """Superpixels of one embedding and the bandwidths at which they merge.

    Parameters
    ----------
    base : array of uint16 or uint32, shape ([Z,] Y, X)
        Number of each pixel's superpixel plus one; 0 is background.
    foreground : array of float32, shape ([Z,] Y, X)
        Probability that a pixel belongs to any object.
    regions : Regions
        The superpixels and which of them touch.
    space : {"euclidean", "cosine"}
        How vectors are compared.
    delta_var : float
        Pull margin of the network, which scales Euclidean bandwidths.
    has_seeds : bool
        Whether the superpixels were grown from seeds of a distance map.
    constants : IndexConstants
        Constants of the method.
    """

    def __init__(
        self,
        base: NDArray[np.unsignedinteger[Any]],
        foreground: NDArray[np.float32],
        regions: Regions,
        *,
        space: Space,
        delta_var: float,
        has_seeds: bool,
        constants: IndexConstants,
    ) -> None:
        self.space = space
        self.delta_var = delta_var
        self._base = base
        self._foreground = foreground
        self._regions = regions
        self._has_seeds = has_seeds
        self._constants = constants
        # Caches of the last cut, each with the parameter it holds for.
        # A tuple is replaced in one step, so threads see either the old or the new one.
        self._last_tree: tuple[float, Tree] | None = None
        self._last_sizes: tuple[float, NDArray[np.int64]] | None = None

    @property
    def shape(self) -> tuple[int, ...]:
        """Pixels along ([Z,] Y, X)."""
        return self._base.shape

    @property
    def base(self) -> NDArray[np.unsignedinteger[Any]]:
        """Number of each pixel's superpixel plus one, 0 is background; do not write into it."""
        return self._base

    @property
    def region_count(self) -> int:
        """Number of superpixels; no object's id is larger."""
        return self._regions.count

    @property
    def bandwidth_range(self) -> tuple[float, float]:
        """Smallest and largest bandwidth of a cut; others are clamped."""
        return bandwidth_range(self.space, self.delta_var)

    @property
    def dtype(self) -> np.dtype[np.unsignedinteger[Any]]:
        """Type of the label images: uint16, or uint32 where ids need it."""
        return self._base.dtype

    def tree(self, seed_threshold: float) -> Tree:
        """Return the merge tree for one seed threshold.

        Parameters
        ----------
        seed_threshold : float
            As in ``ClusterParams``.

        Returns
        -------
        Tree
            Merges in the order of their radius.
        """
        from napari_pixel_embedding.core.clustering.merge_tree import link

        key = seed_threshold if self._has_seeds else 0.0
        last = self._last_tree
        if last is not None and last[0] == key:
            return last[1]
        r_max = bandwidth_to_radius(self.bandwidth_range[1], self.space)
        valleys = self._valleys(key)
        tree = link(self._regions, r_max, self.space == "cosine", valleys)
        self._last_tree = (key, tree)
        return tree

    def _valleys(self, seed_threshold: float) -> NDArray[np.float32]:
        unit = bandwidth_to_radius(default_bandwidth(self.space, self.delta_var), self.space) / 2
        constants = self._constants
        if self._regions.near is not None:  # what is long and thin has valleys within it
            unit = 0.0
        veto = (constants.veto_slope * unit, constants.veto * unit)
        return np.array(
            [seed_threshold, constants.seed_softness, constants.hold, *veto], np.float32
        )

    def _params(self, params: ClusterParams | None) -> ClusterParams:
        if params is None:
            return ClusterParams.for_space(self.space, self.delta_var)
        low, high = self.bandwidth_range
        if not low <= params.bandwidth <= high:
            warnings.warn(
                f"bandwidth {params.bandwidth:g} is outside {low:g} to {high:g} "
                f"and was clamped to {min(max(params.bandwidth, low), high):g}.",
                stacklevel=3,
            )
        return params

    def _levels(self, params: ClusterParams) -> TreeCut:
        from napari_pixel_embedding.core.clustering.tree_cut import TreeCut

        sizes = self._sizes(params.foreground_threshold)
        return TreeCut.of(self.tree(params.seed_threshold), sizes, params.min_size)

    def _objects(
        self, levels: TreeCut, params: ClusterParams, local: LocalBandwidths
    ) -> NDArray[np.int64]:
        low, high = self.bandwidth_range
        places = ((self._region_at(one.point), one.bandwidth) for one in local)
        apart = ((n, self._radius(min(own, high))) for n, own in places if n >= 0)
        return levels.objects(self._radius(min(max(params.bandwidth, low), high)), apart)

    def _radius(self, bandwidth: float) -> np.float32:
        return np.float32(bandwidth_to_radius(bandwidth, self.space))

    def _bandwidths(self, radii: NDArray[np.float32]) -> NDArray[np.float64]:
        return np.array([radius_to_bandwidth(float(r), self.space) for r in radii], np.float64)

    def _middle(self, birth: np.float32, death: np.float32) -> float:
        """Return the bandwidth in the middle of two radii, always below the second."""
        low, high = (radius_to_bandwidth(float(r), self.space) for r in (birth, death))
        middle = (low + min(high, self.bandwidth_range[1])) / 2
        return middle if birth <= self._radius(middle) < death else low

    def _region_at(self, point: tuple[int, ...]) -> int:
        """Return the superpixel at a pixel, -1 for background."""
        inside = len(point) == len(self.shape) and all(
            0 <= n < size for n, size in zip(point, self.shape, strict=True)
        )
        if not inside:
            raise ValueError(
                f"point must be the index of a pixel in an image of shape {self.shape}, "
                f"found {tuple(point)}."
            )
        return int(self._base[tuple(point)]) - 1

    def _sizes(self, threshold: float) -> NDArray[np.int64]:
        from napari_pixel_embedding.core.clustering.kernels.pixels import sizes_above

        last = self._last_sizes
        if last is not None and last[0] == threshold:
            return last[1]
        sizes: NDArray[np.int64] = sizes_above(
            self._base.ravel(),
            self._foreground.ravel(),
            np.float32(threshold),
            self._regions.count,
        )
        self._last_sizes = (threshold, sizes)
        return sizes
