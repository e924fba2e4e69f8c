"""Error counts against sparse annotations: matched, split, merged, missed and extra objects."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from napari_pixel_embedding.core.evaluation.comparison import ErrorCounts
from napari_pixel_embedding.core.evaluation.metrics import matching
from napari_pixel_embedding.core.evaluation.overlap import Overlap
from napari_pixel_embedding.core.label_regions import contains
from napari_pixel_embedding.core.validation import check_same_shape

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import ArrayLike, NDArray


class KnownObjects(NamedTuple):
    """Annotated objects to score, and the predicted ones they cover, as label images."""

    true: NDArray[np.integer[Any]]
    pred: NDArray[np.integer[Any]]


def restrict_to_known(
    y_true: ArrayLike, y_pred: ArrayLike, counted: Iterable[int] | None = None
) -> KnownObjects:
    """Remove predicted objects that sparse labels cannot score, as detection benchmarks do.

    A predicted object is removed when more than half of it lies on unknown pixels or on annotated
    objects that are not scored; the others keep all their pixels.

    Parameters
    ----------
    y_true : array of int, shape ([Z,] Y, X)
        Sparse label image: k > 0 is an annotated object, 0 known background, −1 unknown.
    y_pred : label image of the same shape
        0 is background.
    counted : iterable of int, optional
        Ids of the annotated objects to score; all by default.

    Examples
    --------
    >>> restrict_to_known([[1, 1, -1, -1, 0]], [[5, 5, 6, 6, 7]]).pred
    array([[5, 5, 0, 0, 7]])
    """
    true, pred = np.asarray(y_true), np.asarray(y_pred)
    check_same_shape(true, pred, ("y_true", "y_pred"))
    counts = true > 0 if counted is None else np.isin(true, list(counted)) & (true > 0)
    sizes = np.bincount(pred.ravel())
    unknown = np.bincount(pred[~counts & (true != 0)], minlength=len(sizes))
    beyond = np.flatnonzero(2 * unknown > sizes)
    return KnownObjects(np.where(counts, true, 0), np.where(contains(pred, beyond), 0, pred))


def count_errors(
    y_true: ArrayLike, y_pred: ArrayLike, counted: Iterable[int] | None = None
) -> ErrorCounts:
    """Count matched, split, merged, missed and extra objects.

    Parameters are those of :func:`restrict_to_known`.

    Examples
    --------
    >>> counts = count_errors([[1, 1, 1, 0, 2, 3]], [[4, 4, 4, 5, 6, 6]])
    >>> counts.matched, counts.merges, counts.extra, counts.ap50
    (2, 1, 1, 0.5)
    """
    known = np.maximum(np.asarray(y_true), 0)
    true, pred = restrict_to_known(y_true, y_pred, counted)
    match, overlap = matching(true, pred), Overlap.of(known, pred)
    counts = np.isin(np.unique(known[known > 0]), true)
    covers = 2 * overlap.pixels > overlap.true_size[overlap.true]
    inside = 2 * overlap.pixels > overlap.pred_size[overlap.pred]
    agree = 2 * overlap.pixels >= overlap.union

    lonely = counts & (overlap.pairs_of_true(agree) == 0)
    merged = overlap.pairs_of_pred(covers) > 1
    merged &= overlap.pairs_of_pred(covers & counts[overlap.true]) > 0
    split = lonely & (overlap.pairs_of_true(inside) > 1)
    missed = lonely & ~split & (overlap.pairs_of_true(covers & merged[overlap.pred]) == 0)
    extra = ~merged & (overlap.pairs_of_pred(agree | (inside & split[overlap.true])) == 0)
    return ErrorCounts(
        objects=match.tp + match.fn,
        predicted=match.tp + match.fp,
        matched=match.tp,
        splits=int(split.sum()),
        merges=int(merged.sum()),
        missed=int(missed.sum()),
        extra=int(extra.sum()),
    )
