from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from napari.layers import Image, Labels

from napari_pixel_embedding._napari.layers.placement import (
    Alignment,
    Grid,
    image_input,
    place,
    placement,
    size_text,
)
from napari_pixel_embedding.core.blockwise.roi import ROI
from napari_pixel_embedding.core.inference.layout import Layout
from napari_pixel_embedding.session import ImageInput, Session
from tests._napari.layers.transforms import random_transform


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


def moved(ndim, seed, channels=0):
    """An image whose last axes have any transform; channels before them lie straight."""
    options = random_transform(np.random.default_rng(seed), ndim)
    layer = Image(np.zeros((2,) * channels + (5,) * ndim))
    for name, value in options.items():
        own = np.eye(layer.ndim + (name == "affine"))
        if np.ndim(value) == 2:
            own[channels:, channels:] = value
        else:
            own = np.append(np.full(channels, float(name == "scale")), value)
        setattr(layer, name, own)
    return layer


@pytest.mark.filterwarnings("ignore:Non-orthogonal slicing")
@settings(max_examples=20)
@given(ndim=st.integers(2, 4), channels=st.integers(0, 1), seed=st.integers(0, 10_000))
def test_a_placed_layer_maps_each_point_of_the_world_to_the_images_pixel(ndim, channels, seed):
    rng = np.random.default_rng(seed)
    image, labels = moved(ndim, seed, channels), Labels(np.zeros((5,) * ndim, int))
    place(labels, moved(ndim, seed + 1))  # anywhere else before
    grid = Grid(tuple(rng.uniform(-9, 9, ndim)), tuple(rng.uniform(0.5, 8, ndim)))
    place(labels, image, grid)
    made = Labels(np.zeros((5,) * ndim, int), **placement(image, ndim, grid))
    for point in rng.uniform(-50, 50, (5, image.ndim)):
        pixel = image.world_to_data(point)[channels:]
        expected = (pixel - grid.start) / grid.factor
        for layer in (labels, made):
            np.testing.assert_allclose(layer.world_to_data(point), expected, atol=1e-6)


def test_a_layer_of_more_axes_than_the_image_is_placed_by_those_it_has():
    image = Image(np.zeros((4, 5)), scale=(2, 3), translate=(1, 2), affine=np.diag((2.0, 1, 1)))
    labels = Labels(np.zeros((3, 4, 5), int))
    place(labels, image)
    np.testing.assert_allclose(labels.data_to_world((7, 1, 1)), (7, 6, 5))


@pytest.mark.filterwarnings("ignore:Non-orthogonal slicing")
def test_what_is_placed_already_is_not_set_again():
    image, labels = moved(3, 0), Labels(np.zeros((5, 5, 5), int))
    place(labels, image)
    events = []
    for name in ("scale", "translate", "rotate", "shear", "affine"):
        getattr(labels.events, name).connect(lambda event: events.append(event.type))
    place(labels, image)
    assert not events
    image.affine = np.eye(4)
    place(labels, image)
    assert events == ["affine"]


def test_the_layers_affine_is_a_copy():
    image, labels = moved(2, 0), Labels(np.zeros((5, 5), int))
    place(labels, image)
    assert labels.affine is not image.affine


def test_a_scale_in_metres_is_no_rounding_error():
    image, labels = Image(np.zeros((5, 5)), scale=(1e-9, 1e-9)), Labels(np.zeros((5, 5), int))
    place(labels, image)
    image.scale = (2e-9, 2e-9)
    place(labels, image)
    np.testing.assert_array_equal(labels.scale, (2e-9, 2e-9))


def test_units_and_axis_labels_are_taken_over():
    image = Image(np.zeros((2, 5, 5)), units=("s", "um", "um"), axis_labels=("t", "y", "x"))
    labels = Labels(np.zeros((5, 5), int))
    place(labels, image)
    assert (labels.units, labels.axis_labels) == (image.units[1:], ("y", "x"))


@pytest.mark.parametrize(
    ("axes", "shape", "roi", "start", "factor"),
    [
        ("YX", (90, 80), ROI(0, (1, 1), (8, 16), (4, 4)), (8, 16), (1, 1)),
        ("YX", (90, 80), ROI(1, (4, 2), (3, 5), (4, 4)), (13.5, 10.5), (4, 2)),
        ("TYX", (3, 90, 80), ROI(0, (1, 1), (8, 16), (4, 4), 2), (2, 8, 16), (1, 1, 1)),
        ("TCYX", (3, 2, 90, 80), ROI(0, (1, 1), (8, 9), (4, 4), 1), (1, 0, 8, 9), (1,) * 4),
        ("CYX", (2, 90, 80), ROI(0, (1, 1), (8, 16), (4, 4)), (8, 16), (1, 1)),
        ("ZYX", (9, 90, 80), ROI(1, (1, 2, 2), (2, 8, 4), (4,) * 3), (2, 16.5, 8.5), (1, 2, 2)),
    ],
)
def test_the_grid_of_a_region_of_interest(axes, shape, roi, start, factor):
    made = session(axes, shape)
    made.roi = roi
    grid = Grid.of(made, len(start))
    assert (grid.start, grid.factor) == (start, factor)
    shifted = grid.shifted((1.0,) * len(start))
    np.testing.assert_allclose(shifted.start, np.add(start, factor))


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
