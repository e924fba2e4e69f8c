"""The curves of a training or a fine-tuning."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pyqtgraph as pg
from qtpy.QtWidgets import QVBoxLayout, QWidget

from napari_pixel_embedding._napari.widgets.panel import text

if TYPE_CHECKING:
    from napari_pixel_embedding.core.training.train import TrainProgress

_COLORS = {
    "total": "#f0f0f0",
    "foreground": "#4aa3df",
    "distance": "#59c36a",
    "intra": "#f2a33a",
    "inter": "#d65db1",
    "instance_dice": "#5fd0c5",
}
_AP = "#ffd84d"
_HEIGHT = 130
_SCORE_HEIGHT = 80
_AXIS_WIDTH = 30


class LossPlot(QWidget):
    """Loss terms against steps, and the validation score where there is one."""

    def __init__(self) -> None:
        super().__init__()
        self.setToolTip("Loss terms after every step (lower is better), and the score, if any.")
        self._plot, self._score_plot = _plot(_HEIGHT), _plot(_SCORE_HEIGHT)
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

    def show_steps(self, steps: tuple[TrainProgress, ...]) -> None:
        """Draw the steps of one training."""
        numbers = [step.step for step in steps]
        for name, curve in self._curves.items():
            curve.setData(numbers, [step.losses.get(name, float("nan")) for step in steps])
        scored = [step for step in steps if step.validation_ap is not None]
        self._scores.setData([s.step for s in scored], [s.validation_ap for s in scored])
        self._score_plot.setVisible(bool(scored))
        self._legend.setText(_legend(steps, bool(scored)))

    def closeEvent(self, event: Any) -> None:
        """Destroy pyqtgraph's scene in the order that it needs."""
        for plot in (self._plot, self._score_plot):
            plot.close()
            plot.deleteLater()  # closing took it out of this widget
        super().closeEvent(event)


def _plot(height: int) -> Any:
    plot = pg.PlotWidget(background="#1e1f24")
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


def _legend(steps: tuple[TrainProgress, ...], scored: bool) -> str:
    """Name the curves in their colours, with the total's last value."""
    shown = {n: color for n, color in _COLORS.items() if n != "instance_dice" or _has(steps, n)}
    names = [
        f'<span style="color:{color}">{name.replace("_", " ")}</span>'
        for name, color in shown.items()
    ]
    if scored:
        names.append(f'<span style="color:{_AP}">score</span>')
    if steps and "total" in steps[-1].losses:
        names[0] = names[0].replace("total<", f"total {steps[-1].losses['total']:.3f}<")
    return " · ".join(names)


def _has(steps: tuple[TrainProgress, ...], term: str) -> bool:
    return bool(steps) and term in steps[-1].losses
