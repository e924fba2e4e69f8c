"""Scatter plot of an embedding: density image, bandwidth circle and lasso."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pyqtgraph as pg
from qtpy.QtCore import QRectF, Qt, Signal  # type: ignore[attr-defined]
from qtpy.QtWidgets import QVBoxLayout, QWidget

from napari_pixel_embedding._napari.widgets.lasso import LASSO, LassoBox
from napari_pixel_embedding._napari.widgets.plot_colors import title_axes

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_pixel_embedding._napari.widgets.plot_colors import Color, PlotColors
    from napari_pixel_embedding.session.explore.views import Scatter

_LEFT, _BOTTOM = 44, 38
"""Pixels that numbers and titles of the axes take."""
_MARKS = ((64, 224, 255), (0, 110, 200))
_CIRCLE = ("#ffffff", "#000000")
"""Colours on a dark and on a light background."""
_COMPONENT = "Colour {} (distance in the embedding)"
_POSITION = "Position {} (distance in the embedding)"
_TURN = np.linspace(0, 2 * np.pi, 73)
_HELP = (
    "Each point is a foreground pixel; bright is where many are. Drag around points to select "
    "their pixels and objects, click to clear the selection. The wheel zooms, Shift + drag moves, "
    "a double click shows all."
)


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
        self._plot = pg.PlotWidget(viewBox=self.box)
        self._plot.hideButtons()
        self._plot.setMinimumWidth(10)
        self._plot.getAxis("left").setWidth(_LEFT)
        self._plot.getAxis("bottom").setHeight(_BOTTOM)
        title_axes(self._plot, *_titles((0, 1)))
        self._density = _image(255)
        self._marks = _image(1)
        self._circle = pg.PlotCurveItem()
        self._center = pg.ScatterPlotItem(size=7, brush=None, symbol="+")
        self._lasso = pg.PlotCurveItem()
        for item in (self._density, self._marks, self._circle, self._center, self._lasso):
            self._plot.addItem(item, ignoreBounds=item is not self._density)
        self.box.drawn.connect(self._draw_lasso)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self._plot)
        self._shown: Scatter | None = None

    def show_colors(self, colors: PlotColors) -> None:
        """Draw with the colours of another theme."""
        colors.paint(self._plot)
        mark, circle = colors.pick(*_MARKS), colors.pick(*_CIRCLE)
        dashes = Qt.PenStyle.DashLine
        self._density.setLookupTable(_density_table(colors.background))
        self._marks.setLookupTable(np.array([(*mark, 0), (*mark, 255)], np.uint8))
        self._circle.setPen(pg.mkPen(circle, width=1.5))
        self._center.setPen(pg.mkPen(circle))
        self._lasso.setPen(pg.mkPen(colors.pick(*LASSO), width=1.5, style=dashes))

    def show_scatter(self, scatter: Scatter | None) -> None:
        """Draw a scatter; the visible range stays while the plane is the same."""
        before, self._shown = self._shown, scatter
        self._density.setVisible(scatter is not None)
        if scatter is None:
            return
        self._density.setImage(scatter.density, autoLevels=False, levels=(0, 255))
        square = QRectF(*scatter.cloud.origin, scatter.cloud.side, scatter.cloud.side)
        self._density.setRect(square)
        title_axes(self._plot, *_titles(scatter.components))
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
        self._plot.setFixedHeight(self.width() - _LEFT + _BOTTOM)

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


def _titles(components: tuple[int, int] | None) -> tuple[str, str]:
    """Return what a plane's axes are; x runs to the right, y upwards."""
    if components is None:
        return _POSITION.format("x"), _POSITION.format("y")
    across, up = components
    return _COMPONENT.format(across + 1), _COMPONENT.format(up + 1)


def _density_table(background: Color) -> NDArray[np.uint8]:
    """Return the colour table of the density; empty cells get the background colour."""
    table: NDArray[np.uint8] = pg.colormap.get("inferno").getLookupTable(nPts=256)
    table[0] = background
    return table


def _image(top: int) -> Any:
    item = pg.ImageItem(axisOrder="row-major", autoDownsample=False)
    item.setLevels((0, top))
    item.setVisible(False)
    return item
