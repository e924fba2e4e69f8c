"""Corrections in the window: saved whatever closes it, and offered when the image is reopened."""

from __future__ import annotations

import numpy as np
import pytest
from qtpy.QtCore import QCoreApplication, QEvent, QPoint, Qt
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QApplication, QMenu, QMessageBox

from napari_pixel_embedding._napari.correct.panel import CorrectPanel
from napari_pixel_embedding._napari.segment.panel import SegmentPanel
from napari_pixel_embedding.core.corrections.journal import read_journal
from tests._napari.conftest import PLUGIN

WAIT = 20_000
NEW = 777
STROKE = np.s_[2:6, 3:9]


@pytest.fixture
def ran(viewer, segment_panel, run, image, qtbot):
    """The Segment dock after a run, when earlier corrections have been looked for."""
    viewer.add_image(image, name="field")
    run(segment_panel)
    qtbot.waitUntil(lambda: segment_panel.controller.autosave._current is not None, timeout=WAIT)
    return segment_panel


def stroke(panel, where=STROKE, number=NEW):
    """Paint; the event loop does not turn, so that nothing is recorded yet."""
    layer = panel.workspace.layers.labels_layer
    grid = np.mgrid[where]
    layer.data_setitem(tuple(axis.ravel() for axis in grid), number)
    assert panel.session.corrections is None or not (panel.session.corrections == number).any()


def kept(folder):
    """The corrections of every journal."""
    return [read_journal(path).corrections for path in folder.glob("**/*.corrections")]


def assert_saved(folder):
    (fixed,) = kept(folder)
    assert (fixed[STROKE] == NEW).all()


def close_docks(viewer, panel):
    viewer.window.remove_dock_widget("all")


def leave_no_menus():
    """Mark the menus that napari leaves when a viewer is closed: its fixture would find them."""
    for widget in QApplication.topLevelWidgets():
        if isinstance(widget, QMenu):
            widget.setObjectName("handled_widget")


CLOSINGS = {
    "viewer": lambda viewer, panel: viewer.close(),
    "window": lambda viewer, panel: viewer.window.close(),
    "last dock": close_docks,
    "quitting": lambda viewer, panel: QCoreApplication.instance().aboutToQuit.emit(),
    "layers": lambda viewer, panel: (viewer.layers.clear(), close_docks(viewer, panel)),
    "labels layer": lambda viewer, panel: (
        viewer.layers.remove(panel.workspace.layers.labels_layer),
        close_docks(viewer, panel),
    ),
    "image": lambda viewer, panel: (
        panel.workspace.layers.use_image(viewer.add_image(np.zeros((9, 9))), None),
        close_docks(viewer, panel),
    ),
}


@pytest.mark.parametrize("how", CLOSINGS)
def test_a_stroke_of_the_turn_in_which_all_closes_is_saved(
    make_napari_viewer, run, image, own_folder, how, qtbot
):
    viewer = make_napari_viewer()
    viewer.add_image(image, name="field")
    _, panel = viewer.window.add_plugin_dock_widget(PLUGIN, "Segment")
    run(panel)
    qtbot.waitUntil(lambda: panel.controller.autosave._current is not None, timeout=WAIT)
    stroke(panel)
    CLOSINGS[how](viewer, panel)
    QCoreApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)
    leave_no_menus()
    assert panel.workspace.closed
    assert_saved(own_folder)


