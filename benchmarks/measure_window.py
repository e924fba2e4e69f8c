"""How long the window waits while many objects are measured, selected, plotted and sorted.

    xvfb-run -a -s "-screen 0 1366x768x24" python benchmarks/measure_window.py [--objects 10000]

Square objects with ragged edges in one labels layer, and an image. The longest stall is the longest
time between two turns of the event loop, in which the window answers nothing.
"""

from __future__ import annotations

import argparse
import time
from typing import TYPE_CHECKING

import napari
import numpy as np
from qtpy.QtCore import Qt, QTimer
from qtpy.QtWidgets import QApplication

from napari_pixel_embedding._napari.measure.panel import MeasurePanel

if TYPE_CHECKING:
    from collections.abc import Callable

_STEP = 15
"""Pixels from object to object."""


def main() -> None:
    """Measure, select, plot and sort, and print a line for each."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--objects", type=int, nargs="+", default=[10_000, 100_000])
    for count in parser.parse_args().objects:
        _run(count)


def _run(count: int) -> None:
    viewer = napari.Viewer(show=True)
    labels = _labels(count)
    rng = np.random.default_rng(1)
    viewer.add_image(rng.integers(0, 1000, labels.shape).astype(np.uint16), name="signal")
    viewer.add_labels(labels, name="cells")
    panel = MeasurePanel(viewer)
    viewer.window.add_dock_widget(panel)
    state, clock = panel.measurement.state, _Stalls()
    print(f"{int(labels.max()):,} objects, {labels.shape[0]} x {labels.shape[1]} pixels")
    clock.tell("measure", panel.what.button.click, lambda: state.table is not None)
    area = state.table.values("area")
    low, high = np.percentile(area, [20, 80])
    clock.tell(
        "select most by a range",
        lambda: panel.measurement.select_between("area", low, high),
        lambda: panel.layers.selection is not None,
    )
    panel.up.setCurrentIndex(panel.up.findData("signal_mean"))
    clock.tell("scatter plot", lambda: panel.up.activated.emit(panel.up.currentIndex()))
    clock.tell("lasso of 200 corners", lambda: _lasso(panel))
    clock.tell("sort", lambda: panel.table.sortByColumn(2, Qt.SortOrder.DescendingOrder))
    clock.tell("select one", lambda: panel.measurement.select([5]))
    viewer.window.remove_dock_widget(panel)
    viewer.close()


def _labels(count: int) -> np.ndarray:
    side = int(np.sqrt(count))
    ids = np.arange(1, side**2 + 1, dtype=np.uint32).reshape(side, side)
    labels = np.kron(ids, np.ones((_STEP, _STEP), np.uint32))
    labels[::_STEP] = labels[:, ::_STEP] = 0
    labels[np.random.default_rng(0).random(labels.shape) < 0.02] = 0
    return labels


def _lasso(panel: MeasurePanel) -> None:
    table = panel.measurement.state.table
    x, y = table.values("area"), table.values("signal_mean")
    turn = np.linspace(0, 2 * np.pi, 200)
    corners = np.stack([x.mean() + x.std() * np.cos(turn), y.mean() + y.std() * np.sin(turn)], -1)
    panel.measurement.select_in_lasso("area", "signal_mean", corners.tolist())


class _Stalls:
    """Runs the event loop and keeps the longest time between two of its turns."""

    def __init__(self) -> None:
        self._longest, self._last = 0.0, time.monotonic()
        self._timer = QTimer()
        self._timer.timeout.connect(self._beat)
        self._timer.start(0)

    def tell(
        self, what: str, do: Callable[[], object], done: Callable[[], bool] = lambda: True
    ) -> None:
        """Do something, wait until it is done, and print how long both took."""
        for _ in range(20):
            QApplication.processEvents()
        start = self._last = time.monotonic()
        self._longest = 0.0
        do()
        while not done():
            QApplication.processEvents()
        for _ in range(5):
            QApplication.processEvents()
        passed = time.monotonic() - start
        print(f"  {what}: {passed:.2f} s, longest stall {1000 * self._longest:.0f} ms")

    def _beat(self) -> None:
        now = time.monotonic()
        self._longest, self._last = max(self._longest, now - self._last), now


if __name__ == "__main__":
    main()
