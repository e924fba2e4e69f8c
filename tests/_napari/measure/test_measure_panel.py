"""The dock Measure in a real window: table, plot, clicks, lasso, corrections, files."""

from __future__ import annotations

import csv
import time

import numpy as np
import pytest
from qtpy.QtCore import QPoint, Qt
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QFileDialog, QMessageBox

from napari_pixel_embedding._napari.measure.panel import MeasurePanel
from napari_pixel_embedding._napari.tabs import TABS, open_tab
from napari_pixel_embedding.session.measure.measurement import OUTDATED
from tests._napari.conftest import SCREEN, WAIT


@pytest.fixture
def panel(viewer, segment_panel, dock, run, image):
    """The panel after a run on an image with a pixel size."""
    viewer.add_image(image, name="field", scale=(0.5, 0.25), translate=(3, 4), units=("um", "um"))
    run(segment_panel)
    return dock(MeasurePanel)


@pytest.fixture
def measured(qtbot):
    """Press Measure and wait for another table."""

    def press(panel):
        before = panel.measurement.state.table
        panel.what.button.click()
        state = panel.measurement.state
        qtbot.waitUntil(lambda: state.table is not before and not state.outdated, timeout=WAIT)
        return state.table

    return press


def settled(panel, qtbot):
    """Wait until no job of the labels is under way."""
    qtbot.waitUntil(lambda: panel.controller.clustering.settled, timeout=WAIT)


