"""Fine-tune the model on the corrections."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from qtpy.QtWidgets import QFileDialog, QProgressBar
from superqt import QCollapsible

from napari_pixel_embedding._napari.form import ParamsForm
from napari_pixel_embedding._napari.widgets import NO_RESULT, Panel, allow, button, group, row, text
from napari_pixel_embedding.core.configs import FineTuneConfig

if TYPE_CHECKING:
    from napari import Viewer

_START = "Tune the model on the corrected objects, in the background. The model in use stays."
_STOP = "Stop learning; the best model so far is kept."
_USE = "Work with the tuned model from now on: runs it on the image. Corrections stay."
_DISCARD = "Forget the tuned model."
_SAVE_MODEL = "Write the tuned model, or else the one in use, to a .safetensors file."
_BASIC = ("steps", "learning_rate")
_MORE = ("batch_size", "crop", "trust_background", "seed")


class FineTunePanel(Panel):
    """What is learnt from the corrections, and what becomes of it."""

    def __init__(self, napari_viewer: Viewer) -> None:
        super().__init__(napari_viewer)
        self.start_button = button("Start", _START, self.start)
        self.stop_button = button("Stop", _STOP, self.controller.stop_fine_tuning)
        self.use_button = button("Use tuned model", _USE, self.controller.use_tuned_model)
        self.discard_button = button("Discard", _DISCARD, self.controller.discard_tuned_model)
        self.save_model_button = button("Save model as …", _SAVE_MODEL, self.save_model)
        self.progress = QProgressBar()
        self.status = text()
        config = FineTuneConfig()
        self.forms = [ParamsForm(config, _BASIC), ParamsForm(config, _MORE)]
        self.plot: Any = None
        self._lay_out()
        self._follow_session()
        self._refresh()

    def retire(self) -> None:
        """Take the plot down too: pyqtgraph's menus outlive a plot that was not closed."""
        if self.plot is not None:
            self.plot.close()
        super().retire()

    # ------------------------------------------------------------------------------- layout

    def _lay_out(self) -> None:
        box, self._tuning = group("Fine-tune")
        more = QCollapsible("More settings")
        more.toggleButton().setToolTip("Show or hide the settings that rarely need a change.")
        more.addWidget(self.forms[1])
        self._tuning.addWidget(self.forms[0])
        self._tuning.addWidget(more)
        self._tuning.addLayout(row(self.start_button, self.stop_button))
        self.progress.setToolTip("How far the fine-tuning is.")
        self.progress.setFormat("step %v of %m")
        self._tuning.addWidget(self.progress)
        self._tuning.addWidget(self.status)
        self._tuning.addLayout(row(self.use_button, self.discard_button))
        self._tuning.addWidget(self.save_model_button)
        self.column.addWidget(box)
        self.column.addStretch()

    def _add_plot(self) -> None:
        """Build the plot with the first curve to draw: pyqtgraph takes a moment to load."""
        from napari_pixel_embedding._napari.loss_plot import LossPlot

        self.plot = LossPlot()
        self._tuning.insertWidget(self._tuning.indexOf(self.status), self.plot)
        self.share_height()

    # ------------------------------------------------------------------------------ buttons

    def start(self) -> None:
        """Start fine-tuning with the settings of the form."""
        changes = {name: value for form in self.forms for name, value in form.values().items()}
        self.controller.start_fine_tuning(replace(FineTuneConfig(), **changes))

    def save_model(self) -> None:
        """Ask for a file and write the tuned model, or the one in use, there."""
        model = self.session.tuned_model or self.session.model
        name = f"{model.config.name if model is not None else 'model'}.safetensors"
        path, _ = QFileDialog.getSaveFileName(self, "Save model", name, "Models (*.safetensors)")
        if path:
            self.controller.save_model(path)

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
            events.tuning_status,
        ):
            self.follow(signal, self._refresh)
        self.follow(events.training, self._show_training)

    def _refresh(self, *_: Any) -> None:
        session = self.session
        self._allow_buttons(session.corrected_count if session.corrections is not None else 0)
        self.status.setText(session.tuning_status)
        self.status.setVisible(bool(session.training) and not session.tuning)
        self.progress.setVisible(session.tuning)

    def _allow_buttons(self, corrected: int) -> None:
        session = self.session
        hindrance = None
        if session.labels is None:
            hindrance = NO_RESULT
        elif session.tuning:
            hindrance = "Fine-tuning is under way."
        elif not corrected:
            hindrance = "Correct at least one object first."
        allow(self.start_button, _START, hindrance)
        allow(self.stop_button, _STOP, None if session.tuning else "Nothing is learnt just now.")
        tuned = None if session.tuned_model is not None else "Fine-tune first."
        busy = "A run is under way." if session.running else None
        allow(self.use_button, _USE, tuned or busy)
        allow(self.discard_button, _DISCARD, tuned)
        allow(self.save_model_button, _SAVE_MODEL, None if session.model else NO_RESULT)

    def _show_training(self, steps: Any) -> None:
        if self.plot is None:
            self._add_plot()
        self.plot.show_steps(steps)
        done, total = (steps[-1].step, steps[-1].steps) if steps else (0, 1)
        self.progress.setMaximum(total)
        self.progress.setValue(done)
