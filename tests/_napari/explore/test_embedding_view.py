"""Similarity and scatter in a real window: cursor, click, lasso, chosen objects."""

from __future__ import annotations

import numpy as np
import pytest
from qtpy.QtCore import QCoreApplication, QEvent, QPoint, QPointF, Qt
from qtpy.QtGui import QMouseEvent
from qtpy.QtTest import QTest

from napari_pixel_embedding._napari.explore.panel import EmbeddingPanel
from napari_pixel_embedding.core.embedding.embedding_map import EmbeddingMap
from napari_pixel_embedding.core.embedding.similarity import similarity_to_pixel
from napari_pixel_embedding.core.inference.layout import Layout


def canvas_of(viewer):
    canvas = viewer.window._qt_viewer.canvas.native
    return canvas, QPoint(canvas.width() // 2, canvas.height() // 2)


def hover(widget, position):
    """Move the mouse over a widget with no button down; QTest moves nothing in hidden windows."""
    where, none = QPointF(position), Qt.MouseButton.NoButton
    event = QMouseEvent(
        QEvent.Type.MouseMove,
        where,
        QPointF(widget.mapToGlobal(position)),
        none,
        none,
        Qt.KeyboardModifier.NoModifier,
    )
    QCoreApplication.sendEvent(widget, event)


@pytest.fixture
def view(viewer, segment_panel, embedding_panel, run, image):
    """The embedding panel after a run on a small image."""
    viewer.add_image(image, name="field", scale=(0.5, 0.25), translate=(3, 4))
    run(segment_panel)
    return embedding_panel


def plotted(view, qtbot):
    view.plotted.setChecked(True)
    qtbot.waitUntil(lambda: view.exploration.state.scatter is not None, timeout=8_000)
    return view.exploration.state


def whole(scatter):
    """Corners around all points."""
    (x, y), side = scatter.cloud.origin, scatter.cloud.side
    return [(x, y), (x + side, y), (x + side, y + side), (x, y + side)]


def test_without_a_result_all_is_disabled_and_says_why(embedding_panel):
    panel = embedding_panel
    for widget in (panel.similar, panel.held, panel.plotted, panel.plane, panel.clear):
        assert not widget.isEnabled()
        assert "Run a model first." in widget.toolTip()
    assert panel.plot is None


def test_similarity_follows_the_cursor_and_a_click_holds_it(viewer, view, qtbot):
    state = view.exploration.state
    active = viewer.layers.selection.active
    view.similar.setChecked(True)
    canvas, middle = canvas_of(viewer)
    hover(canvas, middle)
    qtbot.waitUntil(lambda: view.layers.similarity.layer is not None, timeout=8_000)
    layer, roi = view.layers.similarity.layer, viewer.layers["field"]
    np.testing.assert_array_equal(layer.scale, roi.scale)
    np.testing.assert_array_equal(layer.translate, roi.translate)
    assert layer.contrast_limits == [0, 3]
    assert viewer.layers.selection.active is active
    emap = view.session.embedding_maps[0]
    expected = similarity_to_pixel(emap, state.pick.index)
    np.testing.assert_allclose(layer.data, expected, atol=1e-6)
    assert view.held.isEnabled()
    assert not view.held.isChecked()

    array, first = layer.data, state.pick
    hover(canvas, middle + QPoint(60, 60))
    qtbot.waitUntil(lambda: state.pick is not first, timeout=8_000)
    expected = similarity_to_pixel(emap, state.pick.index)
    qtbot.waitUntil(lambda: np.allclose(array, expected, atol=1e-6), timeout=8_000)
    assert layer.data is array

    QTest.mouseClick(canvas, Qt.MouseButton.LeftButton, pos=middle)
    qtbot.waitUntil(view.held.isChecked, timeout=8_000)
    held = state.pick
    hover(canvas, middle + QPoint(60, 60))
    qtbot.waitUntil(lambda: (state.cursor_distance or 0) > 0, timeout=8_000)
    assert state.pick is held
    assert f"cursor: {state.cursor_distance:.2f}, " in view.reading.text()

    viewer.layers.remove(layer)
    assert not view.similar.isChecked()
    assert state.similarity is None


def test_a_click_of_the_brush_holds_nothing(viewer, view, qtbot):
    view.similar.setChecked(True)
    labels = view.workspace.layers.select_labels()
    labels.mode = "paint"
    canvas, middle = canvas_of(viewer)
    QTest.mouseClick(canvas, Qt.MouseButton.LeftButton, pos=middle)
    qtbot.waitUntil(lambda: view.session.corrected_count == 1, timeout=8_000)
    assert not view.held.isChecked()


def test_lasso_and_chosen_objects_are_linked(viewer, view, qtbot):
    state, session = plotted(view, qtbot), view.session
    view.plot.box.drawn.emit(whole(state.scatter), True)
    qtbot.waitUntil(lambda: state.selection is not None, timeout=8_000)
    layer = view.layers.selection.layer
    np.testing.assert_array_equal(layer.data == 2, session.labels > 0)
    assert f"{session.object_count} objects selected" in view.caption.text()
    assert view.clear.isEnabled()
    view.clear.click()
    assert layer not in viewer.layers
    assert not view.clear.isEnabled()

    view.workspace.layers.labels_layer.selected_label = 2
    qtbot.waitUntil(lambda: state.selection is not None, timeout=8_000)
    assert state.selection.pixel_count == np.count_nonzero(session.labels == 2)
    assert view.layers.selection.layer is None
    view.plotted.setChecked(False)
    assert state.scatter is None
    assert not view.plot.isVisibleTo(view)


def test_a_lasso_is_drawn_with_the_mouse(viewer, view, qtbot):
    state = plotted(view, qtbot)
    view.window().show()
    widget = view.plot._plot
    square = view.plot.box.mapRectToScene(view.plot.box.rect()).toRect()
    corners = [square.topLeft(), square.topRight(), square.bottomRight(), square.bottomLeft()]
    corners = [
        c + QPoint(dx, dy)
        for c, (dx, dy) in zip(corners, ((6, 6), (-6, 6), (-6, -6), (6, -6)), strict=True)
    ]
    viewport = widget.viewport()
    QTest.mousePress(viewport, Qt.MouseButton.LeftButton, pos=corners[0])
    for corner in corners[1:]:
        QTest.mouseMove(viewport, corner)
        qtbot.wait(20)  # pyqtgraph takes no more moves than its rate limit lets through
    QTest.mouseRelease(viewport, Qt.MouseButton.LeftButton, pos=corners[-1])
    qtbot.waitUntil(lambda: state.choice is not None, timeout=8_000)
    assert len(state.choice.lasso) >= 4
    qtbot.waitUntil(lambda: state.selection is not None, timeout=8_000)
    assert state.selection.pixel_count == state.scatter.cloud.count


def test_circle_is_the_bandwidth_around_the_pick(view, qtbot):
    state = plotted(view, qtbot)
    view.exploration.pin(0, (10, 10))
    x, y = view.plot._circle.getData()
    np.testing.assert_allclose(np.ptp(x) / 2, view.session.cluster_params.bandwidth, rtol=1e-3)
    np.testing.assert_allclose((x.mean(), y.mean()), state.scatter.place(state.pick), atol=0.05)
    view.controller.clustering.set_params(bandwidth=2.5)
    assert np.ptp(view.plot._circle.getData()[0]) / 2 == pytest.approx(2.5, rel=1e-3)


def test_colours_and_plot_keep_their_basis_until_it_is_fitted_anew(view, qtbot):
    session, state = view.session, plotted(view, qtbot)
    basis = session.color_basis
    view.shown.setChecked(True)
    qtbot.waitUntil(lambda: session.embedding_rgb is not None, timeout=8_000)
    assert session.color_basis is basis
    view.refit.click()
    qtbot.waitUntil(lambda: session.color_basis not in (None, basis), timeout=8_000)
    qtbot.waitUntil(lambda: state.scatter.basis is session.color_basis, timeout=8_000)


def test_frames_of_a_stack_and_the_3d_view(viewer, segment_panel, embedding_panel, run, image):
    viewer.add_image(np.stack([image, image[::-1], image]), name="stack")
    run(segment_panel)
    exploration = embedding_panel.exploration
    viewer.dims.set_point(0, 2)
    assert exploration.state.frame == 2
    viewer.dims.set_point(0, 1)
    assert exploration.state.frame == 1
    assert exploration.state.region is None
    viewer.dims.order = (1, 0, 2)
    assert exploration.state.region is not None
    viewer.dims.ndisplay = 3
    assert exploration.state.region is None


def test_a_volume_is_compared_slice_by_slice(viewer, embedding_panel, qtbot):
    volume = np.random.default_rng(0).normal(size=(4, 12, 16)).astype(np.float32)
    layer = viewer.add_image(volume, name="volume", scale=(2, 1, 1))
    view, session = embedding_panel, embedding_panel.session
    view.workspace.layers.use_image(layer, "ZYX")
    session.layout, session.axes = Layout("ZYX", volume.shape, "ZYX"), "ZYX"
    emap = EmbeddingMap(np.stack([volume, -volume]), np.ones_like(volume))
    session.embedding_maps = (emap,)
    viewer.dims.set_point(0, 4)
    view.similar.setChecked(True)
    canvas, middle = canvas_of(viewer)
    hover(canvas, middle)
    state, seen = view.exploration.state, view.layers.similarity
    qtbot.waitUntil(lambda: seen.layer is not None, timeout=8_000)
    assert state.pick.index[0] == 2
    expected = similarity_to_pixel(emap, state.pick.index)
    np.testing.assert_allclose(seen.layer.data[2], expected[2], atol=1e-6)
    assert np.isinf(seen.layer.data[[0, 1, 3]]).all()
    viewer.dims.ndisplay = 3
    qtbot.waitUntil(lambda: np.allclose(seen.layer.data, expected, atol=1e-6), timeout=8_000)
    pick = state.pick
    hover(canvas, middle + QPoint(30, 30))
    assert state.pick is pick


def test_embeddings_with_nothing_to_see(view, qtbot):
    session, state = view.session, plotted(view, qtbot)
    shape = session.embedding_maps[0].shape
    view.plane.setCurrentText("Position")
    view.plane.activated.emit(view.plane.currentIndex())
    assert state.components is None
    one = np.zeros((1, *shape), np.float32)
    for foreground in (np.ones(shape), np.zeros(shape)):
        before = state.scatter
        session.embedding_maps = (EmbeddingMap(one, foreground.astype(np.float32)),)
        qtbot.waitUntil(lambda before=before: state.scatter is not before, timeout=8_000)
        view.exploration.pin(0, (1, 1))
        view.exploration.lasso(whole(state.scatter))
        qtbot.waitUntil(lambda: state.selection is not None, timeout=8_000)
    assert state.components == (0, 1)
    assert "No foreground" in view.caption.text()
    session.embedding_maps = ()
    assert state.scatter is None
    assert not view.plotted.isEnabled()
    assert session.error is None


def test_closing_the_dock_takes_its_layers_along(viewer, segment_panel, run, image, qtbot):
    viewer.add_image(image, name="field")
    run(segment_panel)
    view = EmbeddingPanel(viewer)
    viewer.window.add_dock_widget(view)
    plotted(view, qtbot)
    view.similar.setChecked(True)
    view.exploration.pin(0, (10, 10))
    qtbot.waitUntil(lambda: view.layers.similarity.layer is not None, timeout=8_000)
    viewer.window.remove_dock_widget(view)
    assert sorted(layer.name for layer in viewer.layers) == ["field", "field objects"]
    callbacks = [*viewer.mouse_move_callbacks, *viewer.mouse_drag_callbacks]
    assert not any("ExplorationLayers" in repr(callback) for callback in callbacks)
