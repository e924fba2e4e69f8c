"""The Fine-tune dock: fine-tune the model on the corrections."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from qtpy.QtWidgets import QFileDialog, QProgressBar
from superqt.utils import qthrottled

from napari_pixel_embedding._napari.train.tuned_layers import TunedLayers
from napari_pixel_embedding._napari.train.tuning_boxes import ReportBox, SourceBox
from napari_pixel_embedding._napari.widgets.form import ParamsForm
from napari_pixel_embedding._napari.widgets.panel import (
    NO_RESULT,
    Panel,
    button,
    folded,
    group,
    row,
    set_enabled,
    text,
)
from napari_pixel_embedding.core.fine_tuning.config import FineTuneConfig
from napari_pixel_embedding.session.task import duration_text

if TYPE_CHECKING:
    from napari import Viewer

_START = (
    "Fine-tune on the corrected objects in a separate process. The model in use is unchanged and "
    "the window stays responsive."
)
_STOP = "Stop fine-tuning; the best model so far is kept."
_USE = "Switch to the tuned model and run it on the image. Corrections stay."
_DISCARD = "Discard the tuned model."
_REVERT = "Go back to the model before fine-tuning and run it on the image. Corrections stay."
_SAVE_MODEL = "Write the tuned model, or else the one in use, to a .safetensors file."
_RESUME = "Resume the interrupted fine-tuning from its last checkpoint."
_FORGET = "Delete the interrupted fine-tuning."
_REDRAW_MS = 200
_MORE_SETTINGS = "Show or hide the settings that rarely need a change."
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

    def __init__(self, napari_viewer: Viewer) -> None:
        super().__init__(napari_viewer)
        controller = self.controller
        self.source = SourceBox(self.workspace)
        self.start_button = button("Start", _START, self.start)
        self.stop_button = button("Stop", _STOP, controller.fine_tuning.stop)
        self.resume_button = button("Resume", _RESUME, controller.fine_tuning.resume)
        self.forget_button = button("Forget", _FORGET, controller.fine_tuning.forget_interrupted)
        self.use_button = button("Use tuned model", _USE, controller.fine_tuning.use_model)
        self.discard_button = button("Discard", _DISCARD, self.discard)
        self.save_model_button = button("Save model as …", _SAVE_MODEL, self.save_model)
        self.progress = QProgressBar()
        self.status, self.interrupted = text(), text()
        config = FineTuneConfig()
        self.forms = [ParamsForm(config, _BASIC), ParamsForm(config, _MORE)]
        self.comparison = TunedLayers(self.workspace)
        self.report = ReportBox(self.comparison.show)
        self.plot: Any = None
        self._draw = qthrottled(self._draw_steps, timeout=_REDRAW_MS, parent=self)
        self._lay_out()
        self._follow_session()
        self._refresh()
        controller.fine_tuning.find_interrupted()

    def retire(self) -> None:
        """Close the plot too: pyqtgraph's menus outlive an unclosed plot."""
        if self.plot is not None:
            self.plot.close()
        self.comparison.close()
        super().retire()

    # ------------------------------------------------------------------------------- layout

    def _lay_out(self) -> None:
        self.column.addWidget(self.source)
        box, self._tuning = group("Fine-tune")
        more = folded("More settings", _MORE_SETTINGS, self.forms[1])
        self._tuning.addWidget(self.forms[0])
        self._tuning.addWidget(more)
        self._tuning.addLayout(row(self.start_button, self.stop_button))
        self._tuning.addWidget(self.interrupted)
        self._tuning.addLayout(row(self.resume_button, self.forget_button))
        self.progress.setToolTip("Progress of the fine-tuning.")
        self.progress.setFormat("step %v of %m")
        self._tuning.addWidget(self.progress)
        self._tuning.addWidget(self.status)
        self.column.addWidget(box)
        self.column.addWidget(self.report)
        box, column = group("Tuned model")
        column.addLayout(row(self.use_button, self.discard_button))
        column.addWidget(self.save_model_button)
        self.column.addWidget(box)
        self.column.addStretch()

    def _add_plot(self) -> None:
        """Build the plot with the first curve, because pyqtgraph takes a moment to load."""
        from napari_pixel_embedding._napari.widgets.loss_plot import LossPlot

        self.plot = LossPlot()
        self._tuning.insertWidget(self._tuning.indexOf(self.status), self.plot)

    # ------------------------------------------------------------------------------ buttons

    def start(self) -> None:
        """Start fine-tuning with the settings of the form."""
        changes = {name: value for form in self.forms for name, value in form.values().items()}
        self.comparison.look()
        self.controller.fine_tuning.start(
            replace(FineTuneConfig(), **changes),
            self.source.others(),
            self.source.folder,
            self.source.masks.split_masks,
        )

    def discard(self) -> None:
        """Discard the tuned model, or go back to its parent when it is in use."""
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
        for signal in (events.tuning_report, events.tuned_model):
            self.follow(signal, self._show_report)
        self.follow(events.tuning_status, self._show_status)
        self.follow(events.training, self._show_training)
        self.source.choice.activated.connect(self._refresh)
        self._show_report()

    def _refresh(self, *_: Any) -> None:
        self.source.refresh()
        self._allow_buttons()
        self._show_interrupted()
        self._show_status()
        self.progress.setVisible(self.session.tuning)

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
        set_enabled(self.save_model_button, _SAVE_MODEL, None if session.model else NO_RESULT)

    def _disabled_reason(self) -> str | None:
        """Return why fine-tuning cannot start now; None if it can."""
        session = self.session
        here = session.locked_count if session.corrections is not None else 0
        if session.labels is None:
            return NO_RESULT
        if session.tuning:
            return "Fine-tuning is under way."
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
        self.status.setText(message)
        self.status.setVisible(bool(message))

    def _show_report(self, *_: Any) -> None:
        report, model = self.session.tuning_report, self.session.tuned_model
        self.report.setVisible(report is not None or model is not None)
        self.report.show_report(report, model is not None)

    def _show_training(self, steps: Any) -> None:
        """Show the progress now and the curves soon: steps may come faster than they are drawn."""
        if self.plot is None:
            self._add_plot()
        self._draw()
        done, total = (steps[-1].step, steps[-1].steps) if steps else (0, 1)
        self.progress.setMaximum(total)
        self.progress.setValue(done)

    def _draw_steps(self) -> None:
        if self.plot is not None:
            self.plot.show_steps(self.session.training)
