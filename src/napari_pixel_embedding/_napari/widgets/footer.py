"""What stands below every panel: objects, what is under way, messages, and the next step."""

from __future__ import annotations

import html
from typing import TYPE_CHECKING, Any

from napari.utils.theme import get_theme
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QFrame, QHBoxLayout, QLabel, QProgressBar, QSizePolicy, QVBoxLayout
from superqt import QElidingLabel

from napari_pixel_embedding._napari.help.menu import HelpMenu
from napari_pixel_embedding._napari.layers.placement import size_text
from napari_pixel_embedding._napari.save.menu import SaveMenu
from napari_pixel_embedding._napari.tabs import open_tab
from napari_pixel_embedding._napari.widgets.controls import button, text
from napari_pixel_embedding.core.progress import duration_text
from napari_pixel_embedding.session.task import TimeLeft, current_task

if TYPE_CHECKING:
    from collections.abc import Callable

    from napari_pixel_embedding._napari.workspace import Workspace
    from napari_pixel_embedding.session.state.next_step import Action, NextStep
    from napari_pixel_embedding.session.state.results import EarlierRun
    from napari_pixel_embedding.session.task import Kind, Task

TAB_OF: dict[Action, str] = {
    "correct": "Correct",
    "review": "Correct",
    "fine_tune": "Fine-tune",
    "measure": "Measure",
}
"""The tab that a next step opens."""
_COUNT = "Objects in the labels layer, their median size, and how many of them you corrected."
_CANCEL = "Stop what is under way; earlier results and finished parts stay."
_PROGRESS = "How much is done; moving to and fro while that is not known yet."
_ERROR = "color: #e05a4a;"
_LINK = {"dark": "#8ab4f8", "light": "#1a56b0"}
"""Color of a link by the type of napari's theme: Qt's own is dark blue in both."""
_BAR_HEIGHT = 6
_STEPS = 1000
"""Of the progress bar."""


