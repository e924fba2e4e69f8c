"""The wheel scrolls a panel; it changes a field only where the field has the focus."""

from __future__ import annotations

from qtpy.QtCore import QEvent, QObject, Qt
from qtpy.QtWidgets import (
    QAbstractSlider,
    QAbstractSpinBox,
    QApplication,
    QComboBox,
    QScrollBar,
    QWidget,
)

_FIELDS = (QComboBox, QAbstractSpinBox, QAbstractSlider)


class WheelGuard(QObject):
    """Keeps the wheel away from fields without the focus, later ones included.

    Parameters
    ----------
    body : QWidget
        All fields below it are guarded; the wheel goes to what they lie in.
    """

    def __init__(self, body: QWidget) -> None:
        super().__init__(body)
        self._watch(body)

    def eventFilter(self, watched: QObject | None, event: QEvent | None) -> bool:
        """Refuse the wheel for a field without the focus, and watch new children."""
        if event is None or not isinstance(watched, QWidget):
            return False
        if event.type() == QEvent.Type.ChildPolished:
            child = event.child()  # type: ignore[attr-defined]
            if isinstance(child, QWidget):
                self._watch(child)
        elif event.type() == QEvent.Type.Wheel and _is_field(watched) and not _has_focus(watched):
            event.ignore()  # so that Qt offers it to the parent
            return True
        return False

    def _watch(self, widget: QWidget) -> None:
        for one in (widget, *widget.findChildren(QWidget)):
            one.installEventFilter(self)  # again changes nothing
            if _is_field(one) and one.focusPolicy() == Qt.FocusPolicy.WheelFocus:
                one.setFocusPolicy(Qt.FocusPolicy.StrongFocus)


def _is_field(widget: QWidget) -> bool:
    return isinstance(widget, _FIELDS) and not isinstance(widget, QScrollBar)


def _has_focus(widget: QWidget) -> bool:
    focused = QApplication.focusWidget()
    return focused is not None and (focused is widget or widget.isAncestorOf(focused))