def test_a_stroke_during_which_all_closes_is_saved(ran, viewer, own_folder):
    layer = ran.workspace.layers.labels_layer
    layer.selected_label, layer.mode, layer.brush_size = NEW, "paint", 12
    viewer.layers.selection.active = layer
    canvas = viewer.window._qt_viewer.canvas.native
    middle = QPoint(canvas.width() // 2, canvas.height() // 2)
    QTest.mousePress(canvas, Qt.MouseButton.LeftButton, pos=middle)
    assert (layer.data == NEW).any(), "the button is still down"
    painted = layer.data == NEW
    ran.workspace.close()
    (fixed,) = kept(own_folder)
    assert (fixed[painted] == NEW).all()
    QTest.mouseRelease(canvas, Qt.MouseButton.LeftButton, pos=middle)


def test_a_stroke_from_before_the_search_was_answered_is_saved(
    viewer, segment_panel, tiny_model, image, qtbot, own_folder, monkeypatch
):
    from napari_pixel_embedding.session.correct import earlier

    monkeypatch.setattr(earlier.Search, "run", lambda search: 1 / 0)  # never answered
    viewer.add_image(image, name="field")
    segment_panel.models.add_file(tiny_model)
    segment_panel.run_button.click()
    qtbot.waitUntil(lambda: segment_panel.session.labels is not None, timeout=WAIT)
    stroke(segment_panel)
    segment_panel.workspace.close()
    assert_saved(own_folder)


# ------------------------------------------------------------------------------------- the offer


@pytest.fixture
def session(viewer, dock, run, image):
    """Open the docks as in a new session of napari, run, and wait for a number of offers."""

    def begin(qtbot, count):
        viewer.layers.clear()  # else the docks take up the objects that are there
        viewer.add_image(image, name="field")
        segment, correct = dock(SegmentPanel), dock(CorrectPanel)
        run(segment)
        autosave = correct.controller.autosave
        qtbot.waitUntil(lambda: autosave._current is not None, timeout=WAIT)
        assert len(correct.session.recoveries) == count
        return correct

    return begin


def corrected(qtbot, panel, rows):
    """Paint an object in each row, and end the session."""
    for row in rows:
        stroke(panel, np.s_[row : row + 2, 3:9], NEW + row)
        qtbot.waitUntil(lambda n=NEW + row: (panel.session.labels == n).any(), timeout=WAIT)
    panel.workspace.close()


def test_one_earlier_session_is_offered_and_restored(session, qtbot):
    corrected(qtbot, session(qtbot, 0), [2])
    panel = session(qtbot, 1)
    assert panel.recovery.isVisibleTo(panel)
    assert not panel.choice.isVisibleTo(panel)
    assert "<b>1 object</b>" in panel.found.text()
    assert "“field”" in panel.found.text()
    panel.restore_button.click()
    qtbot.waitUntil(lambda: panel.session.corrections is not None, timeout=WAIT)
    assert (panel.session.corrections[2:4, 3:9] == NEW + 2).all()
    assert not panel.recovery.isVisibleTo(panel)


def test_one_of_several_is_chosen_and_the_others_stay(session, qtbot, monkeypatch):
    for number, rows in enumerate(([2, 8, 14], [20], [26, 32])):
        corrected(qtbot, session(qtbot, number), rows)
    panel = session(qtbot, 3)
    assert panel.choice.isVisibleTo(panel)
    shown = [panel.choice.itemText(n).split(" · ")[1] for n in range(panel.choice.count())]
    assert shown == ["2 objects", "1 object", "3 objects"], "newest first"
    panel.choice.setCurrentIndex(2)
    assert "<b>3 objects</b>" in panel.found.text()
    panel.restore_button.click()
    qtbot.waitUntil(lambda: panel.session.corrected_count == 3, timeout=WAIT)
    assert panel.choice.count() == 2

    panel.choice.setCurrentIndex(1)
    questions = []
    monkeypatch.setattr(
        QMessageBox,
        "question",
        lambda parent, title, text: questions.append(text) or QMessageBox.StandardButton.Yes,
    )
    panel.discard_button.click()
    assert "1 object" in questions[0]
    assert panel.choice.count() == 1
    assert not panel.choice.isVisibleTo(panel)
    assert "<b>2 objects</b>" in panel.found.text()


def test_the_chosen_one_stays_chosen_when_the_list_changes(session, qtbot):
    for number in range(3):
        corrected(qtbot, session(qtbot, number), range(2, 3 + 6 * number, 6))
    panel = session(qtbot, 3)
    panel.choice.setCurrentIndex(1)
    panel.controller.autosave.discard(panel.session.recoveries[0])
    assert panel.choice.currentIndex() == 0
    assert "<b>2 objects</b>" in panel.found.text()


def test_a_name_is_shown_as_text_and_an_impossible_date_too(session, qtbot):
    from dataclasses import replace

    corrected(qtbot, session(qtbot, 0), [2])
    panel = session(qtbot, 1)
    (one,) = panel.session.recoveries
    panel.session.recoveries = (replace(one, name="<img src=x>" * 99, stamp=(10**27, 1)),)
    assert "&lt;img src=x&gt;" in panel.found.text()
    assert len(panel.found.text()) < 600
    assert "at an unknown time" in panel.found.text()
