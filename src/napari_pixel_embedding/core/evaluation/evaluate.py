"""Evaluation of a model on annotated images."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_pixel_embedding.core.evaluation.metrics import (
    average_precision,
    difference_in_count,
    panoptic_quality,
    symmetric_best_dice,
)
from napari_pixel_embedding.core.inference.axes import read_stack
from napari_pixel_embedding.core.inference.diameter import with_own_size
from napari_pixel_embedding.core.inference.object_scale import spacing_of_each, usual_params
from napari_pixel_embedding.core.inference.options import PredictOptions
from napari_pixel_embedding.core.inference.predict import embed_frames
from napari_pixel_embedding.core.progress import report
from napari_pixel_embedding.core.segmentation.segment import cluster

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from numpy.typing import NDArray

    from napari_pixel_embedding.core.clustering import ClusterParams
    from napari_pixel_embedding.core.inference.axes import ImageStack
    from napari_pixel_embedding.core.inference.channels import Channel
    from napari_pixel_embedding.core.inference.object_scale import Spacings
    from napari_pixel_embedding.core.model.model_file import EmbeddingModel
    from napari_pixel_embedding.core.progress import Progress
    from napari_pixel_embedding.core.segmentation.segment import Method

IOU_THRESHOLDS = tuple(np.arange(0.5, 0.96, 0.05).round(2).tolist())


@dataclass(frozen=True)
class Scores:
    """Scores over a set of images; AP and PQ pool the objects of all images.

    Where no image has an annotated object, all but ``dic`` are NaN: there is nothing to find.

    Parameters
    ----------
    ap50, ap75, ap : float
        TP / (TP + FP + FN) at an IoU of 0.5, of 0.75, and its mean over 0.5:0.05:0.95.
    sbd, dic, pq : float
        Symmetric best Dice and absolute difference in count (means over images; Scharr et al.,
        2016), and panoptic quality (Kirillov et al., 2019).
    images : int
        Number of images.
    seconds : float
        Mean wall time per image.
    """

    ap50: float
    ap75: float
    ap: float
    sbd: float
    dic: float
    pq: float
    images: int
    seconds: float


def evaluate(
    model: EmbeddingModel,
    images: Sequence[NDArray[Any]],
    labels: Sequence[NDArray[Any]],
    *,
    params: ClusterParams | None = None,
    method: Method = "mean_shift",
    axes: str | None = None,
    channel: Channel | None = None,
    spacing: Spacings = None,
    diameter: float | None = None,
    augment: int = 1,
    device: str = "auto",
    progress: Progress | None = None,
    distance_seeds: bool = True,
) -> Scores:
    """Segment images and score the result against their label images.

    Parameters
    ----------
    model : EmbeddingModel
        From :func:`load_model`.
    images, labels : sequence of arrays
        As many label images as images.
    params, method
        As in :func:`segment`.
    spacing : sequence of float, or a sequence of them, optional
        As in :func:`predict_embedding`, for all images or for each.
    diameter : float, optional
        As in :func:`segment`: some models measure it on every image where it is not named.
    axes, channel, augment, device, progress
        As in :func:`predict_embedding`.
    distance_seeds : bool
        Whether the distance map seeds the clusters; otherwise seeds come from the embedding
        alone. Mutex watershed does not use it.
    """
    if len(images) != len(labels) or not images:
        raise ValueError(
            "expected as many label images as images, at least one, "
            f"found {len(images)} images and {len(labels)} label images."
        )
    usual = PredictOptions(device, diameter, augment=augment)
    started = time.perf_counter()
    predicted = []
    for image, size in zip(images, spacing_of_each(spacing, len(images)), strict=True):
        stack = read_stack(image, model.config, axes, channel=channel, spacing=size)
        options = with_own_size(model, stack, usual)
        own = params or usual_params(model.config, options.diameter, size)
        predicted.append(_segmented(model, stack, options, own, method, distance_seeds))
        report(progress, len(predicted) / len(images))
    seconds = (time.perf_counter() - started) / len(images)
    return score(labels, predicted, seconds)


def _segmented(
    model: EmbeddingModel,
    stack: ImageStack,
    options: PredictOptions,
    params: ClusterParams,
    method: Method,
    distance_seeds: bool,
) -> NDArray[Any]:
    maps = embed_frames(model, stack, options)
    if not distance_seeds:
        maps = (replace(emap, distance=None) for emap in maps)
    labels = [cluster(emap, params, method) for emap in maps]
    return stack.label_image(labels)


def score(
    y_true: Sequence[NDArray[Any]], y_pred: Sequence[NDArray[Any]], seconds: float = 0.0
) -> Scores:
    """Score predicted against true label images."""
    y_true, y_pred = list(y_true), list(y_pred)
    if not has_objects(y_true):
        dic, nothing = difference_in_count(y_true, y_pred), math.nan
        return Scores(nothing, nothing, nothing, nothing, dic, nothing, len(y_true), seconds)
    precisions = np.asarray(average_precision(y_true, y_pred, IOU_THRESHOLDS))
    return Scores(
        ap50=float(precisions[IOU_THRESHOLDS.index(0.5)]),
        ap75=float(precisions[IOU_THRESHOLDS.index(0.75)]),
        ap=float(precisions.mean()),
        sbd=symmetric_best_dice(y_true, y_pred),
        dic=difference_in_count(y_true, y_pred),
        pq=panoptic_quality(y_true, y_pred),
        images=len(y_true),
        seconds=seconds,
    )


def has_objects(labels: Iterable[NDArray[Any]]) -> bool:
    """Whether any of several label images has an object; without one there is no AP.

    Examples
    --------
    >>> has_objects([np.array([[0, 0]]), np.array([[-1, 0]])])
    False
    """
    return any(bool((image > 0).any()) for image in labels)
