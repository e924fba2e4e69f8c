"""One channel of an image: numbers, colours and stains."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from skimage.color import rgb2hed
from skimage.data import immunohistochemistry

from napari_pixel_embedding.core.inference.channels import (
    COLOR_CHANNELS,
    check_channel,
    pick_channel,
    read_channel,
)

SECTION = immunohistochemistry()[:40, :50]


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (None, None),
        (2, 2),
        ("0", 0),
        (" 12 ", 12),
        ("DAB", "DAB"),
        ("dab", "DAB"),
        ("Haematoxylin", "haematoxylin"),
        ("hematoxylin", "haematoxylin"),
        ("GRAY", "grey"),
        (np.int64(1), 1),
    ],
)
def test_channels_are_numbers_or_names(given, expected):
    assert read_channel(given) == expected


@pytest.mark.parametrize("given", ["nuclei", "-1", -1, "1.5", "", True])
def test_other_names_are_refused_with_those_there_are(given):
    with pytest.raises(ValueError, match=r"a number from 0.*grey, red.*DAB, found"):
        read_channel(given)


@pytest.mark.parametrize(
    ("channel", "axes", "shape", "message"),
    [
        (3, "CYX", (3, 8, 9), "from 0 to 2, found 3"),
        (1, "YX", (8, 9), "only 0, found 1"),
        ("DAB", "YX", (8, 9), "DAB is a channel of colour pictures"),
        ("red", "CYX", (2, 8, 9), "found an image with axes 'CYX' and 2"),
    ],
)
def test_a_channel_that_is_not_there_is_refused(channel, axes, shape, message):
    with pytest.raises(ValueError, match=message):
        check_channel(channel, axes, shape)


@pytest.mark.parametrize(
    ("channel", "axes", "shape"),
    [
        (2, "CYX", (3, 8, 9)),
        (0, "YX", (8, 9)),
        ("grey", "YX", (8, 9)),
        ("DAB", "YXC", (8, 9, 4)),
        ("eosin", "CYX", (3, 8, 9)),
    ],
)
def test_a_channel_that_is_there_passes(channel, axes, shape):
    check_channel(channel, axes, shape)


@pytest.mark.parametrize(("name", "number"), [("red", 0), ("green", 1), ("blue", 2), (1, 1)])
def test_colours_are_those_of_the_picture(name, number):
    picked = pick_channel(SECTION, name, 2)
    assert_array_equal(picked, SECTION[..., number])
    assert picked.dtype == np.uint8


@pytest.mark.parametrize(("name", "number"), [("haematoxylin", 0), ("eosin", 1), ("DAB", 2)])
@pytest.mark.parametrize("axis", [0, 2])
def test_stains_are_densities(name, number, axis):
    picked = pick_channel(np.moveaxis(SECTION, 2, axis), name, axis)
    assert_allclose(picked, rgb2hed(SECTION)[..., number], atol=1e-6)
    assert picked.dtype == np.float32


@pytest.mark.parametrize("name", COLOR_CHANNELS)
def test_opacity_counts_for_nothing(name):
    opaque = np.concatenate([SECTION, SECTION[..., :1]], axis=2)
    assert_array_equal(pick_channel(opaque, name, 2), pick_channel(SECTION, name, 2))


@pytest.mark.parametrize(
    "picture",
    [
        SECTION.astype(np.uint16) * 257,
        SECTION / 255,
        SECTION.astype(np.float32),
        SECTION.astype(np.int64),
        SECTION.astype(np.int32) * 257,
    ],
)
def test_stains_are_the_same_in_every_type(picture):
    expected = pick_channel(SECTION, "haematoxylin", 2)
    assert_allclose(pick_channel(picture, "haematoxylin", 2), expected, atol=1e-5)


def test_what_was_not_measured_stays_so():
    picture = SECTION / 255
    picture[3, 4, 1] = np.nan
    picked = pick_channel(picture, "DAB", 2)
    assert np.isnan(picked[3, 4])
    assert np.isfinite(picked).sum() == picked.size - 1
