"""Mouse clicks from a newly opened phase contrast image to labels of its cells.

    xvfb-run -a -s "-screen 0 1366x768x24" python benchmarks/clicks.py

The dock Segment is open, with the model that it chooses by itself. Whatever the window offers as
the next step is clicked while it says that something is wrong. The peer is the same image after the
first click, as a program leaves it that does not look at its result.
"""

from __future__ import annotations

import os
import sys
import time
from typing import TYPE_CHECKING, Any

os.environ.setdefault("NAPARI_CONFIG", "")

import napari
import numpy as np
from qtpy.QtCore import QPoint, Qt
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QApplication, QLabel, QPushButton

from napari_pixel_embedding import average_precision
from napari_pixel_embedding._napari.tabs import PLUGIN, open_tab
from napari_pixel_embedding.core.io.user_folder import temporary_user_folder

if TYPE_CHECKING:
    from collections.abc import Callable

SAMPLE = "phase-contrast"
GOAL = 3
_PATIENCE_S = 300
_USABLE = 0.5
"""Average precision at an IoU of 0.5 from which labels are worth correcting."""


def main() -> int:
    with temporary_user_folder():
        viewer = napari.Viewer()
        viewer.window._qt_window.showMaximized()
        panel = open_tab(viewer, "Segment")
        image, truth = viewer.open_sample(PLUGIN, SAMPLE)
        viewer.layers.selection.active = image
        session, clicks, scores = panel.session, 0, []
        while clicks == 0 or session.next_step.action == "run":
            before = session.labels
            click(panel.run_button if clicks == 0 else panel.footer.next_step)
            clicks += 1
            until(lambda old=before: session.labels is not old and not session.running)
            until(lambda: session.next_step.link != "")
            scores.append(average_precision(truth.data, session.labels, 0.5))
            print(f"{clicks}: {session.object_count} objects, AP@0.5 {scores[-1]:.2f}")
            if clicks > GOAL:
                break
        viewer.close()
    usable = scores[-1] >= _USABLE
    ratio = scores[-1] / max(scores[0], 0.01)
    print(f"{clicks} clicks, goal ≤ {GOAL}; AP@0.5 {ratio:.0f} x that of the first click alone")
    return 0 if usable and clicks <= GOAL else 1


def click(widget: QPushButton | QLabel) -> None:
    """Click a button, or the link in a label, with the mouse."""
    if isinstance(widget, QPushButton):
        QTest.mouseClick(widget, Qt.MouseButton.LeftButton)
        return
    taken: list[Any] = []
    widget.linkActivated.connect(taken.append)
    for y in np.arange(4, widget.height(), 6):
        for x in np.arange(4, widget.width(), 12):  # a person sees where the link is
            if not taken:
                QTest.mouseClick(widget, Qt.MouseButton.LeftButton, pos=QPoint(int(x), int(y)))
    if not taken:
        raise SystemExit("there is no link to click")


def until(done: Callable[[], bool]) -> None:
    end = time.monotonic() + _PATIENCE_S
    while not done():
        if time.monotonic() > end:
            raise SystemExit(f"waited for {_PATIENCE_S} s and nothing happened")
        QApplication.processEvents()
        time.sleep(0.01)


if __name__ == "__main__":
    sys.exit(main())
