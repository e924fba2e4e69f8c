"""Images that memory does not bear, in a real window: the view first, the rest behind it."""

from __future__ import annotations

import numpy as np
import pytest

from napari_pixel_embedding._napari.layers.viewport import view_of
from napari_pixel_embedding.core.blockwise.roi import pixel_bytes
from napari_pixel_embedding.core.model.config import ModelConfig

SHAPE = (1100, 650)


@pytest.fixture
def large():
    """Smooth noise, too large for the memory of ``panel``."""
    return np.random.default_rng(0).normal(100, 20, SHAPE).astype(np.float32)


class Lazy:
    """What napari takes for an array, of which the whole must never be read."""

    def __init__(self, data):
        self._data = data
        self.shape, self.dtype, self.ndim, self.size = data.shape, data.dtype, data.ndim, data.size

    def __getitem__(self, region):
        part = np.asarray(self._data[region])
        return Lazy(part) if part.size > np.prod(SHAPE) / 2 else part

    def __array__(self, dtype=None, copy=None):
        raise AssertionError("the whole image was read")


@pytest.fixture
def panel(segment_panel, tiny_model):
    """The segment panel on a machine that bears 2¹⁷ pixels in one piece."""
    segment_panel.models.add_file(tiny_model)
    config = ModelConfig(embedding_dim=2)
    segment_panel.controller.memory = 2**17 * pixel_bytes(config)
    return segment_panel


def filled(panel, qtbot):
    """Press Run and wait until the whole image is segmented."""
    session = panel.session
    before = session.labels
    panel.run_button.click()
    qtbot.waitUntil(
        lambda: (
            bool(session.error)
            or (session.labels is not before and not session.running and not session.filling)
        ),
        timeout=60_000,
    )
    assert session.error is None
    whole = panel.workspace.layers.mosaic_layer
    qtbot.waitUntil(lambda: whole is not None or panel.workspace.layers.mosaic_layer is not None)
    qtbot.waitUntil(lambda: shows_all_blocks(session), timeout=20_000)
    return session


def shows_all_blocks(session):
    """Whether the labels around the ROI are cut from all blocks that are finished."""
    shown, made = session.mosaic_labels, session.mosaic
    return shown is not None and len(shown.cut.indexed_blocks) == len(made.indexed_blocks)


def look_at(viewer, qtbot, y, x, zoom=2.0):
    viewer.scene.camera.center = (y, x)
    viewer.scene.camera.zoom = zoom


def shown_at(layer, position):
    """Value of a layer at a position in the world."""
    index = np.round(layer.world_to_data(position)).astype(int)
    data = layer.data[0] if layer.multiscale else layer.data
    inside = np.all((index >= 0) & (index < np.array(data.shape)))
    return int(np.asarray(data[tuple(index)])) if inside else 0


def test_view_first_then_the_rest(viewer, panel, qtbot, large):
    viewer.add_image(large, name="slide", scale=(0.5, 0.5), translate=(3, 4))
    look_at(viewer, qtbot, 3 + 350, 4 + 225, 6.0)
    session = filled(panel, qtbot)
    layers = panel.workspace.layers
    roi, labels, mosaic_labels = session.roi, layers.labels_layer, layers.mosaic_layer
    assert labels.data.shape == session.labels.shape == roi.shape
    start = np.array(roi.start)
    assert (start < (700, 450)).all() and (start + roi.shape > (700, 450)).all()
    np.testing.assert_allclose(labels.translate, (3, 4) + 0.5 * start)
    np.testing.assert_array_equal(labels.scale, (0.5, 0.5))
    assert mosaic_labels.name == "slide objects, other blocks"
    assert mosaic_labels.data[0].shape == SHAPE
    assert not mosaic_labels.editable
    assert viewer.layers.index(mosaic_labels) < viewer.layers.index(labels)
    assert "whole image" in panel.footer.status.text()
    assert "in all blocks" in panel.footer.count.text()


