"""Tool buttons of the Correct dock: title, key, active tool and instruction."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import Qt
from qtpy.QtWidgets import (
    QGridLayout,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QToolButton,
    QVBoxLayout,
    QWidget,
)
from superqt import QLabeledDoubleSlider

from napari_pixel_embedding._napari.correct.icons import draw_icons, icon_button
from napari_pixel_embedding._napari.layers.shortcuts import ESCAPE, KEYS, REDO, UNDO, key_text
from napari_pixel_embedding._napari.widgets.panel import NO_RESULT, button, row, set_enabled, text
from napari_pixel_embedding.session.correct.tools import TOOLS, Tool

if TYPE_CHECKING:
    from napari_pixel_embedding._napari.correct.tool_layer import ToolLayer
    from napari_pixel_embedding._napari.workspace import Workspace
    from napari_pixel_embedding.session.correct.edits import Comparison
    from napari_pixel_embedding.session.correct.toolbox import Toolbox

_PLACES = {"Shape": (0, 0), "Outline": (2, 0), "State": (2, 2)}
"""Row and column of each group's title in the grid; its buttons are below."""

_COLUMNS = 4
_IDLE = "Choose a tool, or use napari's brush, eraser, polygon and fill on the labels layer."
_SIMILARITY = (
    "Largest distance in embedding space from the pixels of an added object to the clicked one. "
    "Shift + wheel changes it."
)
_SET = "Set the slider to the smallest bandwidth at which the two pixels are one object."
_UNDO = (
    f"Undo the newest stroke, edit, or change of a single object's bandwidth. {key_text(UNDO)} on "
    "the labels layer."
)
_REDO = f"Redo the step that was undone last. {key_text(REDO)} on the labels layer."


