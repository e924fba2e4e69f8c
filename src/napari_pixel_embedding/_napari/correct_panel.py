"""Correct objects with napari's own brush."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from qtpy.QtWidgets import QFileDialog, QLabel, QMessageBox

from napari_pixel_embedding._napari.widgets import NO_RESULT, Panel, allow, button, group, row, text

if TYPE_CHECKING:
    from napari import Viewer

_HELP = (
    "Repair objects in the labels layer with napari's brush, eraser or fill. "
    "What you paint stays, and is what fine-tuning learns from."
)
_KEYS = (
    "With the labels layer selected: 2 is the brush, 1 the eraser, 4 the fill bucket; 5 picks the "
    "object under the cursor; Ctrl+Z undoes. Corrections stay through slider moves and runs."
)
_NEW = "Take the brush with a fresh colour, to paint an object the model has missed."
_CLEAR = "Forget all corrections; the labels become the clusters again."
_SAVE = "Write the corrections to a file."
_LOAD = "Read corrections of this image from a file, in place of the present ones."
_FILES = "Corrections (*.tif)"


class CorrectPanel(Panel):
    """Corrections: painted, counted, saved and loaded."""

    def __init__(self, napari_viewer: Viewer) -> None:
        super().__init__(napari_viewer)
        self.count = QLabel()
        self.new_button = button("New object", _NEW, self.paint_new)
        self.clear_button = button("Clear …", _CLEAR, self.clear)
        self.save_button = button("Save …", _SAVE, self.save)
        self.load_button = button("Load …", _LOAD, self.load)
        self._lay_out()
        for signal in (self.session.events.labels, self.session.events.corrections):
            self.follow(signal, self._refresh)
        self._refresh()

    # ------------------------------------------------------------------------------- layout

    def _lay_out(self) -> None:
        box, column = group("Corrections")
        help_text = text(_HELP)
        help_text.setToolTip(_KEYS)
        self.count.setToolTip("Objects that you painted or repaired in this image.")
        column.addWidget(help_text)
        column.addLayout(row(self.count, self.new_button))
        column.addLayout(row(self.save_button, self.load_button, self.clear_button))
        self.column.addWidget(box)
        self.column.addStretch()

    # ------------------------------------------------------------------------------ buttons

    def paint_new(self) -> None:
        """Select the labels layer and take the brush with an id that is not in use."""
        layer = self.workspace.layers.select_labels()
        if layer is not None:
            layer.selected_label = int(layer.data.max()) + 1
            layer.mode = "paint"

    def clear(self) -> None:
        """Forget all corrections, after asking."""
        question = f"Forget the corrections of {self.session.corrected_count} objects?"
        answer = QMessageBox.question(self, "Clear corrections", question)
        if answer == QMessageBox.StandardButton.Yes:
            self.controller.reset_corrections()

    def save(self) -> None:
        """Ask for a file and write the corrections there."""
        path, _ = QFileDialog.getSaveFileName(self, "Save corrections", "corrections.tif", _FILES)
        if path:
            self.controller.save_corrections(path)

    def load(self) -> None:
        """Ask for a file and read corrections from there."""
        path, _ = QFileDialog.getOpenFileName(self, "Load corrections", "", _FILES)
        if path:
            self.controller.load_corrections(path)

    # ------------------------------------------------------------------- following the session

    def _refresh(self, *_: Any) -> None:
        session = self.session
        corrected = session.corrected_count if session.corrections is not None else 0
        self.count.setText(f"<b>{corrected:,}</b> corrected")
        result = None if session.labels is not None else NO_RESULT
        any_corrected = session.corrections is not None
        nothing = None if any_corrected else "Paint on the labels layer first."
        allow(self.new_button, _NEW, result)
        allow(self.load_button, _LOAD, result)
        allow(self.save_button, _SAVE, nothing)
        allow(self.clear_button, _CLEAR, nothing)
