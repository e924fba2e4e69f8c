"""The curves of a training or a fine-tuning."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pyqtgraph as pg
from qtpy.QtWidgets import QVBoxLayout, QWidget

from napari_pixel_embedding._napari.widgets.panel import text

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from napari_pixel_embedding.core.training.train import TrainProgress

_COLORS = {
    "total": "#f0f0f0",
    "foreground": "#4aa3df",
    "distance": "#59c36a",
    "intra": "#f2a33a",
    "inter": "#d65db1",
    "instance_dice": "#5fd0c5",
}
_NAMES = {
    "total": "total",
    "foreground": "cell or background",
    "distance": "distance to the border",
    "intra": "one object alike",
    "inter": "neighbours apart",
    "instance_dice": "overlap",
}
"""What the loss terms are about, in plain words."""
_TERMS = (
    "Loss after every step: how wrong the model is on what it learns from; lower is better. Its "
    "terms: foreground (cell or background), distance map, pull within objects (intra), push "
    "between objects (inter), and Dice overlap."
)
_AP = "#ffd84d"
_HEIGHT = 150
_SCORE_HEIGHT = 110
_AXIS_WIDTH = 46


class LossPlot(QWidget):
    """Loss terms against steps, and the score where there is one.

    Parameters
    ----------
    score : callable
        Returns the score of a step, from 0 to 1; None where it has none.
    score_title : str
        What that score is.
    """

    def __init__(self, score: Callable[[TrainProgress], float | None], score_title: str) -> None:
        super().__init__()
        self._score = score
        self._plot = _plot(_HEIGHT, "loss (no unit)", _TERMS)
        self._score_plot = _plot(
            _SCORE_HEIGHT, "AP (0–1)", f"{score_title}, from 0 to 1: higher is better."
        )
        self._score_plot.setYRange(0, 1)
        self._score_plot.setLimits(yMax=1.05)
        self._score_plot.setXLink(self._plot)
        self._curves = {name: self._plot.plot(pen=_pen(name)) for name in _COLORS}
        self._scores = self._score_plot.plot(
            pen=pg.mkPen(_AP), symbol="o", symbolSize=5, symbolBrush=_AP
        )
        self._legend = text()
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(2)
        for part in (self._plot, self._score_plot, self._legend):
            layout.addWidget(part)
        self.show_steps(())

    def show_steps(self, steps: Sequence[TrainProgress]) -> None:
        """Draw the steps of one training."""
        numbers = [step.step for step in steps]
        for name, curve in self._curves.items():
            curve.setData(numbers, [step.losses.get(name, float("nan")) for step in steps])
        scored = {step.step: score for step in steps if (score := self._score(step)) is not None}
        self._scores.setData(list(scored), list(scored.values()))
        self._score_plot.setVisible(bool(scored))
        self._legend.setText(_legend(steps, bool(scored)))

    def closeEvent(self, event: Any) -> None:
        """Destroy pyqtgraph's scene in the order that it needs."""
        for plot in (self._plot, self._score_plot):
            plot.close()
            plot.deleteLater()  # closing took it out of this widget
        super().closeEvent(event)


def _plot(height: int, title: str, tooltip: str) -> Any:
    plot = pg.PlotWidget(background="#1e1f24")
    plot.setToolTip(tooltip)
    plot.setLabel("left", title)
    plot.setLabel("bottom", "training step (batches)")
    plot.setFixedHeight(height)
    plot.setMinimumWidth(10)
    plot.setMenuEnabled(False)
    plot.hideButtons()
    plot.showGrid(y=True, alpha=0.2)
    plot.setLimits(xMin=0, yMin=0)
    plot.getAxis("left").setWidth(_AXIS_WIDTH)
    return plot


def _pen(name: str) -> Any:
    return pg.mkPen(_COLORS[name], width=2 if name == "total" else 1)


def _legend(steps: Sequence[TrainProgress], scored: bool) -> str:
    """Name the curves in their colours, with the total's last value."""
    shown = {n: color for n, color in _COLORS.items() if n != "instance_dice" or _has(steps, n)}
    names = [f'<span style="color:{color}">{_NAMES[name]}</span>' for name, color in shown.items()]
    if scored:
        names.append(f'<span style="color:{_AP}">AP</span>')
    if steps and "total" in steps[-1].losses:
        names[0] = names[0].replace("total<", f"total {steps[-1].losses['total']:.3f}<")
    return " · ".join(names)


def _has(steps: Sequence[TrainProgress], term: str) -> bool:
    return bool(steps) and term in steps[-1].losses
