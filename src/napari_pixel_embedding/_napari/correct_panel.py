"""Correct objects with napari's own brush, and fine-tune the model on the corrections."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from qtpy.QtWidgets import QFileDialog, QHBoxLayout, QLabel, QMessageBox, QProgressBar
from superqt import QCollapsible

from napari_pixel_embedding._napari.form import ParamsForm
from napari_pixel_embedding._napari.widgets import Panel, allow, button, group, text
from napari_pixel_embedding.core.configs import FineTuneConfig

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
_START = "Tune the model on the corrected objects, in the background. The model in use stays."
_STOP = "Stop learning; the best model so far is kept."
_USE = "Work with the tuned model from now on: runs it on the image. Corrections stay."
_DISCARD = "Forget the tuned model."
_SAVE_MODEL = "Write the tuned model, or else the one in use, to a .safetensors file."
_FILES = "Corrections (*.tif)"
_BASIC = ("steps", "learning_rate")
_MORE = ("batch_size", "crop", "trust_background", "seed")
_NO_RESULT = "Run a model first."


class CorrectPanel(Panel):
    """Corrections, and what is learnt from them."""

    def __init__(self, napari_viewer: Viewer) -> None:
        super().__init__(napari_viewer)
        self.count = QLabel()
        self.new_button = button("New object", _NEW, self.paint_new)
        self.clear_button = button("Clear …", _CLEAR, self.clear)
        self.save_button = button("Save …", _SAVE, self.save)
        self.load_button = button("Load …", _LOAD, self.load)
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
        box, column = group("Corrections")
        help_text = text(_HELP)
        help_text.setToolTip(_KEYS)
        column.addWidget(help_text)
        column.addLayout(_row(self.count, self.new_button))
        column.addLayout(_row(self.save_button, self.load_button, self.clear_button))
        self.column.addWidget(box)
        box, self._tuning = group("Fine-tune")
        more = QCollapsible("More settings")
        more.toggleButton().setToolTip("Show or hide the settings that rarely need a change.")
        more.addWidget(self.forms[1])
        self._tuning.addWidget(self.forms[0])
        self._tuning.addWidget(more)
        self._tuning.addLayout(_row(self.start_button, self.stop_button))
        self.progress.setToolTip("How far the fine-tuning is.")
        self.progress.setFormat("step %v of %m")
        self.count.setToolTip("Objects that you painted or repaired in this image.")
        self._tuning.addWidget(self.progress)
        self._tuning.addWidget(self.status)
        self._tuning.addLayout(_row(self.use_button, self.discard_button))
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
        corrected = session.corrected_count if session.corrections is not None else 0
        self.count.setText(f"<b>{corrected:,}</b> corrected")
        self._allow_corrections(session.labels is not None, session.corrections is not None)
        self._allow_tuning(corrected)
        self.status.setText(session.tuning_status)
        self.status.setVisible(bool(session.training) and not session.tuning)
        self.progress.setVisible(session.tuning)

    def _allow_corrections(self, labelled: bool, any_corrected: bool) -> None:
        result = None if labelled else _NO_RESULT
        corrected = None if any_corrected else "Paint on the labels layer first."
        allow(self.new_button, _NEW, result)
        allow(self.load_button, _LOAD, result)
        allow(self.save_button, _SAVE, corrected)
        allow(self.clear_button, _CLEAR, corrected)

    def _allow_tuning(self, corrected: int) -> None:
        session = self.session
        hindrance = None
        if session.labels is None:
            hindrance = _NO_RESULT
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
        allow(self.save_model_button, _SAVE_MODEL, None if session.model else _NO_RESULT)

    def _show_training(self, steps: Any) -> None:
        if self.plot is None:
            self._add_plot()
        self.plot.show_steps(steps)
        done, total = (steps[-1].step, steps[-1].steps) if steps else (0, 1)
        self.progress.setMaximum(total)
        self.progress.setValue(done)


def _row(*widgets: Any) -> QHBoxLayout:
    row = QHBoxLayout()
    for widget in widgets:
        row.addWidget(widget)
    return row
