"""Held-out evaluation: AP and error counts on annotated objects excluded from training."""

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
"""Context around an object that is given to the network, in pixels."""


class HeldOutCrop(NamedTuple):
    """A crop of a normalised image, its sparse labels, and the ids of the objects to score.

    ``frame`` (C, [Z,] Y, X); ``truth`` ([Z,] Y, X), −1 where unknown.
    """

    frame: NDArray[np.float32]
    truth: NDArray[np.int32]
    counted: tuple[int, ...]


class HeldOutScore(NamedTuple):
    """Score of a model: AP averaged over IoU 0.5 to 0.95, and error counts at 0.5."""

    ap: float
    errors: ErrorCounts


def crops_around(
    frame: NDArray[np.float32], truth: NDArray[np.int32], ids: Iterable[int]
) -> list[HeldOutCrop]:
    """Return one crop for each object in ``ids``, with the context the network needs."""
    boxes = ndimage.find_objects(np.maximum(truth, 0))
    crops = []
    for k in ids:
        window = tuple(
            slice(max(side.start - _MARGIN, 0), side.stop + _MARGIN) for side in boxes[k - 1]
        )
        crops.append(HeldOutCrop(frame[(slice(None), *window)], truth[window], (k,)))
    return crops


def crop_of_all(frame: NDArray[np.float32], truth: NDArray[np.int32]) -> HeldOutCrop:
    """Return the whole frame as one crop in which all objects are scored."""
    return HeldOutCrop(frame, truth, tuple(np.unique(truth[truth > 0]).tolist()))


@dataclass(frozen=True, eq=False)
class HeldOutSet:
    """Held-out crops on which models are compared.

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
        """Return the AP of a model, averaged over IoU 0.5 to 0.95."""
        return self.score(model).ap

    def score(self, model: EmbeddingModel) -> HeldOutScore:
        """Segment all crops and score the result."""
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
    """Segment a frame that is already resampled to the network's object size."""
    params = params_as_seen(model.config.cluster_params(), model.config)
    return build_cluster_index(predict_at_own_scale(model, frame, device)).cut(params)
