"""Boxes of the Fine-tune dock: sources of corrections, effort, the report before and after."""

from __future__ import annotations

import math
from functools import partial
from typing import TYPE_CHECKING, Any

from qtpy.QtWidgets import (
    QButtonGroup,
    QComboBox,
    QFileDialog,
    QLabel,
    QVBoxLayout,
    QWidget,
)

from napari_pixel_embedding._napari.train.mask_choice import MaskChoice
from napari_pixel_embedding._napari.widgets.panel import Section, button, row, text
from napari_pixel_embedding.core.evaluation.comparison import score_text
from napari_pixel_embedding.core.fine_tuning.config import EFFORTS
from napari_pixel_embedding.core.progress import duration_text

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from qtpy.QtWidgets import QPushButton

    from napari_pixel_embedding._napari.workspace import Workspace
    from napari_pixel_embedding.core.evaluation.comparison import (
        BeforeAfter,
        ErrorCounts,
        TuningReport,
    )
    from napari_pixel_embedding.core.fine_tuning.config import Effort
    from napari_pixel_embedding.core.fine_tuning.pace import Pace
    from napari_pixel_embedding.core.training.train import TrainProgress
    from napari_pixel_embedding.session import CorrectedImage

_GUIDE = "Fine-tune"
THIS, ALL, FOLDER = range(3)
_FROM = "Images whose corrections are used. Images in this viewer count once they are corrected."
_FOLDER = (
    "Holds further images in 'images' and label images of the same names in 'masks', in which −1 "
    "is not corrected."
)
_ROWS = {
    "objects": "objects",
    "matched": "found",
    "false": "false",
    "splits": "cut into pieces",
    "merges": "grown together",
    "missed": "missed",
}
"""Rows of the table: error counts, and their names."""
_TABLE = (
    "Objects that were not used for training: corrected ones that were held back, and old data, "
    "images like those the model was first trained on (replay). Found: with an IoU of at least "
    "0.5. False: what the model draws and nothing matches. AP: found / (objects + false). In "
    "pieces and grown together are splits and merges."
)
_EARLY = (
    "Not compared yet: the first comparison comes at step 50, or at the end. Judge by eye, before "
    "and after."
)
_MODES = {
    "before": ("Before", "Show the objects without fine-tuning."),
    "after": ("After", "Show the tuned model's objects."),
    "beside": ("Side by side", "Show both beside each other, and bring both into view."),
}
_UNMEASURED = "The time is measured in a few steps, once there is a corrected object."
_EFFORTS: dict[Effort, str] = {
    "quick": "A first look: does it get better at all?",
    "normal": "The usual choice.",
    "thorough": "The best result; for a model that is to be kept.",
}


class SourceBox(Section):
    """Chooses which corrections are used: of this image, of all images, or these and a folder.

    Parameters
    ----------
    workspace : Workspace
        Knows which images have corrections.
    """

    def __init__(self, workspace: Workspace) -> None:
        super().__init__("Learn from", _GUIDE)
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


class EffortBox(QWidget):
    """Chooses among Quick, Normal and Thorough, each with its time on this machine.

    Parameters
    ----------
    chosen : callable
        Called with the number of steps that the user has chosen.
    """

    def __init__(self, chosen: Callable[[int], object]) -> None:
        super().__init__()
        self._chosen = chosen
        self.efforts = _exclusive(
            {name: (name.capitalize(), _EFFORTS[name]) for name in EFFORTS},
            lambda name: self._chosen(EFFORTS[name]),
        )
        layout = row(*self.efforts.values())
        layout.setContentsMargins(0, 0, 0, 0)
        self.setLayout(layout)

    def show_steps(self, steps: int) -> None:
        """Show which choice has this number of steps; none for another number."""
        group = next(iter(self.efforts.values())).group()
        assert group is not None
        group.setExclusive(False)  # an exclusive group always has a checked button
        for name, made in self.efforts.items():
            made.setChecked(EFFORTS[name] == steps)
        group.setExclusive(True)

    def show_pace(self, pace: Pace | None, timing: bool) -> None:
        """Show how long each takes; without a measurement that it is being measured, or nothing."""
        for name, made in self.efforts.items():
            made.setText(f"{name.capitalize()}\n{_time_text(pace, timing, EFFORTS[name])}")
            count = f"{EFFORTS[name]:,} steps."
            how = "The time was measured in a few steps." if pace else _UNMEASURED
            made.setToolTip(f"{_EFFORTS[name]} {count} {how}")


