"""The cluster index: built once per embedding, cut at every slider tick."""

from __future__ import annotations

import math
import warnings
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_pixel_embedding.core.clustering.params import (
    ClusterParams,
    bandwidth_range,
    bandwidth_to_radius,
    default_bandwidth,
)
from napari_pixel_embedding.core.clustering.tuning import Tuning
from napari_pixel_embedding.core.embedding_map import EmbeddingMap
from napari_pixel_embedding.core.progress import Progress, report

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from napari_pixel_embedding.core.clustering.tree import Regions, Tree
    from napari_pixel_embedding.core.embedding_map import Space


def build_cluster_index(
    emap: EmbeddingMap,
    *,
    seed_threshold: float | None = None,
    block: int | None = None,
    progress: Progress | None = None,
    tuning: Tuning | None = None,
) -> ClusterIndex:
    """Prepare an embedding so that cutting it at any bandwidth takes milliseconds.

    The foreground is divided into small base regions by connected greedy mean shift at a small
    bandwidth; where the map has a distance channel they are grown from its maxima instead. A
    linkage then finds the bandwidth at which touching regions merge.

    Parameters
    ----------
    emap : EmbeddingMap
        Embedding, foreground and perhaps distance of one frame. Pixels with NaN or infinite
        values, and zero vectors under cosine, are background.
    seed_threshold : float, optional
        Threshold for which the merges are prepared; another one costs some milliseconds at the
        first cut. The default is that of ``ClusterParams``.
    block : int, optional
        Pixels along a side of the blocks that are averaged first. By default 1, and 2 or 4 for
        large images of large objects.
    progress : callable, optional
        Called with the finished fraction.
    tuning : Tuning, optional
        Constants of the method.

    Returns
    -------
    ClusterIndex
        What can be cut.

    Raises
    ------
    ValueError
        When ``block`` is not a positive whole number.

    Notes
    -----
    Under the slider lies connected mean shift with a flat kernel (Comaniciu and Meer, 2002) on
    the embeddings of De Brabandere et al. (2017) and Chen et al. (2019).

    Examples
    --------
    >>> import numpy as np
    >>> embedding = np.zeros((2, 32, 32), np.float32)
    >>> embedding[0, :, 16:] = 3.0
    >>> index = build_cluster_index(EmbeddingMap(embedding, np.ones((32, 32), np.float32)))
    >>> index.count(ClusterParams(bandwidth=1.0))
    2
    """
    from napari_pixel_embedding.core.clustering.base import base_regions
    from napari_pixel_embedding.core.clustering.blocks import block_step, read_pixels

    tuning = tuning or Tuning()
    unit = bandwidth_to_radius(default_bandwidth(emap.space, emap.delta_var), emap.space) / 2
    pixels = read_pixels(emap, tuning)
    report(progress, 0.2)
    side = _block_side(pixels, unit, tuning) if block is None else _check_block(block)
    base, regions = base_regions(pixels, block_step(side, pixels), unit, tuning)
    report(progress, 0.9)
    index = ClusterIndex(
        base.reshape(emap.shape),
        pixels.foreground.reshape(emap.shape),
        regions,
        space=emap.space,
        delta_var=emap.delta_var,
        has_seeds=emap.distance is not None,
        tuning=tuning,
    )
    index.tree(ClusterParams().seed_threshold if seed_threshold is None else seed_threshold)
    report(progress, 1.0)
    return index


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
    tuning : Tuning
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
        tuning: Tuning,
    ) -> None:
        self.space = space
        self.delta_var = delta_var
        self._base = base
        self._foreground = foreground
        self._regions = regions
        self._has_seeds = has_seeds
        self._tuning = tuning
        # What the last cut needed and the next will most likely need again, by its parameter.
        # A tuple is replaced in one step, so threads see either the old or the new one.
        self._last_tree: tuple[float, Tree] | None = None
        self._last_sizes: tuple[float, NDArray[np.int64]] | None = None

    @property
    def shape(self) -> tuple[int, ...]:
        """Pixels along ([Z,] Y, X)."""
        return self._base.shape

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

        Returns
        -------
        array of uint16 or uint32, shape ([Z,] Y, X)
            Label image, 0 is background.

        Raises
        ------
        ValueError
            When ``out`` does not fit.

        Warns
        -----
        UserWarning
            When the bandwidth is outside ``bandwidth_range`` and was clamped.
        """
        from napari_pixel_embedding.core.clustering.pixel_kernels import relabel

        params = self._params(params)
        if out is None:
            out = np.empty(self.shape, self.dtype)
        self._check_out(out)
        threshold = np.float32(params.foreground_threshold)
        lut = self._lookup(params, params.bandwidth)
        relabel(self._base.ravel(), self._foreground.ravel(), threshold, lut, out.reshape(-1))
        return out

    def count(self, params: ClusterParams | None = None) -> int:
        """Count the objects that a cut would show.

        Parameters
        ----------
        params : ClusterParams, optional
            As for :meth:`cut`.

        Returns
        -------
        int
            Number of objects.
        """
        params = self._params(params)
        return _distinct(self._lookup(params, params.bandwidth))

    def counts(
        self, bandwidths: Sequence[float], params: ClusterParams | None = None
    ) -> NDArray[np.int64]:
        """Count the objects at many bandwidths: the curve under the slider.

        Parameters
        ----------
        bandwidths : sequence of float
            Bandwidths, clamped to the range of the index.
        params : ClusterParams, optional
            The other parameters, as for :meth:`cut`.

        Returns
        -------
        array of int64, shape (len(bandwidths),)
            Number of objects at each.
        """
        params = self._params(params)
        return np.array([_distinct(self._lookup(params, b)) for b in bandwidths], np.int64)

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
        from napari_pixel_embedding.core.clustering.tree import link

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
        tuning = self._tuning
        veto = (tuning.veto_slope * unit, tuning.veto * unit)
        return np.array([seed_threshold, tuning.seed_softness, tuning.hold, *veto], np.float32)

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

    def _lookup(self, params: ClusterParams, bandwidth: float) -> NDArray[np.unsignedinteger[Any]]:
        """Label of each base region; the first entry is the background."""
        from napari_pixel_embedding.core.clustering.tree import members

        tree = self.tree(params.seed_threshold)
        low, high = self.bandwidth_range
        radius = bandwidth_to_radius(min(max(bandwidth, low), high), self.space)
        merges = int(np.searchsorted(tree.heights, np.float32(radius), side="right"))
        weight = self._regions.weight
        cluster, heaviest = members(tree.absorbed[:merges], tree.into[:merges], weight)
        sizes = np.bincount(
            cluster, weights=self._sizes(params.foreground_threshold), minlength=weight.size
        )[cluster]
        lut = np.zeros(weight.size + 1, self.dtype)
        kept = sizes >= max(params.min_size, 1)
        lut[1:][kept] = heaviest[cluster[kept]] + 1
        return lut

    def _sizes(self, threshold: float) -> NDArray[np.int64]:
        from napari_pixel_embedding.core.clustering.pixel_kernels import sizes_above

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


def warm_up() -> None:
    """Compile the kernels on a tiny embedding, so that the first index does not wait for it.

    Takes seconds at the first time on a machine, much less later: call it in the background.
    """
    ramp = np.linspace(0, 6, 48, dtype=np.float32)
    embedding = np.stack(np.meshgrid(ramp, ramp))
    foreground = np.ones((48, 48), np.float32)
    foreground[:, ::6] = 0.3
    for side in (1, 2):
        emap = EmbeddingMap(embedding.copy(), foreground, distance=foreground * 0.5)
        build_cluster_index(emap, block=side).cut()


def _distinct(lut: NDArray[np.unsignedinteger[Any]]) -> int:
    return int(np.count_nonzero(np.bincount(lut)[1:]))


def _check_block(block: int) -> int:
    if block != int(block) or block < 1:
        raise ValueError(f"block must be a whole number of pixels from 1, found {block!r}.")
    return int(block)


def _block_side(pixels: Any, unit: float, tuning: Tuning) -> int:
    from napari_pixel_embedding.core.clustering.blocks import object_diameter

    if np.count_nonzero(pixels.level) < tuning.small_image:
        return 1
    diameter = object_diameter(pixels, tuning.jump * unit)
    if math.isnan(diameter) or diameter < tuning.medium_object:
        return 1
    return 2 if diameter < tuning.large_object else 4
