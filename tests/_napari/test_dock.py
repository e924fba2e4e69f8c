from __future__ import annotations

import subprocess
import sys
import threading

import numpy as np
import pytest
from qtpy.QtCore import QCoreApplication, QEvent

from napari_pixel_embedding._napari.batch.panel import BatchPanel
from napari_pixel_embedding._napari.correct.panel import CorrectPanel
from napari_pixel_embedding._napari.explore.panel import EmbeddingPanel
from napari_pixel_embedding._napari.measure.panel import MeasurePanel
from napari_pixel_embedding._napari.segment.panel import SegmentPanel
from napari_pixel_embedding._napari.tabs import TABS
from napari_pixel_embedding._napari.train.fine_tune_panel import FineTunePanel
from napari_pixel_embedding._napari.train.train_panel import TrainPanel

PLUGIN = "napari-pixel-embedding"
NAMES = TABS


def deleted():
    QCoreApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)
    QCoreApplication.processEvents()


def workers():
    return [t for t in threading.enumerate() if t.name.startswith("pixel-embedding")]


def test_the_menu_opens_all_panels_with_one_workspace(viewer):
    panels = [viewer.window.add_plugin_dock_widget(PLUGIN, name)[1] for name in NAMES]
    kinds = [
        SegmentPanel,
        EmbeddingPanel,
        CorrectPanel,
        FineTunePanel,
        MeasurePanel,
        TrainPanel,
        BatchPanel,
    ]
    assert [type(panel) for panel in panels] == kinds
    assert len({id(panel.workspace) for panel in panels}) == 1
    panels[0].workspace.close()


def test_two_viewers_have_two_workspaces(make_napari_viewer):
    first, second = (SegmentPanel(make_napari_viewer()) for _ in range(2))
    assert first.workspace is not second.workspace
    for panel in (first, second):
        panel.workspace.close()
        panel.deleteLater()
    deleted()


def test_the_last_panel_to_close_closes_the_workspace(viewer):
    (first, panel), (second, _) = (
        viewer.window.add_plugin_dock_widget(PLUGIN, name) for name in NAMES[:2]
    )
    workspace = panel.workspace
    first.destroyOnClose()
    deleted()
    assert not workspace.closed
    second.destroyOnClose()
    deleted()
    assert workspace.closed
    viewer.add_image(np.zeros((4, 4)))  # nothing listens any more
    _, panel = viewer.window.add_plugin_dock_widget(PLUGIN, NAMES[0])
    assert panel.workspace is not workspace
    panel.workspace.close()


def test_closing_the_viewer_ends_the_work(make_napari_viewer, tiny_model, qtbot):
    viewer = make_napari_viewer()
    _, panel = viewer.window.add_plugin_dock_widget(PLUGIN, NAMES[0])
    workspace, session = panel.workspace, panel.session
    viewer.add_image(np.zeros((500, 64, 64), np.float32))
    panel.models.add_file(tiny_model)
    panel.run_button.click()
    qtbot.waitUntil(lambda: session.progress > 0, timeout=60_000)
    viewer.close()
    deleted()
    assert workspace.closed
    assert session.labels is None
    qtbot.waitUntil(lambda: workers() == [], timeout=60_000)  # the window does not wait so long


def test_an_error_in_closing_leaves_no_thread_and_no_listener(viewer, monkeypatch):
    _, panel = viewer.window.add_plugin_dock_widget(PLUGIN, NAMES[0])
    workspace = panel.workspace
    listened = []
    monkeypatch.setattr(workspace.layers, "close", lambda: listened.append("closed"))

    def fail():
        raise RuntimeError("broken")

    monkeypatch.setattr(workspace.controller.fine_tuning, "close", fail)
    with pytest.raises(RuntimeError, match="broken"):
        workspace.close()
    assert (listened, workers()) == (["closed"], [])
    monkeypatch.undo()
    workspace.layers.close()


def test_opening_the_docks_loads_no_torch():
    code = (
        "import sys, napari\n"
        "viewer = napari.Viewer(show=False)\n"
        f"for name in {NAMES!r}:\n"
        f"    viewer.window.add_plugin_dock_widget({PLUGIN!r}, name)\n"
        "heavy = {'torch', 'sklearn', 'pyqtgraph'} & set(sys.modules)\n"
        "viewer.close()\n"
        "sys.exit(', '.join(sorted(heavy)) or 0)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("name", NAMES)
def test_every_control_says_what_it_does(viewer, name):
    from qtpy.QtWidgets import QAbstractButton, QComboBox, QProgressBar

    _, panel = viewer.window.add_plugin_dock_widget(PLUGIN, name)
    for kind in (QAbstractButton, QComboBox, QProgressBar):
        for widget in panel.findChildren(kind):
            assert widget.toolTip(), widget
    assert panel.minimumSizeHint().width() <= panel.minimumWidth()
    panel.workspace.close()


def test_a_run_that_a_library_exits_from_frees_the_buttons(
    viewer, dock, tiny_model, monkeypatch, qtbot
):
    panel = dock(SegmentPanel)
    viewer.add_image(np.zeros((32, 32), np.float32))
    panel.models.add_file(tiny_model)

    def leave(*args, **options):
        raise SystemExit("out of licences")

    monkeypatch.setitem(vars(panel.controller._engine), "load_model", leave)
    panel.run_button.click()
    qtbot.waitUntil(lambda: not panel.session.running, timeout=60_000)
    assert "ended by SystemExit: out of licences" in panel.footer.status.text()
    assert panel.run_button.isEnabled()


def test_a_part_that_cannot_retire_keeps_nothing_alive(viewer, monkeypatch, qtbot):
    _, panel = viewer.window.add_plugin_dock_widget(PLUGIN, NAMES[0])
    workspace, ended = panel.workspace, []
    monkeypatch.setattr(workspace.executor, "close", lambda: ended.append("threads"))

    def fail():
        raise RuntimeError("a part was destroyed")

    monkeypatch.setattr(panel.images, "close", fail)
    with qtbot.captureExceptions() as errors:
        viewer.window.remove_dock_widget(panel)
        deleted()
    assert "a part was destroyed" in str(errors[0][1])
    assert workspace.closed and ended == ["threads"]
    monkeypatch.undo()
    panel.images.close()
    workspace.executor.close()


def test_a_follower_that_raises_stops_no_other_step_of_closing(viewer, monkeypatch):
    _, panel = viewer.window.add_plugin_dock_widget(PLUGIN, NAMES[0])
    workspace, session = panel.workspace, panel.session
    session.tuning = True

    def fail(*_):
        raise RuntimeError("wrapped C/C++ object has been deleted")

    session.events.tuning.connect(fail)
    session.events.error.disconnect(workspace._notify)  # so that this step raises as well
    with pytest.raises(BaseException):  # noqa: B017
        workspace.close()
    assert workers() == []
    viewer.add_image(np.zeros((4, 4)))  # nothing listens any more
    assert session.image is None


def test_a_destroyed_panel_follows_no_more(viewer, dock):
    dock(SegmentPanel)  # keeps the workspace open
    _, panel = viewer.window.add_plugin_dock_widget(PLUGIN, NAMES[1])
    heard, session = [], panel.session
    panel.follow(session.events.status, heard.append)
    session.status = "before"
    parent = panel.parent()
    parent.deleteLater()  # as Qt does when the window goes: nobody calls retire
    deleted()
    session.status = "after"
    assert heard == ["before"]
