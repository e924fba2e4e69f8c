"""Judging a model by objects that it does not learn from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from scipy import ndimage

from napari_pixel_embedding.core.clustering import build_cluster_index
from napari_pixel_embedding.core.evaluation.comparison import ErrorCounts
from napari_pixel_embedding.core.evaluation.error_counts import count_errors, restrict_to_known
from napari_pixel_embedding.core.evaluation.evaluate import IOU_THRESHOLDS
from napari_pixel_embedding.core.evaluation.metrics import average_precision
from napari_pixel_embedding.core.inference.object_scale import params_as_seen
from napari_pixel_embedding.core.inference.predict import predict_at_own_scale

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

    from napari_pixel_embedding.core.model.model_file import EmbeddingModel

_MARGIN = 48
"""Pixels around an object that the network is shown with it."""


class HeldOutCrop(NamedTuple):
    """A part of a normalised image, what is known there, and which objects count.

    ``frame`` (C, [Z,] Y, X); ``truth`` ([Z,] Y, X), −1 where nothing is known.
    """

    frame: NDArray[np.float32]
    truth: NDArray[np.int32]
    counted: tuple[int, ...]


class HeldOutScore(NamedTuple):
    """How a model did: the mean AP over IoU 0.5 to 0.95, and its errors at 0.5."""

    ap: float
    errors: ErrorCounts


def crops_around(
    frame: NDArray[np.float32], truth: NDArray[np.int32], ids: Iterable[int]
) -> list[HeldOutCrop]:
    """Ask about each of some objects by itself, with as much around it as the network needs."""
    boxes = ndimage.find_objects(np.maximum(truth, 0))
    crops = []
    for k in ids:
        window = tuple(
            slice(max(side.start - _MARGIN, 0), side.stop + _MARGIN) for side in boxes[k - 1]
        )
        crops.append(HeldOutCrop(frame[(slice(None), *window)], truth[window], (k,)))
    return crops


def crop_of_all(frame: NDArray[np.float32], truth: NDArray[np.int32]) -> HeldOutCrop:
    """Ask about all objects of a frame at once."""
    return HeldOutCrop(frame, truth, tuple(np.unique(truth[truth > 0]).tolist()))


@dataclass(frozen=True, eq=False)
class HeldOutSet:
    """Questions that models are compared by.

    Parameters
    ----------
    crops : tuple of HeldOutCrop
        At least one.
    device : str
        As in :func:`predict_embedding`.
    """

    crops: tuple[HeldOutCrop, ...]
    device: str = "auto"

    def ap(self, model: EmbeddingModel) -> float:
        """Mean AP over IoU 0.5 to 0.95."""
        return self.score(model).ap

    def score(self, model: EmbeddingModel) -> HeldOutScore:
        """Let a model answer all questions."""
        pairs, errors = [], ErrorCounts()
        for crop in self.crops:
            answer = _segmented(model, crop.frame, self.device)
            pairs.append(restrict_to_known(crop.truth, answer, crop.counted))
            errors += count_errors(crop.truth, answer, crop.counted)
        true, pred = zip(*pairs, strict=True)
        return HeldOutScore(
            float(np.mean(average_precision(list(true), list(pred), IOU_THRESHOLDS))), errors
        )


def _segmented(
    model: EmbeddingModel, frame: NDArray[np.float32], device: str
) -> NDArray[np.unsignedinteger[Any]]:
    """Segment a frame that has the size that the network wants already."""
    params = params_as_seen(model.config.cluster_params(), model.config)
    return build_cluster_index(predict_at_own_scale(model, frame, device)).cut(params)
