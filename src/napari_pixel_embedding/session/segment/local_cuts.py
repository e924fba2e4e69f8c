"""Local bandwidths, stability curve and object sizes over all frames, as pure functions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from napari_pixel_embedding.core.clustering.params import LocalBandwidth

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from napari_pixel_embedding.core.clustering import ClusterIndex, ClusterParams, StabilityCurve
    from napari_pixel_embedding.session.state.history import BandwidthsByFrame

Direction = Literal["finer", "coarser"]


def refine(
    indices: Sequence[ClusterIndex],
    params: ClusterParams,
    local: BandwidthsByFrame,
    place: tuple[int, tuple[int, ...]],
    direction: Direction,
) -> BandwidthsByFrame | None:
    """Split the object at a place, or merge it with a neighbour, by one step.

    Parameters
    ----------
    indices : sequence of ClusterIndex
        One for every frame.
    params, local
        Current cluster parameters and local bandwidths.
    place : (int, tuple of int)
        Frame, and index ([z,] y, x) of a pixel of the object.
    direction : {"finer", "coarser"}
        Whether to split it or to merge it.

    Returns
    -------
    tuple or None
        The local bandwidths with one more or one changed; None when there is no such step.
    """
    frame, point = place
    index = indices[frame]
    bandwidth = index.next_cut(params, local[frame], point, direction)
    if bandwidth is None:
        return None
    changed = index.with_local(params, local[frame], LocalBandwidth(point, bandwidth))
    return (*local[:frame], changed, *local[frame + 1 :])


def fitting(local: BandwidthsByFrame, indices: Sequence[ClusterIndex]) -> BandwidthsByFrame:
    """Return the local bandwidths if they all fit these indices, or else none."""
    fits = len(local) == len(indices) and all(
        _inside(one.point, index.shape)
        for ones, index in zip(local, indices, strict=False)
        for one in ones
    )
    return local if fits else ((),) * len(indices)


def _inside(point: tuple[int, ...], shape: tuple[int, ...]) -> bool:
    return len(point) == len(shape) and all(n < size for n, size in zip(point, shape, strict=True))


def stability(indices: Sequence[ClusterIndex], params: ClusterParams) -> StabilityCurve:
    """Count the objects of all frames together at every bandwidth.

    The plateau of several frames runs from the mean of their plateaus' lower ends to that of
    the upper ones.
    """
    curves = [index.stability(params) for index in indices]
    if len(curves) == 1:
        return curves[0]
    steps = np.unique(np.concatenate([curve.bandwidths for curve in curves]))
    counts = sum(c.counts[np.searchsorted(c.bandwidths, steps, side="right") - 1] for c in curves)
    low, high = np.mean([curve.plateau for curve in curves], axis=0)
    kind = type(curves[0])
    return kind(steps, np.asarray(counts), curves[0].high, (float(low), float(high)))


def object_sizes(labels: NDArray[Any], frames: bool) -> NDArray[np.int64]:
    """Return the number of pixels of every object with a positive id, frame after frame.

    Parameters
    ----------
    labels : array of an integer type, shape ([T,] [Z,] Y, X)
        Label image, 0 is background; negative values are ignored.
    frames : bool
        Whether the first axis is time; ids are unique within a frame only.
    """
    sizes = [_sizes(part) for part in (labels if frames else [labels])]
    return np.concatenate(sizes) if sizes else np.zeros(0, np.int64)


def _sizes(labels: NDArray[Any]) -> NDArray[np.int64]:
    counts = np.bincount(labels[labels > 0])
    return counts[counts > 0]
