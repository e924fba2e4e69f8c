"""Scatter plot of an embedding: density image, bandwidth circle and lasso."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pyqtgraph as pg
from qtpy.QtCore import QRectF, Qt, Signal  # type: ignore[attr-defined]
from qtpy.QtWidgets import QVBoxLayout, QWidget

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_pixel_embedding.session.explore.views import Scatter

_BACKGROUND = "#1e1f24"
_NUMBERS = 10
"""Pixels by which axis numbers take more of the width than of the height."""
_MARKS = (64, 224, 255)
_CIRCLE = "#ffffff"
_LASSO = "#ffd84d"
_TURN = np.linspace(0, 2 * np.pi, 73)
_HELP = (
    "Each point is a foreground pixel; bright is where many are. Drag around points to select "
    "their pixels and objects, click to clear the selection. The wheel zooms, Shift + drag moves, "
    "a double click shows all."
)


class LassoBox(pg.ViewBox):  # type: ignore[misc]
    """Draws a lasso on drags; with Shift, a drag moves the plot as usual in pyqtgraph.

    Attributes
    ----------
    drawn : Signal of list
        Corners of the lasso so far, and whether it is finished.
    """

    drawn = Signal(object, bool)

    def __init__(self) -> None:
        super().__init__(lockAspect=True, enableMenu=False)
        self._corners: list[tuple[float, float]] = []

    def mouseDragEvent(self, ev: Any, axis: Any = None) -> None:
        """Add a corner to the lasso."""
        shift = ev.modifiers() & Qt.KeyboardModifier.ShiftModifier
        if ev.button() != Qt.MouseButton.LeftButton or shift:
            super().mouseDragEvent(ev, axis)
            return
        ev.accept()
        if ev.isStart():
            self._corners = [self._at(ev.buttonDownPos())]
        self._corners.append(self._at(ev.pos()))
        self.drawn.emit(list(self._corners), bool(ev.isFinish()))

    def mouseClickEvent(self, ev: Any) -> None:
        """Clear the lasso; a double click shows all points."""
        if ev.button() == Qt.MouseButton.LeftButton:
            ev.accept()
            if ev.double():
                self.autoRange(padding=0)
            else:
                self.drawn.emit([], True)

    def _at(self, position: Any) -> tuple[float, float]:
        point = self.mapToView(position)
        return float(point.x()), float(point.y())


class ScatterPlot(QWidget):
    """Square plot that grows with its dock; moving and zooming redraw one image only.

    Attributes
    ----------
    lassoed : Signal of list
        Corners of a finished lasso; empty when it was cleared.
    """

    lassoed = Signal(object)

    def __init__(self) -> None:
        super().__init__()
        self.setToolTip(_HELP)
        self.box = LassoBox()
        self._plot = pg.PlotWidget(viewBox=self.box, background=_BACKGROUND)
        self._plot.hideButtons()
        self._plot.setMinimumWidth(10)
        self._plot.getAxis("left").setWidth(30)
        self._density = _image(_density_table(), 255)
        self._marks = _image(np.array([(*_MARKS, 0), (*_MARKS, 255)], np.uint8), 1)
        self._circle = pg.PlotCurveItem(pen=pg.mkPen(_CIRCLE, width=1.5))
        self._center = pg.ScatterPlotItem(size=7, pen=pg.mkPen(_CIRCLE), brush=None, symbol="+")
        self._lasso = pg.PlotCurveItem(pen=pg.mkPen(_LASSO, width=1.5, style=Qt.PenStyle.DashLine))
        for item in (self._density, self._marks, self._circle, self._center, self._lasso):
            self._plot.addItem(item, ignoreBounds=item is not self._density)
        self.box.drawn.connect(self._draw_lasso)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self._plot)
        self._shown: Scatter | None = None

    def show_scatter(self, scatter: Scatter | None) -> None:
        """Draw a scatter; the visible range stays while the plane is the same."""
        before, self._shown = self._shown, scatter
        self._density.setVisible(scatter is not None)
        if scatter is None:
            return
        self._density.setImage(scatter.density, autoLevels=False, levels=(0, 255))
        square = QRectF(*scatter.cloud.origin, scatter.cloud.side, scatter.cloud.side)
        self._density.setRect(square)
        same = before is not None and before.basis is scatter.basis
        if not same or before is None or before.components != scatter.components:
            self.box.setRange(square, padding=0)

    def show_marks(self, marks: NDArray[np.uint8] | None) -> None:
        """Mark the raster cells of selected points."""
        shown = marks is not None and self._shown is not None
        self._marks.setVisible(shown)
        if shown and self._shown is not None:
            self._marks.setImage(marks, autoLevels=False, levels=(0, 1))
            cloud = self._shown.cloud
            self._marks.setRect(QRectF(*cloud.origin, cloud.side, cloud.side))

    def show_circle(self, center: tuple[float, float] | None, radius: float) -> None:
        """Draw the bandwidth around a point."""
        if center is None:
            self._circle.setData([], [])
            self._center.setData([], [])
            return
        x, y = center
        self._circle.setData(x + radius * np.cos(_TURN), y + radius * np.sin(_TURN))
        self._center.setData([x], [y])

    def show_lasso(self, corners: tuple[tuple[float, float], ...]) -> None:
        """Draw a closed lasso, or none."""
        closed = np.array([*corners, *corners[:1]]).reshape(-1, 2)
        self._lasso.setData(closed[:, 0], closed[:, 1])

    def resizeEvent(self, a0: Any) -> None:
        """Keep the plot square, apart from the axis numbers."""
        super().resizeEvent(a0)
        self._plot.setFixedHeight(self.width() - _NUMBERS)

    def closeEvent(self, a0: Any) -> None:
        """Destroy pyqtgraph's scene in the order that it needs."""
        self._plot.close()
        self._plot.deleteLater()  # closing took it out of this widget
        super().closeEvent(a0)

    def _draw_lasso(self, corners: list[tuple[float, float]], finished: bool) -> None:
        if finished:
            self.lassoed.emit(corners)
        else:
            self.show_lasso(tuple(corners))


def _density_table() -> NDArray[np.uint8]:
    """Return the colour table of the density; empty cells get the background colour."""
    table: NDArray[np.uint8] = pg.colormap.get("inferno").getLookupTable(nPts=256)
    table[0] = pg.mkColor(_BACKGROUND).getRgb()[:3]
    return table


def _image(table: Any, top: int) -> Any:
    item = pg.ImageItem(axisOrder="row-major", autoDownsample=False)
    item.setLookupTable(table)
    item.setLevels((0, top))
    item.setVisible(False)
    return item