def _time_text(pace: Pace | None, timing: bool, steps: int) -> str:
    if pace is not None:
        return f"about {duration_text(pace.seconds(steps))}"
    return "measuring …" if timing else "–"


def _exclusive(
    choices: Mapping[Any, tuple[str, str]], chosen: Callable[[Any], object]
) -> dict[Any, QPushButton]:
    """Make buttons of which one is checked; ``chosen`` is called with the key of a clicked one."""
    made = {}
    for key, (title, tooltip) in choices.items():
        made[key] = button(title, tooltip, partial(chosen, key))
        made[key].setCheckable(True)
    group = QButtonGroup(next(iter(made.values())))
    for one in made.values():
        group.addButton(one)
    return made


class ReportBox(Section):
    """Compares a tuned model with its parent, in numbers and on the canvas.

    Parameters
    ----------
    show_mode : callable
        Called with "before", "after" or "beside".
    """

    def __init__(self, show_mode: Any) -> None:
        super().__init__("Before and after", _GUIDE)
        self.verdict, self.table = text(), QLabel()
        self.table.setToolTip(_TABLE)
        self.modes = _exclusive(_MODES, show_mode)
        self.modes["before"].setChecked(True)
        column = QVBoxLayout(self)
        column.setContentsMargins(8, 10, 8, 8)
        column.addWidget(self.verdict)
        column.addWidget(self.table)
        column.addLayout(row(*self.modes.values()))

    def show_report(self, report: TuningReport | None, compared: bool) -> None:
        """Show verdict and table; with ``compared`` there is a tuned model to compare with."""
        self.verdict.setText(_verdict(report, compared))
        self.verdict.setVisible(bool(self.verdict.text()))
        self.table.setText("" if report is None else _table(report, compared))
        self.table.setVisible(bool(self.table.text()))
        for made in self.modes.values():
            made.setEnabled(compared)


def kept_score(step: TrainProgress) -> float | None:
    """Return the AP of the model that is kept after a step, as the table has it."""
    part = None if step.report is None else step.report.held_back
    return None if part is None or math.isnan(part.after.ap50) else part.after.ap50


def _verdict(report: TuningReport | None, compared: bool) -> str:
    if not compared:
        return ""
    return _EARLY if report is None else f"<b>{report.verdict()}</b>"


def _table(report: TuningReport, compared: bool) -> str:
    """Return the report as an HTML table with a column for each held-out set."""
    columns = [("held back", report.held_back), ("old data", report.replay)]
    known = [(title, part) for title, part in columns if part is not None]
    if not known:
        return ""
    head = "".join(f"<th align='right'>&nbsp; {title}</th>" for title, _ in known)
    rows = [f"<tr><th></th>{head}</tr>"]
    for name, title in {**_ROWS, "ap50": "AP"}.items():
        cells = "".join(
            f"<td align='right'>&nbsp; {_cell(part, name, compared)}</td>" for _, part in known
        )
        rows.append(f"<tr><td>{title}</td>{cells}</tr>")
    return f"<table>{''.join(rows)}</table>"


def _cell(part: BeforeAfter, name: str, compared: bool) -> str:
    before, after = (_value(counts, name) for counts in (part.before, part.after))
    return f"{before} → <b>{after}</b>" if compared and name != "objects" else before


def _value(counts: ErrorCounts, name: str) -> str:
    value = getattr(counts, name)
    return score_text(value, 2) if name == "ap50" else f"{value:,}"
