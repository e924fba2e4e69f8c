"""The Correct dock: correction tools, review queue, saving and loading of corrections."""

from __future__ import annotations

import html
import time
from functools import partial
from typing import TYPE_CHECKING, Any

from napari.layers import Labels
from qtpy.QtWidgets import QCheckBox, QComboBox, QFileDialog, QLabel, QMenu, QMessageBox

from napari_pixel_embedding._napari.correct.corrected_outlines import CorrectedOutlines
from napari_pixel_embedding._napari.correct.review_box import ReviewBox
from napari_pixel_embedding._napari.correct.review_layer import ReviewLayer
from napari_pixel_embedding._napari.correct.tool_buttons import ToolButtons
from napari_pixel_embedding._napari.correct.tool_layer import ToolLayer
from napari_pixel_embedding._napari.layers.placement import METADATA_KEY
from napari_pixel_embedding._napari.widgets.panel import (
    NO_RESULT,
    Panel,
    button,
    group,
    row,
    set_enabled,
    text,
)
from napari_pixel_embedding.session.correct.review import Review
from napari_pixel_embedding.session.correct.toolbox import Toolbox

if TYPE_CHECKING:
    from collections.abc import Callable

    from napari import Viewer

    from napari_pixel_embedding.session.state.results import Recovery

_KEYS = (
    "Objects that you painted, repaired or accepted in this image. With the labels layer "
    "selected, napari's own keys are: 2 the brush, 1 the eraser, 3 the polygon, 4 the fill "
    "bucket, 5 picks the object under the cursor. Corrections are kept when sliders move and "
    "models run."
)
_OUTLINED = "Draw a white outline inside each corrected object, in a layer of its own."
_NEW = "Select the brush with a new label, to paint an object that the model missed."
_CLEAR = "Remove all corrections, so that the labels equal the clusters again. Can be undone."
_SAVE = "Write the corrections to a file."
_LOAD = (
    "Load corrections of this image from a file, or take a labels layer as corrections, replacing "
    "the current ones. Can be undone."
)
_BESIDE = (
    "Corrections are saved automatically after every change: in your user folder, or with this "
    "option beside the image, where others who open it find them."
)
_RESTORE = (
    "Restore these corrections and go on with them, in place of the current ones, which stay in "
    "this list. Can be undone."
)
_CHOOSE = "Corrections from earlier sessions, newest first. Each is kept until it is discarded."
_DISCARD = "Delete these corrections from the disk."
_SAVED = "Corrections (*.tif)"
_FILES = "Label images (*.tif *.tiff *.png *.bmp *.npy);;All files (*)"
_NAME_LENGTH = 60
"""Characters shown of an image's name."""


