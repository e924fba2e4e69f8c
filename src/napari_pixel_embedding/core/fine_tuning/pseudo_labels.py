"""What a model that is being tuned makes of the pixels that nobody has corrected.

Sparse corrections leave most of an image unknown. Half-way through its tuning a model knows the
new kind of objects well enough to fill in what it is sure of, and learns from that as well
(self-training; Lee, ICML Workshop 2013).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from napari_pixel_embedding.core.clustering import build_cluster_index
from napari_pixel_embedding.core.label_regions import contains
from napari_pixel_embedding.core.training.losses import EXCLUDED, IGNORE

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_pixel_embedding.core.clustering import ClusterParams
    from napari_pixel_embedding.core.embedding.embedding_map import EmbeddingMap

_BACKGROUND = 0.2
"""Foreground below which a pixel surely is background."""

_OBJECT = 0.7
"""Mean foreground from which on a cluster surely is an object, given a usual size."""

_SIZES = (0.6, 1.5)
"""Usual sizes: from so many times a small corrected object to so many times a large one."""

_SMALL, _LARGE = 5.0, 95.0  # percentiles


def with_pseudo_labels(
    corrections: NDArray[np.int32], answer: EmbeddingMap, params: ClusterParams
) -> NDArray[np.int32]:
    """Fill in what a model is sure of where corrections say nothing.

    Parameters
    ----------
    corrections : array, shape ([Z,] Y, X)
        −1 not corrected, 0 fixed background, k a corrected object; at least one of them.
    answer : EmbeddingMap
        What the model makes of the same pixels.
    params : ClusterParams
        How to cut objects out of the answer, in these pixels.

    Returns
    -------
    array of int32
        The corrections, with background and further objects where there was −1. Corrected pixels
        stay what they are; −2 is left where the model is not sure, and in what it finds across the
        border of a corrected object.
    """
    unknown = corrections == IGNORE
    found = build_cluster_index(answer).cut(params)
    sure = contains(found, _sure_objects(found, answer.foreground, corrections))
    guess = np.where(answer.foreground < _BACKGROUND, 0, EXCLUDED)
    guess = np.where(sure, found.astype(np.int32) + int(corrections.max()), guess)
    return np.where(unknown, guess, corrections).astype(np.int32)


def _sure_objects(
    found: NDArray[np.integer], foreground: NDArray[np.float32], corrections: NDArray[np.int32]
) -> NDArray[np.intp]:
    """Ids of found objects that are as sure and as large as corrected ones, and apart from them."""
    count = int(found.max(initial=0)) + 1
    known = np.bincount(corrections[corrections > 0])
    low, high = np.percentile(known[known > 0], (_SMALL, _LARGE)) * _SIZES
    sizes = np.bincount(found.ravel(), minlength=count)
    certainty = np.bincount(found.ravel(), foreground.ravel(), count) / np.maximum(sizes, 1)
    claimed = np.bincount(found[corrections > 0], minlength=count) > 0
    sure = (sizes >= low) & (sizes <= high) & (certainty >= _OBJECT) & ~claimed
    return np.flatnonzero(sure[1:]) + 1
