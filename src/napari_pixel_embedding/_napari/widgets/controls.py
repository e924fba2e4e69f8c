"""Small widgets that the panels share."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from qtpy.QtWidgets import (
    QGridLayout,
    QGroupBox,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QVBoxLayout,
    QWidget,
)
from superqt import QCollapsible

from napari_pixel_embedding._napari.help.guide import HelpMark

if TYPE_CHECKING:
    from collections.abc import Callable

    from qtpy.QtGui import QResizeEvent

NO_RESULT = "Run a model first."
"""Tooltip of buttons that need a result."""


class Section(QGroupBox):
    """A titled box; with a heading of the guide, a question mark opens the guide there."""

    def __init__(self, title: str, heading: str = "") -> None:
        super().__init__(title)
        self.help = HelpMark(self, title, heading) if heading else None

    def resizeEvent(self, event: QResizeEvent | None) -> None:
        """Keep the question mark in the corner."""
        super().resizeEvent(event)
        if self.help is not None:
            self.help.place()


def group(title: str, heading: str = "") -> tuple[Section, QVBoxLayout]:
    """Make a titled box and the column inside it; see :class:`Section` for the heading."""
    box = Section(title, heading)
    column = QVBoxLayout(box)
    column.setContentsMargins(8, 10, 8, 8)
    column.setSpacing(6)
    return box, column


class Fold(QCollapsible):
    """A section that shows its content once its title is clicked.

    Until then the content is hidden, not only without height: its fields take no part in opening
    the dock and cannot be reached by Tab.
    """

    def __init__(self, title: str) -> None:
        super().__init__(title, expandedIcon="▾", collapsedIcon="▸")
        self.content().hide()

    def expand(self, animate: bool = True) -> None:
        """Show the content."""
        self.content().show()
        super().expand(animate)


def folded(title: str, tooltip: str, content: QWidget) -> Fold:
    """Make a section that shows its content once its title is clicked."""
    section = Fold(title)
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


def named_rows(*rows: tuple[str, QWidget]) -> QGridLayout:
    """Lay out widgets below each other, each behind its name."""
    grid = QGridLayout()
    grid.setColumnStretch(1, 1)
    for number, (name, widget) in enumerate(rows):
        grid.addWidget(QLabel(name), number, 0)
        grid.addWidget(widget, number, 1)
    return grid


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
