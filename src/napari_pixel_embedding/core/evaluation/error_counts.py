"""Error counts against sparse annotations: matched, split, merged, missed and extra objects."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from napari_pixel_embedding.core.evaluation.comparison import ErrorCounts
from napari_pixel_embedding.core.evaluation.metrics import matching
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
    pairs = _Pairs.of(known, pred)
    counted_ids = np.unique(true[true > 0])
    match = matching(true, pred)
    half = 2 * pairs.pixels >= pairs.union
    partners = (set(pairs.true[half].tolist()), set(pairs.pred[half].tolist()))
    lonely = set(counted_ids.tolist()) - partners[0]
    merged = pairs.merges(counted_ids)
    split = {k: parts for k, parts in pairs.fragments(lonely).items() if len(parts) > 1}
    missed = lonely - set(split) - set().union(*merged.values())
    explained = set(merged).union(*split.values())
    extra = set(np.unique(pred[pred > 0]).tolist()) - partners[1] - explained
    return ErrorCounts(
        objects=match.tp + match.fn,
        predicted=match.tp + match.fp,
        matched=match.tp,
        splits=len(split),
        merges=len(merged),
        missed=len(missed),
        extra=len(extra),
    )


class _Pairs(NamedTuple):
    """Overlapping annotated and predicted objects: ids, common pixels, and sizes of both."""

    true: NDArray[np.int64]
    pred: NDArray[np.int64]
    pixels: NDArray[np.int64]
    true_size: NDArray[np.int64]
    pred_size: NDArray[np.int64]

    @classmethod
    def of(cls, true: NDArray[np.integer[Any]], pred: NDArray[np.integer[Any]]) -> _Pairs:
        true, pred = true.astype(np.int64), pred.astype(np.int64)
        both = (true > 0) & (pred > 0)
        base = int(pred.max()) + 1
        keys, pixels = np.unique(true[both] * base + pred[both], return_counts=True)
        rows, columns = np.divmod(keys, base)
        sizes = np.bincount(true.ravel())[rows], np.bincount(pred.ravel())[columns]
        return cls(rows, columns, pixels, *sizes)

    @property
    def union(self) -> NDArray[np.int64]:
        return self.true_size + self.pred_size - self.pixels

    def merges(self, counted: NDArray[np.integer[Any]]) -> dict[int, set[int]]:
        """Predicted objects that cover most of several annotated ones, at least one scored."""
        covered = _grouped(self.pred, self.true, 2 * self.pixels > self.true_size)
        wanted = set(counted.tolist())
        return {k: found for k, found in covered.items() if len(found) > 1 and found & wanted}

    def fragments(self, objects: set[int]) -> dict[int, set[int]]:
        """Predicted objects that lie mostly inside each of these annotated ones."""
        inside = _grouped(self.true, self.pred, 2 * self.pixels > self.pred_size)
        return {k: inside.get(k, set()) for k in objects}


def _grouped(
    keys: NDArray[np.int64], values: NDArray[np.int64], where: NDArray[np.bool_]
) -> dict[int, set[int]]:
    groups: dict[int, set[int]] = {}
    for key, value in zip(keys[where].tolist(), values[where].tolist(), strict=True):
        groups.setdefault(key, set()).add(value)
    return groups