class Footer(QFrame):
    """Object count, progress and Cancel, status or error, and the next step as a link.

    Parameters
    ----------
    workspace : Workspace
        What is shown; every panel of a viewer shows the same.
    follow : callable
        Connects a signal to a slot until the panel is closed.
    heading : str
        Where *Help* opens the user guide.
    """

    def __init__(
        self,
        workspace: Workspace,
        follow: Callable[[Any, Callable[..., Any]], Any],
        heading: str,
    ) -> None:
        super().__init__()
        self._workspace = workspace
        self._session = workspace.session
        self._follow = follow
        self._time_left = TimeLeft()
        self.count: QLabel = QElidingLabel()
        self.status = text()
        self.progress = QProgressBar()
        self.cancel_button = button("Cancel", _CANCEL, self.cancel)
        self.next_step = text()
        self.save = SaveMenu(workspace)
        self.help = HelpMenu(heading, workspace.executor)
        self._lay_out()
        self._follow_session()
        self._show_count()
        self._show_step()
        self._refresh()

    def cancel(self) -> None:
        """Stop the task that is shown."""
        controller, task = self._workspace.controller, self._task()
        if task is None:
            return
        stop: dict[Kind, Callable[[], Any]] = {
            "run": controller.cancel,
            "blocks": controller.cancel,
            "measuring": controller.diameter.cancel,
            "fine_tuning": controller.fine_tuning.stop,
            "training": self._stop_training,
            "folder": self._workspace.recipes.stop,
            "table": self._workspace.measurement.cancel,
        }
        stop[task.kind]()

    def _stop_training(self) -> None:
        self._workspace.training.stop()

    # ------------------------------------------------------------------------------- layout

    def _lay_out(self) -> None:
        column = QVBoxLayout(self)
        column.setContentsMargins(12, 4, 12, 6)
        column.setSpacing(3)
        line = QHBoxLayout()
        line.addWidget(self.status, 1)
        line.addWidget(self.cancel_button, 0, Qt.AlignmentFlag.AlignTop)
        first = QHBoxLayout()
        first.addWidget(self.count, 1)
        first.addWidget(self.save)
        first.addWidget(self.help)
        column.addLayout(first)
        policy = QSizePolicy.Policy
        for menu in (self.save, self.help):
            menu.setSizePolicy(policy.Fixed, policy.Ignored)  # as high as the count
        column.addLayout(line)
        column.addWidget(self.progress)
        column.addWidget(self.next_step)
        self.count.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        self.progress.setToolTip(_PROGRESS)
        self.progress.setAccessibleName("Progress")
        self.progress.setTextVisible(False)
        self.progress.setFixedHeight(_BAR_HEIGHT)
        self.next_step.setTextInteractionFlags(
            Qt.TextInteractionFlag.LinksAccessibleByMouse
            | Qt.TextInteractionFlag.LinksAccessibleByKeyboard
        )
        self.next_step.linkActivated.connect(lambda _: self.take_step())

    def _follow_session(self) -> None:
        events = self._session.events
        for signal in (
            events.running,
            events.progress,
            events.status,
            events.error,
            events.filling,
            events.mosaic_progress,
            events.mosaic_status,
            events.measuring,
            events.measured,
            events.tabulating,
            events.tabulated,
            events.tuning,
            events.tuning_status,
            events.training,
            events.applying,
            events.applied,
            events.applying_status,
        ):
            self._follow(signal, self._refresh)
        for signal in (events.labels, events.mosaic_labels, events.filling, events.earlier_run):
            self._follow(signal, self._show_count)
        self._follow(events.next_step, self._show_step)
        self._follow(self._workspace.viewer.events.theme, self._show_step)
        self._follow(self._workspace.training_made, self._follow_training)
        self._follow_training()

    def _follow_training(self) -> None:
        training = self._workspace.training_state
        if training is not None:
            for signal in (training.events.running, training.events.steps, training.events.status):
                self._follow(signal, self._refresh)

    # ------------------------------------------------------------------------------ contents

    def _task(self) -> Task | None:
        return current_task(self._session, self._workspace.training_state)

    def _refresh(self, *_: Any) -> None:
        session, task = self._session, self._task()
        left = self._time_left.of(task)
        self.cancel_button.setVisible(task is not None)
        self.progress.setVisible(task is not None)
        if task is not None:
            self.progress.setMaximum(_STEPS if task.fraction else 0)  # 0: a busy bar
            self.progress.setValue(round(_STEPS * task.fraction))
        message = session.error or (_stage(task, left) if task else _status(session))
        if message != self.status.text():
            self.status.setText(message)
            self.status.setStyleSheet(_ERROR if session.error else "")
        self.status.setVisible(bool(message))

    def _show_count(self, *_: Any) -> None:
        shown = self._count_text()
        self.count.setText(shown)
        self.count.setToolTip(f"{shown}\n\n{_COUNT}")  # a narrow tab cuts the line
        lines = 2 if self._session.mosaic_labels is not None else 1
        self.count.setWordWrap(lines > 1)
        # Of a fixed height, so that new text at every tick does not lay out the whole panel.
        self.count.setFixedHeight(lines * self.count.fontMetrics().lineSpacing() + 2)

    def _count_text(self) -> str:
        session, layer = self._session, self._workspace.layers.labels_layer
        if session.labels is None and session.earlier_run is not None:
            return self._earlier_count_text(session.earlier_run)
        if session.labels is None or layer is None:
            return "No objects yet."
        parts = [f"{session.object_count:,} object{'' if session.object_count == 1 else 's'}"]
        if session.corrected_count:
            parts.append(f"{session.corrected_count:,} corrected")
        if session.object_count:
            size = size_text(session.median_size, layer, session.embedding_maps[0].ndim)
            parts.append(f"median {size}")
        if session.mosaic_labels is not None:
            where = "the blocks so far" if session.filling else "all blocks"
            parts.append(f"{session.mosaic_labels.object_count:,} in {where}")
        return ", ".join(parts)

    def _earlier_count_text(self, run: EarlierRun) -> str:
        count = self._session.object_count
        parts = [f"{count:,} object{'' if count == 1 else 's'} in “{run.layer}”"]
        if self._session.corrected_count:
            parts.append(f"{self._session.corrected_count:,} corrected")
        return ", ".join(parts)

    # ------------------------------------------------------------------------- the next step

    def _show_step(self, *_: Any) -> None:
        step = self._session.next_step
        shown = "" if step is None else _step_text(step, _LINK[self._theme_type()])
        self.next_step.setText(shown)
        self.next_step.setVisible(bool(shown))

    def _theme_type(self) -> str:
        return str(get_theme(self._workspace.viewer.theme).type)

    def take_step(self) -> None:
        """Do what the link says: run again with the step's choices, or open a tab."""
        step = self._session.next_step
        if step is None or step.action == "none":
            return
        if step.action == "run":
            self._workspace.controller.guide.take(step)
        else:
            open_tab(self._workspace.viewer, TAB_OF[step.action])


def _stage(task: Task, left: float | None) -> str:
    percent = f"{100 * task.fraction:.0f} %" if task.fraction else ""
    time_left = "" if left is None else f"{duration_text(left)} left"
    return " ".join(filter(None, [task.stage, ", ".join(filter(None, [percent, time_left]))]))


def _status(session: Any) -> str:
    return " ".join(filter(None, [session.status, session.mosaic_status]))


def _step_text(step: NextStep, color: str) -> str:
    sentence, link = html.escape(step.sentence), html.escape(step.link)
    linked = f'<a href="next" style="color: {color}">{link} →</a>' if link else ""
    return " ".join(filter(None, [sentence, linked]))
