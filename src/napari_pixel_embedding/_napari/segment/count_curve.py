"""The curve under the bandwidth slider: number of objects at each bandwidth."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pyqtgraph as pg
from qtpy.QtCore import Qt, Signal  # type: ignore[attr-defined]
from qtpy.QtWidgets import QVBoxLayout, QWidget

from napari_pixel_embedding._napari.widgets.plot_colors import title_axes

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_pixel_embedding._napari.widgets.plot_colors import PlotColors
    from napari_pixel_embedding.core.clustering import StabilityCurve

_HEIGHT = 96
_AXIS_WIDTH = 50
_SAMPLES = 400
"""Points drawn of a curve that may have thousands of steps: about one per screen pixel."""
_CURVE = ("#4aa3df", "#1a6fb0")
_PLATEAU = (89, 195, 106, 60)
_LINE = ("#ffd84d", "#b36b00")
"""Colours on a dark and on a light background."""
_BANDWIDTH = "Bandwidth (distance in the embedding)"
_OBJECTS = "Objects"


class CountCurve(QWidget):
    """Object count against bandwidth, the plateau shaded, the bandwidth as a line to drag.

    Attributes
    ----------
    dragged : Signal of float
        The bandwidth that the user has dragged the line to, or clicked on.
    """

    dragged = Signal(float)

    def __init__(self) -> None:
        super().__init__()
        self.setToolTip(
            "Number of objects at every bandwidth. Shaded: the widest range over which it hardly "
            "changes, of which Auto takes the middle. Drag the line, or click."
        )
        self._plot = plot = pg.PlotWidget()
        plot.setFixedHeight(_HEIGHT)
        plot.setMinimumWidth(10)
        plot.setMenuEnabled(False)
        plot.setMouseEnabled(x=False, y=False)
        plot.hideButtons()
        plot.getAxis("left").setWidth(_AXIS_WIDTH)
        title_axes(plot, _BANDWIDTH, _OBJECTS)
        self._curve = pg.PlotDataItem(antialias=False)
        self._plateau = pg.LinearRegionItem(brush=_PLATEAU, pen=pg.mkPen(None), movable=False)
        self._line = pg.InfiniteLine(movable=True)
        self._line.setCursor(Qt.CursorShape.SizeHorCursor)
        for item in (self._plateau, self._curve, self._line):
            plot.addItem(item, ignoreBounds=True)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(plot)
        self._line.sigDragged.connect(self._report)
        plot.scene().sigMouseClicked.connect(self._clicked)

    def closeEvent(self, event: Any) -> None:
        """Destroy pyqtgraph's scene in the order that it needs."""
        self._plot.close()
        self._plot.deleteLater()  # closing took it out of this widget
        super().closeEvent(event)

    @property
    def bandwidth(self) -> float:
        """Bandwidth at the line."""
        return float(self._line.value())

    def show_colors(self, colors: PlotColors) -> None:
        """Draw with the colours of another theme."""
        colors.paint(self._plot)
        self._curve.setPen(pg.mkPen(colors.pick(*_CURVE), width=1))
        self._line.setPen(pg.mkPen(colors.pick(*_LINE), width=2))

    def show_curve(self, curve: StabilityCurve) -> None:
        """Draw a curve."""
        low, high = float(curve.bandwidths[0]), curve.high
        places = np.linspace(low, high, _SAMPLES)
        counts = curve.counts[np.searchsorted(curve.bandwidths, places, side="right") - 1]
        self._curve.setData(places, counts)
        self._plateau.setRegion(curve.plateau)
        self._line.setBounds((low, high))
        self._plot.setXRange(low, high, padding=0.0)
        self._plot.setYRange(*_frame(counts), padding=0.0)

    def show_bandwidth(self, bandwidth: float) -> None:
        """Move the line without emitting a signal; a drag by the user continues."""
        if not self._line.moving and self.bandwidth != bandwidth:
            self._line.setValue(bandwidth)

    def _report(self, *_: Any) -> None:
        self.dragged.emit(self.bandwidth)

    def _clicked(self, event: Any) -> None:
        view = self._plot.getViewBox()
        if view.sceneBoundingRect().contains(event.scenePos()):
            self._line.setValue(view.mapSceneToView(event.scenePos()).x())
            self._report()


def _frame(counts: NDArray[np.int64]) -> tuple[float, float]:
    """Return the range of the counts with a margin, never so narrow that few objects look many."""
    low, high = float(counts.min()), float(counts.max())
    room = max(0.12 * (high - low), 0.08 * high, 1.0)
    return max(low - room, 0.0), high + room
