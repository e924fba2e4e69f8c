"""The cluster index: label images of one embedding at any bandwidth."""

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
    """Label images of one embedding at any bandwidth, and the bandwidths at which objects change.

    Built by :func:`build_cluster_index`. A cut never writes into it, so several threads may cut
    one index.
    """

    def cut(
        self,
        params: ClusterParams | None = None,
        out: NDArray[np.unsignedinteger[Any]] | None = None,
        local: LocalBandwidths = (),
    ) -> NDArray[np.unsignedinteger[Any]]:
        """Return the label image at one bandwidth.

        Objects at a larger bandwidth are unions of those at a smaller one. An object keeps its
        id, the id of its heaviest part, so colours do not flicker; ids are not consecutive.

        Parameters
        ----------
        params : ClusterParams, optional
            Bandwidth, foreground threshold, minimum size and seed threshold; by default those
            of the index's embedding space.
        out : array of the index's dtype and shape, C-contiguous, optional
            Array to write into: to allocate one takes longer than the cut.
        local : tuple of LocalBandwidth, optional
            Local bandwidths; where they contradict, the later wins. Those on the background
            have no effect.

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
        """Return the object id of each superpixel at one bandwidth, without reading pixels.

        Parameters
        ----------
        params, local
            As for :meth:`cut`.

        Returns
        -------
        array of the index's dtype, shape (region_count + 1,)
            Object id for each value of ``base``; 0 is background, as is the first entry.
        """
        params = self._params(params)
        levels = self._levels(params)
        return levels.labels(self._objects(levels, params, local), self.dtype)

    def read(
        self, lookup: NDArray[Any], foreground_threshold: float, part: tuple[slice, ...]
    ) -> NDArray[Any]:
        """Return a part of a cut's label image.

        Parameters
        ----------
        lookup : array, shape (region_count + 1,)
            From :meth:`lookup`; its ids may have been replaced by others.
        foreground_threshold : float
            As in ``ClusterParams``.
        part : tuple of slice
            Along ([Z,] Y, X), with steps if needed.

        Returns
        -------
        array of the lookup's type
            Label image of the part.
        """
        shown = self._foreground[part] > np.float32(foreground_threshold)
        found: NDArray[Any] = lookup[self._base[part]] * shown
        return found

    def count(self, params: ClusterParams | None = None, local: LocalBandwidths = ()) -> int:
        """Count the objects of a cut.

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
        """Return the number of objects of a cut and their median size.

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
        """Count the objects at every bandwidth, exactly.

        Parameters
        ----------
        params : ClusterParams, optional
            As for :meth:`cut`; the bandwidth does not matter.

        Returns
        -------
        StabilityCurve
            The counts and their widest plateau.
        """
        from napari_pixel_embedding.core.clustering.stability import stability_curve

        levels = self._levels(params or self._params(None))
        return stability_curve(levels, self.bandwidth_range, self.space)

    def merge_heights(
        self, params: ClusterParams | None = None, local: LocalBandwidths = ()
    ) -> MergeHeights:
        """Return the bandwidths at which each object would split or merge with another.

        Parts of fewer than ``min_size`` pixels are not objects: to absorb one is not a merge.

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
        """Return the bandwidth from which two pixels belong to one object.

        Parameters
        ----------
        params : ClusterParams
            As for :meth:`cut`; only its seed threshold matters.
        first, second : tuple of int
            Indices ([z,] y, x) of the pixels.

        Returns
        -------
        float
            0 where they always do; infinity where no bandwidth of the range joins them, or where
            one of them is background.

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
        """Find the next bandwidth at which the object at a pixel changes.

        So each step of a mouse wheel changes the object; pass the result to :meth:`with_local`.

        Parameters
        ----------
        params, local
            As for :meth:`cut`, of the cut that is shown.
        point : tuple of int
            Index ([z,] y, x) of a pixel.
        direction : {"finer", "coarser"}
            Whether to split or to merge.

        Returns
        -------
        float or None
            Middle of the bandwidths at which the next smaller or larger object exists, so that
            rounding matters little; None without such an object or where the pixel is background.

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
        """Add a local bandwidth and remove those that it overrides.

        Parameters
        ----------
        params : ClusterParams
            As for :meth:`cut`; only its seed threshold matters.
        local : tuple of LocalBandwidth
            The present ones.
        new : LocalBandwidth
            The one to add.

        Returns
        -------
        tuple of LocalBandwidth
            The new one last, without those at the same superpixel or inside the new object.

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
