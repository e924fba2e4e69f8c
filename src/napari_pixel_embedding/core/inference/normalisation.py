"""Normalisation of image intensities."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from napari_pixel_embedding.core.inference.intensity_range import (
    FAR,
    IntensityRange,
    intensity_range,
    without_hot_pixels,
)
from napari_pixel_embedding.core.inference.padding import padding

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray


def normalise(
    image: NDArray[Any],
    percentiles: tuple[float, float] = (1.0, 99.8),
    ranges: NDArray[np.floating[Any]] | None = None,
) -> NDArray[np.float32]:
    """Scale each channel so that its measured intensities become 0 to 1.

    Isolated saturated pixels take the median of their neighbours: see
    :mod:`~.inference.intensity_range`. Padding is at most as bright as half of the image: its
    rims would be objects.

    Parameters
    ----------
    image : array, shape (C, [Z,] Y, X)
        Any numeric dtype. Pixels that were not measured (not finite, or
        a sentinel far below the range) come back as 0, a constant channel as
        zeros.
    percentiles : (float, float)
        Lower and upper percentile, 0 to 100.
    ranges : array, shape (C, 2), optional
        Intensities mapped to 0 and 1 in each channel, instead of the image's percentiles.

    Returns
    -------
    array of float32
        Same shape, clipped to −1 … 3 against hot pixels.
    """
    out = np.zeros(image.shape, np.float32)
    mended = [without_hot_pixels(channel) for channel in image]
    if ranges is None:
        ranges = np.array([intensity_range(one, percentiles)[:2] for one in mended])
    for channel, scaled, (low, high) in zip(mended, out, ranges, strict=True):
        finite = np.isfinite(channel)
        if high > low:
            values = (channel[finite].astype(np.float64) - low) / (high - low)
            scaled[finite] = np.clip(np.where(values < -FAR, 0, values), -1, 3)
            _dim(scaled, padding(channel), finite)
    return out


def _dim(scaled: NDArray[np.float32], padded: NDArray[np.bool_], finite: NDArray[np.bool_]) -> None:
    """Make padding at most as bright as half of the other pixels, of which some will do."""
    if padded.any():
        others = scaled[finite & ~padded]
        usual = np.median(others[:: -(-others.size // _MOST_FOR_MEDIAN)])
        np.minimum(scaled, usual, out=scaled, where=padded)


_MOST_FOR_MEDIAN = 2**18
"""Pixels that tell the usual brightness at most."""


def channel_ranges(
    image: NDArray[Any], percentiles: tuple[float, float] = (1.0, 99.8)
) -> NDArray[np.float64]:
    """Intensities of each channel (C, ...) that become 0 and 1, shape (C, 2)."""
    chosen = _ranges(image, percentiles)
    return np.array([(each.low, each.high) for each in chosen]).reshape(-1, 2)


def _ranges(image: NDArray[Any], percentiles: tuple[float, float]) -> list[IntensityRange]:
    return [intensity_range(without_hot_pixels(channel), percentiles) for channel in image]


def has_signal(frames: Iterable[NDArray[Any]], percentiles: tuple[float, float]) -> bool:
    """Return whether anything in any frame (C, ...) stands clear of the noise."""
    return any(each.signal for frame in frames for each in _ranges(frame, percentiles))


_LEAST_SPAN = 0.25
"""Smallest intensity range of a frame, relative to the usual range in its stack."""


def frame_ranges(
    frames: Iterable[NDArray[Any]], percentiles: tuple[float, float] = (1.0, 99.8)
) -> NDArray[np.float64]:
    """Intensities of each frame that are scaled to 0 and 1, shape (T, C, 2).

    The range lies between the frame's own percentiles, but is at least a quarter of the range of
    bright frames in the stack (the 90th percentile of all frames). Otherwise the noise of an empty
    plane, or of a bleached frame, would be scaled to the brightness of objects.

    Parameters
    ----------
    frames : iterable of arrays, shape (C, [Z,] Y, X)
        All frames of a stack; a single one for an image without T.
    percentiles : (float, float)
        Lower and upper percentile, 0 to 100.
    """
    own = np.array([_ranges(frame, percentiles) for frame in frames])  # (T, C, low high signal)
    low, high = own[..., 0], own[..., 1]
    spans = np.where(own[..., 2] > 0, high - low, np.nan)  # of noise alone it says nothing
    spans[:, np.isnan(spans).all(axis=0)] = 0
    usual = np.nanpercentile(spans, 90, axis=0, method="lower")  # of a few, not the brightest
    wide = np.where(high - low < _LEAST_SPAN * usual, low + _LEAST_SPAN * usual, high)
    return np.stack([low, wide], axis=-1)
