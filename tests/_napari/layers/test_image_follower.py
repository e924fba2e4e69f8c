"""All our layers lie on the image, whatever its transform, also when it is changed later."""

from __future__ import annotations

import numpy as np
import pytest

from napari_pixel_embedding._napari.layers.pointer import Pointer
from napari_pixel_embedding._napari.layers.viewport import view_of
from napari_pixel_embedding._napari.train.worst_image_layers import WorstImageLayers
from napari_pixel_embedding.core.blockwise.roi import pixel_bytes
from napari_pixel_embedding.core.evaluation.worst_images import ImageScore
from napari_pixel_embedding.core.model.config import ModelConfig
from napari_pixel_embedding.session import ImageRegion, Preview
from tests._napari.layers.transforms import random_transform

CORNER = (8, 16)
"""First pixel of the region that is previewed."""


def set_transform(layer, seed, planar=False):
    for name, value in random_transform(np.random.default_rng(seed), layer.ndim, planar).items():
        setattr(layer, name, value)


def add(viewer, data, seed, **options):
    ndim = np.ndim(data) - options.get("rgb", False)
    transform = random_transform(np.random.default_rng(seed), ndim, planar=True)
    return viewer.add_image(data, name="field", **transform, **options)


def assert_lies_on(image, layer, start=None, factor=None):
    """Compare the pixels of both at points of the world."""
    points = np.random.default_rng(0).uniform(-50, 50, (5, image.ndim))
    start = np.zeros(layer.ndim) if start is None else np.array(start, float)
    for point in points:
        pixel = (image.world_to_data(point)[-layer.ndim :] - start) / (
            1 if factor is None else np.array(factor)
        )
        np.testing.assert_allclose(layer.world_to_data(point), pixel, atol=1e-6)
    assert layer.units == image.units[-layer.ndim :]
    assert layer.axis_labels == image.axis_labels[-layer.ndim :]


@pytest.fixture
def every_layer(viewer, segment_panel, correct_panel, embedding_panel, fine_tune_panel, run, qtbot):
    """Run on an image, and show every kind of layer; return them with their first pixel."""

    def show(data, seed=0, **options):
        image = add(viewer, data, seed, **options)
        session = run(segment_panel)
        embedding_panel.shown.setChecked(True)
        qtbot.waitUntil(lambda: session.embedding_rgb is not None, timeout=60_000)
        explored = embedding_panel.layers
        marks = [correct_panel.tool_layer, correct_panel.review_layer]
        overlays = [explored.similarity, explored.selection, *(one.overlay for one in marks)]
        shape = session.embedding_maps[0].shape
        for overlay in overlays:
            overlay.show(0, (slice(0, 4),) * len(shape), np.ones(4, np.uint8))
        size = [slice(a, a + 16) for a in CORNER]
        region = ImageRegion(0 if session.has_frames else None, tuple(size))
        session.tuning_preview = Preview(np.ones((16, 16), np.uint16), region)
        compared = fine_tune_panel.comparison
        layers = [segment_panel.workspace.layers.labels_layer]
        layers += [segment_panel.workspace.layers.colors_layer, *(one.layer for one in overlays)]
        start = (*(0,) * (layers[0].ndim - 2), *CORNER)
        return image, layers, (compared, start)

    return show


def check(image, layers, preview):
    compared, start = preview
    for layer in layers:
        assert_lies_on(image, layer)
    compared.show("after")
    assert_lies_on(image, compared.labels_layer, start)
    compared.show("beside")
    compared.show("beside")  # the second layer comes a turn of the event loop later
    beside = (*start[:-1], layers[0].data.shape[-1] * 1.04)
    for layer in (compared.labels_layer, compared._image):
        assert_lies_on(image, layer, beside)


def test_every_layer_lies_on_a_moved_image_and_follows_it(viewer, every_layer, image):
    field, *shown = every_layer(image, units=("um", "um"), axis_labels=("y", "x"))
    check(field, *shown)
    for name, value in random_transform(np.random.default_rng(7), 2).items():
        setattr(field, name, value)
        check(field, *shown)
    field.units, field.axis_labels = ("nm", "nm"), ("b", "a")
    check(field, *shown)
    assert [str(unit) for unit in viewer.layers.units] == ["nanometer", "nanometer"]


def test_colour_images(every_layer, image):
    colors = np.stack([image.clip(0, 255).astype(np.uint8)] * 3, axis=-1)
    field, *shown = every_layer(colors, 3, rgb=True)
    set_transform(field, 4)
    check(field, *shown)


def test_time_lapses(every_layer, image):
    field, *shown = every_layer(np.stack([image] * 3), 5)
    check(field, *shown)
    set_transform(field, 6, planar=True)
    check(field, *shown)


def test_napari_s_transform_tool(viewer, segment_panel, run, image):
    field = viewer.add_image(image)
    run(segment_panel)
    from napari.utils.transforms import Affine

    moved = Affine(translate=(3, 4), rotate=20).compose(field.affine)
    field.affine = field.affine.replace_slice([0, 1], moved)  # what dragging its handles does
    assert_lies_on(field, segment_panel.workspace.layers.labels_layer)


def test_labels_of_an_image_that_is_not_the_chosen_one_follow_it_too(
    viewer, segment_panel, run, image, qtbot
):
    first = viewer.add_image(image, name="first")
    run(segment_panel)
    labels = segment_panel.workspace.layers.labels_layer
    second = viewer.add_image(image[:32], name="second")
    run(segment_panel)
    layers = segment_panel.workspace.layers
    qtbot.waitUntil(lambda: layers.labels_layer is not None, timeout=60_000)
    set_transform(first, 1)
    set_transform(second, 2)
    assert_lies_on(first, labels)
    assert_lies_on(second, layers.labels_layer)


