"""How large the objects of an image are, measured by looking at it at several sizes."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from scipy import ndimage

from napari_pixel_embedding.core.clustering import build_cluster_index
from napari_pixel_embedding.core.inference.axes import read_stack
from napari_pixel_embedding.core.inference.object_scale import (
    DIAMETERS,
    equivalent_diameter,
    usual_params,
)
from napari_pixel_embedding.core.inference.options import PredictOptions
from napari_pixel_embedding.core.inference.predict import embed_frames
from napari_pixel_embedding.core.progress import report

if TYPE_CHECKING:
    from napari_pixel_embedding.core.inference.axes import ImageStack
    from napari_pixel_embedding.core.model.model_file import EmbeddingModel
    from napari_pixel_embedding.core.progress import Progress

_ZOOMS = (0.1, 0.16, 0.25, 0.4, 0.63, 1.0, 1.6, 2.5)
"""Objects are looked for at ten times to two fifths of the diameter that the model knows."""
_SIDE = {"Y": 512, "X": 512, "Z": 32}
"""Pixels along each axis that the network sees at each size, from the image's middle."""
_LEAST_SIDE = 32
_ENOUGH_OBJECTS = 8
_AS_GOOD = 0.9


class _Look(NamedTuple):
    """What is found at one size: a diameter in the image's pixels, and how sure that is, 0 to 1."""

    diameter: float
    confidence: float


def estimate_diameter(
    model: EmbeddingModel,
    image: Any,
    *,
    axes: str | None = None,
    frame: int | None = None,
    spacing: tuple[float, ...] | None = None,
    device: str = "auto",
    progress: Progress | None = None,
) -> float:
    """Measure the typical diameter of an image's objects, to be given as ``diameter``.

    The middle of the image is segmented at several sizes. Where objects have the size that the
    network knows, their middles are predicted to lie far from any border: at other sizes they
    break or flow together, and the predicted distances sink. The sizes at which the middles
    are surest decide.

    Parameters
    ----------
    model : EmbeddingModel
        One that knows the diameter of its own objects and predicts distances.
    image, axes, frame, spacing, device, progress
        As in :func:`predict_embedding`; of several frames the first is looked at by default.

    Returns
    -------
    float
        Median diameter in pixels along Y and X, of discs (balls) as large as the objects.

    Raises
    ------
    ValueError
        When no object is found at any size, or the model does not know its own objects.

    Examples
    --------
    >>> from napari_pixel_embedding import estimate_diameter, load_model
    >>> from skimage.data import human_mitosis
    >>> 8 < estimate_diameter(load_model("nuclei-fluo"), human_mitosis()) < 16
    True
    """
    stack = read_stack(image, model.config, axes, spacing=spacing)
    return measure_diameter(model, stack.frame(frame or 0), PredictOptions(device), progress)


def measure_diameter(
    model: EmbeddingModel,
    image: ImageStack,
    options: PredictOptions,
    progress: Progress | None = None,
) -> float:
    """Measure the objects of an image whose axes are settled; see :func:`estimate_diameter`."""
    known = model.config.object_diameter
    if known is None:
        raise ValueError(
            f"the model {model.name!r} does not say how large the objects it was trained on are, "
            "so a diameter means nothing to it: choose another model."
        )
    image = image.frame(0)
    zooms = [z for z in _ZOOMS if _is_worth_it(image, z, known)] or [1.0]
    looks = []
    for done, zoom in enumerate(zooms, start=1):
        middle = _middle(image, zoom)
        looks.append(_look(model, middle, replace(options, diameter=known / zoom)))
        report(progress, done / len(zooms))
    return _settle(looks)


def _is_worth_it(image: ImageStack, zoom: float, known: float) -> bool:
    """Whether an image has enough pixels at a size, and that size is one that is believed."""
    parts = zip(image.axes, image.array.shape, strict=True)
    sides = [n * zoom for letter, n in parts if letter in "YX"]
    return min(sides) >= _LEAST_SIDE and DIAMETERS[0] <= known / zoom <= DIAMETERS[1]


def _middle(image: ImageStack, zoom: float) -> ImageStack:
    """Cut out the middle of an image, no larger than what is looked at with this zoom."""
    window = []
    for letter, size in zip(image.axes, image.array.shape, strict=True):
        side = min(size, math.ceil(_SIDE[letter] / zoom)) if letter in _SIDE else size
        window.append(slice((size - side) // 2, (size - side) // 2 + side))
    return replace(image, array=image.array[tuple(window)])


def _look(model: EmbeddingModel, image: ImageStack, options: PredictOptions) -> _Look:
    """Segment an image as if its objects had the diameter of the options."""
    (emap,) = embed_frames(model, image, options)
    params = usual_params(model.config, options.diameter, image.spacing)
    labels = build_cluster_index(emap).cut(params)
    sizes = np.bincount(labels.ravel())
    ids = np.flatnonzero(sizes[1:]) + 1
    if ids.size == 0 or emap.distance is None:
        return _Look(math.nan, 0.0)
    middles = ndimage.maximum(emap.distance, labels, ids)
    confidence = float(np.median(middles)) * min(ids.size / _ENOUGH_OBJECTS, 1)
    return _Look(equivalent_diameter(sizes[ids], emap.ndim), confidence)


def _settle(looks: list[_Look]) -> float:
    """Mean, on a logarithmic scale, of the diameters that are about as sure as the surest."""
    best = max(look.confidence for look in looks)
    if best == 0:
        raise ValueError(
            "expected an image with objects that the model finds at some size, found none: give "
            "the diameter by hand, or choose another model."
        )
    sure = [look for look in looks if look.confidence >= _AS_GOOD * best]
    logs = [math.log(look.diameter) for look in sure]
    return math.exp(float(np.average(logs, weights=[look.confidence for look in sure])))
