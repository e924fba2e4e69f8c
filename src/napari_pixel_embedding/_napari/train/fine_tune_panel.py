"""The Fine-tune dock: fine-tune the model on the corrections."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QTimer
from qtpy.QtWidgets import QFileDialog

from napari_pixel_embedding._napari.train.progress_box import ProgressBox, advanced, settings_of
from napari_pixel_embedding._napari.train.tuned_layers import TunedLayers
from napari_pixel_embedding._napari.train.tuning_boxes import (
    EffortBox,
    ReportBox,
    SourceBox,
    kept_score,
)
from napari_pixel_embedding._napari.widgets.form import ParamsForm
from napari_pixel_embedding._napari.widgets.panel import (
    NO_RESULT,
    Panel,
    button,
    group,
    row,
    set_enabled,
    text,
)
from napari_pixel_embedding._napari.widgets.plot_colors import follow_theme
from napari_pixel_embedding.core.fine_tuning.config import EFFORTS, FineTuneConfig
from napari_pixel_embedding.core.progress import duration_text

if TYPE_CHECKING:
    from napari import Viewer
    from qtpy.QtGui import QShowEvent

    from napari_pixel_embedding._napari.train.tuned_layers import Comparison

_START = (
    "Fine-tune on the corrected objects in a separate process. The model in use is unchanged and "
    "the window stays responsive."
)
_STOP = "Stop fine-tuning; from the first step on, the best model so far is kept."
_USE = (
    "Switch to the tuned model and run it on the image. Corrections stay, and so does the "
    "comparison before and after."
)
_DISCARD = "Discard the tuned model."
_REVERT = "Go back to the model before fine-tuning and run it on the image. Corrections stay."
_SAVE_MODEL = "Write the tuned model, or else the one in use, to a .safetensors file."
_RESUME = "Resume the interrupted fine-tuning from its last checkpoint."
_FORGET = "Delete the interrupted fine-tuning."
_SCORE = "AP of the model that is kept, on held-back objects, at an IoU of 0.5"
_SETTLED_MS = 1000
"""Time without a change after which the duration is measured."""
_BASIC = ("steps", "learning_rate", "replay")
_MORE = (
    "frozen",
    "held_back",
    "border",
    "trust_background",
    "unlabelled_weight",
    "self_training",
    "batch_size",
    "crop",
    "seed",
)


class FineTunePanel(Panel):
    """Data, settings, progress and result of a fine-tuning."""

    NAME = "Fine-tune"
    GUIDE = "Fine-tune"

    def __init__(self, napari_viewer: Viewer) -> None:
        super().__init__(napari_viewer)
        controller = self.controller
        self.source = SourceBox(self.workspace)
        self.start_button = button("Start", _START, self.start)
        self.stop_button = button("Stop", _STOP, controller.fine_tuning.stop)
        self.resume_button = button("Resume", _RESUME, controller.fine_tuning.resume)
        self.forget_button = button("Forget", _FORGET, controller.fine_tuning.forget_interrupted)
        self.use_button = button("Use tuned model", _USE, self.use)
        self.discard_button = button("Discard", _DISCARD, self.discard)
        self.save_model_button = button("Save model as …", _SAVE_MODEL, self.save_model)
        self.steps = ProgressBox(
            "Progress of the fine-tuning.", kept_score, _SCORE, partial(follow_theme, self)
        )
        self.progress, self.status, self.interrupted = self.steps.bar, self.steps.status, text()
        config = FineTuneConfig()
        self.effort = EffortBox(self.choose_steps)
        self.forms = [ParamsForm(config, _BASIC), ParamsForm(config, _MORE)]
        self.comparison = TunedLayers(self.workspace)
        self.report = ReportBox(self.comparison.show)
        self._settling = QTimer(self)
        self._settling.setSingleShot(True)
        self._settling.setInterval(_SETTLED_MS)
        self._settling.timeout.connect(self.measure_time)
        if self.workspace.choices.effort is not None:
            self.choose_steps(EFFORTS[self.workspace.choices.effort])
        self._lay_out()
        self._follow_session()
        self._refresh()
        controller.fine_tuning.find_interrupted()

    def retire(self) -> None:
        """Close plot and comparison too."""
        self._settling.stop()
        self.steps.close_plot()
        self.comparison.close()
        super().retire()

    # ------------------------------------------------------------------------------- layout

    def _lay_out(self) -> None:
        self.column.addWidget(self.source)
        box, self._tuning = group("Fine-tune", self.GUIDE)
        self._tuning.addWidget(self.effort)
        self._tuning.addWidget(advanced(*self.forms))
        self._tuning.addLayout(row(self.start_button, self.stop_button))
        self._tuning.addWidget(self.interrupted)
        self._tuning.addLayout(row(self.resume_button, self.forget_button))
        self._tuning.addWidget(self.steps)
        self.column.addWidget(box)
        self.column.addWidget(self.report)
        box, column = group("Tuned model", self.GUIDE)
        column.addLayout(row(self.use_button, self.discard_button))
        column.addWidget(self.save_model_button)
        self.column.addWidget(box)
        self.column.addStretch()

    # ------------------------------------------------------------------------------ buttons

    def start(self) -> None:
        """Start fine-tuning with the settings of the form."""
        steps = self.forms[0].widget("steps").value
        for effort in (name for name, wanted in EFFORTS.items() if wanted == steps):
            self.workspace.remember(effort=effort)
        self.comparison.look()
        self.controller.fine_tuning.start(*self._wanted())

    def choose_steps(self, steps: int) -> None:
        """Choose the number of steps, and show which effort that is."""
        self.forms[0].widget("steps").value = steps
        self.effort.show_steps(steps)

    def measure_time(self) -> None:
        """Measure how long a fine-tuning takes, where the tab is in front and it could start."""
        if self.isVisible() and self._disabled_reason() is None:
            self.controller.fine_tuning.measure_time(*self._wanted())

    def _wanted(self) -> tuple[Any, ...]:
        """Return settings and sources as they are chosen."""
        config = replace(FineTuneConfig(), **settings_of(self.forms))
        source = self.source
        return config, source.others(), source.folder, source.masks.split_masks

    def use(self) -> None:
        """Switch to the tuned model, and show its objects rather than the earlier ones."""
        if self.comparison.mode == "before":
            self._compare("after")
        self.controller.fine_tuning.use_model()

    def _compare(self, mode: Comparison) -> None:
        self.report.modes[mode].setChecked(True)
        self.comparison.show(mode)

    def discard(self) -> None:
        """Discard the tuned model, or go back to its parent when it is in use."""
        self._compare("before")
        if self.session.tuned_model is not None:
            self.controller.fine_tuning.discard_model()
        else:
            self.controller.fine_tuning.revert_to_parent()

    def save_model(self) -> None:
        """Ask for a file and write the tuned model, or the one in use, there."""
        model = self.session.tuned_model or self.session.model
        name = f"{model.config.name if model is not None else 'model'}.safetensors"
        path, _ = QFileDialog.getSaveFileName(self, "Save model", name, "Models (*.safetensors)")
        if path:
            self.controller.fine_tuning.save_model(path)

    # ------------------------------------------------------------------- following the session

    def _follow_session(self) -> None:
        events = self.session.events
        for signal in (
            events.labels,
            events.corrections,
            events.model,
            events.tuning,
            events.running,
            events.tuned_model,
            events.parent_model,
            events.interrupted_tuning,
        ):
            self.follow(signal, self._refresh)
        for signal in (events.tuning_report, events.tuned_model, events.model, events.tuning):
            self.follow(signal, self._show_report)
        for signal in (events.tuning_pace, events.timing):
            self.follow(signal, self._show_pace)
        for form in self.forms:
            form.changed.connect(self._take_settings)
        self.follow(events.tuning_status, self._show_status)
        self.follow(events.training, self._show_training)
        self.source.choice.activated.connect(self._refresh)
        self._show_report()
        self._show_pace()
        self._take_settings()

    def showEvent(self, event: QShowEvent | None) -> None:
        """Measure the time when the tab comes to the front."""
        super().showEvent(event)
        self._settling.start()

    def _take_settings(self, *_: Any) -> None:
        self.effort.show_steps(self.forms[0].values()["steps"])
        self._settling.start()

    def _show_pace(self, *_: Any) -> None:
        self.effort.show_pace(self.session.tuning_pace, self.session.timing)

    def _refresh(self, *_: Any) -> None:
        self.source.refresh()
        self._allow_buttons()
        self._show_interrupted()
        self._show_status()
        self.progress.setVisible(self.session.tuning)
        self._settling.start()

    def _allow_buttons(self) -> None:
        session = self.session
        set_enabled(self.start_button, _START, self._disabled_reason())
        set_enabled(
            self.stop_button, _STOP, None if session.tuning else "No fine-tuning is running."
        )
        tuned = None if session.tuned_model is not None else "Fine-tune first."
        busy = "A run is under way." if session.running else None
        set_enabled(self.use_button, _USE, tuned or busy)
        revert = session.tuned_model is None and session.parent_model is not None
        self.discard_button.setText("Revert" if revert else "Discard")
        set_enabled(
            self.discard_button,
            _REVERT if revert else _DISCARD,
            busy if revert else tuned,
        )
        missing = None if session.model else NO_RESULT
        set_enabled(self.save_model_button, _SAVE_MODEL, missing or self._untrainable or None)

    @property
    def _untrainable(self) -> str:
        """Why the model in use cannot be trained; empty if it can."""
        model = self.session.model
        return "" if model is None else model.config.untrainable

    def _disabled_reason(self) -> str | None:
        """Return why fine-tuning cannot start now; None if it can."""
        session = self.session
        here = session.locked_count if session.corrections is not None else 0
        if session.labels is None:
            return NO_RESULT
        if session.tuning:
            return "Fine-tuning is under way."
        if self._untrainable:
            return self._untrainable
        if not here and not self.source.folder and not self.source.others():
            return "Correct at least one object first."
        return None

    def _show_interrupted(self) -> None:
        found = None if self.session.tuning else self.session.interrupted_tuning
        for widget in (self.interrupted, self.resume_button, self.forget_button):
            widget.setVisible(found is not None)
        if found is not None:
            names = ", ".join(found.names) or "an image"
            self.interrupted.setText(
                f"The fine-tuning of {found.model} on {names} was interrupted at step "
                f"{found.step:,} of {found.steps:,}."
            )

    def _show_status(self, *_: Any) -> None:
        session = self.session
        left = session.training[-1].seconds_left if session.tuning and session.training else None
        message = session.tuning_status if left is None else f"{duration_text(left)} left"
        self.steps.show_status(message)

    def _show_report(self, *_: Any) -> None:
        report, compared = self.session.tuning_report, self.session.compared_model is not None
        self.report.setVisible(compared or report is not None)
        self.report.show_report(report, compared)

    def _show_training(self, steps: Any) -> None:
        self.steps.show_steps(steps)
