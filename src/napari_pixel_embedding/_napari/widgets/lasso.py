"""A lasso that is drawn in a plot."""

from __future__ import annotations

from typing import Any

import pyqtgraph as pg
from qtpy.QtCore import Qt, Signal  # type: ignore[attr-defined]

LASSO = ("#ffd84d", "#b36b00")
"""Colours on a dark and on a light background."""


class LassoBox(pg.ViewBox):  # type: ignore[misc]
    """Draws a lasso on drags; with Shift, a drag moves the plot as usual in pyqtgraph.

    Parameters
    ----------
    square : bool
        Whether both axes have one scale.

    Attributes
    ----------
    drawn : Signal of list
        Corners of the lasso so far, and whether it is finished.
    """

    drawn = Signal(object, bool)

    def __init__(self, *, square: bool = True) -> None:
        super().__init__(lockAspect=square, enableMenu=False)
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
