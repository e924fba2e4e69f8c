"""Segmentation metrics: AP, symmetric best Dice, |DiC| and panoptic quality.

Every function takes label images, 0 is background, whose ids need not be consecutive. Scores
of two images without any object are 1.0, so that an empty image does not count as a failure.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, overload

import numpy as np
from numpy.typing import ArrayLike, NDArray

from napari_pixel_embedding.core.evaluation.overlap import Matching, Overlap

LabelImages = ArrayLike | Sequence[ArrayLike]
"""One label image as an array, or several as a list or tuple of arrays."""


def matching(y_true: ArrayLike, y_pred: ArrayLike, iou_threshold: float = 0.5) -> Matching:
    """Match predicted to true objects one to one.

    The matching is optimal: as many pairs as possible, and among those the largest sum of IoU.

    Parameters
    ----------
    y_true, y_pred : array of int, shape ([Z,] Y, X)
        Label images, 0 is background.
    iou_threshold : float
        Above 0, up to 1; an IoU equal to it is a match.

    Raises
    ------
    ValueError
        When the shapes differ, an array is no label image or the threshold is out of range.

    Examples
    --------
    >>> found = matching([[1, 1, 1, 0, 2]], [[5, 5, 0, 0, 0]])
    >>> found.tp, found.fp, found.fn
    (1, 0, 1)
    """
    return Overlap.of(y_true, y_pred).match(_check_threshold(iou_threshold))


@overload
def average_precision(
    y_true: LabelImages, y_pred: LabelImages, iou_threshold: float = 0.5
) -> float: ...


@overload
def average_precision(
    y_true: LabelImages, y_pred: LabelImages, iou_threshold: Sequence[float] | NDArray[Any]
) -> NDArray[np.float64]: ...


def average_precision(
    y_true: LabelImages,
    y_pred: LabelImages,
    iou_threshold: float | Sequence[float] | NDArray[Any] = 0.5,
) -> float | NDArray[np.float64]:
    """TP / (TP + FP + FN) over all objects of all images.

    Parameters
    ----------
    y_true, y_pred : array of int, or list of arrays
        Label images ([Z,] Y, X), 0 is background. A list pools the objects of its images: crowded
        images weigh more than sparse ones.
    iou_threshold : float or sequence of float
        Above 0, up to 1. The mean over ``np.arange(0.5, 1, 0.05)`` is COCO-like "0.5:0.95".

    Returns
    -------
    float, or array with one value for each threshold

    Raises
    ------
    ValueError
        When lists or shapes differ, or an array is no label image.

    Examples
    --------
    >>> average_precision([[1, 1, 1, 0, 2]], [[5, 5, 0, 0, 0]])
    0.5
    >>> average_precision([[1, 1, 1, 0, 2]], [[5, 5, 0, 0, 0]], [0.5, 0.75])
    array([0.5, 0. ])
    """
    thresholds = [_check_threshold(t) for t in np.atleast_1d(np.asarray(iou_threshold))]
    pairs = _paired(y_true, y_pred)
    pooled = [Matching(t, 0, 0, 0, 0.0) for t in thresholds]
    for true, pred in pairs:
        overlap = Overlap.of(true, pred)
        pooled = [total + overlap.match(total.iou_threshold) for total in pooled]
    scores = np.array([total.average_precision for total in pooled])
    return float(scores[0]) if np.ndim(iou_threshold) == 0 else scores


def panoptic_quality(y_true: LabelImages, y_pred: LabelImages, iou_threshold: float = 0.5) -> float:
    """Sum of the matched objects' IoU / (TP + FP/2 + FN/2), over all objects of all images.

    Parameters
    ----------
    y_true, y_pred : array of int, or list of arrays
        Label images ([Z,] Y, X), 0 is background.
    iou_threshold : float
        Above 0, up to 1.

    References
    ----------
    Kirillov et al., Panoptic Segmentation, CVPR 2019.

    Examples
    --------
    >>> round(panoptic_quality([[1, 1, 1, 0]], [[5, 5, 0, 0]]), 3)
    0.667
    """
    threshold = _check_threshold(iou_threshold)
    total = Matching(threshold, 0, 0, 0, 0.0)
    for true, pred in _paired(y_true, y_pred):
        total += Overlap.of(true, pred).match(threshold)
    return total.panoptic_quality


def symmetric_best_dice(y_true: LabelImages, y_pred: LabelImages) -> float:
    """Symmetric best Dice (SBD) of the CVPPP leaf segmentation challenge.

    The best Dice of each object of one image with any object of the other, averaged over objects;
    the lower value of the two directions. 0 when only one of the two images has objects.

    Parameters
    ----------
    y_true, y_pred : array of int, or list of arrays
        Label images ([Z,] Y, X), 0 is background. A list gives the mean over its images.

    References
    ----------
    Scharr et al., Leaf segmentation in plant phenotyping: a collation study, MVA 2016.

    Examples
    --------
    >>> round(symmetric_best_dice([[1, 1, 1, 0, 2]], [[5, 5, 0, 0, 2]]), 2)
    0.9
    """
    return _mean_over_images(y_true, y_pred, lambda overlap: overlap.symmetric_best_dice())


def difference_in_count(y_true: LabelImages, y_pred: LabelImages) -> float:
    """Absolute difference in the number of objects, |DiC|; a list gives the mean.

    Parameters
    ----------
    y_true, y_pred : array of int, or list of arrays
        Label images ([Z,] Y, X), 0 is background.

    References
    ----------
    Scharr et al., Leaf segmentation in plant phenotyping: a collation study, MVA 2016.

    Examples
    --------
    >>> difference_in_count([[1, 2, 3]], [[1, 1, 0]])
    2.0
    """
    return _mean_over_images(y_true, y_pred, lambda o: float(abs(o.true_count - o.pred_count)))


def _paired(y_true: LabelImages, y_pred: LabelImages) -> list[tuple[Any, Any]]:
    true, pred = _as_list(y_true, "y_true"), _as_list(y_pred, "y_pred")
    if len(true) != len(pred):
        raise ValueError(
            f"y_true and y_pred must hold the same number of images, found {len(true)} and "
            f"{len(pred)}."
        )
    if not true:
        raise ValueError("y_true and y_pred must hold at least one image, found empty lists.")
    return list(zip(true, pred, strict=True))


def _as_list(images: LabelImages, name: str) -> list[Any]:
    """Return a list of images; anything but a list of arrays is one image, also nested lists."""
    if not isinstance(images, (list, tuple)):
        return [images]
    arrays = [hasattr(image, "shape") and image.shape != () for image in images]
    if all(arrays):
        return list(images)
    if any(arrays):
        raise ValueError(f"{name} must be an array or a list of arrays, found a mixture.")
    return [images]


def _mean_over_images(
    y_true: LabelImages, y_pred: LabelImages, score: Callable[[Overlap], float]
) -> float:
    pairs = _paired(y_true, y_pred)
    return float(np.mean([score(Overlap.of(true, pred)) for true, pred in pairs]))


def _check_threshold(iou_threshold: float) -> float:
    threshold = float(iou_threshold)
    if not 0 < threshold <= 1:
        raise ValueError(
            f"iou_threshold must be over 0 and at most 1, found {threshold}. Common: 0.5, 0.75."
        )
    return threshold
