"""Pseudo-labels for uncorrected pixels, for self-training on sparse corrections.

Sparse corrections leave most of an image unknown. Half-way through fine-tuning, by default, the
model's own confident predictions are added to the labels (Lee, ICML Workshop 2013).
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
"""Foreground probability below which a pixel becomes background."""

_OBJECT = 0.7
"""Mean foreground probability from which a cluster of plausible size becomes an object."""

_SIZES = (0.6, 1.5)
"""Plausible sizes: factors on the size of a small and of a large corrected object."""

_SMALL, _LARGE = 5.0, 95.0  # percentiles


def with_pseudo_labels(
    corrections: NDArray[np.int32], answer: EmbeddingMap, params: ClusterParams
) -> NDArray[np.int32]:
    """Add a model's confident predictions where nothing was corrected.

    Parameters
    ----------
    corrections : array, shape ([Z,] Y, X)
        −1 not corrected, 0 known background, k a corrected object; at least one object.
    answer : EmbeddingMap
        The model's prediction for the same pixels.
    params : ClusterParams
        Cluster parameters, for these pixels.

    Returns
    -------
    array of int32
        The corrections, with background and further objects where there was −1. Corrected pixels
        are unchanged; −2 (no loss) is set where the model is not sure, and in predicted objects
        that overlap a corrected one.
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
    """Ids of confident predicted objects of plausible size that overlap no corrected object."""
    count = int(found.max(initial=0)) + 1
    known = np.bincount(corrections[corrections > 0])
    low, high = np.percentile(known[known > 0], (_SMALL, _LARGE)) * _SIZES
    sizes = np.bincount(found.ravel(), minlength=count)
    certainty = np.bincount(found.ravel(), foreground.ravel(), count) / np.maximum(sizes, 1)
    claimed = np.bincount(found[corrections > 0], minlength=count) > 0
    sure = (sizes >= low) & (sizes <= high) & (certainty >= _OBJECT) & ~claimed
    return np.flatnonzero(sure[1:]) + 1
