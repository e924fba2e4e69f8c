"""The Train dock: train a model on a folder of images and masks."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from qtpy.QtWidgets import QListWidget, QMessageBox, QProgressBar

from napari_pixel_embedding._napari.tabs import open_tab
from napari_pixel_embedding._napari.train.train_boxes import DataBox, ModelBox
from napari_pixel_embedding._napari.train.worst_image_layers import WorstImageLayers
from napari_pixel_embedding._napari.widgets.form import ParamsForm
from napari_pixel_embedding._napari.widgets.panel import (
    Panel,
    button,
    folded,
    group,
    row,
    set_enabled,
    text,
)
from napari_pixel_embedding.core.evaluation.comparison import score_text
from napari_pixel_embedding.session.task import duration_text

if TYPE_CHECKING:
    from collections.abc import Sequence

    from napari import Viewer

    from napari_pixel_embedding.core.training.train import TrainProgress

_START = "Train in the background, in a separate process; the window stays responsive."
_ANEW = "Delete the interrupted training and start from the first step."
_STOP = "Stop; the best model so far is kept, and the training can be resumed."
_LOOK = "Segment the validation images with the best model so far, and list the worst."
_USE = "Choose this model in the Segment dock."
_WORST = "A click opens the image, its mask as white outlines, and what the model found."
_MORE_SETTINGS = "Show or hide the settings that rarely need a change."
_BASIC = ("steps", "learning_rate")
_MORE = ("batch_size", "crop", "warmup", "validate_every", "seed")
_LINE, _LISTED = 20, 6


class TrainPanel(Panel):
    """Folders, model and settings; the curves of a training, and its worst images."""

    NAME = "Train"

    def __init__(self, napari_viewer: Viewer) -> None:
        super().__init__(napari_viewer)
        self.training = self.workspace.training
        self.data = DataBox(self.training)
        self.model = ModelBox(self.training)
        config = self.training.state.recipe.training
        self.forms = [ParamsForm(config, _BASIC), ParamsForm(config, _MORE)]
        self.start_button = button("Start", _START, self.start)
        self.anew_button = button("Start anew", _ANEW, self.start_anew)
        self.stop_button = button("Stop", _STOP, self.training.stop)
        self.look_button = button("Find the worst", _LOOK, self.training.find_worst)
        self.use_button = button("Use this model", _USE, self.use_model)
        self.progress = QProgressBar()
        self.status = text()
        self.worst = QListWidget()
        self.plot: Any = None
        self._worst_images = WorstImageLayers(self.workspace.viewer, self.workspace.layers.follower)
        self._lay_out()
        self._follow_training()
        self._refresh()
        self._show_steps(self.training.state.steps)
        self._show_worst_images()

    def retire(self) -> None:
        """Close the plot too: pyqtgraph's menus outlive an unclosed plot."""
        if self.plot is not None:
            self.plot.close()
        super().retire()

    # ------------------------------------------------------------------------------- layout

    def _lay_out(self) -> None:
        self.column.addWidget(self.data)
        self.column.addWidget(self.model)
        box, self._box = group("Training")
        more = folded("More settings", _MORE_SETTINGS, self.forms[1])
        self._box.addWidget(self.forms[0])
        self._box.addWidget(more)
        self._box.addLayout(row(self.start_button, self.anew_button, self.stop_button))
        self.progress.setToolTip("Progress of the training.")
        self.progress.setFormat("step %v of %m")
        self._box.addWidget(self.progress)
        self._box.addWidget(self.status)
        self.column.addWidget(box)
        self._box.addWidget(self.use_button)
        self.results, column = group("Worst validation images")
        self.worst.setToolTip(_WORST)
        column.addWidget(self.worst)
        column.addWidget(self.look_button)
        self.column.addWidget(self.results)
        self.column.addStretch()

    def _add_plot(self) -> None:
        """Build the plot with the first curve, because pyqtgraph takes a moment to load."""
        from napari_pixel_embedding._napari.widgets.loss_plot import LossPlot

        self.plot = LossPlot()
        self._box.insertWidget(self._box.indexOf(self.status), self.plot)

    # ------------------------------------------------------------------------------ buttons

    def start(self) -> None:
        """Train with the chosen settings; ask before a model file is replaced."""
        self._commit()
        state = self.training.state
        replaces = state.output and Path(state.output).exists() and state.interrupted is None
        if not replaces or self._agreed(f"Replace the model {Path(state.output).name}?"):
            self.training.start()

    def start_anew(self) -> None:
        """Delete the interrupted training, after asking, and start from the first step."""
        self._commit()
        step = self.training.state.interrupted
        if self._agreed(f"Delete the training that was interrupted at step {step}?"):
            self.training.start_anew()

    def _agreed(self, question: str) -> bool:
        answer = QMessageBox.question(self, "Train", question)
        return bool(answer == QMessageBox.StandardButton.Yes)

    def _commit(self) -> None:
        self.model.commit()
        values = {name: value for form in self.forms for name, value in form.values().items()}
        self.training.change_recipe(training=values)

    def use_model(self) -> None:
        """Choose the trained model in the tab Segment, and open that."""
        self.controller.set_model(self.training.state.trained)
        open_tab(self.workspace.viewer, "Segment")

    def open_example(self, index: int) -> None:
        """Show one of the worst images with its mask and what the model found."""
        self._worst_images.show(self.training.state.worst_images[index])

    # ------------------------------------------------------------------ following the training

    def _follow_training(self) -> None:
        events = self.training.state.events
        for signal in (events.folder, events.recipe, events.plan, events.problem):
            self.follow(signal, self.data.refresh)
        for signal in (events.planning, events.progress):
            self.follow(signal, self.data.refresh)
        for signal in (events.recipe, events.output):
            self.follow(signal, self.model.refresh)
        self.follow(events.recipe, self._show_recipe)
        self.follow(events.steps, self._show_steps)
        self.follow(events.worst_images, self._show_worst_images)
        for signal in (
            events.plan,
            events.output,
            events.running,
            events.judging,
            events.interrupted,
            events.status,
            events.trained,
        ):
            self.follow(signal, self._refresh)
        for form in self.forms:
            form.changed.connect(lambda changes: self.training.change_recipe(training=changes))
        self.worst.itemClicked.connect(lambda item: self.open_example(self.worst.row(item)))

    def _show_recipe(self, *_: Any) -> None:
        for form in self.forms:
            form.show_params(self.training.state.recipe.training)

    def _refresh(self, *_: Any) -> None:
        state = self.training.state
        busy = "A training is under way." if state.running else None
        for widget in (self.data, self.model, *self.forms):
            widget.setEnabled(not state.running)
        step = state.interrupted
        self.start_button.setText("Start" if step is None else f"Resume from step {step:,}")
        set_enabled(self.start_button, _START, busy or _missing(state))
        self.anew_button.setVisible(step is not None and not state.running)
        set_enabled(self.anew_button, _ANEW, busy or _missing(state))
        set_enabled(self.stop_button, _STOP, None if state.running else "No training is running.")
        trained = None if state.trained else "Train a model first."
        unheld = None if state.plan and state.plan.split.validation else "Nothing to validate on."
        looking = "The search is running." if state.judging else None
        set_enabled(self.look_button, _LOOK, trained or unheld or looking)
        set_enabled(self.use_button, _USE, trained)
        self.results.setVisible(bool(state.trained))
        self.progress.setVisible(state.running)
        self._show_status()

    def _show_status(self) -> None:
        state = self.training.state
        last = state.steps[-1] if state.running and state.steps else None
        self.status.setText(state.status if last is None else _progress_text(state.steps))
        self.status.setVisible(bool(self.status.text()))

    def _show_steps(self, steps: Sequence[TrainProgress]) -> None:
        if steps and self.plot is None:
            self._add_plot()
        if self.plot is not None:
            self.plot.show_steps(steps)
        done, total = (steps[-1].step, steps[-1].steps) if steps else (0, 1)
        self.progress.setMaximum(total)
        self.progress.setValue(done)
        self._show_status()

    def _show_worst_images(self, *_: Any) -> None:
        self.worst.clear()
        for example in self.training.state.worst_images:
            self.worst.addItem(f"AP {score_text(example.ap, 2)}   {example.name}")
        self.worst.setVisible(self.worst.count() > 0)
        self.worst.setFixedHeight(_LINE * min(self.worst.count(), _LISTED) + 8)


def _missing(state: Any) -> str | None:
    if state.plan is None:
        return "Choose a folder to learn from first."
    if state.plan.unseparated:
        return "Choose what the pieces of the masks are first, under Learn from."
    return None if state.output else "Choose a file under Save as first."


def _progress_text(steps: Sequence[TrainProgress]) -> str:
    """Return the model's scores and the remaining time as text."""
    scores = [step.validation_ap for step in steps if step.validation_ap is not None]
    parts = [f"AP {scores[-1]:.2f}, best {max(scores):.2f}"] if scores else []
    left = steps[-1].seconds_left
    if left is not None:
        parts.append(f"{duration_text(left)} left")
    return " · ".join(parts)
