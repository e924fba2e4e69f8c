"""Estimation of the object diameter: segment an image at several scales, compare confidence."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from napari_pixel_embedding.core.clustering import build_cluster_index
from napari_pixel_embedding.core.inference.axes import read_stack
from napari_pixel_embedding.core.inference.object_scale import (
    DIAMETERS,
    equivalent_diameter,
    image_diameter,
    usual_params,
)
from napari_pixel_embedding.core.inference.options import PredictOptions
from napari_pixel_embedding.core.inference.predict import embed_frames
from napari_pixel_embedding.core.inference.quality import CONFIDENT, confidence
from napari_pixel_embedding.core.progress import report

if TYPE_CHECKING:
    from napari_pixel_embedding.core.inference.axes import ImageStack
    from napari_pixel_embedding.core.inference.channels import Channel
    from napari_pixel_embedding.core.model.model_file import EmbeddingModel
    from napari_pixel_embedding.core.progress import Progress

_ZOOMS = (0.1, 0.16, 0.25, 0.4, 0.63, 1.0, 1.6, 2.5)
"""Scales to try, for objects of ten times to two fifths of the model's diameter."""
_SIDE = {"Y": 512, "X": 512, "Z": 32}
"""Size of the central crop along each axis, in pixels as the network sees them."""
_LEAST_SIDE = 32
_ENOUGH_OBJECTS = 8
_AS_GOOD = 0.9
"""Share of the highest weight from which a scale has a say."""
_DOUBT = 0.3
"""Confidence of long objects that is doubted in one of them, in n by the square root of n less: a
blurred blob can be taken for one sure object."""
_OWN_SCALE = 0.02
"""Weight by which another scale of long objects must be ahead of the image's own: networks learn
from images as they are, and at scales about as good it is the image's own that scores best."""
_AGREES = 1.25
"""Ratio of measured and given diameter within which a scale is confirmed, in a volume."""


class Look(NamedTuple):
    """Result at one scale.

    ``diameter`` is the one it speaks for, in pixels of the image; ``weight`` is its confidence,
    less where few objects say so.
    """

    diameter: float
    confidence: float
    objects: int
    weight: float


def estimate_diameter(
    model: EmbeddingModel,
    image: Any,
    *,
    axes: str | None = None,
    channel: Channel | None = None,
    frame: int | None = None,
    spacing: tuple[float, ...] | None = None,
    device: str = "auto",
    progress: Progress | None = None,
) -> float:
    """Estimate the typical diameter of an image's objects, to pass as ``diameter``.

    The central part of the image is segmented at several scales. At the network's own object
    size, the predicted normalised distance at object centres is highest: at other scales objects
    split or merge, and it drops. The result is a weighted geometric mean of the diameters found
    at the scales with the highest values.

    How long bacteria or filaments are says nothing of their scale. For a model of such objects
    (``pull_window``) the result is ``object_diameter`` at the scale with the highest value, or at
    the image's own scale where that is hardly lower.

    Parameters
    ----------
    model : EmbeddingModel
        A model with an ``object_diameter`` and a distance output.
    image, axes, channel, frame, spacing, device, progress
        As in :func:`predict_embedding`; of several frames the first is used by default.

    Returns
    -------
    float
        Median equivalent diameter (of discs or balls of the same size) in pixels along Y and X.

    Raises
    ------
    ValueError
        When no object is found at any scale, or the model has no ``object_diameter``.

    Examples
    --------
    >>> from napari_pixel_embedding import estimate_diameter, load_model
    >>> from skimage.data import human_mitosis
    >>> 8 < estimate_diameter(load_model("nuclei-fluo"), human_mitosis()) < 16
    True
    """
    stack = read_stack(image, model.config, axes, channel=channel, spacing=spacing)
    return measure_diameter(model, stack.frame(frame or 0), PredictOptions(device), progress)


def measure_diameter(
    model: EmbeddingModel,
    image: ImageStack,
    options: PredictOptions,
    progress: Progress | None = None,
) -> float:
    """Estimate the object diameter of an image with known axes; see :func:`estimate_diameter`."""
    known = model.config.object_diameter
    if known is None:
        raise ValueError(
            f"the model {model.name!r} does not say how large the objects it was trained on are, "
            "so a diameter means nothing to it: choose another model."
        )
    if not model.config.has_distance:
        raise ValueError(
            f"the model {model.name!r} gives no distance to the border, by which sizes are "
            "measured: give the diameter by hand, or draw a line across an object."
        )
    image = image.frame(0)
    zooms = [z for z in _ZOOMS if _is_worth_it(image, z, known)] or [1.0]
    looks = []
    for done, zoom in enumerate(zooms, start=1):
        middle = _middle(image, zoom)
        looks.append(look_at_scale(model, middle, replace(options, diameter=known / zoom)))
        report(progress, done / len(zooms))
        if model.config.ndim == 3 and _is_confirmed(looks[-1], known / zoom):
            break  # finer scales of a volume take longer than all others together
    return _scale_of_long(looks, known) if model.config.drifts else _settle(looks)


