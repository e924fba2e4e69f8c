"""The Train dock: train a model on a folder of images and masks."""

from __future__ import annotations

from functools import partial
from operator import attrgetter
from pathlib import Path
from typing import TYPE_CHECKING, Any

from qtpy.QtWidgets import QListWidget, QMessageBox

from napari_pixel_embedding._napari.tabs import open_tab
from napari_pixel_embedding._napari.train.progress_box import ProgressBox, advanced, settings_of
from napari_pixel_embedding._napari.train.train_boxes import DataBox, ModelBox
from napari_pixel_embedding._napari.train.worst_image_layers import WorstImageLayers
from napari_pixel_embedding._napari.widgets.form import ParamsForm
from napari_pixel_embedding._napari.widgets.panel import (
    Panel,
    button,
    group,
    row,
    set_enabled,
)
from napari_pixel_embedding._napari.widgets.plot_colors import follow_theme
from napari_pixel_embedding.core.evaluation.comparison import score_text
from napari_pixel_embedding.core.progress import duration_text

if TYPE_CHECKING:
    from collections.abc import Sequence

    from napari import Viewer

    from napari_pixel_embedding.core.training.train import TrainProgress

_START = "Train in the background, in a separate process; the window stays responsive."
_ANEW = "Delete the interrupted training and start from the first step."
_STOP = "Stop; the best model so far is kept, and the training can be resumed."
_LOOK = "Segment the test images with the best model so far, and list the worst."
_USE = "Choose this model in the tab Segment."
_WORST = (
    "A click shows the image alone, its mask as white outlines, and what the model found; your "
    "layers are hidden meanwhile."
)
_BACK = "Remove the image, and show the layers and the view that were there before."
_SCORE = "AP of the model on the test images (validation), averaged over IoU 0.5 to 0.95"
_BASIC = ("steps", "learning_rate")
_MORE = ("batch_size", "crop", "warmup", "validate_every", "seed")
_LINE, _LISTED = 20, 6


class TrainPanel(Panel):
    """Folders, model and settings; the curves of a training, and its worst images."""

    NAME = "Train"
    GUIDE = "Your own training data"

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
        self.steps = ProgressBox(
            "Progress of the training.",
            attrgetter("validation_ap"),
            _SCORE,
            partial(follow_theme, self),
        )
        self.progress, self.status = self.steps.bar, self.steps.status
        self.worst = QListWidget()
        self._worst_images = WorstImageLayers(
            self.workspace.viewer, self.workspace.layers.follower, self._show_back
        )
        self.back_button = button("Back to my layers", _BACK, self._worst_images.leave)
        self._lay_out()
        self._follow_training()
        self._refresh()
        self._show_steps(self.training.state.steps)
        self._show_worst_images()

    def retire(self) -> None:
        """Leave the image that is shown, and close the plot."""
        self._worst_images.close()
        self.steps.close_plot()
        super().retire()

    # ------------------------------------------------------------------------------- layout

    def _lay_out(self) -> None:
        self.column.addWidget(self.data)
        self.column.addWidget(self.model)
        box, box_column = group("Training", "In the window")
        box_column.addWidget(self.forms[0])
        box_column.addWidget(advanced(self.forms[1]))
        box_column.addLayout(row(self.start_button, self.anew_button, self.stop_button))
        box_column.addWidget(self.steps)
        self.column.addWidget(box)
        box_column.addWidget(self.use_button)
        self.results, column = group("Worst validation images", "In the window")
        self.worst.setToolTip(_WORST)
        column.addWidget(self.worst)
        column.addWidget(self.back_button)
        column.addWidget(self.look_button)
        self._show_back(False)
        self.column.addWidget(self.results)
        self.column.addStretch()

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
        self.training.change_recipe(training=settings_of(self.forms))

    def use_model(self) -> None:
        """Choose the trained model in the tab Segment, and open that."""
        self._worst_images.leave()
        self.controller.set_model(self.training.state.trained)
        open_tab(self.workspace.viewer, "Segment")

    def open_example(self, index: int) -> None:
        """Show one of the worst images alone, with its mask and what the model found."""
        self._worst_images.show(self.training.state.worst_images[index])

    def _show_back(self, shown: bool) -> None:
        self.back_button.setVisible(shown)

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
        unheld = None if state.plan and state.plan.split.validation else "Nothing to test on."
        looking = "The search is running." if state.judging else None
        set_enabled(self.look_button, _LOOK, trained or unheld or looking)
        set_enabled(self.use_button, _USE, trained)
        self.results.setVisible(bool(state.trained))
        self.progress.setVisible(state.running)
        self._show_status()

    def _show_status(self) -> None:
        state = self.training.state
        last = state.steps[-1] if state.running and state.steps else None
        self.steps.show_status(state.status if last is None else _progress_text(state.steps))

    def _show_steps(self, steps: Sequence[TrainProgress]) -> None:
        self.steps.show_steps(steps)
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