def test_each_place_has_labels_in_one_of_both_layers(viewer, panel, qtbot, large):
    viewer.add_image(large, name="slide", rotate=30, scale=(2, 1))
    session = filled(panel, qtbot)
    labels, mosaic_labels = panel.workspace.layers.labels_layer, panel.workspace.layers.mosaic_layer
    image = viewer.layers["slide"]
    rng = np.random.default_rng(1)
    for pixel in rng.integers(0, SHAPE, (40, 2)):
        position = image.data_to_world(pixel)
        values = [shown_at(layer, position) for layer in (labels, mosaic_labels)]
        in_field = session.roi.from_finest(tuple(pixel)) is not None
        assert [value > 0 for value in values] == [in_field, not in_field]


def test_objects_keep_their_id_across_the_fields_border(viewer, panel, qtbot, large):
    viewer.add_image(large, name="slide")
    session = filled(panel, qtbot)
    mosaic_labels = panel.workspace.layers.mosaic_layer
    (top, left), (_, width) = session.roi.start, session.roi.shape
    inside = session.labels[0]
    outside = np.asarray(mosaic_labels.data[0][top - 1, left : left + width])
    shared = np.setdiff1d(inside[inside == outside], [0, 1])  # 1 is the first id of both
    assert len(shared) >= 3  # of 10: this model's objects end anywhere; ids of blocks never agree


def test_the_slider_reaches_the_rest(viewer, panel, qtbot, large):
    viewer.add_image(large, name="slide")
    session = filled(panel, qtbot)
    before, many = session.mosaic_labels, session.mosaic_labels.object_count
    panel.form.widget("bandwidth").value = 3.0
    qtbot.waitUntil(lambda: session.mosaic_labels is not before, timeout=20_000)
    qtbot.waitUntil(lambda: session.mosaic_labels.object_count < many / 2, timeout=20_000)


def test_panning_and_running_again_moves_the_labels(viewer, panel, qtbot, large):
    viewer.add_image(large, name="slide")
    look_at(viewer, qtbot, 250, 250)
    first = filled(panel, qtbot).roi
    labels = panel.workspace.layers.labels_layer
    labels.paint((5, 5), 500)
    qtbot.waitUntil(lambda: panel.session.corrected_count == 1, timeout=20_000)
    look_at(viewer, qtbot, 900, 500)
    session = filled(panel, qtbot)
    assert session.roi != first
    assert panel.workspace.layers.labels_layer is labels
    np.testing.assert_array_equal(labels.translate, session.roi.start)
    there = tuple(np.array(first.start) + 5)
    mosaic_labels = panel.workspace.layers.mosaic_layer
    qtbot.waitUntil(lambda: int(np.asarray(mosaic_labels.data[0][there])) == 500, timeout=20_000)
    look_at(viewer, qtbot, 250, 250)
    filled(panel, qtbot)
    qtbot.waitUntil(lambda: labels.data[5, 5] == 500, timeout=20_000)


def test_a_stroke_that_is_under_way_when_the_field_moves_is_kept(viewer, panel, qtbot, large):
    viewer.add_image(large, name="slide")
    look_at(viewer, qtbot, 250, 250)
    session = filled(panel, qtbot)
    first, labels = session.roi, panel.workspace.layers.labels_layer
    look_at(viewer, qtbot, 900, 500)
    labels.paint((5, 5), 500)
    panel.controller.set_view(view_of(viewer, viewer.layers["slide"]))
    session.roi = None  # what a run does first, in the same turn of the event loop
    assert session.corrections[5, 5] == 500
    session.roi = first


def test_a_coarse_level_gives_the_preview(viewer, panel, qtbot, large):
    viewer.add_image([large, large[::2, ::2], large[::4, ::4]], name="slide", scale=(0.5, 0.5))
    viewer.reset_view()
    session = filled(panel, qtbot)
    labels, mosaic_labels = panel.workspace.layers.labels_layer, panel.workspace.layers.mosaic_layer
    assert session.roi.level == 2
    np.testing.assert_allclose(labels.scale, (2, 2), rtol=0.01)
    np.testing.assert_allclose(labels.extent.world, viewer.layers["slide"].extent.world, atol=2)
    assert "level 2" in panel.footer.status.text()
    qtbot.waitUntil(  # the preview has given way
        lambda: (np.asarray(mosaic_labels.data[0][:, :]) > 0).mean() > 0.9, timeout=20_000
    )