def with_own_size(
    model: EmbeddingModel, stack: ImageStack, options: PredictOptions
) -> PredictOptions:
    """Add the measured diameter to options that name none, for a model of objects of any size.

    They stay as they are for other models, and where nothing is found at any scale.
    """
    if options.diameter is not None or not model.config.measures_diameter:
        return options
    try:
        found = round(measure_diameter(model, stack.frame(0), options), 1)
    except ValueError:
        return options  # no objects at any scale: the run shows the same
    return replace(options, diameter=found)


def _is_confirmed(look: Look, diameter: float) -> bool:
    """Whether the objects have the diameter that was looked for, beyond doubt."""
    agrees = 1 / _AGREES < look.diameter / diameter < _AGREES
    return agrees and look.weight >= CONFIDENT


def _is_worth_it(image: ImageStack, zoom: float, known: float) -> bool:
    """Whether an image has enough pixels at a scale, and the diameter there is plausible."""
    parts = zip(image.axes, image.array.shape, strict=True)
    sides = [n * zoom for letter, n in parts if letter in "YX"]
    return min(sides) >= _LEAST_SIDE and DIAMETERS[0] <= known / zoom <= DIAMETERS[1]


def _middle(image: ImageStack, zoom: float) -> ImageStack:
    """Return the central crop of an image that is used at this scale."""
    window = []
    for letter, size in zip(image.axes, image.array.shape, strict=True):
        side = min(size, math.ceil(_SIDE[letter] / zoom)) if letter in _SIDE else size
        window.append(slice((size - side) // 2, (size - side) // 2 + side))
    return replace(image, array=image.array[tuple(window)])


def look_at_scale(model: EmbeddingModel, image: ImageStack, options: PredictOptions) -> Look:
    """Segment an image at the diameter of the options; measure diameter and confidence."""
    (emap,) = embed_frames(model, image, options)
    params = usual_params(model.config, options.diameter, image.spacing)
    labels = build_cluster_index(emap).cut(params)
    sizes = np.bincount(labels.ravel())
    ids = np.flatnonzero(sizes[1:]) + 1
    if ids.size == 0 or emap.distance is None:
        return Look(math.nan, 0.0, 0, 0.0)
    sure = confidence(labels, emap.distance, ids)
    found: float | None = equivalent_diameter(sizes[ids], emap.ndim)
    if model.config.drifts:
        found = image_diameter(model.config, options.diameter)
    weight = weight_of(sure, ids.size, long=model.config.drifts)
    return Look(found or math.nan, sure, ids.size, weight)


def weight_of(confidence: float, count: int, *, long: bool) -> float:
    """Return how much a confidence counts in which ``count`` objects, or long ones, agree.

    Examples
    --------
    >>> weight_of(0.8, 4, long=False), weight_of(0.8, 100, long=False)
    (0.4, 0.8)
    >>> round(weight_of(0.8, 4, long=True), 3), round(weight_of(0.8, 100, long=True), 3)
    (0.65, 0.77)
    """
    if long:
        return max(confidence - _DOUBT / math.sqrt(count), 0.0)
    return confidence * min(count / _ENOUGH_OBJECTS, 1)


def _scale_of_long(looks: list[Look], own: float) -> float:
    """Return the diameter at the scale with the highest weight, or at the image's own scale.

    Raises ValueError where no scale has any weight.
    """
    best = _best(looks)
    if any(look.diameter == own and look.weight >= best.weight - _OWN_SCALE for look in looks):
        return own
    return best.diameter


def _settle(looks: list[Look]) -> float:
    """Weighted geometric mean of the diameters with nearly the highest weight.

    Raises ValueError where no scale has any weight.
    """
    sure = [look for look in looks if look.weight >= _AS_GOOD * _best(looks).weight]
    logs = [math.log(look.diameter) for look in sure]
    return math.exp(float(np.average(logs, weights=[look.weight for look in sure])))


def _best(looks: list[Look]) -> Look:
    best = max(looks, key=lambda look: look.weight)
    if best.weight == 0:
        raise ValueError(
            "expected an image with objects that the model finds at some size, found none: give "
            "the diameter by hand, or choose another model."
        )
    return best
