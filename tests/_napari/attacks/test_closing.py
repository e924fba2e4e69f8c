"""The viewer is closed in the middle of each kind of work."""

from __future__ import annotations

import pytest
from qtpy.QtCore import QCoreApplication, QEvent
from qtpy.QtWidgets import QApplication, QMenu

from tests._napari.attacks.conftest import WORKS, children, threads


def leave_no_menus():
    """Mark the menus that napari leaves when a viewer is closed: its fixture would find them."""
    for widget in QApplication.topLevelWidgets():
        if isinstance(widget, QMenu):
            widget.setObjectName("handled_widget")


@pytest.mark.parametrize("held", [False, True], ids=["working", "answers come later"])
@pytest.mark.parametrize("work", WORKS)
def test_closing_leaves_no_thread_and_no_process(window, jobs, qtbot, work, held):
    window.run()
    before = children()
    jobs.holding = held and work != "tune"
    WORKS[work](window)
    window.viewer.close()
    QCoreApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)
    jobs.release()
    leave_no_menus()
    assert window.workspace.closed
    qtbot.waitUntil(lambda: not threads(), timeout=60_000)
    qtbot.wait(50)
    assert children() <= before
    assert window.mine_are_untouched()
