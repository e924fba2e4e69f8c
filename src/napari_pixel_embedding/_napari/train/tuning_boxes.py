"""Boxes of the Fine-tune dock: sources of corrections, and the report before and after."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from qtpy.QtWidgets import QButtonGroup, QComboBox, QFileDialog, QGroupBox, QLabel, QVBoxLayout

from napari_pixel_embedding._napari.train.mask_choice import MaskChoice
from napari_pixel_embedding._napari.widgets.panel import button, row, text
from napari_pixel_embedding.core.evaluation.comparison import score_text

if TYPE_CHECKING:
    from qtpy.QtWidgets import QPushButton

    from napari_pixel_embedding._napari.workspace import Workspace
    from napari_pixel_embedding.core.evaluation.comparison import BeforeAfter, TuningReport
    from napari_pixel_embedding.session import CorrectedImage

THIS, ALL, FOLDER = range(3)
_FROM = "Images whose corrections are used. Images in this viewer count once they are corrected."
_FOLDER = (
    "Holds further images in 'images' and label images of the same names in 'masks', in which −1 "
    "is not corrected."
)
_KINDS = ("splits", "merges", "missed", "extra")
_MODES = {
    "before": ("Before", "Show the current objects."),
    "after": ("After", "Show the tuned model's objects in the view instead of the current ones."),
    "beside": ("Side by side", "Show the tuned model's objects to the right of the image."),
}


class SourceBox(QGroupBox):
    """Chooses which corrections are used: of this image, of all images, or these and a folder.

    Parameters
    ----------
    workspace : Workspace
        Knows which images have corrections.
    """

    def __init__(self, workspace: Workspace) -> None:
        super().__init__("Learn from")
        self._workspace = workspace
        self.choice = QComboBox()
        self.choice.addItems(["This image", "All corrected images", "These and a folder …"])
        self.choice.setToolTip(_FROM)
        self.choice.activated.connect(self._chosen)
        self.folder = ""
        self.masks = MaskChoice()
        self.summary = text()
        column = QVBoxLayout(self)
        column.setContentsMargins(8, 10, 8, 8)
        column.addWidget(self.choice)
        column.addWidget(self.masks)
        column.addWidget(self.summary)
        self.refresh()

    def others(self) -> list[CorrectedImage]:
        """Return the other images whose corrections are wanted."""
        return (
            []
            if self.choice.currentIndex() == THIS
            else self._workspace.layers.other_corrected_images()
        )

    def refresh(self) -> None:
        """Show how many corrections there are."""
        others, session = self.others(), self._workspace.session
        here = session.locked_count if session.corrections is not None else 0
        parts = [f"<b>{here:,}</b> corrected objects here"]
        if others:
            parts.append(f"{len(others)} other image{'s' if len(others) > 1 else ''}")
        if self.folder:
            parts.append(f"the folder {self.folder}")
        self.summary.setText(", ".join(parts))
        self.masks.setVisible(bool(self.folder))

    def _chosen(self, index: int) -> None:
        self.folder = ""
        if index == FOLDER:
            self.folder = QFileDialog.getExistingDirectory(self, "Learn from a folder")
            if not self.folder:
                self.choice.setCurrentIndex(ALL)
        self.refresh()


class ReportBox(QGroupBox):
    """Compares a tuned model with its parent, in numbers and on the canvas.

    Parameters
    ----------
    show_mode : callable
        Called with "before", "after" or "beside".
    """

    def __init__(self, show_mode: Any) -> None:
        super().__init__("Before and after")
        self.table = QLabel()
        self.table.setToolTip(
            "Objects that were not used for training: held-back corrected ones, and (replay) "
            "images like those the model was first trained on. AP is at an IoU of 0.5."
        )
        self.modes: dict[str, QPushButton] = {}
        self._group = QButtonGroup(self)
        for mode, (title, tooltip) in _MODES.items():
            made = button(title, tooltip, partial(show_mode, mode))
            made.setCheckable(True)
            self._group.addButton(made)
            self.modes[mode] = made
        self.modes["before"].setChecked(True)
        column = QVBoxLayout(self)
        column.setContentsMargins(8, 10, 8, 8)
        column.addWidget(self.table)
        column.addLayout(row(*self.modes.values()))

    def show_report(self, report: TuningReport | None, compared: bool) -> None:
        """Fill the table; with ``compared`` there is a tuned model to compare with."""
        self.table.setText("" if report is None else _table(report, compared))
        self.table.setVisible(report is not None)
        for made in self.modes.values():
            made.setEnabled(compared)


def _table(report: TuningReport, compared: bool) -> str:
    """Return the report as an HTML table with a column for each held-out set."""
    columns = [("held back", report.held_back), ("replay", report.replay)]
    known = [(title, part) for title, part in columns if part is not None]
    if not known:
        return "Too few corrected objects to hold any back: judge by eye."
    head = "".join(f"<th align='right'>&nbsp; {title}</th>" for title, _ in known)
    rows = [f"<tr><th></th>{head}</tr>"]
    for name in ("objects", "AP@0.5", *_KINDS):
        cells = "".join(
            f"<td align='right'>&nbsp; {_cell(part, name, compared)}</td>" for _, part in known
        )
        rows.append(f"<tr><td>{name}</td>{cells}</tr>")
    return f"<table>{''.join(rows)}</table>"


def _cell(part: BeforeAfter, name: str, compared: bool) -> str:
    if name == "objects":
        return str(part.before.objects)
    if name == "AP@0.5":
        before, after = score_text(part.before.ap50, 2), score_text(part.after.ap50, 2)
    else:
        before, after = str(getattr(part.before, name)), str(getattr(part.after, name))
    return f"{before} → <b>{after}</b>" if compared else before
