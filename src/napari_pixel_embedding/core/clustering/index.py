"""The cluster index: built once per embedding, cut at every slider tick."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from napari_pixel_embedding.core.clustering.params import (
    ClusterParams,
    LocalBandwidth,
    bandwidth_range,
    bandwidth_to_radius,
    default_bandwidth,
    radius_to_bandwidth,
)
from napari_pixel_embedding.core.clustering.results import MergeHeights, Summary

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_pixel_embedding.core.clustering.constants import IndexConstants
    from napari_pixel_embedding.core.clustering.merge_tree import Regions, Tree
    from napari_pixel_embedding.core.clustering.stability import StabilityCurve
    from napari_pixel_embedding.core.clustering.tree_cut import TreeCut
    from napari_pixel_embedding.core.embedding.embedding_map import Space

Locals = tuple[LocalBandwidth, ...]


class ClusterIndex:
    """Base regions of one embedding and the bandwidths at which they merge.

    Made by :func:`build_cluster_index`. A cut never writes into it, so several threads may cut
    one index.

    Parameters
    ----------
    base : array of uint16 or uint32, shape ([Z,] Y, X)
        Number of each pixel's base region plus one; 0 is background.
    foreground : array of float32, shape ([Z,] Y, X)
        Probability that a pixel belongs to any object.
    regions : Regions
        The base regions and which of them touch.
    space : {"euclidean", "cosine"}
        How vectors are compared.
    delta_var : float
        Intra margin of the network, which scales Euclidean bandwidths.
    has_seeds : bool
        Whether a distance map was there.
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
        self._tuning = constants
        # What the last cut needed and the next will most likely need again, by its parameter.
        # A tuple is replaced in one step, so threads see either the old or the new one.
        self._last_tree: tuple[float, Tree] | None = None
        self._last_sizes: tuple[float, NDArray[np.int64]] | None = None

    @property
    def shape(self) -> tuple[int, ...]:
        """Pixels along ([Z,] Y, X)."""
        return self._base.shape

    @property
    def base(self) -> NDArray[np.unsignedinteger[Any]]:
        """Number of each pixel's base region plus one, 0 is background; not to be written into."""
        return self._base

    @property
    def region_count(self) -> int:
        """Number of base regions; no object's id is larger."""
        return self._regions.count

    @property
    def bandwidth_range(self) -> tuple[float, float]:
        """Smallest and largest bandwidth that a cut tells apart."""
        return bandwidth_range(self.space, self.delta_var)

    @property
    def dtype(self) -> np.dtype[np.unsignedinteger[Any]]:
        """Type of the label images: uint16, or uint32 where ids need it."""
        return self._base.dtype

    def cut(
        self,
        params: ClusterParams | None = None,
        out: NDArray[np.unsignedinteger[Any]] | None = None,
        local: Locals = (),
    ) -> NDArray[np.unsignedinteger[Any]]:
        """Give the objects at one bandwidth.

        Objects at a larger bandwidth are unions of those at a smaller one. An object keeps its
        id, the id of its heaviest part, so colours do not flicker; ids are not consecutive.

        Parameters
        ----------
        params : ClusterParams, optional
            Bandwidth, foreground threshold, minimum size and seed threshold; by default those
            of the index's embedding space.
        out : array of the index's dtype and shape, C-contiguous, optional
            Where to write: a fresh array costs more than the cut.
        local : tuple of LocalBandwidth, optional
            Objects with a bandwidth of their own; where they contradict, the later wins. Those
            on the background do nothing.

        Returns
        -------
        array of uint16 or uint32, shape ([Z,] Y, X)
            Label image, 0 is background.

        Raises
        ------
        ValueError
            When ``out`` does not fit, or a point of ``local`` is outside the image.

        Warns
        -----
        UserWarning
            When the bandwidth is outside ``bandwidth_range`` and was clamped.
        """
        from napari_pixel_embedding.core.clustering.kernels.pixels import relabel

        params = self._params(params)
        if out is None:
            out = np.empty(self.shape, self.dtype)
        self._check_out(out)
        threshold = np.float32(params.foreground_threshold)
        lut = self.lookup(params, local)
        relabel(self._base.ravel(), self._foreground.ravel(), threshold, lut, out.reshape(-1))
        return out

    def lookup(
        self, params: ClusterParams | None = None, local: Locals = ()
    ) -> NDArray[np.unsignedinteger[Any]]:
        """Give the object of each base region at one bandwidth, without looking at pixels.

        Parameters
        ----------
        params, local
            As for :meth:`cut`.

        Returns
        -------
        array of the index's dtype, shape (region_count + 1,)
            What a cut shows where ``base`` has the number; 0 is background, also the first.
        """
        params = self._params(params)
        levels = self._levels(params)
        return levels.labels(self._objects(levels, params, local), self.dtype)

    def read(
        self, lookup: NDArray[Any], foreground_threshold: float, part: tuple[slice, ...]
    ) -> NDArray[Any]:
        """Give a part of a cut.

        Parameters
        ----------
        lookup : array, shape (region_count + 1,)
            From :meth:`lookup`, or with other ids in its place.
        foreground_threshold : float
            As in ``ClusterParams``.
        part : tuple of slice
            Along ([Z,] Y, X), with steps if need be.

        Returns
        -------
        array of the lookup's type
            Label image of the part.
        """
        shown = self._foreground[part] > np.float32(foreground_threshold)
        found: NDArray[Any] = lookup[self._base[part]] * shown
        return found

    def count(self, params: ClusterParams | None = None, local: Locals = ()) -> int:
        """Count the objects that a cut would show.

        Parameters
        ----------
        params, local
            As for :meth:`cut`.

        Returns
        -------
        int
            Number of objects.
        """
        return self.summary(self._params(params), local).count

    def summary(self, params: ClusterParams | None = None, local: Locals = ()) -> Summary:
        """Count the objects that a cut would show, and give their median size.

        Parameters
        ----------
        params, local
            As for :meth:`cut`.

        Returns
        -------
        Summary
            Count and median size.
        """
        params = self._params(params)
        levels = self._levels(params)
        sizes = levels.sizes[levels.shown(self._objects(levels, params, local))]
        return Summary(sizes.size, float(np.median(sizes)) if sizes.size > 0 else 0.0)

    def stability(self, params: ClusterParams | None = None) -> StabilityCurve:
        """Count the objects at every bandwidth, exactly: the curve under the slider.

        Parameters
        ----------
        params : ClusterParams, optional
            The other parameters, as for :meth:`cut`; their bandwidth does not matter.

        Returns
        -------
        StabilityCurve
            The counts and the bandwidth at which they rest.
        """
        from napari_pixel_embedding.core.clustering.stability import stability_curve

        levels = self._levels(params or self._params(None))
        return stability_curve(levels, self.bandwidth_range, self.space)

    def merge_heights(
        self, params: ClusterParams | None = None, local: Locals = ()
    ) -> MergeHeights:
        """Say of each object at which bandwidths it would split or merge with another.

        Parts of fewer than ``min_size`` pixels are no objects: gaining one is no merge.

        Parameters
        ----------
        params, local
            As for :meth:`cut`.

        Returns
        -------
        MergeHeights
            Ids and bandwidths.
        """
        params = self._params(params)
        levels = self._levels(params)
        found = levels.shown(self._objects(levels, params, local))
        split, merge = (self._bandwidths(r[found]) for r in levels.object_heights())
        return MergeHeights(levels.tree.heaviest[found].astype(np.int64) + 1, split, merge)

    def merging_bandwidth(
        self, params: ClusterParams, first: tuple[int, ...], second: tuple[int, ...]
    ) -> float:
        """Say from which bandwidth on two pixels belong to one object.

        Parameters
        ----------
        params : ClusterParams
            As for :meth:`cut`; only its seed threshold matters.
        first, second : tuple of int
            Indices ([z,] y, x) of the pixels.

        Returns
        -------
        float
            0 where they always do; infinity where no bandwidth of the range joins them, or one
            of them is background.

        Raises
        ------
        ValueError
            When a point is outside the image.
        """
        from napari_pixel_embedding.core.clustering.kernels.tree_nodes import meeting

        a, b = self._region_at(first), self._region_at(second)
        tree = self.tree(params.seed_threshold)
        node = -1 if min(a, b) < 0 else int(meeting(tree.parent, a, b))
        if node < tree.regions:
            return float("inf") if node < 0 else 0.0
        return radius_to_bandwidth(tree.heights[node - tree.regions], self.space)

    def next_cut(
        self,
        params: ClusterParams,
        local: Locals,
        point: tuple[int, ...],
        direction: Literal["finer", "coarser"],
    ) -> float | None:
        """Find the next bandwidth at which the object under a pixel is another one.

        So one step of a wheel always does something: :meth:`with_local` takes the result.

        Parameters
        ----------
        params, local
            As for :meth:`cut`: what is shown now.
        point : tuple of int
            Index ([z,] y, x) of a pixel.
        direction : {"finer", "coarser"}
            Whether to split or to merge.

        Returns
        -------
        float or None
            The middle of the bandwidths at which the object is its next smaller or larger self,
            so that little depends on rounding; None where it has none or the pixel is background.

        Raises
        ------
        ValueError
            When the point is outside the image or the direction unknown.
        """
        if direction not in ("finer", "coarser"):
            raise ValueError(f"direction must be 'finer' or 'coarser', found {direction!r}.")
        params = self._params(params)
        region = self._region_at(point)
        if region < 0 or not self._foreground[tuple(point)] > params.foreground_threshold:
            return None
        levels = self._levels(params)
        radii = levels.step(region, self._objects(levels, params, local), direction == "coarser")
        return None if radii is None else self._middle(*radii)

    def with_local(self, params: ClusterParams, local: Locals, new: LocalBandwidth) -> Locals:
        """Add a local bandwidth, leaving out those that it overrules.

        Parameters
        ----------
        params : ClusterParams
            As for :meth:`cut`; only its seed threshold matters.
        local : tuple of LocalBandwidth
            Those there are.
        new : LocalBandwidth
            The one to add.

        Returns
        -------
        tuple of LocalBandwidth
            The new one last, without those for the same base region or inside its object.

        Raises
        ------
        ValueError
            When a point is outside the image.
        """
        region = self._region_at(new.point)
        if region < 0:
            return local
        levels = self._levels(params)
        after = self._objects(levels, params, (new,))

        def counts(old: LocalBandwidth) -> bool:
            place = self._region_at(old.point)
            whole = self._objects(levels, params, (old,))[place]
            inside = after[place] == after[region] and whole <= after[region]
            return not (inside or place == region)

        return (*filter(counts, local), new)

    def tree(self, seed_threshold: float) -> Tree:
        """Give the merges for one seed threshold.

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
        tree = link(self._regions, r_max, self.space == "cosine", self._valleys(key))
        self._last_tree = (key, tree)
        return tree

    def _valleys(self, seed_threshold: float) -> NDArray[np.float32]:
        unit = bandwidth_to_radius(default_bandwidth(self.space, self.delta_var), self.space) / 2
        constants = self._tuning
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

    def _objects(self, levels: TreeCut, params: ClusterParams, local: Locals) -> NDArray[np.int64]:
        low, high = self.bandwidth_range
        places = ((self._region_at(one.point), one.bandwidth) for one in local)
        apart = ((n, self._radius(min(own, high))) for n, own in places if n >= 0)
        return levels.objects(self._radius(min(max(params.bandwidth, low), high)), apart)

    def _radius(self, bandwidth: float) -> np.float32:
        return np.float32(bandwidth_to_radius(bandwidth, self.space))

    def _bandwidths(self, radii: NDArray[np.float32]) -> NDArray[np.float64]:
        return np.array([radius_to_bandwidth(float(r), self.space) for r in radii], np.float64)

    def _middle(self, birth: np.float32, death: np.float32) -> float:
        """Bandwidth in the middle of two radii, of which the second is too large."""
        low, high = (radius_to_bandwidth(float(r), self.space) for r in (birth, death))
        middle = (low + min(high, self.bandwidth_range[1])) / 2
        return middle if birth <= self._radius(middle) < death else low

    def _region_at(self, point: tuple[int, ...]) -> int:
        """Give the base region at a pixel, -1 for background."""
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

    def _check_out(self, out: NDArray[Any]) -> None:
        fits = out.shape == self.shape and out.dtype == self.dtype
        if not (fits and out.flags.c_contiguous and out.flags.writeable):
            raise ValueError(
                f"out must be a writable C-contiguous {self.dtype} array of shape {self.shape}, "
                f"found {out.dtype} of shape {out.shape}. Leave it out for a new array."
            )
