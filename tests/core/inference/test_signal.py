"""Constant images, frames and channels are named in one sentence."""

import numpy as np
import pytest

from napari_pixel_embedding.core.inference.axes import ImageStack
from napari_pixel_embedding.core.inference.signal import constant_notes, signal_notes

NOISE = np.random.default_rng(0).normal(100, 5, (7, 4, 32, 32))


def with_parts(part, fill, shape=3):
    image = NOISE[:shape, 0].copy()
    image[part] = fill
    return image


MANY = with_parts(range(6), np.nan, 7)


@pytest.mark.parametrize(
    ("image", "axes", "channels", "said"),
    [
        (np.zeros((3, 8, 8)), "TYX", 1, "The image has only one value (0) NOTHING"),
        (np.full((8, 8), np.inf), "YX", 1, "The image has no finite value NOTHING"),
        (np.full((8, 8), 7), "YX", 3, "The image has only one value (7) NOTHING"),
        (with_parts(1, 9), "TYX", 1, "Frame 2 of 3 has only one value (9)."),
        (with_parts([0, 2], np.nan), "TYX", 1, "Frames 1, 3 of 3 have no finite value."),
        (MANY, "TYX", 1, "Frames 1, 2, 3, 4, 5 and 1 more of 7 have no finite value."),
        (with_parts(2, 4), "CYX", 3, "Channel 3 of 3 has only one value (4)."),
        (np.moveaxis(with_parts(2, 4), 0, -1), "YXC", 3, "Channel 3 of 3 has only one value (4)."),
    ],
)  # fmt: skip
def test_what_is_constant_is_named(image, axes, channels, said):
    said = said.replace(" NOTHING", ": there is nothing to segment.")
    assert constant_notes(ImageStack(image, axes, channels)) == (said,)


def test_both_kinds_are_said():
    image = with_parts(1, np.nan)
    image[2] = 5
    assert constant_notes(ImageStack(image, "TYX")) == (
        "Frame 2 of 3 has no finite value.",
        "Frame 3 of 3 has only one value (5).",
    )


def test_a_frame_whose_channels_are_all_constant_is_named_as_a_frame():
    image = NOISE[:2, :3].copy()
    image[1] = np.arange(3)[:, None, None]
    assert constant_notes(ImageStack(image, "TCYX", 3)) == ("Frame 2 of 2 has only one value.",)


def test_an_opaque_alpha_and_a_constant_colour_of_a_grey_model_are_no_matter():
    picture = np.moveaxis(NOISE[0], 0, -1).copy()
    picture[..., 3] = 255
    assert constant_notes(ImageStack(picture, "YXC", 3)) == ()
    picture[..., 0] = 0
    assert constant_notes(ImageStack(picture, "YXC", 1)) == ()


def test_some_missing_values_are_no_matter():
    assert constant_notes(ImageStack(np.where(NOISE[0, 0] > 100, np.nan, NOISE[0, 0]), "YX")) == ()


def test_noise_and_signal():
    assert signal_notes(ImageStack(NOISE[0, 0], "YX"), (1, 99.8))[0].startswith(
        "There is almost no"
    )
    assert signal_notes(ImageStack(with_parts(0, 0), "TYX"), (1, 99.8)) == (
        "Frame 1 of 3 has only one value (0).",
    )
    image = NOISE[0, 0].copy()
    image[5:20, 5:20] += 200
    assert signal_notes(ImageStack(image, "YX"), (1, 99.8)) == ()