def click_on(viewer, layer, index, qtbot):
    """Click on a pixel of a layer, in the middle of the canvas."""
    viewer.layers.selection.active = layer
    viewer.scene.camera.center = layer.data_to_world(index)[-2:]
    viewer.scene.camera.zoom = 400  # the middle of a hidden canvas is not exactly there
    canvas = viewer.window._qt_viewer.canvas.native
    qtbot.wait(50)
    middle = QPoint(canvas.width() // 2, canvas.height() // 2)
    QTest.mouseClick(canvas, Qt.MouseButton.LeftButton, pos=middle)


def middle_of(labels, id):
    pixels = np.argwhere(labels == id)
    return tuple(pixels[np.abs(pixels - pixels.mean(axis=0)).sum(axis=1).argmin()])


def test_without_labels_all_is_disabled_and_says_why(dock):
    panel = dock(MeasurePanel)
    assert "run a model, or open labels" in panel.what.button.toolTip()
    for widget in (panel.accept, panel.delete, panel.save_button, panel.across):
        assert not widget.isEnabled()
        assert "Measure first." in widget.toolTip()
    assert panel.export_button.isEnabled()


def test_the_table_is_in_the_layer_and_in_the_panel(panel, measured):
    table = measured(panel)
    layer, session = panel.workspace.layers.labels_layer, panel.session
    assert len(table) == session.object_count == len(layer.features)
    features = layer.features
    assert features["index"].tolist() == table.ids.tolist()
    ids, counts = np.unique(session.labels[session.labels > 0], return_counts=True)
    np.testing.assert_allclose(features["area (µm²)"], counts * 0.125)
    assert ids.tolist() == table.ids.tolist()
    assert {"field_mean", "uncertainty", "foreground", "touches_border"} <= {*features}
    rows = panel.table.rows
    headings = [rows.headerData(n, Qt.Orientation.Horizontal) for n in range(rows.columnCount())]
    assert headings[:3] == ["label", "pixels", "area (µm²)"]
    assert panel.what.note.text() == f"{len(table):,} objects, {len(table.names)} columns."
    status = layer.get_status(layer.data_to_world(middle_of(layer.data, 1)), world=True)
    assert "area" in str(status)


def test_a_click_on_a_row_flies_to_the_object(viewer, panel, measured, qtbot):
    table = measured(panel)
    view, layer = panel.table, panel.workspace.layers.labels_layer
    view.sortByColumn(2, Qt.SortOrder.DescendingOrder)
    panel.window().show()
    at = view.visualRect(view.rows.index(1, 2)).center()
    QTest.mouseClick(view.viewport(), Qt.MouseButton.LeftButton, pos=at)
    second = np.argsort(-table.values("area"), kind="stable")[1]
    assert panel.measurement.state.selected.tolist() == [second]
    assert layer.selected_label == table.ids[second]
    box = table.boxes[second]
    world = layer.data_to_world((box[0] + box[1] - 1) / 2)
    camera = viewer.scene.camera
    qtbot.waitUntil(lambda: np.allclose(camera.center[-2:], world, atol=0.1), timeout=WAIT)
    shown = panel.layers.selection
    np.testing.assert_array_equal(shown.data > 0, panel.session.labels == table.ids[second])
    np.testing.assert_array_equal(shown.scale, layer.scale)
    np.testing.assert_array_equal(shown.translate, layer.translate)
    assert viewer.layers.selection.active is not shown


def test_a_click_on_an_object_selects_its_row(viewer, panel, measured, qtbot):
    table = measured(panel)
    layer = panel.workspace.layers.labels_layer
    panel.table.sortByColumn(2, Qt.SortOrder.DescendingOrder)
    id = int(table.ids[3])
    click_on(viewer, layer, middle_of(layer.data, id), qtbot)
    qtbot.waitUntil(lambda: panel.measurement.state.selected.tolist() == [3], timeout=WAIT)
    assert panel.table.selected_rows().tolist() == [3]
    assert panel.count.text().startswith("<b>1</b>")


def test_sorting_keeps_the_selected_objects_selected(panel, measured, qtbot):
    table = measured(panel)
    view = panel.table
    panel.measurement.select([0, 2])
    for order in (Qt.SortOrder.DescendingOrder, Qt.SortOrder.AscendingOrder):
        view.sortByColumn(2, order)
        assert view.selected_rows().tolist() == [0, 2]
        assert panel.measurement.state.selected.tolist() == [0, 2]
    column = [view.rows.data(view.rows.index(n, 2)) for n in range(len(table))]
    assert [float(text) for text in column] == pytest.approx(sorted(table.values("area")), rel=1e-3)


def drag(panel, corners, qtbot):
    """Draw in the plot along corners in units of the axes."""
    panel.window().show()
    qtbot.wait(100)  # the plot has its place
    box, viewport = panel.plot.box, panel.plot._plot.viewport()
    from qtpy.QtCore import QPointF

    points = [box.mapFromView(QPointF(*corner)) for corner in corners]
    points = [panel.plot._plot.mapFromScene(box.mapToScene(point)) for point in points]
    QTest.mousePress(viewport, Qt.MouseButton.LeftButton, pos=points[0])
    for point in points[1:]:
        for _ in range(2):  # the first may be too soon after the one before for pyqtgraph
            QTest.mouseMove(viewport, point)
            qtbot.wait(30)
    QTest.mouseRelease(viewport, Qt.MouseButton.LeftButton, pos=points[-1])


def test_a_drag_over_the_histogram_selects_a_range(panel, measured, qtbot):
    table = measured(panel)
    panel.across.setCurrentIndex(panel.across.findData("centroid_x"))
    panel.across.activated.emit(panel.across.currentIndex())
    x = table.values("centroid_x")
    cut = float(np.median(x))
    qtbot.wait(50)
    drag(panel, [(cut, 1), (float(x.max()) - 0.1, 1), (float(x.max()) + 0.2, 1)], qtbot)
    selected = panel.measurement.state.selected
    assert 0 < len(selected) < len(x)
    assert x[selected].min() >= cut - 1
    assert np.isin(np.flatnonzero(x > cut + 1), selected).all()


def test_a_lasso_in_the_scatter_selects_and_the_selected_are_deleted(panel, measured, qtbot):
    table = measured(panel)
    for choice, name in ((panel.across, "centroid_x"), (panel.up, "centroid_y")):
        choice.setCurrentIndex(choice.findData(name))
        choice.activated.emit(choice.currentIndex())
    x, y = table.values("centroid_x"), table.values("centroid_y")
    low, high = x.min() + 0.5, np.median(x)
    qtbot.wait(50)
    corners = [(low, y.min()), (high, y.min()), (high, y.max()), (low, y.max())]
    drag(panel, corners, qtbot)
    state, session = panel.measurement.state, panel.session
    chosen = table.keys(state.selected)
    assert 1 < len(chosen) < len(table)
    assert panel.count.text() == f"<b>{len(chosen)}</b> of {len(table)}"
    assert panel.table.selected_rows().tolist() == state.selected.tolist()
    qtbot.waitUntil(lambda: panel.layers.selection is not None, timeout=WAIT)
    inside = np.isin(session.labels, [id for _, id in chosen])
    np.testing.assert_array_equal(panel.layers.selection.data > 0, inside)
    assert panel.plot._chosen.getData()[0].size == len(chosen)

    before = session.object_count
    panel.delete.click()
    qtbot.waitUntil(lambda: session.deleted_count == len(chosen), timeout=WAIT)
    qtbot.waitUntil(lambda: len(state.table) < len(table), timeout=WAIT)
    assert state.outdated == ""
    assert panel.layers.selection is None
    panel.workspace.layers.undo()
    qtbot.waitUntil(lambda: session.object_count == before, timeout=WAIT)
    assert session.deleted_count == 0
    assert state.outdated == OUTDATED


def test_accepting_the_selected_locks_them(panel, measured, qtbot):
    table = measured(panel)
    panel.measurement.select([1, 2])
    panel.accept.click()
    state = panel.measurement.state
    qtbot.waitUntil(lambda: panel.session.corrected_count == 2, timeout=WAIT)
    qtbot.waitUntil(lambda: state.table is not table and not state.outdated, timeout=WAIT)
    assert state.table.measurements["corrected"][[1, 2]].all()
    assert state.selected.tolist() == [1, 2]
    layer = panel.workspace.layers.labels_layer
    assert layer.features["corrected"].sum() == 2


@pytest.mark.parametrize("change", ["slider", "brush", "scale"])
def test_a_table_that_no_longer_holds_says_so(panel, measured, change, qtbot):
    measured(panel)
    layer = panel.workspace.layers.labels_layer
    panel.measurement.select([0])
    if change == "slider":
        panel.controller.clustering.set_params(bandwidth=2.0)
    elif change == "brush":
        layer.paint((2, 2), int(layer.data.max()) + 1)
    else:
        panel.workspace.viewer.layers["field"].scale = (0.75, 0.25)
    state = panel.measurement.state
    qtbot.waitUntil(lambda: bool(state.outdated), timeout=WAIT)
    assert panel.what.note.text() == state.outdated
    assert "color" in panel.what.note.styleSheet()
    assert panel.what.button.text() == "Measure again"
    for widget in (panel.accept, panel.delete, panel.save_button):
        assert not widget.isEnabled()
    assert not [name for name in layer.features if "area" in name]
    settled(panel, qtbot)
    measured(panel)
    assert [name for name in layer.features if "area" in name]
    assert panel.save_button.isEnabled()


def test_review_and_measurement_share_the_features(panel, correct_panel, measured, qtbot):
    measured(panel)
    layer = panel.workspace.layers.labels_layer
    correct_panel.review_box.next.click()
    qtbot.waitUntil(lambda: "review" in layer.features, timeout=WAIT)
    assert "area (µm²)" in layer.features
    measured(panel)
    assert {"review", "area (µm²)"} <= {*layer.features}
    panel.controller.clustering.set_params(bandwidth=2.0)
    qtbot.waitUntil(lambda: "area (µm²)" not in layer.features, timeout=WAIT)
    assert "review" in layer.features


def test_of_equal_labels_the_status_tells_the_frame_in_view(
    viewer, segment_panel, dock, run, image, measured, qtbot
):
    viewer.add_image(np.stack([image, image, 0 * image]), name="film")
    run(segment_panel)
    panel = dock(MeasurePanel)
    table = measured(panel)
    layer = panel.workspace.layers.labels_layer
    for frame in (0, 1):
        viewer.dims.set_point(0, frame)
        qtbot.waitUntil(lambda at=frame: layer.features["frame"].iloc[-1] == at, timeout=WAIT)
    row = int(np.flatnonzero(table.frames == 1)[0])
    viewer.dims.set_point(0, 0)
    panel.table.select_rows(np.array([row]))
    panel._choose_rows(np.array([row]))
    assert viewer.dims.current_step[0] == 1
    labels = np.asarray(layer.data)
    id = int(labels[1].max())
    click_on(viewer, layer, (1, *middle_of(labels[1], id)), qtbot)
    wanted = [table.row_of(1, id)]
    qtbot.waitUntil(lambda: panel.measurement.state.selected.tolist() == wanted, timeout=WAIT)


def test_volumes_are_measured_in_their_unit(
    viewer, segment_panel, dock, run, tiny_volume_model, measured
):
    volume = np.random.default_rng(0).normal(100, 20, (8, 24, 32)).astype(np.float32)
    viewer.add_image(volume, name="stack", scale=(2, 0.5, 0.5), units=("um",) * 3)
    run(segment_panel, tiny_volume_model)
    panel = dock(MeasurePanel)
    table = measured(panel)
    labels = panel.session.labels
    ids, counts = np.unique(labels[labels > 0], return_counts=True)
    assert table.measurements.headings()["volume"] == "volume (µm³)"
    np.testing.assert_allclose(table.values("volume"), counts * 0.5)
    panel.layers.fly_to(0)
    middle = (table.boxes[0][0] + table.boxes[0][1] - 1) / 2
    assert abs(viewer.dims.current_step[0] - middle[0]) <= 0.5
    assert table.ids.tolist() == ids.tolist()


def test_any_labels_are_measured_and_painting_outdates_them(viewer, dock, measured, qtbot):
    labels = np.zeros((2, 20, 20), np.int64)
    labels[0, 2:6, 2:6], labels[1, 8:12, 3:9] = 70_000, 3
    layer = viewer.add_labels(labels, name="from elsewhere")
    pixels = np.random.default_rng(0).normal(size=labels.shape)
    viewer.add_image(pixels, name="signal")
    viewer.add_image(np.zeros((5, 5)), name="other grid")
    panel = dock(MeasurePanel)
    box = panel.what
    assert box.labels.layer is layer
    assert not box.certainty.isEnabled()
    assert [one.title for one in box._offered] == ["signal"]
    assert box.images.text() == "signal"
    assert box.labels.axes.currentData() == "ZYX"
    table = measured(panel)
    assert table.ids.tolist() == [3, 70_000]
    assert table.values("signal_mean")[1] == pytest.approx(pixels[labels == 70_000].mean())
    assert "plane" not in table.names
    box.labels.axes.setCurrentIndex(box.labels.axes.findData("TYX"))
    table = measured(panel)
    assert table.measurements["frame"].tolist() == [0, 1]
    assert not panel.accept.isEnabled()
    viewer.dims.set_point(0, 0)
    click_on(viewer, layer, (0, 4, 4), qtbot)
    qtbot.waitUntil(lambda: panel.measurement.state.selected.tolist() == [0], timeout=WAIT)
    layer.paint((0, 15, 15), 5)
    qtbot.waitUntil(lambda: bool(panel.measurement.state.outdated), timeout=WAIT)
    measured(panel)
    viewer.dims.set_point(0, 1)
    qtbot.wait(400)  # a slice is no change
    assert panel.measurement.state.outdated == ""
    viewer.layers.remove(layer)
    assert "deleted" in panel.measurement.state.outdated
    assert panel.what.labels.layer is None


def test_channels_are_chosen_one_by_one(viewer, segment_panel, dock, run, image, measured):
    colors = np.stack([image, image + 1, image + 2], axis=-1).clip(0, 255).astype(np.uint8)
    viewer.add_image(colors, rgb=True, name="stained")
    viewer.add_image(np.stack([image, image]), name="two planes")
    viewer.layers.selection.active = viewer.layers["stained"]
    run(segment_panel)
    panel = dock(MeasurePanel)
    titles = [action.text() for action in panel.what.menu.actions()]
    assert titles == ["stained: red", "stained: green", "stained: blue"]
    panel.what.menu.actions()[0].trigger()
    assert panel.what.images.text() == "2 of 3 channels"
    table = measured(panel)
    assert "stained_red_mean" not in table.names
    inside = panel.session.labels == table.ids[0]
    assert table.values("stained_green_mean")[0] == pytest.approx(colors[inside, 1].mean())
    assert table.values("stained_blue_max")[0] == colors[inside, 2].max()


def test_the_footer_shows_the_task_and_cancels_it(panel, monkeypatch, qtbot):
    from napari_pixel_embedding.session.measure import measurement

    def slow(request, report):
        while True:  # until it is cancelled
            report(0.5)
            time.sleep(0.01)

    monkeypatch.setattr(measurement, "_work", slow)
    panel.what.button.click()
    footer = panel.footer
    qtbot.waitUntil(lambda: "Making the table of objects … 50 %" in footer.status.text())
    assert footer.progress.isVisibleTo(footer)
    footer.cancel_button.click()
    assert not panel.session.tabulating
    assert not footer.progress.isVisibleTo(footer)
    assert panel.measurement.state.table is None


def test_the_table_is_saved(panel, measured, monkeypatch, tmp_path, qtbot):
    table = measured(panel)
    path = tmp_path / "cells"
    answer = (str(path), "CSV (*.csv)")
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_, **__: answer)
    panel.save_button.click()
    qtbot.waitUntil(lambda: "Saved the table" in panel.session.status, timeout=WAIT)
    with path.with_suffix(".csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == len(table)
    assert [float(row["area (µm²)"]) for row in rows] == table.values("area").tolist()


def test_closing_the_panel_takes_the_selection_away(viewer, panel, measured, qtbot):
    measured(panel)
    panel.measurement.select([0])
    qtbot.waitUntil(lambda: panel.layers.selection is not None, timeout=WAIT)
    names = [layer.name for layer in viewer.layers]
    assert "field objects selection" in names
    viewer.window.remove_dock_widget(panel)
    assert "field objects selection" not in [layer.name for layer in viewer.layers]


def test_deleting_the_selection_layer_selects_nothing(viewer, panel, measured, qtbot):
    measured(panel)
    panel.measurement.select([0, 1])
    qtbot.waitUntil(lambda: panel.layers.selection is not None, timeout=WAIT)
    viewer.layers.remove(panel.layers.selection)
    assert panel.measurement.state.selected.size == 0
    assert panel.table.selected_rows().size == 0


def test_with_a_table_and_a_plot_no_scroll_bar_is_needed(shown, run, image, measured, qtbot):
    panels = {name: open_tab(shown, name) for name in TABS}
    qtbot.waitUntil(lambda: not any(p.tab._joining.isActive() for p in panels.values()))
    shown.add_image(image)
    run(panels["Segment"])
    panel = open_tab(shown, "Measure")
    measured(panel)
    panel.session.tabulating = True  # the footer is highest with progress below a status
    panel.window().resize(*SCREEN)
    qtbot.waitUntil(lambda: panel.window().height() <= SCREEN[1], timeout=WAIT)
    assert panel.plot.isVisible()
    bar = panel.area.verticalScrollBar()
    qtbot.waitUntil(lambda: not bar.isVisible(), timeout=WAIT)
    assert panel.area.height() >= panel.widget().minimumSizeHint().height() + 40  # another font
    panel.session.tabulating = False


def test_a_name_without_an_ending_replaces_nothing_unasked(
    panel, measured, monkeypatch, tmp_path, qtbot
):
    measured(panel)
    path = tmp_path / "cells.v2"
    there = tmp_path / "cells.v2.csv"
    there.write_text("mine")
    answer = (str(path), "CSV (*.csv)")
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_, **__: answer)
    no = QMessageBox.StandardButton.No
    monkeypatch.setattr(QMessageBox, "question", lambda *_: no)
    panel.save_button.click()
    qtbot.wait(50)
    assert there.read_text() == "mine"
    assert not path.exists()


