"""The curves of a fine-tuning."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pyqtgraph as pg
from qtpy.QtWidgets import QVBoxLayout, QWidget

from napari_pixel_embedding._napari.widgets import text

if TYPE_CHECKING:
    from napari_pixel_embedding.core.training import TrainProgress

_COLORS = {
    "total": "#f0f0f0",
    "foreground": "#4aa3df",
    "distance": "#59c36a",
    "intra": "#f2a33a",
    "inter": "#d65db1",
}
_AP = "#ffd84d"
_HEIGHT = 130


class LossPlot(QWidget):
    """Loss terms against steps, and the validation score where there is one."""

    def __init__(self) -> None:
        super().__init__()
        self.setToolTip("Loss terms after every step (lower is better), and the score, if any.")
        self._plot = pg.PlotWidget(background="#1e1f24")
        self._plot.setFixedHeight(_HEIGHT)
        self._plot.setMinimumWidth(10)
        self._plot.setMenuEnabled(False)
        self._plot.hideButtons()
        self._plot.showGrid(y=True, alpha=0.2)
        self._plot.setLimits(xMin=0, yMin=0)
        self._curves = {name: self._plot.plot(pen=_pen(name)) for name in _COLORS}
        self._scores = self._plot.plot(pen=None, symbol="o", symbolSize=7, symbolBrush=_AP)
        self._legend = text()
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(2)
        layout.addWidget(self._plot)
        layout.addWidget(self._legend)
        self.show_steps(())

    def show_steps(self, steps: tuple[TrainProgress, ...]) -> None:
        """Draw the steps of one fine-tuning."""
        numbers = [step.step for step in steps]
        for name, curve in self._curves.items():
            curve.setData(numbers, [step.losses.get(name, float("nan")) for step in steps])
        scored = [step for step in steps if step.validation_ap is not None]
        self._scores.setData([s.step for s in scored], [s.validation_ap for s in scored])
        self._legend.setText(_legend(steps, bool(scored)))

    def closeEvent(self, event: Any) -> None:
        """Take pyqtgraph's scene down in the order it wants."""
        self._plot.close()
        self._plot.deleteLater()  # it has left this widget by closing
        super().closeEvent(event)


def _pen(name: str) -> Any:
    return pg.mkPen(_COLORS[name], width=2 if name == "total" else 1)


def _legend(steps: tuple[TrainProgress, ...], scored: bool) -> str:
    """Name the curves in their colours, with the total's last value."""
    names = [f'<span style="color:{color}">{name}</span>' for name, color in _COLORS.items()]
    if scored:
        names.append(f'<span style="color:{_AP}">score</span>')
    if steps and "total" in steps[-1].losses:
        names[0] = names[0].replace("total<", f"total {steps[-1].losses['total']:.3f}<")
    return " · ".join(names)
