"""Progress of a training or a fine-tuning: bar, curves, status line."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from qtpy.QtWidgets import QProgressBar, QVBoxLayout, QWidget
from superqt.utils import qthrottled

from napari_pixel_embedding._napari.widgets.panel import folded, text

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from napari_pixel_embedding._napari.widgets.form import ParamsForm
    from napari_pixel_embedding.core.training.train import TrainProgress

_REDRAW_MS = 200
_ADVANCED = "Show or hide the settings that rarely need a change."


class ProgressBox(QWidget):
    """Shows the steps of a training or a fine-tuning.

    Parameters
    ----------
    tooltip : str
        Of the bar.
    score : callable
        Returns the score of a step, from 0 to 1; None where it has none.
    score_title : str
        What that score is.
    dress : callable
        Called with the plot when it is made, to give it the colours of napari's theme.
    """

    def __init__(
        self,
        tooltip: str,
        score: Callable[[TrainProgress], float | None],
        score_title: str,
        dress: Callable[[Any], object],
    ) -> None:
        super().__init__()
        self._dress = dress
        self._score, self._score_title = score, score_title
        self.bar, self.status = QProgressBar(), text()
        self.bar.setToolTip(tooltip)
        self.bar.setFormat("step %v of %m")
        self.plot: Any = None
        self._steps: Sequence[TrainProgress] = ()
        self._draw_soon = qthrottled(self._draw, timeout=_REDRAW_MS, parent=self)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.addWidget(self.bar)
        column.addWidget(self.status)

    def show_steps(self, steps: Sequence[TrainProgress]) -> None:
        """Show the progress now and the curves soon: steps may come faster than they are drawn."""
        self._steps = steps
        if steps and self.plot is None:
            self._add_plot()
        self._draw_soon()
        done, total = (steps[-1].step, steps[-1].steps) if steps else (0, 1)
        self.bar.setMaximum(total)
        self.bar.setValue(done)

    def show_status(self, message: str) -> None:
        """Show a status line; nothing for an empty one."""
        self.status.setText(message)
        self.status.setVisible(bool(message))

    def close_plot(self) -> None:
        """Close the plot: pyqtgraph's menus outlive an unclosed one."""
        if self.plot is not None:
            self.plot.close()
            self.plot = None

    def _add_plot(self) -> None:
        """Build the plot with the first curve, because pyqtgraph takes a moment to load."""
        from napari_pixel_embedding._napari.widgets.loss_plot import LossPlot

        self.plot = LossPlot(self._score, self._score_title)
        self._dress(self.plot)
        layout = self.layout()
        assert isinstance(layout, QVBoxLayout)
        layout.insertWidget(1, self.plot)

    def _draw(self) -> None:
        if self.plot is not None:
            self.plot.show_steps(self._steps)


def settings_of(forms: Sequence[ParamsForm]) -> dict[str, Any]:
    """Return what several forms show, by field name."""
    return {name: value for form in forms for name, value in form.values().items()}


def advanced(*forms: ParamsForm) -> Any:
    """Make the folded section of the settings that rarely need a change."""
    content = QWidget()
    column = QVBoxLayout(content)
    column.setContentsMargins(0, 0, 0, 0)
    for form in forms:
        column.addWidget(form)
    return folded("Advanced", _ADVANCED, content)
