"""Intensities are scaled by what is measured."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.testing import assert_allclose, assert_array_equal

from napari_pixel_embedding.core.inference.axes import ImageStack
from napari_pixel_embedding.core.inference.normalisation import (
    channel_ranges,
    frame_ranges,
    normalise,
)
from napari_pixel_embedding.core.model.config import ModelConfig


def test_percentiles_become_0_and_1_in_each_channel():
    ramp = np.arange(101.0).reshape(1, 101)
    out = normalise(np.stack([ramp, 1000 + 5 * ramp]), (10, 90))
    assert out.dtype == np.float32
    assert_allclose(out[0], out[1], rtol=1e-5)
    assert_allclose(out[0, 0, [10, 50, 90]], [0, 0.5, 1], atol=1e-6)


@pytest.mark.parametrize("dtype", ["bool", "uint8", "uint16", "int32", "int64", "float16", "f8"])
def test_every_numeric_type_is_scaled(dtype):
    image = np.array([[[0, 1], [1, 0]]]).astype(dtype)
    assert_allclose(normalise(image, (0, 100)), [[[0, 1], [1, 0]]])


@pytest.mark.parametrize("value", [0, 7, -3.5, np.nan, np.inf])
def test_constant_channels_become_zero(value):
    assert_array_equal(normalise(np.full((2, 3, 4), value)), np.zeros((2, 3, 4)))


def test_pixels_that_are_not_finite_become_0_and_change_nothing_else():
    image = np.zeros((1, 40, 40)) + np.arange(40) ** 2
    spoilt = image.copy()
    spoilt[0, 7, 10:13] = np.nan, np.inf, -np.inf
    kept = np.isfinite(spoilt)
    assert_allclose(normalise(spoilt)[kept], normalise(image)[kept], atol=2e-3)
    assert_array_equal(normalise(spoilt)[~kept], [0, 0, 0])


def test_a_hot_pixel_is_clipped():
    image = np.random.default_rng(0).random((1, 50, 50))
    hot = image.copy()
    hot[0, 7, 7] = 1e12
    out = normalise(hot)
    assert out[0, 7, 7] == 3
    assert_allclose(np.delete(out, 357), np.delete(normalise(image), 357), atol=0.02)


def test_a_few_bright_pixels_on_a_constant_ground_are_kept():
    image = np.full((1, 50, 50), 100, np.uint16)
    image[0, 3, 4] = 300
    out = normalise(image)
    assert out[0, 3, 4] == 1
    assert np.count_nonzero(out) == 1


@given(
    hnp.arrays(
        np.float32, (1, 4, 5), elements=st.floats(width=32, allow_nan=True, allow_infinity=True)
    )
)
def test_normalised_images_are_finite_and_bounded(image):
    out = normalise(image)
    assert np.isfinite(out).all()
    assert out.min() >= -1 and out.max() <= 3


GREY = ModelConfig()


def test_every_frame_is_normalised_by_itself():
    image = np.random.default_rng(0).random((3, 20, 30))
    image[1] *= 1000
    frames = list(ImageStack(image, "TYX").normalised(GREY.percentiles))
    assert len(frames) == 3
    for frame, raw in zip(frames, image, strict=True):
        assert_array_equal(frame, normalise(raw[None], GREY.percentiles))


def test_an_empty_plane_does_not_show_its_noise():
    rng = np.random.default_rng(0)
    stack = rng.normal(100, 5, (12, 64, 64))
    stack[:6, 20:40, 20:40] += 1000
    full, *_, empty = ImageStack(stack, "TYX").normalised(GREY.percentiles)
    (alone,) = ImageStack(stack[11], "YX").normalised(GREY.percentiles)
    assert full.max() == pytest.approx(1, abs=0.1)
    assert np.ptp(empty) < 0.2
    assert np.ptp(alone) < 0.2, "also by itself"


def test_a_dim_frame_is_scaled_to_a_quarter_of_what_is_usual():
    ramp = np.linspace(0, 100, 400).reshape(20, 20)
    stack = np.stack([ramp, ramp, ramp, 50 + ramp / 10])  # the last one is bleached
    ranges = frame_ranges(stack[:, None], (0.0, 100.0))
    assert_allclose(ranges[:, 0], [[0, 100]] * 3 + [[50, 75]])
    *_, dim = ImageStack(stack, "TYX").normalised((0.0, 100.0))
    assert_allclose(dim[0], ramp / 250, atol=1e-6)


def test_one_dazzling_frame_does_not_darken_the_others():
    stack = np.random.default_rng(0).uniform(0, 100, (20, 32, 32))
    own = frame_ranges(stack[:, None])
    stack[3] *= 1000
    dazzled = frame_ranges(stack[:, None])
    np.testing.assert_allclose(dazzled[0], own[0])


def test_frames_of_about_one_brightness_are_scaled_by_themselves():
    stack = np.random.default_rng(0).uniform(0, 100, (4, 32, 32)) * [[[1]], [[0.8]], [[0.6]], [[2]]]
    for frame, ranges in zip(stack, frame_ranges(stack[:, None]), strict=True):
        np.testing.assert_allclose(ranges, channel_ranges(frame[None]))


def test_frames_of_noise_alone_do_not_darken_the_others():
    noise = np.random.default_rng(0).normal(100, 5, (9, 1, 64, 64))
    noise[0, 0, 20:40, 20:40] += 80
    alone = channel_ranges(noise[0])
    assert_allclose(frame_ranges(noise)[0], alone)


@pytest.mark.parametrize("value", [-3.4e38, -9999.0])
def test_a_sentinel_far_below_comes_back_as_0(value):
    image = np.zeros((1, 40, 40)) + np.arange(40) ** 2 / 10
    image[0, :5] = value
    assert_array_equal(normalise(image)[0, :5], 0)
