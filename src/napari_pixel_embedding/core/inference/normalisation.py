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

    from napari_pixel_embedding.core.model.config import Scaling


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


def scale(
    image: NDArray[Any], scaling: Scaling, ranges: NDArray[np.floating[Any]] | None
) -> NDArray[np.float32]:
    """Scale each channel as a model wants it; see :func:`normalise` for percentiles.

    Parameters
    ----------
    image : array, shape (C, [Z,] Y, X)
        Any numeric dtype. With "mean-std", values that are not finite become 0; with "none" all
        stay as they are.
    scaling : (float, float), "mean-std" or "none"
        As in ``ModelConfig``.
    ranges : array, shape (C, 2), optional
        What becomes 0 and 1; from :func:`channel_ranges` or :func:`frame_ranges`.
    """
    if scaling == "none":
        return image.astype(np.float32)
    if scaling != "mean-std":
        return normalise(image, scaling, ranges)
    low, high = (channel_ranges(image, scaling) if ranges is None else ranges).T
    ends = (each.reshape(-1, *(1,) * (image.ndim - 1)) for each in (low, high - low))
    centre, spread = ends
    scaled: NDArray[np.float32] = ((image - centre) / np.where(spread > 0, spread, 1)).astype(
        np.float32
    )
    return np.where(np.isfinite(scaled), scaled, np.float32(0))


def channel_ranges(image: NDArray[Any], scaling: Scaling = (1.0, 99.8)) -> NDArray[np.float64]:
    """Intensities of each channel (C, ...) that become 0 and 1, shape (C, 2)."""
    if scaling == "none":
        return np.tile([0.0, 1.0], (len(image), 1))
    if scaling == "mean-std":
        return np.array([_mean_and_above(channel) for channel in image])
    chosen = _ranges(image, scaling)
    return np.array([(each.low, each.high) for each in chosen]).reshape(-1, 2)


def _mean_and_above(channel: NDArray[Any]) -> tuple[float, float]:
    """Return the mean of the finite values, and the value one standard deviation above it."""
    values = channel[np.isfinite(channel)].astype(np.float64)
    mean = float(values.mean()) if values.size else 0.0
    return mean, mean + (float(values.std()) if values.size else 0.0)


def _ranges(image: NDArray[Any], percentiles: tuple[float, float]) -> list[IntensityRange]:
    return [intensity_range(without_hot_pixels(channel), percentiles) for channel in image]


def has_signal(frames: Iterable[NDArray[Any]], scaling: Scaling) -> bool:
    """Return whether anything in any frame (C, ...) stands clear of the noise.

    Where no percentiles are scaled, nothing is known of noise: all that varies is a signal.
    """
    if isinstance(scaling, str):
        return True
    return any(each.signal for frame in frames for each in _ranges(frame, scaling))


_LEAST_SPAN = 0.25
"""Smallest intensity range of a frame, relative to the usual range in its stack."""


def frame_ranges(
    frames: Iterable[NDArray[Any]], scaling: Scaling = (1.0, 99.8)
) -> NDArray[np.float64]:
    """Intensities of each frame that are scaled to 0 and 1, shape (T, C, 2).

    The range lies between the frame's own percentiles, but is at least a quarter of the range of
    bright frames in the stack (the 90th percentile of all frames). Otherwise the noise of an empty
    plane, or of a bleached frame, would be scaled to the brightness of objects.

    Parameters
    ----------
    frames : iterable of arrays, shape (C, [Z,] Y, X)
        All frames of a stack; a single one for an image without T.
    scaling : (float, float), "mean-std" or "none"
        Lower and upper percentile, 0 to 100; or else every frame has its own mean and deviation.
    """
    if isinstance(scaling, str):
        return np.array([channel_ranges(frame, scaling) for frame in frames])
    own = np.array([_ranges(frame, scaling) for frame in frames])  # (T, C, low high signal)
    low, high = own[..., 0], own[..., 1]
    spans = np.where(own[..., 2] > 0, high - low, np.nan)  # of noise alone it says nothing
    spans[:, np.isnan(spans).all(axis=0)] = 0
    usual = np.nanpercentile(spans, 90, axis=0, method="lower")  # of a few, not the brightest
    wide = np.where(high - low < _LEAST_SPAN * usual, low + _LEAST_SPAN * usual, high)
    return np.stack([low, wide], axis=-1)
