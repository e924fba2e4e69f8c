"""The dialogue that applies a recipe to a folder of images."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import Qt
from qtpy.QtWidgets import (
    QDialog,
    QDialogButtonBox,
    QFileDialog,
    QFormLayout,
    QLabel,
    QPushButton,
    QSizePolicy,
    QVBoxLayout,
    QWidget,
)

from napari_pixel_embedding.core.io.files import list_images
from napari_pixel_embedding.session.recipe.recipes import FolderRequest

if TYPE_CHECKING:
    from collections.abc import Callable

    from napari_pixel_embedding.core.recipe.recipe import SegmentationRecipe

_CHOOSE = "Choose folder …"
_STAYS = "Label files that are there already stay as they are."
_LABELS = "labels"
"""Folder for labels that is offered, inside that of the images."""


class FolderDialog(QDialog):
    """Folder of images, folder of labels, and what will be done there.

    Parameters
    ----------
    parent : QWidget
    recipe : SegmentationRecipe
        What is applied.
    start : callable
        Called with the :class:`FolderRequest` when the user starts.
    folder : Path, optional
        Where the choice of folders begins.
    """

    def __init__(
        self,
        parent: QWidget,
        recipe: SegmentationRecipe,
        start: Callable[[FolderRequest], Any],
        folder: Path | None = None,
    ) -> None:
        super().__init__(parent)
        self._recipe = recipe
        self._start = start
        self._begin = folder
        self.folder: Path | None = None
        self.output: Path | None = None
        self.setWindowTitle("Apply to folder")
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setMinimumWidth(420)
        self.folder_button = _button("Folder of the images.", self.choose_folder)
        self.output_button = _button("Folder for NAME_labels.tif.", self.choose_output)
        self.summary = _text()
        self.buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Cancel)
        self.start_button: QPushButton | None = self.buttons.addButton(
            "Segment", QDialogButtonBox.ButtonRole.AcceptRole
        )
        self.buttons.accepted.connect(self.accept)
        self.buttons.rejected.connect(self.reject)
        column = QVBoxLayout(self)
        column.addWidget(_text(_description(recipe)))
        rows = QFormLayout()
        rows.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.ExpandingFieldsGrow)
        rows.addRow("Images", self.folder_button)
        rows.addRow("Labels", self.output_button)
        column.addLayout(rows)
        column.addWidget(self.summary)
        column.addWidget(self.buttons)
        self._refresh()

    def choose_folder(self) -> None:
        """Ask for the folder of the images."""
        chosen = QFileDialog.getExistingDirectory(self, "Images", str(self._begin or ""))
        if chosen:
            self.take_folder(Path(chosen))

    def choose_output(self) -> None:
        """Ask for the folder of the labels."""
        begin = self.output or self.folder or self._begin
        chosen = QFileDialog.getExistingDirectory(self, "Labels", str(begin or ""))
        if chosen:
            self.output = Path(chosen)
            self._refresh()

    def take_folder(self, folder: Path) -> None:
        """Take a folder of images, and offer one inside it for the labels."""
        if self.output is None or self.folder is None or self.output == self.folder / _LABELS:
            self.output = folder / _LABELS
        self.folder = folder
        self._refresh()

    def accept(self) -> None:
        """Start, and close."""
        if self.folder is not None and self.output is not None:
            self._start(FolderRequest(self._recipe, self.folder, self.output))
            super().accept()

    def _refresh(self) -> None:
        for shown, path in ((self.folder_button, self.folder), (self.output_button, self.output)):
            shown.setText(_CHOOSE if path is None else _short(path))
            if path is not None:
                shown.setToolTip(str(path))
        count, said = _counted(self.folder)
        self.summary.setText(said)
        if self.start_button is not None:
            self.start_button.setEnabled(bool(count))


def _button(tooltip: str, clicked: Callable[[], Any]) -> QPushButton:
    made = QPushButton(_CHOOSE)
    made.setToolTip(tooltip)
    made.clicked.connect(lambda: clicked())
    made.setAutoDefault(False)
    made.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
    return made


def _text(content: str = "") -> QLabel:
    label = QLabel(content)
    label.setWordWrap(True)
    return label


def _description(recipe: SegmentationRecipe) -> str:
    diameter = "" if recipe.diameter is None else f", diameter {recipe.diameter:g} px"
    local = sum(map(len, recipe.image.local_bandwidths))
    left = ""
    if local:
        what = "1 single object's bandwidth" if local == 1 else f"{local} objects' own bandwidths"
        left = f" {what} and corrections belong to this image and are left out."
    return (
        f"Segment each image with {recipe.model.name}, bandwidth "
        f"{recipe.clustering.bandwidth:g}{diameter} and all other settings of these labels.{left}"
    )


def _counted(folder: Path | None) -> tuple[int, str]:
    """Return how many images a folder holds, and a sentence about it."""
    if folder is None:
        return 0, "Choose the folder of the images."
    try:
        count = len(list_images(folder))
    except (ValueError, OSError) as error:
        return 0, str(error)
    return count, f"{count} image{'' if count == 1 else 's'}. {_STAYS}"


def _short(path: Path) -> str:
    """Return the end of a path, which fits a button."""
    name = str(path)
    return name if len(name) <= 44 else f"…{name[-43:]}"
