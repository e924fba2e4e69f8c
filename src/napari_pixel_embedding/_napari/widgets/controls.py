"""Small widgets that the panels share."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from qtpy.QtWidgets import QGroupBox, QHBoxLayout, QLabel, QPushButton, QVBoxLayout, QWidget
from superqt import QCollapsible

if TYPE_CHECKING:
    from collections.abc import Callable

NO_RESULT = "Run a model first."
"""Tooltip of buttons that need a result."""


def group(title: str) -> tuple[QGroupBox, QVBoxLayout]:
    """Make a titled box and the column inside it."""
    box = QGroupBox(title)
    column = QVBoxLayout(box)
    column.setContentsMargins(8, 10, 8, 8)
    column.setSpacing(6)
    return box, column


def folded(title: str, tooltip: str, content: QWidget) -> QCollapsible:
    """Make a section that shows its content once its title is clicked."""
    section = QCollapsible(title, expandedIcon="▾", collapsedIcon="▸")
    section.toggleButton().setToolTip(tooltip)
    for layout in (section.layout(), section.content().layout()):
        if layout is not None:
            layout.setContentsMargins(0, 0, 0, 0)
    section.addWidget(content)
    return section


def row(*widgets: QWidget) -> QHBoxLayout:
    """Put widgets side by side."""
    layout = QHBoxLayout()
    for widget in widgets:
        layout.addWidget(widget)
    return layout


def text(content: str = "") -> QLabel:
    """Make a label that wraps its lines and fits the available width."""
    label = QLabel(content)
    label.setWordWrap(True)
    label.setMinimumWidth(10)
    return label


def button(title: str, tooltip: str, clicked: Callable[[], Any]) -> QPushButton:
    """Make a button that calls a method."""
    made = QPushButton(title)
    made.setToolTip(tooltip)
    made.clicked.connect(lambda: clicked())
    return made


def set_enabled(widget: QWidget, tooltip: str, disabled_reason: str | None) -> None:
    """Enable a widget, or disable it with a tooltip that says why."""
    widget.setEnabled(disabled_reason is None)
    text_shown = tooltip if disabled_reason is None else f"{tooltip}\n\n{disabled_reason}"
    if text_shown != widget.toolTip():  # Qt sends events for an equal one too
        widget.setToolTip(text_shown)
