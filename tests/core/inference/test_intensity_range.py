"""Measured values alone set the range, and noise stays dark."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_pixel_embedding.core.inference.intensity_range import (
    intensity_range,
    measured,
    without_hot_pixels,
)


def scene(dtype=np.uint16, side=128, seed=0):
    """Twelve blurred discs of about 200 on a ground of 50, with noise."""
    rng = np.random.default_rng(seed)
    rows, columns = np.mgrid[:side, :side]
    image = np.full((side, side), 50.0)
    for y, x in rng.integers(12, side - 12, (12, 2)):
        image += 150 * np.exp(-((((rows - y) ** 2 + (columns - x) ** 2) / 50.0) ** 2))
    return np.clip(image + rng.normal(0, 3, image.shape), 0, 60_000).astype(dtype)


def ends(image):
    found = intensity_range(image)
    return np.array([found.low, found.high])


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
def test_a_plain_image_has_its_percentiles(dtype):
    image = np.clip(scene(), 0, 250).astype(dtype)
    np.testing.assert_allclose(ends(image), np.percentile(image, (1, 99.8)), rtol=0.02)
    assert intensity_range(image).signal


@pytest.mark.parametrize("value", [-3.4e38, -9999.0, 1e20, np.nan, np.inf])
def test_values_that_were_not_measured_do_not_count(value):
    image = scene(np.float32)
    spoilt = image.copy()
    spoilt[:, :12] = value
    np.testing.assert_allclose(ends(spoilt), ends(image[:, 12:]))


def test_a_scale_bar_at_the_end_of_the_type_does_not_count():
    image = scene()
    spoilt = image.copy()
    spoilt[110:114, 20:100] = 65_535
    np.testing.assert_allclose(ends(spoilt), ends(image), rtol=0.05)


@pytest.mark.parametrize("share", [0.25, 0.5, 0.9])
@pytest.mark.parametrize("centred", [True, False])
@pytest.mark.parametrize("value", [0, 50, 4000])
def test_padding_does_not_count(share, centred, value):
    image = scene()
    side = round(128 / np.sqrt(1 - share))
    start = (side - 128) // 2 if centred else 0
    padded = np.full((side, side), value, image.dtype)
    padded[start : start + 128, start : start + 128] = image
    np.testing.assert_allclose(ends(padded), ends(image), rtol=0.01)


def test_planes_of_padding_do_not_count():
    image = np.stack([scene(seed=n) for n in range(3)])
    padded = np.pad(image, ((2, 1), (0, 0), (5, 0)))
    np.testing.assert_allclose(ends(padded), ends(image), rtol=0.01)


def test_an_image_of_two_values_keeps_both():
    image = np.zeros((32, 32), np.uint8)
    image[8:20, 8:20] = 255
    assert tuple(intensity_range(image)) == (0, 255, True)


@pytest.mark.parametrize("value", [0, 7, 255])
def test_a_constant_channel_has_no_signal(value):
    found = intensity_range(np.full((16, 16), value, np.uint8))
    assert found.low == found.high
    assert not found.signal


@pytest.mark.parametrize("fill", [np.nan, np.inf])
def test_nothing_measured_is_no_error(fill):
    assert tuple(intensity_range(np.full((8, 8), fill))) == (0.0, 0.0, False)


def noise(kind, shape):
    rng = np.random.default_rng(0)
    return {
        "gaussian": lambda: rng.normal(100, 5, shape),
        "poisson": lambda: rng.poisson(10, shape),
        "single photons": lambda: rng.poisson(0.05, shape),
        "uniform": lambda: rng.integers(0, 255, shape),
        "exponential": lambda: rng.exponential(10, shape),
    }[kind]().astype(np.float32)


@pytest.mark.parametrize(
    "kind", ["gaussian", "poisson", "single photons", "uniform", "exponential"]
)
@pytest.mark.parametrize("shape", [(64, 64), (512, 512), (8, 96, 96)])
def test_noise_stays_dark_and_is_no_signal(kind, shape):
    image = noise(kind, shape)
    low, high, signal = intensity_range(image)
    assert not signal
    assert np.mean((image - low) / (high - low) > 0.75) < 3e-3
    assert np.median((image - low) / (high - low)) < 0.3


@pytest.mark.parametrize("count", [1, 3, 10])
def test_a_few_objects_on_noise_are_signal_and_set_the_upper_end(count):
    rng = np.random.default_rng(1)
    rows, columns = np.mgrid[:512, :512]
    rate = np.full((512, 512), 10.0)
    for y, x in rng.integers(40, 470, (count, 2)):
        rate[(rows - y) ** 2 + (columns - x) ** 2 < 100] = 70
    low, high, signal = intensity_range(rng.poisson(rate).astype(np.uint16))
    assert signal
    assert 40 < high < 110, "the objects are bright"
    assert (10 - low) / (high - low) < 0.3, "the ground is dark"


def test_dark_objects_on_a_bright_ground_are_signal():
    image = 250 - scene().astype(np.float32)
    np.testing.assert_allclose(ends(image), np.percentile(image, (1, 99.8)), rtol=0.02)
    assert intensity_range(image).signal


@settings(max_examples=30)
@given(st.floats(0.001, 0.05), st.integers(0, 10))
def test_isolated_saturated_pixels_are_replaced(share, seed):
    image = np.clip(scene(), 0, 250).astype(np.uint8)
    spoilt = image.copy()
    spoilt[np.random.default_rng(seed).random(image.shape) < share] = 255
    mended = without_hot_pixels(spoilt)
    ground = image < 80
    assert (mended == 255)[ground].mean() < 0.05 * share + 2e-4
    assert np.abs(mended.astype(int) - image)[mended != 255].max() < 120
    np.testing.assert_allclose(ends(mended), ends(image), atol=40)


def test_saturated_objects_stay_as_they_are():
    image = np.full((40, 40), 20, np.uint8)
    image[10:20, 10:30] = 255
    np.testing.assert_array_equal(without_hot_pixels(image), image)


def test_a_blurred_bright_spot_is_no_hot_pixel():
    rows, columns = np.mgrid[:21, :21]
    spot = 300 * np.exp(-((rows - 10) ** 2 + (columns - 10) ** 2) / 8.0)
    image = np.clip(spot, 0, 255).astype(np.uint8)
    np.testing.assert_array_equal(without_hot_pixels(image), image)


@pytest.mark.parametrize("shape", [(1, 1), (1, 9), (9, 1), (3, 1, 5)])
def test_the_smallest_images(shape):
    image = np.arange(np.prod(shape), dtype=np.uint8).reshape(shape)
    image.flat[-1] = 255
    assert without_hot_pixels(image).shape == shape
    assert measured(image).shape == shape
    low, high, _ = intensity_range(image)
    assert low <= high


@pytest.mark.parametrize("size", [1e-300, 1e-120, 1e120, 1e300])
def test_numbers_whose_squares_are_none_have_the_same_range(size):
    channel = np.random.default_rng(0).normal(10, 1, (64, 64))
    channel[20:30, 20:30] += 50
    usual, found = intensity_range(channel), intensity_range(channel * size)
    np.testing.assert_allclose(found[:2], np.array(usual[:2]) * size, rtol=1e-6)
    assert found.signal == usual.signal
