"""Columns that only the embedding and its index know: bandwidths of an object, and doubt."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from napari_pixel_embedding.core.clustering import ClusterIndex, ClusterParams
    from napari_pixel_embedding.core.clustering.params import LocalBandwidths
    from napari_pixel_embedding.core.embedding.embedding_map import EmbeddingMap
    from napari_pixel_embedding.core.label_frames import Frame
    from napari_pixel_embedding.core.measurement.frame_sums import Channel


@dataclass(frozen=True)
class Cut:
    """Parameters of a cut: those of all objects, and those of single ones."""

    params: ClusterParams | None = None
    local: LocalBandwidths = ()


def embedding_channels(emap: EmbeddingMap, frame: Frame) -> list[Channel]:
    """Return the components of an embedding map and its foreground as channels of a frame.

    Raises
    ------
    ValueError
        When the map has other pixels than the labels.
    """
    from napari_pixel_embedding.core.label_frames import Frame
    from napari_pixel_embedding.core.measurement.frame_sums import Channel

    if emap.shape != frame.shape:
        raise ValueError(
            f"embedding must have the pixels of the labels {frame.shape}, found {emap.shape}. "
            "Pass the map of the same image, and one for each frame."
        )
    arrays = {f"embedding_{k}": part for k, part in enumerate(emap.embedding)}
    arrays["foreground"] = emap.foreground
    axes = frame.spatial_axes
    return [Channel(n, Frame(a, axes, labels=False), full=False) for n, a in arrays.items()]


def certainty_columns(
    ids: NDArray[np.int64],
    frame: Frame,
    emap: EmbeddingMap,
    index: ClusterIndex,
    cut: Cut,
) -> Mapping[str, NDArray[Any]]:
    """Return the merge and split bandwidths and the uncertainty of objects.

    Parameters
    ----------
    ids : array of int64, shape (N,)
        The objects, ascending.
    frame : Frame
        Label image that holds them.
    emap, index, cut
        What the labels were cut from.

    Returns
    -------
    mapping of str to array, shape (N,)
        NaN for the bandwidths of objects that are not of this cut, such as painted ones.

    Raises
    ------
    ValueError
        When the index has other pixels than the labels.
    """
    from napari_pixel_embedding.core.clustering.params import ClusterParams
    from napari_pixel_embedding.core.corrections.uncertainty import ambiguity

    if index.shape != frame.shape:
        raise ValueError(
            f"index must have the pixels of the labels {frame.shape}, found {index.shape}."
        )
    params = cut.params or ClusterParams.for_space(index.space, index.delta_var)
    heights = index.merge_heights(params, cut.local)
    doubt = ambiguity(frame.read(), emap.foreground, heights, params)
    merge, split = np.full(ids.size, np.nan), np.full(ids.size, np.nan)
    _, here, there = np.intersect1d(ids, heights.ids, return_indices=True)
    merge[here], split[here] = heights.merge[there], heights.split[there]
    return {"merge_bandwidth": merge, "split_bandwidth": split, "uncertainty": doubt.score}
