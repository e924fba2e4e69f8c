"""Images with axes of any order, as a network takes them."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from napari_pixel_embedding.core.inference.axes import channels_first
from napari_pixel_embedding.core.inference.normalisation import (
    channel_ranges,
    frame_ranges,
    iterate_frames,
    normalise,
)
from napari_pixel_embedding.core.model.config import ModelConfig
from napari_pixel_embedding.core.training.targets import annotated_frames

GREY = ModelConfig()
COLOUR = ModelConfig(in_channels=3)
VOLUME = ModelConfig(axes="ZYX", in_channels=2)


def numbers(*shape):
    return np.arange(np.prod(shape), dtype=np.float32).reshape(shape)


@pytest.mark.parametrize(
    ("config", "axes", "shape"),
    [
        (COLOUR, "YXC", (4, 5, 3)),
        (COLOUR, "YCX", (4, 3, 5)),
        (COLOUR, "CYX", (3, 4, 5)),
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


def test_every_frame_is_normalised_by_itself():
    image = np.random.default_rng(0).random((3, 20, 30))
    image[1] *= 1000
    frames = list(iterate_frames(GREY, image, "TYX"))
    assert len(frames) == 3
    for frame, raw in zip(frames, image, strict=True):
        assert_array_equal(frame, normalise(raw[None], GREY.percentiles))


def test_frames_lie_along_t_wherever_it_stands():
    image = np.random.default_rng(0).random((20, 3, 30))
    for frame, index in zip(iterate_frames(GREY, image, "YTX"), range(3), strict=True):
        assert_array_equal(frame, normalise(image[None, :, index], GREY.percentiles))


def test_frames_are_paired_with_their_labels():
    labels = np.random.default_rng(0).integers(-1, 5, (2, 8, 9))
    pairs = annotated_frames(GREY, np.random.rand(2, 8, 9), labels, "TYX")
    for (_, found), expected in zip(pairs, labels, strict=True):
        assert found.dtype == np.int32
        assert_array_equal(found, expected)


def test_a_single_frame_takes_labels_with_and_without_time():
    image, labels = np.random.rand(8, 9), np.eye(8, 9, dtype=np.uint8)
    for given in (labels, labels[None]):
        ((_, found),) = annotated_frames(GREY, image[None], given, "TYX")
        assert_array_equal(found, labels)


@pytest.mark.parametrize(
    ("shape", "labels", "expected"),
    [((8, 9), (9, 8), r"\(8, 9\)"), ((2, 8, 9), (8, 9), r"\(2, 8, 9\)")],
)
def test_labels_must_cover_the_image(shape, labels, expected):
    axes = "TYX"[-len(shape) :]
    with pytest.raises(ValueError, match=f"labels of the image's shape {expected}, found"):
        annotated_frames(GREY, np.zeros(shape), np.zeros(labels, int), axes)


@pytest.mark.parametrize("dtype", ["uint32", "int64"])
def test_huge_ids_stay_apart_and_small_in_memory(dtype):
    labels = np.array([[0, 2**32 - 1, 7], [2**31, 7, 0]], dtype)
    ((_, found),) = annotated_frames(GREY, np.random.rand(2, 3), labels)
    assert found.tolist() == [[0, 3, 1], [2, 1, 0]]


def test_huge_ids_keep_unknown_pixels_and_background():
    labels = np.array([[-1, 0, 10**9, 10**6]])
    ((_, found),) = annotated_frames(GREY, np.random.rand(1, 4), labels)
    assert found.tolist() == [[-1, 0, 2, 1]]


def test_an_empty_plane_does_not_show_its_noise():
    rng = np.random.default_rng(0)
    stack = rng.normal(100, 5, (12, 64, 64))
    stack[:6, 20:40, 20:40] += 1000
    config = ModelConfig()
    full, empty = (list(iterate_frames(config, stack, "TYX"))[n] for n in (0, 11))
    alone = next(iterate_frames(config, stack[11], "YX"))
    assert full.max() == pytest.approx(1, abs=0.1)
    assert np.ptp(empty) < 0.2 < np.ptp(alone)


def test_one_dazzling_frame_does_not_darken_the_others():
    stack = np.random.default_rng(0).uniform(0, 100, (20, 32, 32))
    own = frame_ranges(ModelConfig(), stack, "TYX")
    stack[3] *= 1000
    dazzled = frame_ranges(ModelConfig(), stack, "TYX")
    np.testing.assert_allclose(dazzled[0], own[0])


def test_frames_of_about_one_brightness_are_scaled_by_themselves():
    stack = np.random.default_rng(0).uniform(0, 100, (4, 32, 32)) * [[[1]], [[0.8]], [[0.6]], [[2]]]
    for frame, ranges in zip(stack, frame_ranges(ModelConfig(), stack, "TYX"), strict=True):
        np.testing.assert_allclose(ranges, channel_ranges(frame[None]))
