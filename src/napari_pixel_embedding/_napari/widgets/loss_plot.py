"""The curves of a training or a fine-tuning."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pyqtgraph as pg
from qtpy.QtWidgets import QVBoxLayout, QWidget

from napari_pixel_embedding._napari.widgets.panel import text
from napari_pixel_embedding._napari.widgets.plot_colors import title_axes

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from napari_pixel_embedding._napari.widgets.plot_colors import PlotColors
    from napari_pixel_embedding.core.training.train import TrainProgress

_COLORS = {
    "total": ("#f0f0f0", "#202020"),
    "foreground": ("#4aa3df", "#1a6fb0"),
    "distance": ("#59c36a", "#2a7a39"),
    "intra": ("#f2a33a", "#a85f00"),
    "inter": ("#d65db1", "#a32a80"),
    "instance_dice": ("#5fd0c5", "#14766c"),
    "score": ("#ffd84d", "#8a6d00"),
}
"""Colours on a dark and on a light background."""
_NAMES = {
    "total": "total",
    "foreground": "cell or background",
    "distance": "distance to the border",
    "intra": "one object alike",
    "inter": "neighbours apart",
    "instance_dice": "overlap",
    "score": "AP",
}
"""What the loss terms are about, in plain words."""
_TERMS = (
    "Loss after every step: how wrong the model is on what it learns from; lower is better. Its "
    "terms: foreground (cell or background), distance map, pull within objects (intra), push "
    "between objects (inter), and Dice overlap."
)
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
        self._plot = _plot(_HEIGHT, _TERMS)
        self._score_plot = _plot(_SCORE_HEIGHT, f"{score_title}, from 0 to 1: higher is better.")
        self._score_plot.setXLink(self._plot)
        title_axes(self._plot, "Training step (batches)", "Loss (no unit)")
        title_axes(self._score_plot, "Training step (batches)", "AP (0–1)")
        self._score_plot.setLimits(yMax=1)
        self._score_plot.setYRange(0, 1, padding=0)
        self._curves = {name: self._plot.plot() for name in _COLORS if name != "score"}
        self._scores = self._score_plot.plot(symbol="o", symbolSize=5)
        self._colors = {name: on_dark for name, (on_dark, _) in _COLORS.items()}
        self._steps: Sequence[TrainProgress] = ()
        self._legend = text()
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(2)
        for part in (self._plot, self._score_plot, self._legend):
            layout.addWidget(part)
        self.show_steps(())

    def show_colors(self, colors: PlotColors) -> None:
        """Draw with the colours of another theme."""
        self._colors = {name: colors.pick(*pair) for name, pair in _COLORS.items()}
        for plot in (self._plot, self._score_plot):
            colors.paint(plot)
        for name, curve in self._curves.items():
            curve.setPen(pg.mkPen(self._colors[name], width=2 if name == "total" else 1))
        self._scores.setPen(pg.mkPen(self._colors["score"]))
        self._scores.setSymbolBrush(self._colors["score"])
        self._show_legend()

    def show_steps(self, steps: Sequence[TrainProgress]) -> None:
        """Draw the steps of one training."""
        self._steps = steps
        numbers = [step.step for step in steps]
        for name, curve in self._curves.items():
            curve.setData(numbers, [step.losses.get(name, float("nan")) for step in steps])
        scored = {step.step: score for step in steps if (score := self._score(step)) is not None}
        self._scores.setData(list(scored), list(scored.values()))
        self._score_plot.setVisible(bool(scored))
        self._show_legend()

    def _show_legend(self) -> None:
        """Name the curves in their colours, with the total's last value."""
        steps, colors = self._steps, dict(self._colors)
        if not _has(steps, "instance_dice"):
            del colors["instance_dice"]
        if not any(self._score(step) is not None for step in steps):
            del colors["score"]
        names = {name: _NAMES[name] for name in colors}
        if _has(steps, "total"):
            names["total"] += f" {steps[-1].losses['total']:.3f}"
        parts = [f'<span style="color:{colors[name]}">{names[name]}</span>' for name in names]
        self._legend.setText(" · ".join(parts))

    def closeEvent(self, event: Any) -> None:
        """Destroy pyqtgraph's scene in the order that it needs."""
        for plot in (self._plot, self._score_plot):
            plot.close()
            plot.deleteLater()  # closing took it out of this widget
        super().closeEvent(event)


def _plot(height: int, tooltip: str) -> Any:
    plot = pg.PlotWidget()
    plot.setToolTip(tooltip)
    plot.setFixedHeight(height)
    plot.setMinimumWidth(10)
    plot.setMenuEnabled(False)
    plot.hideButtons()
    plot.showGrid(y=True, alpha=0.2)
    plot.setLimits(xMin=0, yMin=0)
    plot.getAxis("left").setWidth(_AXIS_WIDTH)
    return plot


def _has(steps: Sequence[TrainProgress], term: str) -> bool:
    return bool(steps) and term in steps[-1].losses
