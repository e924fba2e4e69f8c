"""Marks on fields: red where a choice is impossible, orange where it is doubtful."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING, Any

from napari.utils.theme import get_theme
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QLabel

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from napari import Viewer
    from qtpy.QtWidgets import QWidget

    from napari_pixel_embedding.session.segment.choice import Level, Problem

_COLORS: dict[str, dict[Level, str]] = {
    "dark": {"error": "#ff7b72", "doubt": "#f0a030"},
    "light": {"error": "#b3141f", "doubt": "#8a4b00"},
}
"""Legible on the theme's background; napari's own red is not, on the dark one."""
_SIGNS: dict[Level, str] = {"error": "✖", "doubt": "⚠"}
"""Said without colours too."""


class FieldMarks(QLabel):
    """Sentences about fields, coloured; the fields themselves get a border of the same colour.

    Parameters
    ----------
    viewer : napari.Viewer
        Its theme decides on the colours.
    fields : mapping of str to QWidget
        The widget of each field that a problem may name.
    """

    def __init__(self, viewer: Viewer, fields: Mapping[str, QWidget]) -> None:
        super().__init__()
        self.setWordWrap(True)
        self.setMinimumWidth(10)
        self.setTextFormat(Qt.TextFormat.RichText)
        self._viewer = viewer
        self._fields = dict(fields)
        self.problems: tuple[Problem, ...] = ()
        self.show_problems(())

    def show_problems(self, problems: Sequence[Problem]) -> None:
        """Mark the fields of these problems, the first of each field, and no others."""
        self.problems = tuple(problems)
        self.refresh()

    def refresh(self, *_: Any) -> None:
        """Draw the marks anew, as when the theme changes."""
        colors = theme_colors(self._viewer.theme)
        first = {problem.field: problem for problem in reversed(self.problems)}
        for name, widget in self._fields.items():
            problem = first.get(name)  # type: ignore[call-overload]
            _mark(widget, None if problem is None else colors[problem.level])
            widget.setAccessibleDescription("" if problem is None else problem.sentence)
        lines = (
            f'<span style="color:{colors[one.level]}">{_SIGNS[one.level]} {escape(one.sentence)}'
            "</span>"
            for one in self.problems
        )
        self.setText("<br>".join(lines))
        self.setVisible(bool(self.problems))

    @property
    def error(self) -> str | None:
        """Sentence of the first error; None without any."""
        return next((one.sentence for one in self.problems if one.level == "error"), None)


def theme_colors(theme: str) -> dict[Level, str]:
    """Return the colour of errors and of doubts on a napari theme's background."""
    red, green, blue = get_theme(theme).background.as_rgb_tuple(alpha=False)
    bright = 0.2126 * red + 0.7152 * green + 0.0722 * blue > 127  # ITU-R BT.709 luma weights
    return _COLORS["light" if bright else "dark"]


def _mark(widget: QWidget, color: str | None) -> None:
    """Give a widget a border, or its usual look."""
    sheet = f"QComboBox, QAbstractSpinBox {{ border: 1px solid {color}; }}" if color else ""
    if widget.styleSheet() != sheet:  # to set an equal one costs as much
        widget.setStyleSheet(sheet)