class ToolButtons(QWidget):
    """Tool buttons, a line with the instruction, undo and redo.

    Parameters
    ----------
    workspace : Workspace
        Of the viewer.
    toolbox : Toolbox
        The toolbox that is shown and changed.
    layer : ToolLayer
        Receives the chosen tool.
    """

    def __init__(self, workspace: Workspace, toolbox: Toolbox, layer: ToolLayer) -> None:
        super().__init__()
        self._session, self._controller = workspace.session, workspace.controller
        self._toolbox = toolbox
        self.tools = {tool.name: _tool_button(tool, layer) for tool in TOOLS}
        self.hint, self.note = text(), text()
        self.similarity_threshold = QLabeledDoubleSlider(Qt.Orientation.Horizontal)
        self.similarity_row = _labelled("Similarity", self.similarity_threshold)
        self.set_bandwidth = button("Set bandwidth", _SET, self._set_bandwidth)
        self.reading = text()
        self.comparison_row = _beside(self.reading, self.set_bandwidth)
        self.undo = button("Undo", _UNDO, workspace.layers.undo)
        self.redo = button("Redo", _REDO, workspace.layers.redo)
        self.similarity_threshold.valueChanged.connect(toolbox.set_similarity_threshold)
        self._lay_out()

    def _lay_out(self) -> None:
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(4)
        column.addLayout(self._grid())
        # Always two lines, so that a long instruction moves nothing.
        self.hint.setMinimumHeight(2 * self.hint.fontMetrics().lineSpacing() + 2)
        self.hint.setAlignment(Qt.AlignmentFlag.AlignTop)
        column.addWidget(self.hint)
        column.addWidget(self.similarity_row)
        column.addWidget(self.comparison_row)
        column.addWidget(self.note)
        column.addLayout(row(self.tools["compare"], self.undo, self.redo))
        self.similarity_threshold.setToolTip(_SIMILARITY)
        self.similarity_threshold.setDecimals(2)

    def _grid(self) -> QGridLayout:
        grid = QGridLayout()
        grid.setSpacing(3)
        for title, (line, first) in _PLACES.items():
            names = [tool.name for tool in TOOLS if tool.group == title]
            grid.addWidget(QLabel(title), line, first, 1, len(names))
            for column, name in enumerate(names, start=first):
                grid.addWidget(self.tools[name], line + 1, column)
        for column in range(_COLUMNS):
            grid.setColumnStretch(column, 1)
        return grid

    def follow_theme(self, theme: str) -> None:
        """Draw the icons in the colours of a theme."""
        draw_icons(self.tools, theme)

    def refresh(self, *_: Any) -> None:
        """Show the current state of session and toolbox."""
        session, state = self._session, self._toolbox.state
        missing = None if session.labels is not None else NO_RESULT
        for tool in TOOLS:
            self.tools[tool.name].setChecked(tool is state.tool)
            set_enabled(self.tools[tool.name], _tooltip(tool), missing)
        self.hint.setText(state.hint or _IDLE)
        self.note.setText(session.edit_status)
        self.note.setVisible(bool(session.edit_status))
        self._show_likeness()
        self._show_comparison(state.comparison)
        history = session.history
        _set_step_enabled(self.undo, _UNDO, "undo", history.past)
        _set_step_enabled(self.redo, _REDO, "redo", history.future)

    def _show_likeness(self) -> None:
        state = self._toolbox.state
        self.similarity_row.setVisible(state.tool is not None and state.tool.name == "add")
        self.similarity_threshold.blockSignals(True)
        self.similarity_threshold.setRange(*self._toolbox.similarity_range)
        self.similarity_threshold.setValue(state.similarity_threshold)
        self.similarity_threshold.blockSignals(False)

    def _show_comparison(self, found: Comparison | None) -> None:
        tool = self._toolbox.state.tool
        shown = found is not None and tool is not None and tool.name == "compare"
        self.comparison_row.setVisible(shown)
        if found is not None:
            self.reading.setText(_reading(found))
            never = None if math.isfinite(found.bandwidth) else "No bandwidth joins them."
            set_enabled(self.set_bandwidth, _SET, never)

    def _set_bandwidth(self) -> None:
        found, indices = self._toolbox.state.comparison, self._session.cluster_indices
        if found is not None and indices:
            low, high = indices[found.frame].bandwidth_range
            bandwidth = min(max(found.bandwidth, low), high)
            self._controller.clustering.set_params(bandwidth=bandwidth)


def _tool_button(tool: Tool, layer: ToolLayer) -> QToolButton:
    key, wide = key_text(KEYS[tool.name]), not tool.group
    made = icon_button(tool.title, key, lambda: layer.choose(tool.name), wide)
    made.setCheckable(True)
    return made


def _tooltip(tool: Tool) -> str:
    key = key_text(KEYS[tool.name])
    return f"{tool.tooltip}\n\nKey {key} on the labels layer; {key} again or {ESCAPE} deselects it."


def _set_step_enabled(made: QPushButton, tooltip: str, verb: str, steps: Any) -> None:
    named = f"{tooltip}\nNext: {steps[-1].title}." if steps else tooltip
    set_enabled(made, named, None if steps else f"There is nothing to {verb}.")


def _reading(found: Comparison) -> str:
    apart = f"Distance <b>{found.distance:.2f}</b>; "
    if found.bandwidth == 0:
        return apart + "one object at every bandwidth."
    if math.isinf(found.bandwidth):
        return apart + "no bandwidth makes them one object."
    return apart + f"one object from bandwidth <b>{found.bandwidth:.2f}</b> on."


def _labelled(title: str, widget: QWidget) -> QWidget:
    return _beside(QLabel(title), widget, stretch=1)


def _beside(first: QWidget, second: QWidget, stretch: int = 0) -> QWidget:
    box = QWidget()
    layout = QHBoxLayout(box)
    layout.setContentsMargins(0, 0, 0, 0)
    layout.addWidget(first, 1 - stretch)
    layout.addWidget(second, stretch)
    return box
