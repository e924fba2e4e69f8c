"""The cheat sheet of keys, made from the list that the keys are bound from."""

from __future__ import annotations

import html
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import Qt
from qtpy.QtWidgets import QDialog, QLabel, QVBoxLayout

from napari_pixel_embedding._napari.layers.object_picker import MODIFIER
from napari_pixel_embedding._napari.layers.shortcuts import ESCAPE, KEYS, REDO, UNDO, key_text
from napari_pixel_embedding.session.correct.tools import BY_NAME

if TYPE_CHECKING:
    from qtpy.QtWidgets import QWidget

_REVIEW = {
    "next": "Review: go to the most uncertain object that is not reviewed yet.",
    "skip": "Review: skip the object for now, and go to the next one.",
}
_OTHERS = {
    UNDO: "Undo the newest stroke, edit, or change of a single object's bandwidth.",
    REDO: "Redo the step that was undone last.",
    ESCAPE: "Start the tool's step over, or deselect the tool.",
}
_MOUSE = {
    "Click": "Choose an object for Finer here and Coarser here.",
    f"{MODIFIER} + wheel": "Split (down) or merge (up) the object under the cursor.",
}
_WHERE = "Keys act while the objects' labels layer is selected and the cursor is on the image."


def cheat_sheet() -> list[tuple[str, str]]:
    """Return every key and what it does, as text, in the order of the tools."""
    named = [(key_text(key), _meaning(name)) for name, key in KEYS.items()]
    others = [(key_text(key), meaning) for key, meaning in _OTHERS.items()]
    return [*named, *others, *_MOUSE.items()]


def _meaning(name: str) -> str:
    tool = BY_NAME.get(name)
    if tool is None:
        return _REVIEW.get(name, name.capitalize())
    return f"{tool.title}: {tool.tooltip.split(': ')[0].rstrip('.')}."


class KeysDialog(QDialog):
    """A table of keys, which stays open beside the work."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self.setWindowTitle("Keys")
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.table = QLabel(_table(cheat_sheet()))
        self.table.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        QVBoxLayout(self).addWidget(self.table)


def show_keys(widget: QWidget) -> KeysDialog:
    """Show the keys beside the window, which goes on."""
    window: Any = widget.window()
    dialog: KeysDialog = window.findChild(KeysDialog) or KeysDialog(window)
    dialog.show()
    dialog.raise_()
    return dialog


def _table(rows: list[tuple[str, str]]) -> str:
    lines = [
        f"<tr><td><b>{html.escape(key)}</b>&nbsp;&nbsp;</td><td>{html.escape(meaning)}</td></tr>"
        for key, meaning in rows
    ]
    return f"<p>{_WHERE}</p><table>{''.join(lines)}</table>"
