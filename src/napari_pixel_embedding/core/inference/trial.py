"""Trials of models on a crop: which one, at which diameter, suits an image best."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy import ndimage

from napari_pixel_embedding.core.inference.diameter import look_at_scale
from napari_pixel_embedding.core.inference.object_scale import DIAMETERS, image_diameter, zoom_for
from napari_pixel_embedding.core.inference.quality import CONFIDENT, comparable

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from napari_pixel_embedding.core.inference.axes import ImageStack
    from napari_pixel_embedding.core.inference.options import PredictOptions
    from napari_pixel_embedding.core.model.config import ModelConfig
    from napari_pixel_embedding.core.model.model_file import EmbeddingModel

_SIDES = {2: (256, 256), 3: (40, 64, 64)}
"""Pixels of the crop along ([Z,] Y, X) as the network sees them."""
_STEP = 8
"""Pixels of which one is read when the densest region is looked for."""
_ENOUGH_OBJECTS = {2: 8, 3: 2}
"""Objects in a plane or volume from which their confidence counts in full."""
_ZOOMS = (1.0, 1 / 3)
"""Scales to try, for objects of once and three times the model's diameter."""
_OTHER_SIZE = 2.0
"""Ratio of tried and measured diameter from which the measured one is the better guess."""


@dataclass(frozen=True)
class Candidate:
    """A model and the object diameter to run it at, in pixels of the image along Y and X."""

    model: str
    diameter: float


@dataclass(frozen=True)
class Trial:
    """Result of a trial.

    Parameters
    ----------
    candidate : Candidate
        What was tried.
    diameter : float
        Diameter that the objects turned out to have; NaN without objects.
    confidence : float
        As in :class:`~.quality.Quality`, smaller where few objects were found.
    """

    candidate: Candidate
    diameter: float
    confidence: float

    @property
    def is_good(self) -> bool:
        """Whether a run with it would be trusted."""
        return self.confidence >= CONFIDENT

    @property
    def best_diameter(self) -> float:
        """The diameter to run at: the one tried, unless the objects are of quite another size."""
        ratio = self.diameter / self.candidate.diameter
        fits = 1 / _OTHER_SIZE <= ratio <= _OTHER_SIZE
        return self.candidate.diameter if fits or math.isnan(ratio) else round(self.diameter, 1)


def candidates(
    configs: Sequence[tuple[str, ModelConfig]], axes: str, color: bool = False
) -> list[Candidate]:
    """List models for images of some axes, with the diameters to try.

    A model that was tuned on images of one scale (``image_diameter``) is tried at that scale
    alone: on parts of objects it can be as confident as on whole ones.

    Parameters
    ----------
    configs : sequence of (str, ModelConfig)
        Names of models and their configurations; those of other axes, or without an
        ``object_diameter``, are left out.
    axes : {"YX", "ZYX"}
        Spatial axes.
    color : bool
        Whether the image has colours: models that turn them grey are then left out, unless there
        are no others.

    Examples
    --------
    >>> from napari_pixel_embedding.core.model.config import ModelConfig
    >>> [c.diameter for c in candidates([("a", ModelConfig(object_diameter=20))], "YX")]
    [20.0, 60.0]
    """
    fitting = [(n, c) for n, c in configs if c.axes == axes and c.object_diameter is not None]
    seeing = [(n, c) for n, c in fitting if color == (c.in_channels > 1)]
    return [
        Candidate(name, diameter)
        for name, config in (color and seeing) or fitting
        for diameter in _diameters(config)
    ]


def _diameters(config: ModelConfig) -> list[float]:
    if config.image_diameter is not None or config.object_diameter is None:
        return [round(image_diameter(config) or 0.0, 1)]
    return [round(config.object_diameter / zoom, 1) for zoom in _ZOOMS]


def try_model(
    model: EmbeddingModel,
    image: ImageStack,
    candidate: Candidate,
    options: PredictOptions,
    around: Sequence[float] | None = None,
) -> Trial:
    """Segment a crop of an image that is small enough for a second of a CPU.

    Parameters
    ----------
    model : EmbeddingModel
        The loaded model of the candidate.
    image : ImageStack
        Without frames.
    candidate : Candidate
        What to try.
    options : PredictOptions
        Its diameter does not count.
    around : sequence of float, optional
        Middle of the crop along ([Z,] Y, X), from :func:`busiest`; that of the image by default.
    """
    diameter = min(max(candidate.diameter, DIAMETERS[0]), DIAMETERS[1])
    zoom = zoom_for(model.config, diameter, image.spacing)
    crop = _crop(image, zoom, around)
    look = look_at_scale(model, crop, replace(options, diameter=diameter))
    enough = min(look.objects / _ENOUGH_OBJECTS[len(zoom)], 1)
    sure = comparable(look.confidence, model.config.drifts)
    return Trial(candidate, look.diameter, sure * enough)


def _crop(image: ImageStack, zoom: Sequence[float], around: Sequence[float] | None) -> ImageStack:
    sides = dict(zip("ZYX"[-len(zoom) :], zip(_SIDES[len(zoom)], zoom, strict=True), strict=True))
    middles = dict(zip("ZYX"[-len(zoom) :], around or (), strict=False))
    window = []
    for letter, size in zip(image.axes, image.array.shape, strict=True):
        if letter not in sides:
            window.append(slice(None))
            continue
        side, factor = sides[letter]
        wanted = min(size, math.ceil(side / factor))
        start = round(middles.get(letter, size / 2) - wanted / 2)
        start = min(max(start, 0), size - wanted)
        window.append(slice(start, start + wanted))
    return replace(image, array=image.array[tuple(window)])


def busiest(labels: NDArray[np.integer[Any]]) -> tuple[float, ...]:
    """Return the middle of the region with most labelled pixels, along ([Z,] Y, X).

    Every eighth pixel is read, along Y and X.

    Examples
    --------
    >>> labels = np.zeros((640, 640), int)
    >>> labels[400:500, 100:200] = 1
    >>> [300 < y < 600 and 50 < x < 250 for y, x in [busiest(labels)]]
    [True]
    """
    steps = (1,) * (labels.ndim - 2) + (_STEP, _STEP)
    coarse = labels[tuple(slice(None, None, step) for step in steps)] > 0
    sides = zip(_SIDES[labels.ndim], steps, coarse.shape, strict=True)
    window = [min(side // step, size) for side, step, size in sides]
    share = ndimage.uniform_filter(coarse.astype(np.float32), window, mode="constant")
    at = np.unravel_index(int(share.argmax()), share.shape)
    return tuple(float(step * i) for step, i in zip(steps, at, strict=True))
