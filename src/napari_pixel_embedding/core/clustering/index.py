"""The cluster index: built once per embedding, cut at every slider tick."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from napari_pixel_embedding.core.clustering.hierarchy import RegionHierarchy
from napari_pixel_embedding.core.clustering.params import radius_to_bandwidth
from napari_pixel_embedding.core.clustering.results import MergeHeights, Summary

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_pixel_embedding.core.clustering.params import (
        ClusterParams,
        LocalBandwidth,
        LocalBandwidths,
    )
    from napari_pixel_embedding.core.clustering.stability import StabilityCurve


class ClusterIndex(RegionHierarchy):
    """Labels of one embedding at any bandwidth, and at which bandwidth single objects change.

    Made by :func:`build_cluster_index`. A cut never writes into it, so several threads may cut
    one index.
    """

    def cut(
        self,
        params: ClusterParams | None = None,
        out: NDArray[np.unsignedinteger[Any]] | None = None,
        local: LocalBandwidths = (),
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
        self, params: ClusterParams | None = None, local: LocalBandwidths = ()
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

    def count(self, params: ClusterParams | None = None, local: LocalBandwidths = ()) -> int:
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

    def summary(self, params: ClusterParams | None = None, local: LocalBandwidths = ()) -> Summary:
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
        self, params: ClusterParams | None = None, local: LocalBandwidths = ()
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
        local: LocalBandwidths,
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

    def with_local(
        self, params: ClusterParams, local: LocalBandwidths, new: LocalBandwidth
    ) -> LocalBandwidths:
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

    def _check_out(self, out: NDArray[Any]) -> None:
        fits = out.shape == self.shape and out.dtype == self.dtype
        if not (fits and out.flags.c_contiguous and out.flags.writeable):
            raise ValueError(
                f"out must be a writable C-contiguous {self.dtype} array of shape {self.shape}, "
                f"found {out.dtype} of shape {out.shape}. Leave it out for a new array."
            )