class CorrectPanel(Panel):
    """Dock with correction tools, review, autosave and files."""

    NAME = "Correct"
    GUIDE = "Correct"

    def __init__(self, napari_viewer: Viewer) -> None:
        super().__init__(napari_viewer)
        self.review = Review(self.session, self.controller.edits.start, self.workspace.executor)
        self.review_layer = ReviewLayer(self.workspace, self.review)
        self.review_box = ReviewBox(self.workspace, self.review, self._split)
        self.toolbox = Toolbox(self.session, self.controller.edits.start, self.workspace.executor)
        self.tool_layer = ToolLayer(
            self.workspace, self.toolbox, self.review_box.keys, self.review_box.decisions
        )
        self.outlines = CorrectedOutlines(self.workspace)
        self.tools = ToolButtons(self.workspace, self.toolbox, self.tool_layer)
        self.count = QLabel()
        self.new_button = button("New object", _NEW, self.paint_new)
        self.clear_button = button("Clear …", _CLEAR, self.clear)
        self.save_button = button("Save …", _SAVE, self.save)
        self.load_button = button("Load …", _LOAD, self.load)
        self.outlined = QCheckBox("Outline corrected objects")
        self.outlined.setToolTip(_OUTLINED)
        self.outlined.setChecked(True)
        self.beside = QCheckBox("Autosave beside the image")
        self.saved = text()
        self.found = text()
        self._offered: tuple[Recovery, ...] = ()
        self.choice = QComboBox()
        self.choice.setToolTip(_CHOOSE)
        self.choice.setSizeAdjustPolicy(
            QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon
        )
        self.restore_button = button("Restore", _RESTORE, self.restore)
        self.discard_button = button("Discard …", _DISCARD, self.discard)
        self._lay_out()
        self._connect()
        self._refresh()

    def retire(self) -> None:
        """Release keys, mouse and layers, and leave the workspace."""
        self.outlines.close()
        self.tool_layer.close()
        self.toolbox.close()
        self.review_layer.close()
        self.review.close()
        super().retire()

    # ------------------------------------------------------------------------------- layout

    def _lay_out(self) -> None:
        self.column.setSpacing(3)
        self.recovery, column = group("Earlier corrections", "Nothing is lost")
        column.addWidget(self.choice)
        column.addWidget(self.found)
        column.addLayout(row(self.restore_button, self.discard_button))
        self.column.addWidget(self.recovery)
        for title, widget in (("Tools", self.tools), ("Review", self.review_box)):
            box, column = group(title, title)
            column.addWidget(widget)
            self.column.addWidget(box)
        box, column = group("Corrections", self.GUIDE)
        column.setSpacing(4)
        self.count.setToolTip(_KEYS)
        column.addLayout(row(self.count, self.new_button))
        column.addLayout(row(self.save_button, self.load_button, self.clear_button))
        column.addWidget(self.outlined)
        column.addWidget(self.beside)
        column.addWidget(self.saved)
        self.column.addWidget(box)
        self.column.addStretch()

    def _connect(self) -> None:
        self.choice.currentIndexChanged.connect(self._describe_recovery)
        self.beside.toggled.connect(self.controller.autosave.save_beside)
        self.outlined.toggled.connect(self.outlines.show)
        self.follow(self.outlines.removed, lambda: self.outlined.setChecked(False))
        self.follow(self.workspace.viewer.events.theme, self._follow_theme)
        self._follow_theme()
        session, tools, review = (
            source.events for source in (self.session, self.toolbox.state, self.review.state)
        )
        self.follow(session.labels, self._follow_labels)
        for signal in (session.corrections, session.recoveries, session.image):
            self.follow(signal, self._refresh)
        for signal in (session.autosaved, session.autosave_beside):
            self.follow(signal, self._refresh_autosave)
        for signal in (tools.tool, tools.hint, tools.similarity_threshold, tools.comparison):
            self.follow(signal, self.tools.refresh)
        for signal in (session.history, session.edit_status):
            self.follow(signal, self.tools.refresh)
        for signal in (review.wanted, review.note, review.skipped):
            self.follow(signal, self.review_box.refresh)
        for signal in (review.targets, review.current):
            self.follow(signal, self.review_box.refresh_later)

    def _follow_theme(self, *_: Any) -> None:
        for box in (self.tools, self.review_box):
            box.follow_theme(self.workspace.viewer.theme)

    # ------------------------------------------------------------------------------ buttons

    def _split(self) -> None:
        self.tool_layer.take("split")

    def paint_new(self) -> None:
        """Select the labels layer and take the brush with an id that is not in use."""
        layer = self.workspace.layers.select_labels()
        if layer is not None:
            self.workspace.layers.offer_free_id()
            layer.mode = "paint"

    def clear(self) -> None:
        """Remove all corrections, after asking."""
        question = f"Remove the corrections of {self.session.corrected_count} objects?"
        if self._agreed("Clear corrections", question):
            self.controller.corrections.reset()

    def restore(self) -> None:
        """Restore the chosen corrections of an earlier session."""
        if self.chosen_recovery is not None:
            self.controller.autosave.restore(self.chosen_recovery)

    def discard(self) -> None:
        """Delete the chosen corrections of an earlier session, after asking."""
        one = self.chosen_recovery
        if one is None:
            return
        question = f"Delete the corrections of {_saved(one)} ({one.description}) permanently?"
        if self._agreed("Discard corrections", question):
            self.controller.autosave.discard(one)

    def save(self) -> None:
        """Ask for a file and write the corrections there."""
        path, _ = QFileDialog.getSaveFileName(self, "Save corrections", "corrections.tif", _SAVED)
        if path:
            self.controller.corrections.save(path)

    def load(self) -> None:
        """Ask for a file, or one of the viewer's labels layers, and take it as corrections."""
        layers = self._other_labels()
        if not layers:
            self.load_file()
            return
        menu = QMenu(self)
        menu.addAction("A file …", self.load_file)
        for layer in layers:
            menu.addAction(f"The layer “{layer.name}”", partial(self.load_layer, layer))
        menu.exec(self.load_button.mapToGlobal(self.load_button.rect().bottomLeft()))

    def load_file(self) -> None:
        """Ask for a file and read corrections from there."""
        path, _ = QFileDialog.getOpenFileName(self, "Load corrections", "", _FILES)
        if path:
            self._load(partial(self.controller.corrections.load, path))

    def load_layer(self, layer: Labels) -> None:
        """Take a labels layer as corrections."""
        self._load(partial(self.controller.corrections.take, layer.data, layer.name))

    def _other_labels(self) -> list[Labels]:
        """Return the labels layers that are not ours."""
        return [
            layer
            for layer in self.workspace.viewer.layers
            if isinstance(layer, Labels)
            and not layer.multiscale
            and METADATA_KEY not in layer.metadata
        ]

    def _load(self, take: Callable[..., str]) -> None:
        """Take corrections; ask where one id covers several pieces."""
        found = take()
        if not found:
            return
        split = self._every_piece(found)
        if split is not None:
            take(split_masks=split)

    def _every_piece(self, found: str) -> bool | None:
        """Ask whether every piece is an object; None to load nothing."""
        box = QMessageBox(QMessageBox.Icon.Question, "Load corrections", found, parent=self)
        box.setInformativeText("What are the pieces?")
        split = box.addButton("Every piece is an object", QMessageBox.ButtonRole.YesRole)
        keep = box.addButton("Ids as they are", QMessageBox.ButtonRole.NoRole)
        box.addButton(QMessageBox.StandardButton.Cancel)
        box.exec()
        clicked = box.clickedButton()
        return {id(split): True, id(keep): False}.get(id(clicked))

    def _agreed(self, title: str, question: str) -> bool:
        answer = QMessageBox.question(self, title, question)
        return bool(answer == QMessageBox.StandardButton.Yes)

    # ------------------------------------------------------------------- following the session

    def _follow_labels(self, labels: Any) -> None:
        """Update cheaply, because this runs at every tick of a slider."""
        if self.new_button.isEnabled() != (labels is not None):
            self._refresh()
        self._show_count()

    def _show_count(self) -> None:
        session = self.session
        corrected = session.corrected_count if session.corrections is not None else 0
        self.count.setText(f"<b>{corrected:,}</b> corrected")

    def _refresh(self, *_: Any) -> None:
        session = self.session
        self._show_count()
        result = None if session.labels is not None else NO_RESULT
        any_corrected = session.corrections is not None
        nothing = None if any_corrected else "Correct something first."
        set_enabled(self.new_button, _NEW, result)
        set_enabled(self.load_button, _LOAD, result)
        set_enabled(self.save_button, _SAVE, nothing)
        set_enabled(self.clear_button, _CLEAR, nothing)
        self._show_recoveries(session.recoveries)
        self._refresh_autosave()
        self.tools.refresh()
        self.review_box.refresh()

    def _show_recoveries(self, recoveries: tuple[Recovery, ...]) -> None:
        """Show the list where there are several; the one that was chosen stays chosen."""
        chosen = self.chosen_recovery
        self._offered = recoveries
        self.choice.blockSignals(True)
        self.choice.clear()
        self.choice.addItems([f"{_saved(one)} · {one.description}" for one in recoveries])
        if chosen in recoveries:
            self.choice.setCurrentIndex(recoveries.index(chosen))
        self.choice.blockSignals(False)
        self.choice.setVisible(len(recoveries) > 1)
        self._describe_recovery()
        self.recovery.setVisible(bool(recoveries))

    @property
    def chosen_recovery(self) -> Recovery | None:
        """The earlier corrections that are chosen, if there are any."""
        chosen = self.choice.currentIndex()
        return self._offered[chosen] if 0 <= chosen < len(self._offered) else None

    def _describe_recovery(self, *_: Any) -> None:
        one = self.chosen_recovery
        if one is not None:
            self.found.setText(
                f"Of this image: <b>{one.description}</b>, saved {_saved(one)} as "
                f"“{html.escape(one.name[:_NAME_LENGTH])}”."
            )
            self.found.setToolTip(str(one.path))

    def _refresh_autosave(self, *_: Any) -> None:
        session = self.session
        self.beside.blockSignals(True)
        self.beside.setChecked(session.autosave_beside)
        self.beside.blockSignals(False)
        image = session.image
        file = None if image is not None and image.path else "The image was not opened from a file."
        set_enabled(self.beside, _BESIDE, file)
        self.saved.setVisible(bool(session.autosaved))
        self.saved.setText(
            f"Autosaved at {time.strftime('%H:%M:%S', time.localtime(session.autosaved))}."
        )
        self.saved.setToolTip(session.autosave_path)


def _saved(recovery: Recovery) -> str:
    """Return when corrections were saved; files can bear any date, even an impossible one."""
    try:
        return time.strftime("%d %b %Y, %H:%M", time.localtime(recovery.changed))
    except (ValueError, OverflowError, OSError):
        return "at an unknown time"
