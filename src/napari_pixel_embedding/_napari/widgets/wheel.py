"""The wheel scrolls a panel; it changes a field only where the field has the focus."""

from __future__ import annotations

from typing import TypeGuard

from qtpy.QtCore import QEvent, QObject, Qt
from qtpy.QtWidgets import (
    QAbstractButton,
    QAbstractSlider,
    QAbstractSpinBox,
    QApplication,
    QComboBox,
    QLabel,
    QLineEdit,
    QProgressBar,
    QScrollArea,
    QScrollBar,
    QWidget,
)

_FIELDS = (QComboBox, QAbstractSpinBox, QAbstractSlider)
_LEAVES = (QLabel, QAbstractButton, QLineEdit, QProgressBar)
"""Neither fields nor parents of any: watching them would cost time at each of their events."""


class WheelGuard(QObject):
    """Keeps the wheel away from fields without the focus, later ones included.

    Parameters
    ----------
    area : QScrollArea
        All fields in it are guarded; without the focus, the wheel over them scrolls it.
    """

    def __init__(self, area: QScrollArea) -> None:
        super().__init__(area)
        self._area = area
        self._watch(area)

    def eventFilter(self, watched: QObject | None, event: QEvent | None) -> bool:
        """Scroll with the wheel over a field without the focus, and watch new children."""
        kind = None if event is None else event.type()
        if kind == QEvent.Type.ChildPolished:
            child = event.child()  # type: ignore[union-attr]
            if isinstance(child, QWidget):
                self._watch(child)
        elif kind == QEvent.Type.Wheel and _is_field(watched) and not _has_focus(watched):
            QApplication.sendEvent(self._area.verticalScrollBar(), event)
            return True
        return False

    def _watch(self, widget: QWidget) -> None:
        for one in (widget, *widget.findChildren(QWidget)):
            if isinstance(one, _LEAVES):
                continue
            one.installEventFilter(self)  # again changes nothing
            if _is_field(one) and one.focusPolicy() == Qt.FocusPolicy.WheelFocus:
                one.setFocusPolicy(Qt.FocusPolicy.StrongFocus)


def _is_field(widget: QObject | None) -> TypeGuard[QWidget]:
    return isinstance(widget, _FIELDS) and not isinstance(widget, QScrollBar)


def _has_focus(widget: QWidget) -> bool:
    """Whether a widget, or the part of it or the field around it, has the focus."""
    focused = QApplication.focusWidget()
    if focused is None:
        return False
    around = _is_field(focused) and focused.isAncestorOf(widget)
    return focused is widget or widget.isAncestorOf(focused) or around
