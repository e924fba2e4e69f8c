"""Construction of the cluster index: the work that is done once per embedding."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from napari_pixel_embedding.core.clustering.constants import IndexConstants
from napari_pixel_embedding.core.clustering.index import ClusterIndex
from napari_pixel_embedding.core.clustering.params import (
    ClusterParams,
    LocalBandwidth,
    bandwidth_to_radius,
    default_bandwidth,
)
from napari_pixel_embedding.core.embedding.embedding_map import EmbeddingMap
from napari_pixel_embedding.core.progress import Progress, report

if TYPE_CHECKING:
    from napari_pixel_embedding.core.clustering.blocks import Pixels


def build_cluster_index(
    emap: EmbeddingMap,
    *,
    seed_threshold: float | None = None,
    block: int | None = None,
    progress: Progress | None = None,
    constants: IndexConstants | None = None,
) -> ClusterIndex:
    """Build the index of an embedding, which takes milliseconds to cut at any bandwidth.

    The foreground is divided into superpixels by connected greedy mean shift at a small
    bandwidth; where the map has a distance channel they are grown from its maxima instead. A
    linkage then finds the bandwidth at which touching superpixels merge.

    Parameters
    ----------
    emap : EmbeddingMap
        Embedding, foreground and, if there is one, distance map of one frame. Pixels with NaN or
        infinite values, and zero vectors under cosine, are background.
    seed_threshold : float, optional
        Seed threshold for which the merge tree is built; the first cut at another one takes some
        milliseconds more. By default that of ``ClusterParams``.
    block : int, optional
        Side in pixels of the blocks that are averaged first. By default 1, and 2 or 4 for large
        images of large objects.
    progress : callable, optional
        Called with the finished fraction.
    constants : IndexConstants, optional
        Constants of the method.

    Returns
    -------
    ClusterIndex
        Index of the frame.

    Raises
    ------
    ValueError
        When ``block`` is not a positive whole number.

    Notes
    -----
    The method is connected mean shift with a flat kernel (Comaniciu and Meer, "Mean shift: a
    robust approach toward feature space analysis", TPAMI 24, 2002) on the embeddings of
    De Brabandere et al. (2017) and Chen et al. (2019).

    Examples
    --------
    >>> import numpy as np
    >>> embedding = np.zeros((2, 32, 32), np.float32)
    >>> embedding[0, :, 16:] = 3.0
    >>> index = build_cluster_index(EmbeddingMap(embedding, np.ones((32, 32), np.float32)))
    >>> index.count(ClusterParams(bandwidth=1.0))
    2
    """
    from napari_pixel_embedding.core.clustering.blocks import block_step, read_pixels
    from napari_pixel_embedding.core.clustering.superpixels import superpixels

    constants = constants or IndexConstants()
    unit = bandwidth_to_radius(default_bandwidth(emap.space, emap.delta_var), emap.space) / 2
    pixels = read_pixels(emap, constants)
    report(progress, 0.2)
    side = _block_side(pixels, unit, constants) if block is None else _check_block(block)
    base, regions = superpixels(pixels, block_step(side, pixels), unit, constants)
    report(progress, 0.9)
    index = ClusterIndex(
        base.reshape(emap.shape),
        pixels.foreground.reshape(emap.shape),
        regions,
        space=emap.space,
        delta_var=emap.delta_var,
        has_seeds=emap.distance is not None,
        constants=constants,
    )
    index.tree(ClusterParams().seed_threshold if seed_threshold is None else seed_threshold)
    report(progress, 1.0)
    return index


def warm_up() -> None:
    """Compile the kernels on a tiny embedding, so that the first cut does not wait for that.

    Takes seconds the first time on a machine and much less later: call it in the background.
    """
    ramp = np.linspace(0, 6, 48, dtype=np.float32)
    embedding = np.stack(np.meshgrid(ramp, ramp))
    foreground = np.ones((48, 48), np.float32)
    foreground[:, ::6] = 0.3
    for side in (1, 2):
        emap = EmbeddingMap(embedding.copy(), foreground, distance=foreground * 0.5)
        index = build_cluster_index(emap, block=side)
        params = ClusterParams(bandwidth=index.stability().auto_bandwidth)
        finer = index.next_cut(params, (), (24, 24), "finer") or params.bandwidth
        local = index.with_local(params, (), LocalBandwidth((24, 24), finer))
        index.cut(params, local=local)
        index.summary(params, local)


def _check_block(block: int) -> int:
    if block != int(block) or block < 1:
        raise ValueError(f"block must be a whole number of pixels from 1, found {block!r}.")
    return int(block)


def _block_side(pixels: Pixels, unit: float, constants: IndexConstants) -> int:
    from napari_pixel_embedding.core.clustering.blocks import object_diameter

    if np.count_nonzero(pixels.level) < constants.small_image:
        return 1
    diameter = object_diameter(pixels, constants.jump * unit)
    if math.isnan(diameter) or diameter < constants.medium_object:
        return 1
    return 2 if diameter < constants.large_object else 4