def test_lazy_arrays_are_read_part_by_part(viewer, panel, qtbot, large):
    wide = np.tile(large, 2)  # napari shows a coarser level of it at first
    viewer.add_image(
        [Lazy(wide), wide[::2, ::2], wide[::4, ::4]], name="slide", contrast_limits=(0, 200)
    )
    look_at(viewer, qtbot, 300, 300, 3.0)
    session = filled(panel, qtbot)
    assert session.roi.level == 0
    assert session.mosaic_labels.object_count > 100


def test_zarr_arrays(viewer, panel, qtbot, large):
    import zarr

    levels = [zarr.array(large, chunks=(256, 256)), zarr.array(large[::4, ::4], chunks=(256, 256))]
    viewer.add_image(levels, name="slide", contrast_limits=(0, 200))
    session = filled(panel, qtbot)
    assert session.mosaic_labels.object_count > 100


def test_colour_images(viewer, panel, qtbot, large):
    colors = np.stack([large.clip(0, 255).astype(np.uint8)] * 3, axis=-1)
    viewer.add_image(colors, rgb=True, name="slide")
    session = filled(panel, qtbot)
    assert session.axes == "YXC"
    assert panel.workspace.layers.mosaic_layer.data[0].shape == SHAPE


def test_a_time_lapse_begins_with_the_frame_that_is_shown(viewer, panel, qtbot, large):
    viewer.add_image(np.stack([large[:256, :600]] * 3), name="film", scale=(1, 0.5, 0.5))
    viewer.dims.set_point(0, 1)
    session = filled(panel, qtbot)
    labels, mosaic_labels = panel.workspace.layers.labels_layer, panel.workspace.layers.mosaic_layer
    assert session.roi.frame == 1
    assert labels.data.shape == (1, *session.roi.shape)
    assert labels.translate[0] == 1
    for frame in (0, 2):
        assert (np.asarray(mosaic_labels.data[0][frame]) > 0).mean() > 0.9
    viewer.dims.set_point(0, 2)
    assert mosaic_labels._slice.image.raw.any()  # and napari shows them


def test_exploring_finds_the_pixel_under_the_cursor(viewer, panel, embedding_panel, qtbot, large):
    from napari_pixel_embedding._napari.layers.pointer import Pointer

    viewer.add_image(large, name="slide", scale=(0.5, 0.5))
    session = filled(panel, qtbot)
    pointer = Pointer.of(panel.workspace.layers.follower, session)
    start = np.array(session.roi.start)
    assert pointer.pixel((start + np.array((7, 9))) * 0.5) == (0, (7, 9))
    assert pointer.pixel((start - 2) * 0.5) == (0, (-1, -1))


def test_cancel_keeps_what_is_done(viewer, panel, qtbot, large):
    viewer.add_image(large, name="slide")
    session = panel.session
    panel.run_button.click()
    qtbot.waitUntil(
        lambda: session.mosaic is not None and len(session.mosaic.indexed_blocks) >= 2,
        timeout=60_000,
    )
    panel.footer.cancel_button.click()
    assert not session.filling
    assert panel.run_button.isEnabled()
    kept = session.mosaic
    qtbot.wait(50)
    assert session.mosaic is kept


def test_a_deleted_rest_comes_back_with_a_run(viewer, panel, qtbot, large):
    viewer.add_image(large, name="slide")
    filled(panel, qtbot)
    layers = panel.workspace.layers
    viewer.layers.remove(layers.mosaic_layer)
    panel.form.widget("bandwidth").value = 3.0
    qtbot.waitUntil(lambda: panel.session.cluster_params.bandwidth == 3.0, timeout=20_000)
    assert layers.mosaic_layer is None
    panel.run_button.click()
    qtbot.waitUntil(lambda: layers.mosaic_layer is not None, timeout=60_000)


def test_the_view_of_a_rotated_layer_is_a_box_around_it(viewer, large):
    layer = viewer.add_image(large, rotate=90, scale=(2, 2))
    middle = layer.data_to_world((500, 600))
    viewer.scene.camera.center = middle
    viewer.scene.camera.zoom = 4.0
    height, width = viewer.canvas.size
    (top, bottom), (left, right) = view_of(viewer, layer)
    assert (top + bottom) / 2 == pytest.approx(500.5, abs=1)
    assert (left + right) / 2 == pytest.approx(600.5, abs=1)
    assert bottom - top == pytest.approx(width / 8)  # a quarter turn swaps the sides
    assert right - left == pytest.approx(height / 8)
