"""Which intensities of a channel become 0 and 1: measured values alone count, noise stays dark.

Percentiles of an image say where its objects are only if every value was measured and enough of
them are objects. So padding, sentinels and saturated values are left out, and an image whose
values hardly leave its own noise gets a range that keeps the noise dark.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from napari_pixel_embedding.core.inference.padding import padding

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

_FEWEST = 64
"""Pixels that tell noise from objects at least."""
_RARE = 0.0005
"""Share of the pixels below which a repeated extreme value may still be a measurement."""
FAR = 10.0
"""A sentinel lies this many spans of the other values away from them."""
_FAR_SATURATED = 0.25
"""The same for the end of an integer type, which cameras and burnt-in marks write."""
_TINY = np.finfo(np.float64).tiny
_NOISY_SPAN = 12.0
"""Standard deviations of the noise that the range spans at least above the median."""
_SILENT_SPAN = 100.0
"""The same where nothing stands clear of the noise: networks find objects in any texture."""
_CLEAR = 4.0
"""Standard deviations by which the brightest spot must stand out to set the upper end."""
_BEYOND_TAIL = 2.5
"""A spot stands out from noise of any kind when it lies so many times as far from the median as
the 99th percentile does: 2 at most for Gaussian, Poisson and exponential noise of 10⁶ pixels."""
_MEDIAN_DIFFERENCE = 0.954
"""Median absolute difference of two values with Gaussian noise, in standard deviations."""
_FEW_NEIGHBOURS = 2
"""Saturated neighbours, of eight, that an isolated hot pixel has at most."""
_SHARP = 0.5
"""Part of the step from the image's median to saturation that a hot pixel makes to its own
neighbours."""
_MOST_DIFFERENCES = 2**19
"""Neighbours along an axis that tell the noise at most: evenly spread lines of pixels."""
NO_SIGNAL = "almost no signal: nothing stands clear of the noise"
"""What people are told of an image without any."""


class IntensityRange(NamedTuple):
    """What becomes 0 and 1, and whether anything stands clear of the noise."""

    low: float
    high: float
    signal: bool


def intensity_range(
    channel: NDArray[Any], percentiles: tuple[float, float] = (1.0, 99.8)
) -> IntensityRange:
    """Choose the intensities of a channel that become 0 and 1.

    Parameters
    ----------
    channel : array, shape ([Z,] Y, X)
        Any real dtype. The noise is estimated from neighbours along X and Y.
    percentiles : (float, float)
        Lower and upper percentile of the measured values, 0 to 100.

    Returns
    -------
    IntensityRange
        Equal ends for a constant channel, and for one without a measured value.
    """
    valid = measured(channel)
    values = channel[valid].astype(np.float64)
    if values.size == 0:
        return IntensityRange(0.0, 0.0, False)
    unit = _unit(values)
    if unit != 1:
        found = intensity_range(channel / unit, percentiles)
        return found._replace(low=found.low * unit, high=found.high * unit)
    low, middle, high = (float(v) for v in np.percentile(values, _with_median(percentiles)))
    noise, is_sparse = _noise(channel, valid)
    if noise == 0 or values.size < _FEWEST:
        return _noiseless(values, low, high)
    if max(high - middle, middle - low) >= _NOISY_SPAN * noise:  # objects may be dark ones
        return IntensityRange(low, high, True)
    means = _local_means(channel, valid, middle)
    bright, dark = _stands_out(means, noise), _stands_out(-means, noise)
    if bright:
        high = max(high, float(means.max()))
    if dark:
        low = min(low, float(means.min()))
    span = _NOISY_SPAN if bright or dark else _SILENT_SPAN
    if not (bright and is_sparse):
        high = max(high, middle + span * noise)
    return IntensityRange(low, high, bright or dark)


def _unit(values: NDArray[np.float64]) -> float:
    """Return what values are divided by first: 1 unless their squares would not be numbers."""
    top = float(np.abs(values).max())
    usual = top == 0 or 1e-100 < top < 1e100
    return 1.0 if usual else float(2.0 ** np.floor(np.log2(top)))


def measured(channel: NDArray[Any]) -> NDArray[np.bool_]:
    """Tell measured values from padding, sentinels, saturation and values that are not finite.

    Where only one value would be left, what is left out counts after all.
    """
    valid: NDArray[np.bool_] = np.isfinite(channel)
    valid &= ~padding(channel)
    for unmeasured in (_repeated_maximum, _repeated_minimum):
        left = valid & ~unmeasured(channel, valid)
        if left.any() and channel[left].min() < channel[left].max():
            valid = left
    return valid


def without_hot_pixels(channel: NDArray[Any]) -> NDArray[Any]:
    """Replace isolated saturated pixels by the median of their neighbours in the plane.

    A pixel is isolated when at most two of its eight neighbours are saturated too (corners and
    rims of saturated objects have more), and it stands clear of them (a lens blurs what is real).
    """
    top = _saturation(channel)
    if top is None:
        return channel
    hot = channel >= top
    isolated = np.zeros_like(hot)
    isolated[hot] = _neighbourhoods(hot)[hot].sum(axis=(-2, -1)) <= 1 + _FEW_NEIGHBOURS
    if not isolated.any():
        return channel
    usual = np.median(_neighbourhoods(channel)[isolated], axis=(-2, -1))
    sharp = float(top) - usual > _SHARP * (float(top) - float(np.median(channel)))
    out = channel.copy()
    out[isolated] = np.where(sharp, usual, top).astype(channel.dtype)
    return out


def _neighbourhoods(channel: NDArray[Any]) -> NDArray[Any]:
    """View the 3 × 3 pixels of the plane around each pixel, mirrored at the border."""
    pad = [(0, 0)] * (channel.ndim - 2) + [(1, 1), (1, 1)]
    padded = np.pad(channel, pad, mode="reflect" if min(channel.shape[-2:]) > 1 else "edge")
    return np.lib.stride_tricks.sliding_window_view(padded, (3, 3), axis=(-2, -1))


def _saturation(channel: NDArray[Any]) -> Any:
    """Largest value of an integer channel where it is the end of the type's range; else None."""
    if channel.dtype.kind not in "ui" or channel.size == 0:
        return None
    top = np.iinfo(channel.dtype).max
    return top if channel.max() == top else None