def test_two_layers_of_one_array_are_told_apart(viewer, segment_panel, correct_panel, run, image):
    viewer.add_image(image, name="other", scale=(3, 3))
    chosen = viewer.add_image(image, name="chosen", rotate=20)
    run(segment_panel)
    overlay = correct_panel.tool_layer.overlay
    overlay.show(0, (slice(0, 4), slice(0, 4)), np.ones((4, 4), np.uint8))
    assert_lies_on(chosen, overlay.layer)


def test_the_masks_of_a_worst_image_follow_it(viewer, segment_panel, image):
    mask = np.ones(image.shape, np.uint16)
    follower = segment_panel.workspace.layers.follower
    WorstImageLayers(viewer, follower, print).show(
        ImageScore("a.tif", 0.5, image, False, mask, mask)
    )
    set_transform(viewer.layers["a"], 3)
    for name in ("a, found", "a, mask"):
        assert_lies_on(viewer.layers["a"], viewer.layers[name])


def test_closing_disconnects(viewer, segment_panel, run, image):
    field = viewer.add_image(image)
    run(segment_panel)
    labels = segment_panel.workspace.layers.labels_layer
    before = {name: len(field.events[name].callbacks) for name in ("affine", "scale", "data")}
    segment_panel.workspace.close()
    after = {name: len(field.events[name].callbacks) for name in before}
    assert after == {name: count - 1 for name, count in before.items()}
    field.scale = (2, 2)
    np.testing.assert_array_equal(labels.scale, (1, 1))


# ------------------------------------------------------------------------------ large images


@pytest.fixture
def small_memory(segment_panel):
    segment_panel.controller.memory = 2**14 * pixel_bytes(ModelConfig(embedding_dim=2))
    return segment_panel


@pytest.mark.parametrize("levels", [1, 2])
def test_regions_and_blocks_of_large_images(viewer, small_memory, run, qtbot, levels):
    data = np.random.default_rng(0).normal(100, 20, (300, 260)).astype(np.float32)
    pyramid = [data, data[::2, ::2]][:levels]
    transform = random_transform(np.random.default_rng(8), 2)
    field = viewer.add_image(
        pyramid if levels > 1 else data, multiscale=levels > 1, name="slide", **transform
    )
    if levels == 1:
        field.scale = field.scale  # as any plugin may write it
    session = run(small_memory)
    layers = small_memory.workspace.layers
    qtbot.waitUntil(lambda: layers.mosaic_layer is not None, timeout=60_000)
    small_memory.footer.cancel_button.click()
    for seed in (8, 9):
        set_transform(field, seed)
        roi = session.roi
        middle = (np.array(roi.factor) - 1) / 2
        start = np.multiply(roi.start, roi.factor) + middle
        assert_lies_on(field, layers.labels_layer, start, roi.factor)
        assert_lies_on(field, layers.mosaic_layer)
        position = field.data_to_world(start + np.multiply((3, 5), roi.factor))
        assert Pointer.of(layers.follower, session).pixel(position) == (0, (3, 5))
        np.testing.assert_allclose(layers.labels_layer.world_to_data(position), (3, 5), atol=1e-6)


# ----------------------------------------------------------------------------- the pointer


class Click:
    """A mouse event of napari's, as far as our callbacks read it."""

    type, button, modifiers, dims_displayed, handled = "mouse_press", 1, (), (0, 1), False
    view_direction = None
    pos = (0, 0)

    def __init__(self, position):
        self.position = tuple(position)


def test_clicks_hit_the_pixel_under_the_cursor(viewer, segment_panel, run, image):
    field = add(viewer, image, 11)
    run(segment_panel)
    layers = segment_panel.workspace.layers
    for seed in (11, 12):
        set_transform(field, seed)
        click = Click(field.data_to_world((20, 70)))
        for _ in layers._picker._pressed(layers.labels_layer, click):
            click.type = "mouse_release"
        assert layers.clicked_pixel == (20, 70)
        np.testing.assert_allclose(
            Pointer.of(layers.follower, segment_panel.session).pixel(click.position)[1], (20, 70)
        )


def test_the_view_is_around_the_camera_s_centre(viewer, image):
    field = add(viewer, image, 13)
    camera = getattr(viewer, "scene", viewer).camera
    camera.center, camera.zoom = field.data_to_world((30.0, 40.0)), 50.0
    (top, bottom), (left, right) = view_of(viewer, field)
    assert ((top + bottom) / 2, (left + right) / 2) == pytest.approx((30.5, 40.5))


def test_the_review_looks_at_the_object(viewer, segment_panel, correct_panel, run, image, qtbot):
    field = add(viewer, image, 14)
    session = run(segment_panel)
    correct_panel.review_box.next.click()
    state = correct_panel.review.state
    qtbot.waitUntil(lambda: state.current is not None, timeout=60_000)
    qtbot.wait(400)
    middle = (np.array(state.current.box[0]) + np.array(state.current.box[1]) - 1) / 2
    camera = getattr(viewer, "scene", viewer).camera
    np.testing.assert_allclose(camera.center[-2:], field.data_to_world(middle), atol=1e-3)
    low, high = view_of(viewer, field)[0]
    assert session.labels is not None and low < middle[0] < high
