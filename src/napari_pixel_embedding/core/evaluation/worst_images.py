"""Annotated images on which a model scores worst, with its predictions."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_pixel_embedding.core.datasets.pair_checks import read_labelled_images
from napari_pixel_embedding.core.evaluation.evaluate import IOU_THRESHOLDS, has_objects
from napari_pixel_embedding.core.evaluation.metrics import average_precision
from napari_pixel_embedding.core.inference.axes import scale_along
from napari_pixel_embedding.core.progress import report
from napari_pixel_embedding.core.segmentation.segment import segment_and_tell

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from napari_pixel_embedding.core.datasets.pairs import Pair
    from napari_pixel_embedding.core.model.model_file import EmbeddingModel
    from napari_pixel_embedding.core.progress import Progress


@dataclass(frozen=True, eq=False)
class ImageScore:
    """An annotated image, a model's prediction, and its AP.

    Parameters
    ----------
    name : str
        The image file's name.
    ap : float
        TP / (TP + FP + FN) of this image, averaged over IoU 0.5:0.05:0.95; NaN where there is
        no object and none was found.
    image : array
        As read from its file.
    rgb : bool
        Whether its last axis holds colours.
    truth, prediction : array of int, shape ([T,] [Z,] Y, X)
        Label images, 0 is background.
    """

    name: str
    ap: float
    image: NDArray[Any]
    rgb: bool
    truth: NDArray[Any]
    prediction: NDArray[Any]


def worst_images(
    model: EmbeddingModel,
    pairs: Sequence[Pair],
    count: int = 6,
    *,
    split_masks: bool | None = False,
    device: str = "auto",
    progress: Progress | None = None,
) -> list[ImageScore]:
    """Segment the images of pairs and return those with the lowest AP, lowest first.

    Parameters
    ----------
    model : EmbeddingModel
    pairs : sequence of Pair
        Images with their label images.
    count : int
        Number of images to return.
    split_masks : bool, optional
        Whether every connected piece of a mask is an object.
    device, progress
        As in :func:`~.predict.predict_embedding`.

    Raises
    ------
    ValueError, OSError
        When a file cannot be read or does not fit the model.
    """
    worst: list[ImageScore] = []
    for done, pair in enumerate(pairs, start=1):
        worst.append(_example(model, pair, device, bool(split_masks)))
        worst = sorted(worst, key=_goodness)[:count]
        report(progress, done / len(pairs))
    return worst


def _goodness(example: ImageScore) -> float:
    """Order images by their AP; those without one come last, as nothing is wrong in them."""
    return math.inf if math.isnan(example.ap) else example.ap


def _example(model: EmbeddingModel, pair: Pair, device: str, split: bool) -> ImageScore:
    image, truth, _ = read_labelled_images([pair], model.config, split)[0]
    spacing = scale_along(image, model.config.axes)
    found, _ = segment_and_tell(image.data, model, axes=image.axes, spacing=spacing, device=device)
    ap = float(np.mean(average_precision(truth, found, IOU_THRESHOLDS)))
    if not has_objects([truth, found]):
        ap = math.nan
    rgb = (image.axes or "").endswith("C") and image.data.shape[-1] in (3, 4)
    return ImageScore(pair.image.name, ap, image.data, rgb, truth, found)
