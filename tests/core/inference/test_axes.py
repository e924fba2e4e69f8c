"""Images with axes of any order, as a network takes them."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from napari_pixel_embedding.core.inference.axes import (
    ImageStack,
    guess_axes,
    resolve_axes,
)
from napari_pixel_embedding.core.model.config import ModelConfig

GREY = ModelConfig()
COLOR = ModelConfig(in_channels=3)
VOLUME = ModelConfig(axes="ZYX", in_channels=2)


def channels_first(image, axes, config):
    (only,) = ImageStack(image, axes, config.in_channels).frames()
    return only


def numbers(*shape):
    return np.arange(np.prod(shape), dtype=np.float32).reshape(shape)


@pytest.mark.parametrize(
    ("config", "axes", "shape"),
    [
        (COLOR, "YXC", (4, 5, 3)),
        (COLOR, "YCX", (4, 3, 5)),
        (COLOR, "CYX", (3, 4, 5)),
        (VOLUME, "ZCYX", (6, 2, 4, 5)),
        (VOLUME, "ZYXC", (6, 4, 5, 2)),
    ],
)
def test_channels_come_first_and_space_keeps_its_order(config, axes, shape):
    image = numbers(*shape)
    out = channels_first(image, axes, config)
    letters = axes.lower()
    expected = np.einsum(f"{letters}->c{config.axes.lower()}", image)
    assert_array_equal(out, expected)


def test_an_image_without_channels_gets_one():
    assert_array_equal(channels_first(numbers(4, 5), "YX", GREY), numbers(1, 4, 5))


@pytest.mark.parametrize("channels", [3, 4])
def test_colours_become_grey_by_their_luminance_and_alpha_is_left_out(channels):
    image = np.zeros((2, 2, channels), np.uint8)
    image[0, 0, 0], image[0, 1, 1], image[1, 0, 2], image[..., 3:] = 200, 200, 200, 255
    grey = channels_first(image, "YXC", GREY)
    assert_allclose(grey, [[[200 * 0.2125, 200 * 0.7154], [200 * 0.0721, 0]]], rtol=1e-5)


def test_a_model_of_three_channels_leaves_alpha_out():
    image = numbers(4, 5, 4)
    three = channels_first(image, "YXC", ModelConfig(in_channels=3))
    assert_array_equal(three, np.moveaxis(image[..., :3], -1, 0))


@pytest.mark.parametrize(
    ("shape", "axes", "spatial", "channels", "expected"),
    [
        ((8, 9), None, "YX", 1, "YX"),
        ((1, 1), None, "YX", 1, "YX"),
        ((8, 9, 3), None, "YX", 1, "YXC"),
        ((8, 9, 4), None, "YX", 1, "YXC"),
        ((8, 9, 3), None, "YX", 3, "YXC"),
        ((8, 9, 4), "YXC", "YX", 3, "YXC"),
        ((2, 8, 9), None, "YX", 2, "CYX"),
        ((2, 8, 3), None, "YX", 2, "CYX"),
        ((5, 8, 9), None, "ZYX", 1, "ZYX"),
        ((5, 8, 9, 3), None, "ZYX", 1, "ZYXC"),
        ((2, 5, 8, 9), None, "ZYX", 2, "CZYX"),
        ((5, 8, 9), "tyx", "YX", 1, "TYX"),
        ((5, 2, 8, 9), "TCYX", "YX", 2, "TCYX"),
        ((5, 1, 8, 9), "TCYX", "YX", 1, "TCYX"),
        ((4, 5, 8, 9), "TZYX", "ZYX", 1, "TZYX"),
        ((4, 5, 8, 9), "ZtyX", "YX", 1, "ZTYX"),
        ((8, 9), "XY", "YX", 1, "XY"),
        ((1, 8, 9), None, "YX", 1, "ZYX"),
        ((1, 1, 8, 9), None, "YX", 1, "TZYX"),
        ((1, 5, 8, 9), None, "ZYX", 1, "TZYX"),
        ((1, 8, 9, 3), None, "YX", 1, "ZYXC"),
    ],
)
def test_axes_are_resolved(shape, axes, spatial, channels, expected):
    assert resolve_axes(shape, axes, spatial, channels) == expected


@pytest.mark.parametrize(
    ("shape", "axes", "spatial", "channels", "message"),
    [
        (
            (5, 8, 9),
            None,
            "YX",
            1,
            r"cannot be told .* \(5, 8, 9\).* Give its axes.*for example TYX",
        ),
        ((8,), None, "YX", 1, "cannot be told"),
        ((2, 2, 2, 8, 9), None, "YX", 1, "cannot be told"),
        ((8, 9), None, "YX", 2, "takes 2 channels, found 1"),
        ((8, 9, 3), None, "YX", 2, "takes 2 channels, found 3"),
        ((3, 8, 9), "CYX", "YX", 1, "takes 1 channel, found 3.*Choose one channel, 0 to 2"),
        ((5, 8, 9), "CYX", "YX", 2, "found 5.*Keep only those"),
        ((5, 8, 9), "TYX", "ZYX", 1, "name the planes Z, as in ZYX, or choose a 2-D model"),
        ((8, 9), "YX", "ZYX", 1, "choose a 2-D model"),
        ((8, 9), "YY", "YX", 1, "name each axis once, found 'YY'"),
        ((8, 9, 3), "YXS", "YX", 1, "found 'S' in 'YXS'. RGB colours are C"),
        ((8, 9, 3), "YX", "YX", 1, "each of its 3 axes"),
        ((8,), "X", "YX", 1, "must have Y and X among them, found 'X'"),
        ((0, 9), None, "YX", 1, "at least one pixel"),
    ],
)
def test_axes_that_do_not_fit_are_refused_in_words(shape, axes, spatial, channels, message):
    with pytest.raises(ValueError, match=message):
        resolve_axes(shape, axes, spatial, channels)


@pytest.mark.parametrize(
    ("shape", "rgb", "spatial", "channels", "expected"),
    [
        ((64, 64), False, "YX", 1, "YX"),
        ((5, 64, 64), False, "YX", 1, "TYX"),  # a 2-D model goes slice by slice
        ((5, 64, 64), False, "ZYX", 1, "ZYX"),
        ((2, 64, 64), False, "YX", 2, "CYX"),
        ((5, 2, 64, 64), False, "YX", 2, "TCYX"),
        ((64, 64, 3), True, "YX", 1, "YXC"),
        ((5, 64, 64, 3), True, "YX", 3, "TYXC"),
        ((3, 5, 64, 64), False, "ZYX", 1, "TZYX"),
        ((64, 64), False, "ZYX", 1, None),
        ((3, 5, 64, 64), False, "YX", 1, "TZYX"),
        ((3, 5, 64, 64, 3), True, "YX", 1, "TZYXC"),
        ((2, 3, 5, 64, 64), False, "YX", 1, None),
    ],
)
def test_axes_are_guessed_from_shape_and_model(shape, rgb, spatial, channels, expected):
    assert guess_axes(shape, spatial, channels, rgb=rgb) == expected


@pytest.mark.parametrize(
    ("hint", "spatial", "expected"),
    [
        ("tyx", "YX", "TYX"),
        ("zyx", "YX", "ZYX"),
        ("zyx", "ZYX", "ZYX"),
        ("cyx", "YX", "CYX"),
        ("012", "YX", "TYX"),
        ("yyx", "YX", "TYX"),
        ("yx", "YX", "TYX"),
    ],
)
def test_names_of_axes_count_when_they_make_sense(hint, spatial, expected):
    assert guess_axes((5, 4, 4), spatial, 1, hint=hint) == expected


def test_chosen_axes_are_not_guessed():
    assert guess_axes((2, 4, 4), "YX", 2, chosen="ZYX") == "ZYX"


def test_frames_lie_along_t_wherever_it_stands():
    image = numbers(4, 3, 5)
    stack = ImageStack(image, "YTX", spacing=(2.0, 1.0))
    assert stack.count == 3
    for number, frame in enumerate(stack.frames()):
        assert_array_equal(frame, image[None, :, number])
    one = stack.frame(2)
    assert (one.axes, one.count, one.spacing) == ("YX", None, (2.0, 1.0))
    assert_array_equal(one.array, image[:, 2])
    assert one.frame(None) is one


def test_given_intensities_count_for_every_frame():
    stack = ImageStack(numbers(2, 4, 5), "TYX", ranges=np.array([[10.0, 50.0]]))
    first, second = stack.normalised((1, 99.8))
    assert_allclose(first, (numbers(1, 4, 5) - 10) / 40)
    assert_allclose(second, (numbers(1, 4, 5) + 10) / 40)
