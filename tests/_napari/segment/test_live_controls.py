"""The curve under the slider, single objects, and stacks, in a real window."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from napari_pixel_embedding._napari.layers.object_picker import pixel_at


@pytest.fixture
def ran(viewer, segment_panel, run, image, qtbot):
    """The segment panel after a run on a small image of micrometres, with its curve."""
    viewer.add_image(image, name="field", scale=(0.5, 0.5), units=("um", "um"))
    run(segment_panel)
    qtbot.waitUntil(lambda: segment_panel.curve is not None, timeout=20_000)
    return segment_panel


def settled(qtbot, session, count):
    qtbot.waitUntil(lambda: session.object_count == count, timeout=20_000)


def wheel(layer, point, turn, modifiers=("Shift",)):
    """Turn the wheel over a pixel, as napari reports it to the layer."""
    event = SimpleNamespace(
        modifiers=modifiers,
        delta=(0.0, turn),
        position=tuple(layer.data_to_world(point)),
        view_direction=None,
        dims_displayed=list(range(layer.ndim)),
        handled=False,
    )
    for callback in layer.mouse_wheel_callbacks:
        callback(layer, event)
    return event.handled


def test_line_and_slider_move_each_other(ran, qtbot):
    slider, curve, session = ran.form.widget("bandwidth"), ran.curve, ran.session
    slider.value = 2.0
    qtbot.waitUntil(lambda: curve.bandwidth == pytest.approx(2.0))
    curve._line.setValue(1.25)
    curve._line.sigDragged.emit(curve._line)
    assert slider.value == pytest.approx(1.25)
    qtbot.waitUntil(lambda: session.cluster_params.bandwidth == pytest.approx(1.25))


def test_auto_picks_the_plateau(ran, qtbot):
    ran.form.widget("bandwidth").value = 0.6
    qtbot.waitUntil(lambda: ran.session.cluster_params.bandwidth == pytest.approx(0.6))
    ran.auto_button.click()
    wanted = ran.session.stability.auto_bandwidth
    assert ran.session.cluster_params.bandwidth == wanted
    qtbot.waitUntil(lambda: ran.curve.bandwidth == pytest.approx(wanted), timeout=20_000)
    low, high = ran.curve._plateau.getRegion()
    assert low <= wanted <= high


def test_the_curve_follows_the_other_sliders(ran, qtbot):
    before = ran.session.stability
    ran.form.widget("min_size").value = 200
    qtbot.waitUntil(lambda: ran.session.stability is not before, timeout=20_000)
    drawn = ran.curve._curve.getData()[1]
    assert drawn[0] == ran.session.stability.counts[0]


def test_count_and_size_are_said_in_the_layers_unit(ran):
    size = ran.session.median_size / 4
    number = f"{size:,.0f}" if size >= 100 else f"{size:.3g}"
    assert ran.footer.count.text() == f"{ran.session.object_count} objects, median {number} µm²"


def click(panel, point):
    """Press and release over a pixel, as napari reports it to the layer."""
    layers = panel.workspace.layers
    event = SimpleNamespace(
        type="mouse_press",
        button=1,
        position=tuple(layers.labels_layer.data_to_world(point)),
        dims_displayed=[0, 1],
    )
    pressed = layers._picker._pressed(layers.labels_layer, event)
    next(pressed)
    event.type = "mouse_release"
    next(pressed, None)


@pytest.fixture
def coarse(ran, qtbot):
    """The same with everything merged."""
    ran.form.widget("bandwidth").value = 3.0
    settled(qtbot, ran.session, ran.session.stability.counts[-1])
    return ran


def test_finer_and_coarser_on_the_clicked_object(coarse, qtbot):
    session, cuts = coarse.session, coarse.cuts
    count = session.object_count
    assert not cuts.finer.isEnabled()
    assert "Click an object" in cuts.finer.toolTip()
    click(coarse, (32, 48))
    assert "is clicked" in cuts.note.text()
    cuts.finer.click()
    qtbot.waitUntil(lambda: session.object_count > count, timeout=20_000)
    assert "1 object has a bandwidth of its own" in cuts.note.text()
    cuts.undo.click()
    settled(qtbot, session, count)
    assert not cuts.undo.isEnabled()
    cuts.coarser.click()
    qtbot.waitUntil(lambda: "nothing coarser" in cuts.note.text(), timeout=20_000)


def test_shift_and_the_wheel_cut_the_object_under_the_cursor(coarse, qtbot):
    session, layer = coarse.session, coarse.workspace.layers.labels_layer
    count = session.object_count
    for modifiers in ((), ("Control",), ("Alt",), ("Control", "Shift")):
        assert not wheel(layer, (32, 48), -1.0, modifiers)  # napari's own
    assert wheel(layer, (32, 48), -0.5)  # half a notch of a touchpad
    assert session.object_count == count
    assert wheel(layer, (32, 48), -0.5)
    qtbot.waitUntil(lambda: session.object_count > count, timeout=20_000)
    np.testing.assert_array_equal(layer.data, session.labels)
    coarse.cuts.reset.click()
    settled(qtbot, session, count)
    assert wheel(layer, (-9, 48), -1.0)  # beside the image


def test_closing_leaves_the_layer_as_it_was(viewer, dock, run, image):
    from napari_pixel_embedding._napari.segment.panel import SegmentPanel

    panel = dock(SegmentPanel)
    viewer.add_image(image)
    run(panel)
    layer = panel.workspace.layers.labels_layer
    panel.workspace.close()
    fresh = viewer.add_labels(np.zeros((2, 2), int))
    assert len(layer.mouse_wheel_callbacks) == len(fresh.mouse_wheel_callbacks)
    assert len(layer.mouse_drag_callbacks) == len(fresh.mouse_drag_callbacks)


# --------------------------------------------------------------------------------------- stacks


def test_a_stack_follows_the_sliders_also_in_a_3d_view(
    viewer, segment_panel, run, tiny_volume_model, qtbot
):
    stack = np.random.default_rng(0).normal(100, 20, (8, 32, 48)).astype(np.float32)
    viewer.add_image(stack, name="stack", scale=(2, 1, 1))
    session = run(segment_panel, tiny_volume_model)
    assert (session.error, session.axes) == (None, "ZYX")
    layer = segment_panel.workspace.layers.labels_layer
    assert layer.data.shape == stack.shape
    viewer.dims.ndisplay = 3
    viewer.screenshot(flash=False)
    for name, value in (("bandwidth", 3.0), ("min_size", 200), ("foreground_threshold", 0.95)):
        before, array = session.labels, layer.data
        segment_panel.form.widget(name).value = value
        qtbot.waitUntil(lambda before=before: session.labels is not before, timeout=20_000)
        assert layer.data is array
        np.testing.assert_array_equal(layer.data, session.labels)
    viewer.screenshot(flash=False)
    assert session.error is None
    assert segment_panel.footer.count.text().endswith("voxels")


def test_in_a_3d_view_the_first_object_along_the_ray_is_meant(viewer):
    labels = np.zeros((6, 8, 8), np.uint16)
    labels[4, 2:5, 2:5] = 7
    layer = viewer.add_labels(labels, scale=(2, 1, 1))
    viewer.dims.ndisplay = 3
    event = SimpleNamespace(
        position=(-5.0, 3.0, 3.0), view_direction=(1.0, 0.0, 0.0), dims_displayed=[0, 1, 2]
    )
    assert pixel_at(layer, event) == (4, 3, 3)
    event.position = (-5.0, 7.0, 7.0)
    assert pixel_at(layer, event) is None
    event.position = (-5.0, 30.0, 30.0)
    assert pixel_at(layer, event) is None


def test_mutex_watershed_takes_over_and_gives_back(ran, qtbot):
    pytest.importorskip("bioimage_cpp")
    session, methods = ran.session, ran.methods
    live = session.labels
    methods.setCurrentIndex(methods.findData("mutex"))
    methods.activated.emit(methods.currentIndex())
    qtbot.waitUntil(lambda: session.labels is not live, timeout=20_000)
    assert (session.method, session.error) == ("mutex", None)
    assert session.labels.shape == live.shape
    ran.controller.clustering.set_method("mean_shift")
    assert methods.currentData() == "mean_shift"
    qtbot.waitUntil(lambda: np.array_equal(session.labels, live), timeout=20_000)
