from __future__ import annotations

import numpy as np
import pytest
from napari.layers import Image

from napari_pixel_embedding._napari.layers.placement import (
    Alignment,
    image_input,
    placement,
    size_text,
)
from napari_pixel_embedding.core.inference.layout import Layout
from napari_pixel_embedding.session import ImageInput, Session


def session(axes, shape, spatial=None):
    made = Session()
    made.image = ImageInput(np.broadcast_to(np.uint8(0), shape), axes)
    made.layout = Layout(axes, shape, spatial or ("ZYX" if "Z" in axes else "YX"))
    made.axes = made.layout.read_axes
    return made


@pytest.mark.parametrize(
    ("axes", "shape", "labels", "view"),
    [
        ("YX", (4, 5), (4, 5), (4, 5)),
        ("CYX", (3, 4, 5), (4, 5), (4, 5)),
        ("YXC", (4, 5, 3), (4, 5), (4, 5, 3)),
        ("TCYX", (2, 3, 4, 5), (2, 4, 5), (2, 3, 4, 5)),
        ("TZCYX", (2, 6, 3, 4, 5), (2, 6, 4, 5), (2, 6, 3, 4, 5)),
        ("ZTYX", (6, 2, 4, 5), (2, 6, 4, 5), (6, 2, 4, 5)),
        ("ZCTYX", (6, 3, 2, 4, 5), (2, 6, 4, 5), (6, 3, 2, 4, 5)),
    ],
)
def test_labels_are_laid_over_all_channels(axes, shape, labels, view):
    array = np.arange(np.prod(labels), dtype=np.uint16).reshape(labels)
    alignment = Alignment.of(session(axes, shape))
    laid = alignment.lay(array)
    assert laid.shape == view
    np.testing.assert_array_equal(alignment.lift(laid), array)
    index = tuple(n - 1 for n in laid.shape)
    assert array[alignment.lift_index(index)] == laid[index]
    back = alignment.lay_index(alignment.lift_index(index))
    assert laid[tuple(int(n) for n in back)] == laid[index]


def test_planes_of_a_time_series_are_frames_of_a_2_d_model():
    array = np.zeros((6, 4, 5), np.uint16)
    alignment = Alignment.of(session("TZYX", (2, 3, 4, 5), "YX"))
    laid = alignment.lay(array)
    laid[1, 2, 0, 0] = 7
    assert array[5, 0, 0] == 7
    assert alignment.lift_index((1, 0, 2, 3)) == (3, 2, 3)
    assert alignment.lift_view(((1, 2), (0, 1), (0, 4), (1, 3))) == ((3, 4), (0, 4), (1, 3))
    assert alignment.lay(array[:1]).shape == (1, 1, 4, 5)


def test_painting_one_channel_paints_the_labels():
    array = np.zeros((2, 4, 5), np.uint16)
    laid = Alignment.of(session("TCYX", (2, 3, 4, 5))).lay(array)
    laid[1, 2, 0, 0] = 7
    assert array[1, 0, 0] == 7
    assert (laid[1, :, 0, 0] == 7).all()


def test_image_input_reads_the_layer():
    layer = Image(np.zeros((3, 4, 5)), scale=(2, 0.5, 0.25), axis_labels=("t", "y", "x"))
    image = image_input(layer, None)
    assert image.data is layer.data
    assert (image.spacing, image.axes_hint, image.rgb) == ((2.0, 0.5, 0.25), "tyx", False)


def test_of_a_multiscale_layer_the_finest_level():
    levels = [np.zeros((8, 8)), np.zeros((4, 4))]
    assert image_input(Image(levels, multiscale=True), "YX").data is levels[0]


def test_placement_of_fewer_axes_takes_the_last():
    layer = Image(np.zeros((3, 4, 5)), scale=(2, 0.5, 0.25), translate=(1, 2, 3))
    placed = placement(layer, 2)
    np.testing.assert_array_equal(placed["scale"], (0.5, 0.25))
    np.testing.assert_array_equal(placed["translate"], (2, 3))
    assert placed["rotate"].shape == (2, 2)


@pytest.mark.parametrize(
    ("units", "ndim", "expected"),
    [
        (("um", "um", "um"), 3, "500 µm³"),
        (("um", "um", "um"), 2, "250 µm²"),
        (("pixel", "um", "um"), 2, "250 µm²"),
        (("pixel", "um", "um"), 3, "1,000 voxels"),
        (("pixel", "pixel", "pixel"), 2, "1,000 px"),
    ],
)
def test_sizes_are_said_in_the_layers_unit(units, ndim, expected):
    layer = Image(np.zeros((3, 4, 5)), scale=(2, 0.5, 0.5), units=units)
    assert size_text(1000, layer, ndim) == expected