def _repeated_maximum(channel: NDArray[Any], valid: NDArray[np.bool_]) -> NDArray[np.bool_]:
    return _repeated_extreme(channel, valid, np.max)


def _repeated_minimum(channel: NDArray[Any], valid: NDArray[np.bool_]) -> NDArray[np.bool_]:
    return _repeated_extreme(channel, valid, np.min)


def _repeated_extreme(
    channel: NDArray[Any], valid: NDArray[np.bool_], side: Callable[[NDArray[Any]], Any]
) -> NDArray[np.bool_]:
    """Pixels at an end of the values that are saturated, or far from all others."""
    if not valid.any():
        return np.zeros(channel.shape, bool)
    end = side(channel[valid])
    at_end = valid & (channel == end)
    if at_end.sum() <= _RARE * valid.sum():
        return np.zeros_like(at_end)
    rest = channel[valid & ~at_end]
    if rest.size == 0:
        return np.zeros_like(at_end)
    low, high = np.percentile(rest.astype(np.float64), (0.1, 99.9))
    gap = abs(float(end) - (high if side is np.max else low))
    saturated = side is np.max and end == _saturation(channel)
    far = gap > (_FAR_SATURATED if saturated else FAR) * max(high - low, _TINY)
    return at_end if far else np.zeros_like(at_end)


def _with_median(percentiles: tuple[float, float]) -> tuple[float, float, float]:
    return percentiles[0], 50.0, percentiles[1]


def _noise(channel: NDArray[Any], valid: NDArray[np.bool_]) -> tuple[float, bool]:
    """Estimate the standard deviation of the noise from neighbours along X and Y.

    Returns it, and whether most neighbours are equal: single photons, or a drawn image, of which
    the rarer differences tell.
    """
    turned = np.moveaxis(channel, -2, -1), np.moveaxis(valid, -2, -1)
    difference = np.concatenate([_differences(channel, valid), _differences(*turned)])
    if difference.size == 0:
        return 0.0, False
    noise = float(np.median(difference)) / _MEDIAN_DIFFERENCE
    if noise > 0:
        return noise, False
    kept = np.sort(difference)[: max(int(0.99 * difference.size), 1)]
    return float(np.sqrt(np.mean(kept**2) / 2)), True


def _differences(channel: NDArray[Any], valid: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Absolute differences of measured neighbours along the last axis, of some of the lines."""
    step = -(-channel.size // _MOST_DIFFERENCES)
    channel, valid = channel[..., ::step, :], valid[..., ::step, :]
    both = valid[..., 1:] & valid[..., :-1]
    left, right = channel[..., :-1][both], channel[..., 1:][both]
    return np.abs(right.astype(np.float64) - left.astype(np.float64))


def _local_means(
    channel: NDArray[Any], valid: NDArray[np.bool_], filler: float
) -> NDArray[np.float64]:
    """Means of 3 × 3 pixels of a plane without the largest: one hot pixel does not count."""
    from scipy import ndimage  # late: it takes as long to load as a window to open

    square = (1,) * (channel.ndim - 2) + (3, 3)
    filled = np.where(valid, channel, filler).astype(np.float64)
    totals = 9 * ndimage.uniform_filter(filled, square, mode="nearest")
    means: NDArray[np.float64] = totals - ndimage.maximum_filter(filled, square, mode="nearest")
    return means / 8


def _stands_out(means: NDArray[np.float64], noise: float) -> bool:
    """Whether some local means are higher than the noise makes them.

    Either many are, or the highest lies far beyond the tail that the others have.
    """
    middle, tail, many = np.percentile(means, (50, 99, 99.8))
    highest = means.max() - middle
    rare = highest > max(_CLEAR * noise, _BEYOND_TAIL * (tail - middle))
    return bool(many - middle > _CLEAR * noise or rare)


def _noiseless(values: NDArray[np.float64], low: float, high: float) -> IntensityRange:
    """Range of a drawn image; of one that is nearly constant, all of its values."""
    if low == high:
        low, high = float(values.min()), float(values.max())
    return IntensityRange(low, high, high > low)
