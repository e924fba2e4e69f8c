"""Intensity percentiles of a large image, from samples of it."""

from __future__ import annotations

from itertools import product
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_pixel_embedding.core.blockwise.roi import read_box
from napari_pixel_embedding.core.inference.axes import ImageStack
from napari_pixel_embedding.core.inference.normalisation import channel_ranges

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from napari_pixel_embedding.core.boxes import Box
    from napari_pixel_embedding.core.model.config import ModelConfig

_PLACES = {"T": 2, "Z": 4, "Y": 6, "X": 6}
_SIDE = {"Z": 1, "Y": 256, "X": 256}


def intensity_ranges(config: ModelConfig, image: Any, axes: str) -> NDArray[np.float64]:
    """Return the intensity percentiles of a large image, from patches spread evenly over it.

    If each block were normalised separately, blocks would differ at their seams, and the noise of
    an empty one would look like objects.

    Parameters
    ----------
    config : ModelConfig
        Configuration with the percentiles and the number of channels.
    image : array_like
        Anything that can be sliced; a bounded number of pixels is read.
    axes : str
        A letter for each of its axes.

    Returns
    -------
    array of float64, shape (C, 2)
        Low and high value of each channel, for :func:`~.predict.predict_embedding`.
    """
    if config.scaling == "none":
        return np.tile([0.0, 1.0], (config.in_channels, 1))
    samples = []
    for frame, box in _places(axes, image.shape):
        part = read_box(image, axes, box, frame)
        (channels,) = ImageStack(part, axes, config.in_channels).frames()
        samples.append(channels)
    return channel_ranges(np.stack(samples, axis=1), config.scaling)


def _places(axes: str, shape: Sequence[int]) -> Iterator[tuple[int | None, Box]]:
    starts = [
        _spread(n, _SIDE.get(letter, 1), _PLACES[letter])
        for letter, n in zip(axes, shape, strict=True)
        if letter in _PLACES
    ]
    letters = [letter for letter in axes if letter in _PLACES]
    for place in product(*starts):
        at = dict(zip(letters, place, strict=True))
        frame = at.pop("T", None)
        yield frame, tuple(slice(at[a], at[a] + _SIDE[a]) for a in letters if a != "T")


def _spread(size: int, side: int, places: int) -> list[int]:
    """Return the first pixels of at most ``places`` parts, evenly spread and disjoint."""
    places = min(places, max(size // side, 1))
    return [round((size - side) * (n + 0.5) / places) if size > side else 0 for n in range(places)]
