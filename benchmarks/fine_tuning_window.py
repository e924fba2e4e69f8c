"""How long the window stands still while a model is tuned: the worst gap of its event loop.

    xvfb-run -a -s "-screen 0 1920x1080x24" python benchmarks/fine_tuning_window.py [--steps 75]

A real window with all docks opens a sample, a fifth of its objects is corrected from the ground
truth, and the model is tuned with everything on: curves, scores, previews side by side. A timer
that should fire every 5 ms notes how late it comes, first at rest and then while tuning; at rest
the canvas is moved as it is while tuning.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path
from typing import TYPE_CHECKING

import napari
import numpy as np
from qtpy.QtCore import QTimer
from qtpy.QtWidgets import QApplication

from napari_pixel_embedding._napari.demo import Demo
from napari_pixel_embedding.core.datasets.samples import load_sample

if TYPE_CHECKING:
    from collections.abc import Callable

_TICK_MS = 5
_REST_S = 5.0


class Heartbeat:
    """Notes the time between the ticks of a timer in the window's own thread.

    Beside the wall time it notes the thread's own CPU time, which other programs on a busy
    machine cannot prolong.
    """

    def __init__(self) -> None:
        self._timer = QTimer()
        self._timer.setInterval(_TICK_MS)
        self._timer.timeout.connect(self._beat)
        self.gaps: list[tuple[float, float]] = []
        self._last = _clocks()

    def start(self) -> None:
        self.gaps, self._last = [], _clocks()
        self._timer.start()

    def stop(self, name: str) -> None:
        self._timer.stop()
        wall, cpu = 1e3 * np.array(self.gaps).T
        print(
            f"{name:13} worst gap {wall.max():.0f} ms wall (99 % under "
            f"{np.percentile(wall, 99):.0f} ms), {cpu.max():.0f} ms of the window's own CPU time"
        )

    def _beat(self) -> None:
        now = _clocks()
        self.gaps.append((now[0] - self._last[0], now[1] - self._last[1]))
        self._last = now


def _clocks() -> tuple[float, float]:
    return time.perf_counter(), time.thread_time()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sample", default="nuclei-field")
    parser.add_argument("--steps", type=int, default=75)
    parser.add_argument("--picture", type=Path, help="write a picture of the window at the end")
    options = parser.parse_args()
    viewer = napari.Viewer(title="napari-pixel-embedding", show=True)
    try:
        demo = Demo(viewer)
        demo.begin(options.sample)
        _correct(demo, options.sample)
        heartbeat, session = Heartbeat(), demo.segment_panel.session
        heartbeat.start()
        _live(viewer, _after(_REST_S))
        heartbeat.stop("at rest")
        panel = demo.fine_tune_panel
        panel.forms[0].widget("steps").value = options.steps
        panel.comparison.show("beside")
        heartbeat.start()
        panel.start_button.click()
        _live(viewer, lambda: not session.tuning)
        heartbeat.stop("while tuning")
        _live(viewer, _after(3), move=False)
        print(session.tuning_status, session.error or "")
        if options.picture is not None:
            demo.embedding_panel.shown.setChecked(False)
            viewer.reset_view()
            _live(viewer, _after(1), move=False)
            viewer.window.screenshot(str(options.picture), canvas_only=False, flash=False)
    finally:
        viewer.close()


def _correct(demo: Demo, sample: str) -> None:
    """Put a fifth of the true objects into the labels, as an annotator would."""
    session, controller = demo.segment_panel.session, demo.segment_panel.controller
    truth = load_sample(sample)[1]
    chosen = np.unique(truth[truth > 0])[::5]
    before = session.labels
    after = before.copy()
    top = int(before.max())
    for number, k in enumerate(chosen, start=1):
        after[truth == k] = top + number
    controller.corrections.record_edit(before, after)
    _live(None, lambda: session.corrected_count >= len(chosen))


def _live(viewer: napari.Viewer | None, done: Callable[[], bool], move: bool = True) -> None:
    """Let the window live until something is done; zoom a little twice a second."""
    moved, turn = time.monotonic(), 0
    while not done():
        QApplication.processEvents()
        time.sleep(0.001)
        if viewer is not None and move and time.monotonic() - moved > 0.5:
            moved, turn = time.monotonic(), turn + 1
            camera = getattr(viewer, "scene", viewer).camera
            camera.zoom *= 1.02 if turn % 2 else 1 / 1.02


def _after(seconds: float) -> Callable[[], bool]:
    end = time.monotonic() + seconds
    return lambda: time.monotonic() > end


if __name__ == "__main__":
    main()
