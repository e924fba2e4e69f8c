"""Buttons that split or merge single objects by a bandwidth of their own."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from qtpy.QtWidgets import QGridLayout, QWidget

from napari_pixel_embedding._napari.layers.object_picker import MODIFIER
from napari_pixel_embedding._napari.widgets.panel import button, set_enabled, text

if TYPE_CHECKING:
    from napari_pixel_embedding._napari.workspace import Workspace

_FINER = "Split the object that you clicked last, and only that one, where it splits most easily."
_COARSER = "Merge the object that you clicked last, and only that one, with its closest neighbour."
_UNDO = "Take back the last change of a single object."
_RESET = "Cut all objects with the slider's bandwidth again. Can be undone."
_HOW = (
    f"Click an object, or turn the wheel over it with {MODIFIER}, to split or merge only that one."
)
_WHEEL = f"{MODIFIER} and the wheel do the same to the object under the cursor: down splits."


class ObjectCuts(QWidget):
    """Finer and coarser for one object, undo and reset, and a status line."""

    def __init__(self, workspace: Workspace) -> None:
        super().__init__()
        self._workspace = workspace
        self._session = workspace.session
        layers, controller = workspace.layers, workspace.controller
        self.finer = button("Finer here", _FINER, lambda: layers.refine("finer"))
        self.coarser = button("Coarser here", _COARSER, lambda: layers.refine("coarser"))
        self.undo = button("Undo", _UNDO, controller.clustering.undo_refining)
        self.reset = button("Reset", _RESET, controller.clustering.reset_refining)
        self.note = text()
        self.note.setToolTip(_WHEEL)
        grid = QGridLayout(self)
        grid.setContentsMargins(0, 0, 0, 0)
        grid.setSpacing(4)
        grid.addWidget(self.note, 0, 0, 1, 4)
        for column, widget in enumerate((self.finer, self.coarser, self.undo, self.reset)):
            grid.addWidget(widget, 1, column)
            grid.setColumnStretch(column, 3 if column < 2 else 2)

    def refresh(self, *_: Any) -> None:
        """Show the current state of the session."""
        session, clicked = self._session, self._workspace.layers.clicked_pixel
        count = sum(map(len, session.local_bandwidths))
        self.note.setText(session.cut_status or _told(count, self._clicked_object()))
        for widget in (self.finer, self.coarser, self.undo, self.reset):
            widget.setVisible(clicked is not None or count > 0 or bool(session.local_past))
        missing = None if clicked is not None else "Click an object in the labels layer first."
        set_enabled(self.finer, f"{_FINER}\n{_WHEEL}", missing)
        set_enabled(self.coarser, f"{_COARSER}\n{_WHEEL}", missing)
        set_enabled(self.undo, _UNDO, None if session.local_past else "There is nothing to undo.")
        set_enabled(self.reset, _RESET, None if count else "No object has a bandwidth of its own.")

    def _clicked_object(self) -> int:
        labels, clicked = self._session.labels, self._workspace.layers.clicked_pixel
        if labels is None or clicked is None or len(clicked) != labels.ndim:
            return 0
        return int(labels[clicked])


def _told(count: int, clicked: int) -> str:
    parts = [f"Object {clicked} is clicked."] if clicked else []
    if count == 1:
        parts.append("1 object has a bandwidth of its own.")
    elif count:
        parts.append(f"{count:,} objects have a bandwidth of their own.")
    return " ".join(parts) or _HOW
