"""Overlaps of two label images: contingency table and best matching."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_pixel_embedding.core.validation import check_label_image, check_same_shape

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray


@dataclass(frozen=True)
class Matching:
    """Counts of a one-to-one matching of predicted to true objects.

    Parameters
    ----------
    iou_threshold : float
        Smallest intersection over union (IoU) of a match.
    tp, fp, fn : int
        Matched pairs, unmatched predicted objects, unmatched true objects.
    sum_iou : float
        Sum of the IoU of the matched pairs.
    """

    iou_threshold: float
    tp: int
    fp: int
    fn: int
    sum_iou: float

    @property
    def precision(self) -> float:
        """TP / (TP + FP)."""
        return self._ratio(self.tp, self.tp + self.fp)

    @property
    def recall(self) -> float:
        """TP / (TP + FN)."""
        return self._ratio(self.tp, self.tp + self.fn)

    @property
    def f1(self) -> float:
        """2 TP / (2 TP + FP + FN)."""
        return self._ratio(2 * self.tp, 2 * self.tp + self.fp + self.fn)

    @property
    def average_precision(self) -> float:
        """TP / (TP + FP + FN)."""
        return self._ratio(self.tp, self.tp + self.fp + self.fn)

    @property
    def panoptic_quality(self) -> float:
        """Sum of the matched IoU / (TP + FP/2 + FN/2) (Kirillov et al., CVPR 2019)."""
        return self._ratio(self.sum_iou, self.tp + 0.5 * self.fp + 0.5 * self.fn)

    def _ratio(self, part: float, whole: float) -> float:
        if whole > 0:
            return part / whole
        return 1.0 if self.tp + self.fp + self.fn == 0 else 0.0

    def __add__(self, other: Matching) -> Matching:
        """Pool the counts of two images."""
        return Matching(
            self.iou_threshold,
            self.tp + other.tp,
            self.fp + other.fp,
            self.fn + other.fn,
            self.sum_iou + other.sum_iou,
        )


@dataclass(frozen=True, eq=False)
class Overlap:
    """Contingency table of two label images: sizes of objects, and of what two have in common.

    Objects are numbered from 0, in the order of their ids.

    Parameters
    ----------
    true_size, pred_size : array of int, shape (T,) and (P,)
        Pixels of each object.
    true, pred : array of int, shape (N,)
        The two objects of each pair that meets.
    pixels : array of int, shape (N,)
        Pixels that both have in common, at least 1.
    """

    true_size: NDArray[np.int64]
    pred_size: NDArray[np.int64]
    true: NDArray[np.intp]
    pred: NDArray[np.intp]
    pixels: NDArray[np.int64]

    @classmethod
    def of(cls, y_true: ArrayLike, y_pred: ArrayLike) -> Overlap:
        """Count the pixels of two label images of one shape."""
        true, pred = check_label_image(y_true, "y_true"), check_label_image(y_pred, "y_pred")
        check_same_shape(true, pred, ("y_true", "y_pred"))
        true_index, true_size = _consecutive(true)
        pred_index, pred_size = _consecutive(pred)
        rows, columns, pixels = _count_pairs(true_index, pred_index, len(pred_size))
        return cls(true_size, pred_size, rows, columns, pixels)

    @property
    def true_count(self) -> int:
        """Number of true objects."""
        return len(self.true_size)

    @property
    def pred_count(self) -> int:
        """Number of predicted objects."""
        return len(self.pred_size)

    @property
    def union(self) -> NDArray[np.int64]:
        """Pixels of each pair that belong to at least one of both."""
        return self.true_size[self.true] + self.pred_size[self.pred] - self.pixels

    def pairs_of_true(self, which: NDArray[np.bool_]) -> NDArray[np.intp]:
        """Count, for each true object, its pairs among some of all."""
        return np.bincount(self.true[which], minlength=self.true_count)

    def pairs_of_pred(self, which: NDArray[np.bool_]) -> NDArray[np.intp]:
        """Count, for each predicted object, its pairs among some of all."""
        return np.bincount(self.pred[which], minlength=self.pred_count)

    def match(self, threshold: float) -> Matching:
        """Match objects one to one, see :func:`matching`."""
        iou = self.pixels / self.union
        enough = iou >= threshold
        chosen = _assign(self.true[enough], self.pred[enough], iou[enough])
        tp = len(chosen)
        fp, fn = self.pred_count - tp, self.true_count - tp
        return Matching(threshold, tp, fp, fn, float(chosen.sum()))

    def symmetric_best_dice(self) -> float:
        """Best Dice of each object, see :func:`symmetric_best_dice`."""
        if self.true_count == 0 or self.pred_count == 0:
            return float(self.true_count == self.pred_count)
        dice = 2 * self.pixels / (self.true_size[self.true] + self.pred_size[self.pred])
        best_true, best_pred = np.zeros(self.true_count), np.zeros(self.pred_count)
        np.maximum.at(best_true, self.true, dice)
        np.maximum.at(best_pred, self.pred, dice)
        return float(min(best_true.mean(), best_pred.mean()))


def _consecutive(labels: NDArray[np.integer[Any]]) -> tuple[NDArray[np.intp], NDArray[np.int64]]:
    """Return object indices from 0 (background −1), flattened, and the objects' sizes."""
    flat = labels.ravel()
    if int(flat.max()) > max(4 * flat.size, 2**16):
        flat = np.unique(flat, return_inverse=True)[1] + int(flat.min() > 0)
    flat = flat.astype(np.intp, copy=False)
    sizes = np.bincount(flat, minlength=1)
    present = sizes > 0
    present[0] = False
    index = np.where(present, np.cumsum(present) - 1, -1)
    return index[flat], sizes[present]


