"""Names of fields for screen readers, from the labels beside them, and the order of Tab."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

from qtpy.QtCore import Qt
from qtpy.QtWidgets import (
    QAbstractButton,
    QAbstractItemView,
    QAbstractSlider,
    QAbstractSpinBox,
    QComboBox,
    QGridLayout,
    QGroupBox,
    QHBoxLayout,
    QLabel,
    QLayout,
    QLineEdit,
    QProgressBar,
    QScrollBar,
    QWidget,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

_FIELDS = (
    QAbstractButton,
    QAbstractSlider,
    QAbstractSpinBox,
    QComboBox,
    QAbstractItemView,
    QProgressBar,
    QLineEdit,
)
_INNER = (QComboBox, QAbstractSpinBox, QAbstractItemView)
"""Fields that are made of others, which are theirs."""


def fields_in(widget: QWidget) -> list[QWidget]:
    """Return the buttons and fields inside a widget; no parts of other fields, no scroll bars."""
    return [one for one in widget.findChildren(QWidget) if _is_field(one)]


def name_fields(body: QWidget) -> None:
    """Name each field that has no name: by its own text, its label, or the title of its box."""
    for field in fields_in(body):
        if not field.accessibleName():
            field.setAccessibleName(_name_of(field, body))


def order_tabs(body: QWidget) -> None:
    """Let Tab go through the fields from top to bottom and from left to right."""
    fields = [one for one in fields_in(body) if one.focusPolicy() & Qt.FocusPolicy.TabFocus]
    places = {id(one): one.mapTo(body, one.rect().center()) for one in fields}
    fields.sort(key=lambda one: (places[id(one)].y(), places[id(one)].x()))
    for before, after in pairwise(fields):
        QWidget.setTabOrder(before, after)


def _is_field(widget: QWidget) -> bool:
    if not isinstance(widget, _FIELDS) or isinstance(widget, QScrollBar):
        return False
    return not any(isinstance(one, _INNER) for one in _around(widget))


def _name_of(field: QWidget, body: QWidget) -> str:
    own = _plain(field.text()) if isinstance(field, QAbstractButton) else ""
    if own:
        return own
    for one in (field, *_around(field)):
        if one is body:
            break
        label = _label_before(one)
        if label:
            return label
    boxes = (one.title() for one in _around(field) if isinstance(one, QGroupBox))
    return next(boxes, "")


def _label_before(widget: QWidget) -> str:
    """Return the label left of a widget in its layout."""
    parent = widget.parentWidget()
    layouts = parent.findChildren(QLayout) if parent is not None else []  # PySide takes one kind
    for layout in layouts:
        if not isinstance(layout, QGridLayout | QHBoxLayout):
            continue
        place = layout.indexOf(widget)
        if place < 0:
            continue
        if isinstance(layout, QGridLayout):
            line, column, *_ = layout.getItemPosition(place)
            before = layout.itemAtPosition(line, column - 1) if column else None
        else:
            before = layout.itemAt(place - 1) if place else None
        label = None if before is None else before.widget()
        if isinstance(label, QLabel):
            return _plain(label.text())
    return ""


def _around(widget: QWidget) -> Iterator[QWidget]:
    parent = widget.parentWidget()
    while parent is not None:
        yield parent
        parent = parent.parentWidget()


def _plain(text: str) -> str:
    return text.replace("&", "").strip()