def test_objects_that_are_left_from_earlier_are_measured_and_clicked(
    viewer, segment_panel, dock, run, image, measured, qtbot
):
    layer = viewer.add_image(image, name="field")
    run(segment_panel)
    before = dock(MeasurePanel)
    measured(before)
    for one in (before, segment_panel):
        viewer.window.remove_dock_widget(one)
    assert "area (px²)" in viewer.layers["field objects"].features
    viewer.layers.selection.active = layer
    panel = dock(MeasurePanel)
    assert panel.session.labels is None
    labels = viewer.layers["field objects"]
    assert panel.what.labels.layer is labels
    table = measured(panel)
    assert set(table.ids) == set(np.unique(labels.data)) - {0}
    id = int(table.ids[2])
    click_on(viewer, labels, middle_of(labels.data, id), qtbot)
    qtbot.waitUntil(lambda: panel.measurement.state.selected.tolist() == [2], timeout=WAIT)


def test_the_selection_has_the_units_of_the_labels_from_the_first(panel, measured, qtbot):
    measured(panel)
    notified = []
    from napari.utils.notifications import notification_manager

    notification_manager.notification_ready.connect(lambda event: notified.append(event.message))
    panel.measurement.select([0])
    qtbot.waitUntil(lambda: panel.layers.selection is not None, timeout=WAIT)
    assert [str(unit) for unit in panel.layers.selection.units] == ["micrometer"] * 2
    assert notified == []


def test_a_table_outlives_its_tab_and_is_outdated_without_it(
    viewer, panel, dock, measured, run, qtbot
):
    table = measured(panel)
    layer = panel.workspace.layers.labels_layer
    viewer.window.remove_dock_widget(panel)
    assert "area (µm²)" in layer.features
    again = dock(MeasurePanel)
    assert again.table.rows.rowCount() == len(table)
    again._choose_rows(np.array([3]))
    assert layer.selected_label == table.ids[3]
    click_on(viewer, layer, middle_of(layer.data, int(table.ids[2])), qtbot)
    qtbot.waitUntil(lambda: again.measurement.state.selected.tolist() == [2], timeout=WAIT)
    viewer.window.remove_dock_widget(again)
    again.controller.clustering.set_params(bandwidth=2.0)
    qtbot.waitUntil(lambda: "area (µm²)" not in layer.features, timeout=WAIT)
