"""The menu below every tab that takes a result out of the window, and does it again elsewhere."""

from __future__ import annotations

from functools import partial
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari.utils.notifications import show_info
from qtpy.QtWidgets import QApplication, QFileDialog, QMenu, QToolButton

from napari_pixel_embedding._napari.save.folder_dialog import FolderDialog
from napari_pixel_embedding._napari.tabs import open_tab
from napari_pixel_embedding.core.recipe.recipe import recipe_in
from napari_pixel_embedding.core.recipe.recipe_file import SUFFIX
from napari_pixel_embedding.core.recipe.scripts import as_command, as_python

if TYPE_CHECKING:
    from collections.abc import Callable

    from napari_pixel_embedding._napari.workspace import Workspace
    from napari_pixel_embedding.core.recipe.recipe import SegmentationRecipe

_TOOLTIP = "Take the result out of the window, and make it again elsewhere."
_NOTHING = "There is no result yet: run a model first."
_UNKNOWN = "These labels do not say what made them: press Run again."
_UNSAVED = "The model has no file: save it (Fine-tune), choose the file, and run again."
_BUSY = "A folder is being segmented: wait, or Cancel it."
_FILES = f"Recipes (*{SUFFIX})"


class SaveMenu(QToolButton):
    """A button with the entries *Copy as Python*, *Copy as command*, *Save recipe…* and others.

    An entry that cannot be used says why: the reason is the first line of the menu.

    Parameters
    ----------
    workspace : Workspace
        Whose labels are meant.
    """

    def __init__(self, workspace: Workspace) -> None:
        super().__init__()
        self._workspace = workspace
        self.setText("Save")
        self.setToolTip(_TOOLTIP)
        self.setAutoRaise(True)
        self.setStyleSheet("padding: 0px 4px; margin: 0px; border: 0px; min-height: 0px;")
        self.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)
        menu = QMenu(self)
        menu.setToolTipsVisible(True)
        add = partial(_add, menu)
        self.reason = add("", "", lambda: None)
        self.reason.setEnabled(False)
        self.export = add("Export…", "Files for QuPath, Fiji and other programs.", self.open_export)
        self.python = add("Copy as Python", "Code that makes these labels again.", self.copy_python)
        self.command = add(
            "Copy as command", "The command line that makes these labels again.", self.copy_command
        )
        self.recipe = add(
            "Save recipe…", "A small file with all that made these labels.", self.save_recipe
        )
        menu.addSeparator()
        self.folder = add(
            "Apply to folder…",
            "Segment all images of a folder as this one, in the background.",
            self.apply_to_folder,
        )
        self.data_set = add(
            "Segment the whole data set…",
            "Slides, volumes, plates and folders of any size, block by block.",
            self.open_batch,
        )
        menu.aboutToShow.connect(self.refresh)
        self.setMenu(menu)

    @property
    def current(self) -> SegmentationRecipe | None:
        """The recipe of the labels that are shown."""
        layer = self._workspace.layers.labels_layer
        return None if layer is None else recipe_in(layer.metadata)

    def refresh(self) -> None:
        """Enable what can be done with the labels that are shown."""
        recipe = self.current
        missing = _UNKNOWN if self._workspace.layers.labels_layer is not None else _NOTHING
        reason = missing if recipe is None else ""
        unsaved = _UNSAVED if recipe is not None and recipe.model.source is None else ""
        busy = _BUSY if self._workspace.session.applying else ""
        _enable(self.export, "" if self._workspace.layers.labels_layer is not None else _NOTHING)
        _enable(self.recipe, reason)
        for entry in (self.python, self.command):
            _enable(entry, reason or unsaved)
        _enable(self.folder, reason or unsaved or busy)
        _enable(self.data_set, reason or unsaved)
        shown = reason or unsaved or busy
        self.reason.setText(shown)
        self.reason.setVisible(bool(shown))

    # ---------------------------------------------------------------------------- entries

    def open_export(self) -> None:
        """Open the dialogue that writes labels to files."""
        # by name: the dialogue uses widgets/, which holds the footer, and that this menu
        dialogue = import_module("napari_pixel_embedding._napari.export.dialogue")
        dialogue.open_export(self._workspace)

    def copy_python(self) -> None:
        """Copy Python code that makes the labels again."""
        self._copy(as_python, "The Python code was copied.")

    def copy_command(self) -> None:
        """Copy the command line that makes the labels again."""
        self._copy(as_command, "The command was copied.")

    def _copy(self, write: Callable[..., str], done: str) -> None:
        recipe, clipboard = self.current, QApplication.clipboard()
        if recipe is None or clipboard is None:
            return
        copied = self._workspace.recipes.text(write, recipe, self._image_path())
        if copied is not None:
            clipboard.setText(copied)
            show_info(done)

    def save_recipe(self) -> None:
        """Ask for a file and write the recipe there."""
        recipe = self.current
        if recipe is None:
            return
        name = f"{Path(recipe.image.name).stem or 'segmentation'}{SUFFIX}"
        start = str((self._folder() or Path()) / name)
        path, _ = QFileDialog.getSaveFileName(self, "Save the recipe", start, _FILES)
        if path:
            self._workspace.recipes.save(recipe, path)

    def apply_to_folder(self) -> None:
        """Ask for a folder of images and one for labels, and start."""
        recipe = self.current
        if recipe is None:
            return
        dialog = FolderDialog(
            self.window() or self, recipe, self._workspace.recipes.apply_to_folder, self._folder()
        )
        dialog.open()

    def open_batch(self) -> None:
        """Open the tab that segments data sets of any size."""
        open_tab(self._workspace.viewer, "Batch")

    # ------------------------------------------------------------------------------ image

    def _image_path(self) -> str | None:
        image = self._workspace.session.image
        return None if image is None or image.path is None else str(Path(image.path).absolute())

    def _folder(self) -> Path | None:
        path = self._image_path()
        return None if path is None else Path(path).parent


def _add(menu: QMenu, title: str, tooltip: str, act: Callable[[], Any]) -> Any:
    action: Any = menu.addAction(title, act)
    action.setToolTip(tooltip)
    return action


def _enable(action: Any, disabled_reason: str) -> None:
    action.setEnabled(not disabled_reason)
    told = action.toolTip().partition("\n\n")[0]
    action.setToolTip(f"{told}\n\n{disabled_reason}" if disabled_reason else told)
