"""Axes of images in any order: what is read, and labels laid back."""

from itertools import permutations

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from napari_pixel_embedding.core.inference.channels import pick_channel
from napari_pixel_embedding.core.inference.layout import ArrangedImage, Layout, rows_last

SIZES = {"T": 2, "C": 3, "Z": 4, "Y": 5, "X": 6}


def layout(axes, spatial, channel=None):
    return Layout(axes, tuple(SIZES[a] for a in axes), spatial, channel)


def numbers(shape):
    return np.arange(np.prod(shape)).reshape(shape)


def orders():
    """Every order of two to four letters, and some of five, for 2-D and 3-D models."""
    every = []
    for chosen in ("YX", "TYX", "ZYX", "CYX", "TZYX", "TCYX", "TCZYX"):
        some = list(permutations(chosen))[:: 11 if len(chosen) == 5 else 1]
        spatial = [s for s in ("YX", "ZYX") if set(s) <= set(chosen)]
        every += [("".join(order), s) for order in some for s in spatial]
    return every


@pytest.mark.parametrize(("axes", "spatial"), orders())
def test_every_pixel_comes_where_its_letters_say(axes, spatial):
    given = layout(axes, spatial)
    image = numbers(given.shape)
    read = given.arrange(image)
    assert read.shape == given.read_shape
    assert set(given.read_axes) <= set("TCYX" + spatial)
    frame_axes = [a for a in axes if a in "TZ" and a not in spatial]
    for place in np.ndindex(*given.shape):
        at = dict(zip(axes, place, strict=True))
        frame = 0
        for a in frame_axes:
            frame = frame * SIZES[a] + at[a]
        there = tuple(frame if a == "T" else at[a] for a in given.read_axes)
        assert read[there] == image[place]


@pytest.mark.parametrize(("axes", "spatial"), orders())
def test_labels_get_the_axes_of_the_image(axes, spatial):
    given = layout(axes, spatial)
    image = numbers(given.label_shape)
    without = Layout(given.label_axes, given.label_shape, spatial)
    labels = without.arrange(image)
    laid = given.lay(labels)
    assert_array_equal(laid, image)
    assert_array_equal(given.lift(laid), labels)
    index = tuple(n - 1 for n in given.label_shape)
    assert labels[given.lift_index(index)] == laid[index]
    assert given.lay_index(given.lift_index(index)) == index
    stored, stored_axes = rows_last(laid, given.label_axes)
    assert stored_axes.endswith("YX")
    assert_array_equal(given.lift_file(stored), labels)


def test_labels_of_one_frame_have_axes_of_one():
    assert layout("TZYX", "YX").lay(np.zeros((1, 5, 6))).shape == (1, 1, 5, 6)


def test_labels_of_another_image_do_not_fit():
    assert not layout("TZYX", "YX").fits_file((4, 2, 5, 6))
    assert Layout("TZYX", (1, 4, 5, 6), "YX").fits_file((4, 5, 6))
    assert Layout("TZYX", (1, 4, 5, 6), "YX").lift_file(np.zeros((4, 5, 6))).shape == (4, 5, 6)


def test_writing_into_laid_labels_writes_into_the_labels():
    labels = np.zeros((8, 5, 6), int)
    layout("TZYX", "YX").lay(labels)[1, 2, 0, 0] = 7
    assert labels[6, 0, 0] == 7


def test_the_view_s_middle_says_which_plane_of_which_time_is_seen():
    given = layout("TCZYX", "YX")
    view = ((1, 2), (0, 1), (0, 4), (1, 3), (2, 5))
    assert given.lift_view(view) == ((6, 7), (0, 1), (1, 3), (2, 5))
    assert layout("TYXC", "YX").lift_view(((1, 2), (1, 3), (2, 5))) == (
        (1, 2),
        (1, 3),
        (2, 5),
        (0, 3),
    )


class Watched:
    """An array that notes how many pixels were read."""

    def __init__(self, array):
        self._array = array
        self.shape, self.dtype, self.read = array.shape, array.dtype, 0

    def __getitem__(self, key):
        part = self._array[key]
        self.read += part.size
        return part


@pytest.mark.parametrize("channel", [None, 1, "green", "grey", "DAB"])
@pytest.mark.parametrize("axes", ["TCZYX", "ZTYXC", "CTZYX", "XYTZC"])
@pytest.mark.parametrize("spatial", ["YX", "ZYX"])
def test_parts_are_those_of_the_whole(axes, spatial, channel):
    given = layout(axes, spatial, channel)
    image = numbers(given.shape).astype(np.uint16)
    whole = given.arrange(image)
    lazy = ArrangedImage(image, given)
    assert (lazy.shape, lazy.ndim, lazy.dtype) == (whole.shape, whole.ndim, whole.dtype)
    assert_array_equal(np.asarray(lazy), whole)
    for key in (
        (slice(1, 2),),
        (slice(0, 2), slice(1, 3)),
        (1,),
        (0, slice(None), 2),
        tuple(slice(1, 3) for _ in whole.shape),
    ):
        assert_allclose(lazy[key], whole[key], rtol=1e-6)


def test_only_what_is_asked_for_is_read():
    image = Watched(numbers((2, 3, 4, 5, 6)))
    ArrangedImage(image, layout("TCZYX", "YX", 2))[3:5, 1:3, 2:4]
    assert image.read == 2 * 2 * 2


def test_a_channel_is_picked_before_anything_else():
    given = layout("ZTYXC", "YX", "grey")
    image = numbers(given.shape).astype(np.uint8)
    assert given.read_axes == "TYX"
    assert_array_equal(given.arrange(image)[5], pick_channel(image[2, 1], "grey", 2))