def _count_pairs(
    true: NDArray[np.intp], pred: NDArray[np.intp], pred_count: int
) -> tuple[NDArray[np.intp], NDArray[np.intp], NDArray[np.int64]]:
    """Count the common pixels of every pair of overlapping objects."""
    both = (true >= 0) & (pred >= 0)
    keys = true[both] * pred_count + pred[both]
    if pred_count and keys.size and int(keys.max()) <= 8 * true.size:
        counts = np.bincount(keys)
        pairs = np.flatnonzero(counts)
        counts = counts[pairs]
    else:
        pairs, counts = np.unique(keys, return_counts=True)
    rows, columns = np.divmod(pairs, max(pred_count, 1))
    return rows, columns, counts


def _assign(
    rows: NDArray[np.intp], columns: NDArray[np.intp], iou: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return the IoU of the pairs in an optimal one-to-one assignment of candidate pairs.

    Candidates that share no object with another are accepted directly: above an IoU of 0.5 that is
    all of them. The others form small groups, which are solved separately.
    """
    if rows.size == 0:
        return np.empty(0)
    lonely = (np.bincount(rows)[rows] == 1) & (np.bincount(columns)[columns] == 1)
    chosen = [iou[lonely]]
    rows, columns, iou = rows[~lonely], columns[~lonely], iou[~lonely]
    for group in _groups(rows, columns):
        chosen.append(_assign_group(rows[group], columns[group], iou[group]))
    return np.concatenate(chosen)


def _groups(rows: NDArray[np.intp], columns: NDArray[np.intp]) -> list[NDArray[np.intp]]:
    """Split pairs into groups that share no row and no column."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    if rows.size == 0:
        return []
    shift = int(rows.max()) + 1
    nodes = shift + int(columns.max()) + 1
    graph = coo_array((np.ones(rows.size), (rows, columns + shift)), shape=(nodes, nodes))
    group = connected_components(graph, directed=False)[1][rows]
    order = np.argsort(group, kind="stable")
    return np.split(order, np.flatnonzero(np.diff(group[order])) + 1)


def _assign_group(
    rows: NDArray[np.intp], columns: NDArray[np.intp], iou: NDArray[np.float64]
) -> NDArray[np.float64]:
    from scipy.optimize import linear_sum_assignment

    row_ids, row = np.unique(rows, return_inverse=True)
    column_ids, column = np.unique(columns, return_inverse=True)
    scores = np.zeros((len(row_ids), len(column_ids)))
    scores[row, column] = iou
    # one more pair outweighs any gain in IoU: the scaled sum of IoU stays below 1
    gain = np.where(scores > 0, 1 + scores / (2 * min(scores.shape)), 0)
    picked = scores[linear_sum_assignment(gain, maximize=True)]
    return np.asarray(picked[picked > 0])
