"""Histogram of a column, or two columns against each other, with a lasso."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pyqtgraph as pg
from qtpy.QtCore import QRectF, QSize, Qt, Signal  # type: ignore[attr-defined]
from qtpy.QtWidgets import QVBoxLayout, QWidget

from napari_pixel_embedding._napari.widgets.lasso import LASSO, LassoBox
from napari_pixel_embedding._napari.widgets.plot_colors import title_axes

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_pixel_embedding._napari.widgets.plot_colors import PlotColors

_LEFT, _BOTTOM = 48, 34
"""Pixels that numbers and titles of the axes take."""
_LOWEST = 96
_SIZE = QSize(300, 160)
_POINTS = ((120, 165, 220, 170), (40, 90, 160, 150))
_CHOSEN = ((64, 224, 255, 255), (0, 110, 200, 255))
"""Colours on a dark and on a light background."""
_BINS = (5, 60)
_MANY = 20_000
"""More points than this are drawn as a picture of their density."""
_CELLS = 512
"""Cells along each side of that picture."""
_HISTOGRAM = (
    "Drag over a range to select its objects, click to clear the selection. The wheel zooms, "
    "Shift + drag moves, a double click shows all."
)
_SCATTER = (
    "A point for each object. Drag a lasso around points to select their objects, click to clear "
    "the selection. The wheel zooms, Shift + drag moves, a double click shows all."
)


@dataclass(frozen=True, eq=False)
class Shown:
    """What is plotted.

    Parameters
    ----------
    x : array of float, shape (N,)
        NaN where it is not known.
    title : str
        With the unit.
    y : array of float, shape (N,), optional
        None for a histogram of ``x``.
    y_title : str
    """

    x: NDArray[np.float64]
    title: str
    y: NDArray[np.float64] | None = None
    y_title: str = "Number of objects"


class ObjectPlot(QWidget):
    """A plot of the objects in which some are selected.

    Attributes
    ----------
    lassoed : Signal of list
        Corners of a finished lasso; empty when it was cleared.
    ranged : Signal of (float, float)
        Ends of the range that was dragged over in a histogram.
    """

    lassoed = Signal(object)
    ranged = Signal(float, float)

    def __init__(self) -> None:
        super().__init__()
        self.box = LassoBox(square=False)
        self._plot = pg.PlotWidget(viewBox=self.box)
        self._plot.hideButtons()
        self._plot.setMinimumSize(10, _LOWEST)
        self._plot.getAxis("left").setWidth(_LEFT)
        self._plot.getAxis("bottom").setHeight(_BOTTOM)
        self._points = pg.ScatterPlotItem(size=5, pen=None)
        self._chosen = pg.ScatterPlotItem(size=7, pen=None)
        self._density, self._chosen_density = _picture(), _picture()
        self._bars, self._chosen_bars = _steps(), _steps()
        self._lasso = pg.PlotCurveItem()
        pictures = (self._density, self._chosen_density)
        for item in (self._bars, self._chosen_bars, *pictures, self._points, self._chosen):
            self._plot.addItem(item)
        self._plot.addItem(self._lasso, ignoreBounds=True)
        self.box.drawn.connect(self._draw)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self._plot)
        self._shown: Shown | None = None
        self._edges: NDArray[np.float64] = np.zeros(0)
        self._many = False
        self._area = QRectF()

    def sizeHint(self) -> QSize:
        """Return a size that leaves room for the table on a laptop's screen."""
        return _SIZE

    def show_colors(self, colors: PlotColors) -> None:
        """Draw with the colours of another theme."""
        colors.paint(self._plot)
        plain, chosen = colors.pick(*_POINTS), colors.pick(*_CHOSEN)
        self._points.setBrush(pg.mkBrush(plain))
        self._chosen.setBrush(pg.mkBrush(chosen))
        for bars, color in ((self._bars, plain), (self._chosen_bars, chosen)):
            bars.setBrush(pg.mkBrush(color))
        for picture, color in ((self._density, plain), (self._chosen_density, chosen)):
            picture.setLookupTable(_fading(color))
        dashes = Qt.PenStyle.DashLine
        self._lasso.setPen(pg.mkPen(colors.pick(*LASSO), width=1.5, style=dashes))

    def show_objects(self, shown: Shown | None) -> None:
        """Plot other values; all of them come into view."""
        self._shown = shown
        self._lasso.setData([], [])
        for item in (self._points, self._chosen, self._bars, self._chosen_bars):
            item.setData([], [])
        for picture in (self._density, self._chosen_density):
            picture.setVisible(False)
        if shown is None:
            return
        self.setToolTip(_HISTOGRAM if shown.y is None else _SCATTER)
        title_axes(self._plot, shown.title, shown.y_title)
        if shown.y is None:
            values = shown.x[np.isfinite(shown.x)]
            self._edges = _bin_edges(values)
            self._fill(self._bars, values)
        else:
            known = np.flatnonzero(np.isfinite(shown.x) & np.isfinite(shown.y))
            self._many = len(known) > _MANY
            self._area = _area_of(shown.x[known], shown.y[known])
            self._spread(shown.x[known], shown.y[known], self._points, self._density)
        self.box.setLimits(yMin=0 if shown.y is None else None)
        self.box.enableAutoRange()
        self.box.autoRange()

    def show_selected(self, rows: NDArray[np.intp]) -> None:
        """Mark the selected objects, by their places in what is plotted."""
        shown = self._shown
        if shown is None:
            return
        if shown.y is None:
            values = shown.x[rows]
            self._fill(self._chosen_bars, values[np.isfinite(values)])
        else:
            known = rows[np.isfinite(shown.x[rows]) & np.isfinite(shown.y[rows])]
            self._spread(shown.x[known], shown.y[known], self._chosen, self._chosen_density)
        if not len(rows):
            self._lasso.setData([], [])

    def closeEvent(self, a0: Any) -> None:
        """Destroy pyqtgraph's scene in the order that it needs."""
        self._plot.close()
        self._plot.deleteLater()  # closing took it out of this widget
        super().closeEvent(a0)

    def _spread(
        self, x: NDArray[np.float64], y: NDArray[np.float64], points: Any, picture: Any
    ) -> None:
        """Draw points one by one, or many as a picture."""
        picture.setVisible(self._many and len(x) > 0)
        if not self._many:
            points.setData(x, y)
        elif len(x):
            area = self._area
            sides = [[area.top(), area.bottom()], [area.left(), area.right()]]
            counts, _, _ = np.histogram2d(y, x, _CELLS, sides)
            picture.setImage(np.log1p(counts), autoLevels=False, levels=(0, np.log1p(8)))
            picture.setRect(area)

    def _fill(self, bars: Any, values: NDArray[np.float64]) -> None:
        if len(self._edges) < 2 or not len(values):
            bars.setData([], [])
            return
        counts, _ = np.histogram(values, self._edges)
        # Closed below: each bin is a step down to 0 at both of its ends.
        bars.setData(np.repeat(self._edges, 2), np.concatenate([[0], np.repeat(counts, 2), [0]]))

    def _draw(self, corners: list[tuple[float, float]], finished: bool) -> None:
        histogram = self._shown is not None and self._shown.y is None
        outline = self._band(corners) if histogram and corners else corners
        closed = np.array([*outline, *outline[:1]]).reshape(-1, 2)
        self._lasso.setData(closed[:, 0], closed[:, 1])
        if not finished:
            return
        if histogram and corners:
            across = [x for x, _ in corners]
            self.ranged.emit(min(across), max(across))
        else:
            self.lassoed.emit(corners)

    def _band(self, corners: list[tuple[float, float]]) -> list[tuple[float, float]]:
        """Return the corners of the range over the whole height of a histogram."""
        across = [x for x, _ in corners]
        low, high = min(across), max(across)
        bottom, top = self.box.viewRange()[1]
        return [(low, bottom), (high, bottom), (high, top), (low, top)]


def _area_of(x: NDArray[np.float64], y: NDArray[np.float64]) -> QRectF:
    """Return the rectangle around points; never without width or height."""
    if not len(x):
        return QRectF(0, 0, 1, 1)
    width, height = float(np.ptp(x)) or 1.0, float(np.ptp(y)) or 1.0
    return QRectF(float(x.min()), float(y.min()), width, height)


def _picture() -> Any:
    item = pg.ImageItem(axisOrder="row-major")
    item.setVisible(False)
    return item


def _fading(color: tuple[int, int, int, int]) -> NDArray[np.uint8]:
    """Return a colour table from nothing to one colour; the least that is there can be seen."""
    alpha = np.linspace(70, 255, 256)
    alpha[0] = 0
    return np.array([(*color[:3], a) for a in alpha], np.uint8)


def _bin_edges(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the ends of bins, as many as the root of the number of values."""
    if not len(values):
        return np.zeros(0)
    count = int(np.clip(np.sqrt(len(values)), *_BINS))
    return np.histogram_bin_edges(values, count)


def _steps() -> Any:
    return pg.PlotCurveItem(fillLevel=0, pen=None)
