"""Padding is found at straight borders and in the corners of turned images, and nowhere else."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from napari_pixel_embedding.core.inference.intensity_range import intensity_range
from napari_pixel_embedding.core.inference.normalisation import normalise
from napari_pixel_embedding.core.inference.padding import padding
from tests.core.inference.test_intensity_range import scene


def turned(image, angle, value, order=0):
    """Turn an image in a frame of constant value; also return what lies outside the image."""
    options = {"reshape": True, "mode": "constant"}
    found = ndimage.rotate(image, angle, order=order, cval=value, **options)
    inside = ndimage.rotate(np.ones(image.shape, np.uint8), angle, order=0, cval=0, **options)
    return found, inside == 0


@settings(max_examples=40)
@given(
    angle=st.floats(2, 88),
    value=st.sampled_from([0, 50, 120, 4000, 65_535]),
    order=st.sampled_from([0, 1, 3]),
    dtype=st.sampled_from([np.uint16, np.float32]),
)
def test_the_corners_of_a_turned_image_are_padding(angle, value, order, dtype):
    image, outside = turned(scene(dtype), angle, value, order)
    found = padding(image)
    assert found[outside].mean() > 0.9
    assert found[~outside].mean() < 0.07
    low, high, _ = intensity_range(image)
    np.testing.assert_allclose([low, high], intensity_range(scene())[:2], atol=8)


def test_corners_in_a_wider_frame_and_in_planes():
    image, outside = turned(scene(), 25, 300)
    wide = np.pad(image, ((9, 3), (0, 20)), constant_values=300)
    found, expected = padding(wide), np.pad(outside, ((9, 3), (0, 20)), constant_values=True)
    assert np.mean(found == expected) > 0.97
    volume = padding(np.stack([image] * 3))
    np.testing.assert_array_equal(volume, [padding(image)] * 3)


def test_a_shear_that_cuts_a_side_whole():
    rows, columns = np.mgrid[:128, :128]
    outside = columns < 20 + 0.3 * rows
    found = padding(np.where(outside, 777, scene()))
    assert found[outside].all()
    assert found[~outside].mean() < 0.03


def round_object(y, x, radius):
    rows, columns = np.mgrid[:128, :128]
    return (rows - y) ** 2 + (columns - x) ** 2 < radius**2


@pytest.mark.parametrize(
    "area",
    [
        round_object(0, 0, 30),
        round_object(5, 5, 25),
        round_object(-20, -20, 60),
        round_object(64, 0, 30),
        ~round_object(64, 64, 67),
    ],
)
@pytest.mark.parametrize("value", [0, 255])
def test_round_areas_of_one_value_are_none(area, value):
    assert not padding(np.where(area, value, np.clip(scene(), 1, 250)).astype(np.uint8)).any()


def test_the_ground_of_drawn_objects_is_none():
    drawn = np.zeros((128, 128), np.uint8)
    for number, (y, x) in enumerate(np.random.default_rng(0).integers(4, 124, (15, 2)), 100):
        drawn[round_object(y, x, 12)] = number
    assert padding(drawn).mean() < 0.05


@pytest.mark.parametrize("fill", [0, 7, np.nan])
def test_an_image_of_one_value_is_no_padding(fill):
    assert not padding(np.full((32, 32), fill)).any()


@pytest.mark.parametrize("value", [40, 120, 255])
def test_padding_is_scaled_to_no_more_than_the_usual_brightness(value):
    image, outside = turned(np.clip(scene(), 0, 250).astype(np.uint8), 30, value)
    scaled = normalise(image[None])[0]
    assert scaled[outside].max() <= np.median(scaled[~outside]) + 0.02
    straight = normalise(np.pad(image, 20, constant_values=value)[None])[0]
    assert straight[:20].max() <= np.median(scaled[~outside]) + 0.02


def test_a_bright_half_of_a_drawn_image_stays_bright():
    image = np.zeros((32, 32), np.uint8)
    image[:12] = 255
    assert normalise(image[None])[0][:12].min() == 1
