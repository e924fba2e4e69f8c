"""Pseudo-labels for uncorrected pixels, for self-training on sparse corrections.

Sparse corrections leave most of an image unknown. Half-way through fine-tuning, by default, the
model's own confident predictions are added to the labels (Lee, ICML Workshop 2013).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from napari_pixel_embedding.core.clustering import build_cluster_index
from napari_pixel_embedding.core.label_regions import connected_pieces, contains
from napari_pixel_embedding.core.losses.terms import EXCLUDED, IGNORE, UNSEPARATED

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_pixel_embedding.core.clustering import ClusterParams
    from napari_pixel_embedding.core.embedding.embedding_map import EmbeddingMap

_BACKGROUND = 0.2
"""Foreground probability below which a pixel becomes background. Pieces of what is left that are
smaller than any object do too."""

_OBJECT = 0.7
"""Foreground probability from which a pixel is foreground, and, as the mean over a cluster of
plausible size, from which the cluster becomes an object."""

_SIZES = (0.6, 1.5)
"""Plausible sizes: factors on the size of a small and of a large corrected object."""

_AGREE = 0.75
"""IoU from which two predictions are the same object."""

_SMALL, _LARGE = 5.0, 95.0  # percentiles


def with_pseudo_labels(
    corrections: NDArray[np.int32],
    answer: EmbeddingMap,
    again: NDArray[np.integer],
    params: ClusterParams,
) -> NDArray[np.int32]:
    """Add a model's confident predictions where nothing was corrected.

    Parameters
    ----------
    corrections : array, shape ([Z,] Y, X)
        −1 not corrected, 0 known background, k a corrected object; at least one object.
    answer : EmbeddingMap
        The model's prediction for the same pixels.
    again : label image of the same shape
        What the model finds when it sees the same pixels in another way, such as mirrored.
    params : ClusterParams
        Cluster parameters, for these pixels.

    Returns
    -------
    array of int32
        The corrections, with background and further objects where there was −1. Corrected pixels
        are unchanged; −3 (foreground, of no known object) is set where the model is sure of the
        foreground but not of the object, as where the other view does not agree, and in predicted
        objects that overlap a corrected one; −2 (no loss) where it is not sure.
    """
    unknown, (smallest, largest) = corrections == IGNORE, _plausible_sizes(corrections)
    found = build_cluster_index(answer).cut(params)
    usual = _sure_objects(found, answer.foreground, corrections, (smallest, largest))
    sure = np.intersect1d(usual, _found_again(found, again))
    guess = np.where(answer.foreground >= _OBJECT, UNSEPARATED, EXCLUDED)
    guess[_without_large_pieces(answer.foreground >= _BACKGROUND, smallest)] = 0
    guess = np.where(contains(found, sure), found.astype(np.int32) + int(corrections.max()), guess)
    return np.where(unknown, guess, corrections).astype(np.int32)


def _sure_objects(
    found: NDArray[np.integer],
    foreground: NDArray[np.float32],
    corrections: NDArray[np.int32],
    plausible: tuple[float, float],
) -> NDArray[np.intp]:
    """Ids of confident predicted objects of plausible size that overlap no corrected object."""
    count = int(found.max(initial=0)) + 1
    low, high = plausible
    sizes = np.bincount(found.ravel(), minlength=count)
    certainty = np.bincount(found.ravel(), foreground.ravel(), count) / np.maximum(sizes, 1)
    claimed = np.bincount(found[corrections > 0], minlength=count) > 0
    sure = (sizes >= low) & (sizes <= high) & (certainty >= _OBJECT) & ~claimed
    return np.flatnonzero(sure[1:]) + 1


def _found_again(found: NDArray[np.integer], again: NDArray[np.integer]) -> NDArray[np.intp]:
    """Ids of objects that another prediction has too, at an IoU of ``_AGREE`` or more."""
    both = (found > 0) & (again > 0)
    pairs, common = np.unique([found[both], again[both]], axis=1, return_counts=True)
    sizes = np.bincount(found.ravel()), np.bincount(again.ravel())
    union = sizes[0][pairs[0]] + sizes[1][pairs[1]] - common
    return np.asarray(pairs[0][common >= _AGREE * union], np.intp)


def _plausible_sizes(corrections: NDArray[np.int32]) -> tuple[float, float]:
    """Smallest and largest plausible size of an object, in pixels."""
    sizes = np.bincount(corrections[corrections > 0])
    low, high = np.percentile(sizes[sizes > 0], (_SMALL, _LARGE)) * _SIZES
    return float(low), float(high)


def _without_large_pieces(mask: NDArray[np.bool_], size: float) -> NDArray[np.bool_]:
    """Pixels that lie in no connected piece of the mask of at least this size."""
    pieces, _, sizes = connected_pieces(mask.astype(np.uint8))
    return ~contains(pieces, np.flatnonzero(sizes >= size) + 1)
