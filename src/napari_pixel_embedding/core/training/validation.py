"""Validation scores, by which a training selects its best model."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_pixel_embedding.core.evaluation.evaluate import IOU_THRESHOLDS, has_objects
from napari_pixel_embedding.core.evaluation.metrics import (
    average_precision,
)
from napari_pixel_embedding.core.inference.object_scale import spacing_of_each
from napari_pixel_embedding.core.model.model_file import EmbeddingModel
from napari_pixel_embedding.core.segmentation.segment import segment_and_tell

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_pixel_embedding.core.inference.object_scale import Spacings


Validation = Callable[[EmbeddingModel], float | None]
"""Function that scores a model, higher is better; None where there is nothing to score on."""


def ap_validation(
    images: Sequence[NDArray[Any]],
    labels: Sequence[NDArray[Any]],
    *,
    axes: str | None = None,
    spacing: Spacings = None,
    device: str = "auto",
) -> Validation:
    """Return a validation for :func:`train`: AP on these images, averaged over IoU 0.5 to 0.95.

    Where none of the images has an object, there is no AP: the validation returns None.
    """
    spacings = spacing_of_each(spacing, len(images))

    def validate(model: EmbeddingModel) -> float | None:
        if not has_objects(labels):
            return None
        predicted = [
            segment_and_tell(image, model, axes=axes, spacing=size, device=device)[0]
            for image, size in zip(images, spacings, strict=True)
        ]
        return float(np.mean(average_precision(list(labels), predicted, IOU_THRESHOLDS)))

    return validate
