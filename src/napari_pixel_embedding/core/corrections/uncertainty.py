"""Uncertainty of the objects of a label image, which orders them for review."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_pixel_embedding.core.validation import check_label_image, check_same_shape

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    from napari_pixel_embedding.core.clustering import ClusterParams, MergeHeights

REASONS = (
    "would merge at {:.2f}",
    "would split below {:.2f}",
    "weak foreground, {:.2f}",
    "{:.2g} × the usual size",
)
"""Texts of the four causes of uncertainty, formatted with their values."""

_NEAR = 0.25
"""Distance of a merge or split from the bandwidth, as a share of it, that halves the score."""

_ODD = 4.0
"""Ratio of a size and the median, or its inverse, from which the score of the size is 1."""

_WEIGHTS = (1.0, 0.8, 1.0, 0.7)
"""Weights of the four scores, in the order of the reasons."""

_TABLE_SIZE = 1 << 24


@dataclass(frozen=True, eq=False)
class Ambiguity:
    """Uncertainty of each object of a label image.

    Parameters
    ----------
    ids : array of int64, shape (N,)
        Labels of the objects, ascending.
    score : array of float64, shape (N,)
        Uncertainty from 0 to 1.
    reason : tuple of str, length N
        Main cause of the uncertainty.
    boxes : array of int64, shape (N, 2, D)
        First pixel and the one after the last, along ([Z,] Y, X).
    """

    ids: NDArray[np.int64]
    score: NDArray[np.float64]
    reason: tuple[str, ...]
    boxes: NDArray[np.int64]


def ambiguity(
    labels: ArrayLike,
    foreground: NDArray[np.floating[Any]],
    heights: MergeHeights,
    params: ClusterParams,
) -> Ambiguity:
    """Return how uncertain each object is, and why.

    Four scores from 0 to 1 are combined like independent probabilities of an error: the
    bandwidth is close to that at which the object would merge, or would split; its mean
    foreground is low; its size is far from the median. Objects at the image's border are not
    exempt, because they are wrong more often than others.

    Parameters
    ----------
    labels : array of int, shape ([Z,] Y, X)
        Label image as it is shown, 0 is background.
    foreground : array of float, shape ([Z,] Y, X)
        Probability that a pixel belongs to any object.
    heights : MergeHeights
        Merge and split bandwidths of the same cut. Objects that it lacks are taken as never
        merging or splitting.
    params : ClusterParams
        Bandwidth and foreground threshold in use.

    Returns
    -------
    Ambiguity

    Raises
    ------
    ValueError
        When the shapes differ or ``labels`` is not a label image.
    """
    shown = check_label_image(labels)
    check_same_shape(shown, foreground, ("labels", "foreground"))
    ids, ranks = _ranked(shown)
    if not ids.size:
        return Ambiguity(ids, np.zeros(0), (), np.zeros((0, 2, shown.ndim), np.int64))
    size = np.bincount(ranks.ravel(), minlength=ids.size + 1)[1:]
    total = np.bincount(ranks.ravel(), weights=foreground.ravel(), minlength=ids.size + 1)[1:]
    merge, split = _heights_of(ids, heights)
    values = np.stack([merge, split, total / size, size / np.median(size)])
    doubts = np.stack(
        [
            _nearness(merge - params.bandwidth, params.bandwidth),
            _nearness(params.bandwidth - split, params.bandwidth),
            _weakness(values[2], params.foreground_threshold),
            np.minimum(np.abs(np.log(values[3])) / np.log(_ODD), 1),
        ]
    )
    weighted = doubts * np.array(_WEIGHTS)[:, None]
    chief = weighted.argmax(axis=0)
    reason = tuple(
        REASONS[k].format(v) for k, v in zip(chief, values[chief, range(ids.size)], strict=True)
    )
    return Ambiguity(ids, 1 - np.prod(1 - weighted, axis=0), reason, _boxes(ranks))


def _ranked(
    labels: NDArray[np.integer[Any]],
) -> tuple[NDArray[np.int64], NDArray[np.integer[Any]]]:
    """Return the ids of the objects, and a label image in which they are numbered from 1."""
    top = int(labels.max())
    if top >= _TABLE_SIZE:
        ids, ranks = np.unique(np.append(labels.ravel(), 0), return_inverse=True)
        return ids[1:].astype(np.int64), ranks[:-1].reshape(labels.shape)
    there = np.bincount(labels.ravel(), minlength=1) > 0
    there[0] = False
    return np.flatnonzero(there).astype(np.int64), np.cumsum(there, dtype=np.int32)[labels] * (
        labels > 0
    )


def _heights_of(
    ids: NDArray[np.int64], heights: MergeHeights
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    merge, split = np.full(ids.size, np.inf), np.zeros(ids.size)
    known, here, there = np.intersect1d(ids, heights.ids, return_indices=True)
    if known.size:
        merge[here], split[here] = heights.merge[there], heights.split[there]
    return merge, split


def _nearness(gap: NDArray[np.float64], bandwidth: float) -> NDArray[np.float64]:
    """Return a score of 1 without a gap, halved for each quarter of the bandwidth of gap."""
    return np.asarray(0.5 ** (np.maximum(gap, 0) / max(_NEAR * bandwidth, 1e-12)))


def _weakness(mean: NDArray[np.float64], threshold: float) -> NDArray[np.float64]:
    return np.clip((1 - mean) / max(1 - threshold, 1e-12), 0, 1)


def _boxes(ranks: NDArray[np.integer[Any]]) -> NDArray[np.int64]:
    from scipy import ndimage

    found = [box for box in ndimage.find_objects(ranks) if box is not None]
    return np.array(
        [[[part.start for part in box], [part.stop for part in box]] for box in found], np.int64
    )
