"""The data box and the model box of the Train dock."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from qtpy.QtWidgets import (
    QCheckBox,
    QDoubleSpinBox,
    QFileDialog,
    QSpinBox,
    QWidget,
)

from napari_pixel_embedding._napari.train.mask_choice import MaskChoice
from napari_pixel_embedding._napari.widgets.choosers import Choice
from napari_pixel_embedding._napari.widgets.panel import (
    button,
    group,
    named_rows,
    row,
    set_enabled,
    text,
)
from napari_pixel_embedding.core.datasets.pair_checks import first_sentence
from napari_pixel_embedding.core.model.config import ModelConfig, list_models
from napari_pixel_embedding.core.model.presets import NETWORK_SIZES, PRESETS

if TYPE_CHECKING:
    from napari_pixel_embedding.core.datasets.inspection import TrainingPlan
    from napari_pixel_embedding.core.datasets.pair_checks import UnusablePair
    from napari_pixel_embedding.session import TrainingRun

_FOLDER = "A folder that holds images/ and masks/, label images of the same names."
_VALIDATION = "Images that are not learnt from; the best step is chosen on them (validation)."
_SYSTEM = (
    "What the model learns to tell objects apart by. Distance: all objects come to lie far from "
    "each other (Euclidean embedding); learns fastest with Position. Direction: only neighbours "
    "point in different directions (cosine embedding, local constraints). Two networks: as "
    "Direction, after a first network that finds the distance to the border (W-Net)."
)
_SIZE = "Number of weights: larger networks learn more and take longer."
_START = (
    "Nothing learnt yet (random weights), or a model to train further, which needs fewer images "
    "and steps."
)
_POSITION = (
    "Add a pixel's position, divided by this many pixels, to its vector, so that only neighbours "
    "have to be told apart. About a quarter of an object's diameter."
)
_DIM = (
    "Numbers that the model finds for every pixel (dimensions of the embedding): more tell more "
    "neighbours apart, and take longer to cluster."
)
_OUTPUT = "The model file to write. Choose the file of an interrupted training to resume it."
_LOAD = "Read all of these settings from a file."
_SAVE = "Write all of these settings to a file, for the window or the command line."
_FIXED = "Set by the model to start from."
_OTHER = "…"
_LISTED = 4
_TITLES = {
    "euclidean": "Distance",
    "cosine": "Direction",
    "wnet": "Direction, 2 networks",
}
_WEIGHTS = {"tiny": "0.1 M", "small": "0.5 M", "base": "2 M", "large": "4 M"}
_RECIPES = "Recipes (*.toml)"
_MODELS = "Models (*.safetensors)"


class DataBox(QWidget):
    """Training and validation folders, and what they contain.

    Parameters
    ----------
    training : TrainingRun
        The training to configure.
    """

    def __init__(self, training: TrainingRun) -> None:
        super().__init__()
        self._training = training
        self.folder_button = button("", _FOLDER, self.choose_folder)
        self.validation = Choice(_VALIDATION)
        self.summary, self.bad = text(), text()
        self.masks, self.question = MaskChoice(), text()
        for shown in (self.bad, self.question):
            shown.setStyleSheet("color: #e0a03a;")
        box, column = group("Learn from", "What masks must be")
        column.addLayout(named_rows(("Folder", self.folder_button), ("Test on", self.validation)))
        column.addWidget(self.summary)
        column.addWidget(self.bad)
        column.addWidget(self.question)
        column.addWidget(self.masks)
        _fill(self, box)
        self.validation.activated.connect(self._choose_validation)
        self.masks.activated.connect(self._choose_masks)
        self.refresh()

    def choose_folder(self) -> None:
        """Ask for the training folder."""
        chosen = QFileDialog.getExistingDirectory(self, "Images to learn from")
        if chosen:
            self._training.choose_folder(chosen)

    def _choose_validation(self, index: int) -> None:
        chosen = self.validation.itemData(index)
        if chosen == _OTHER:
            chosen = QFileDialog.getExistingDirectory(self, "Images to test on")
        if chosen or chosen == self.validation.itemData(0):
            self._training.choose_validation(chosen)
        self.refresh()

    def _choose_masks(self, _: int) -> None:
        data = self._training.state.recipe.data
        self._training.change_recipe(data=replace(data, split_masks=self.masks.split_masks))

    def refresh(self, *_: Any) -> None:
        """Show the state of the training."""
        state = self._training.state
        _show_path(self.folder_button, state.folder, _FOLDER, "Choose folder …")
        data = state.recipe.data
        held = "pairs held back" if data.hold_back else "nothing"
        items = [
            (held, ""),
            *([(_short(data.validation), data.validation)] * bool(data.validation)),
        ]
        self.validation.refill([*items, ("Another folder …", _OTHER)], data.validation or "")
        self.summary.setText(_summary(state))
        self.summary.setVisible(bool(self.summary.text()))
        bad = () if state.plan is None else state.plan.bad
        self.bad.setText(_bad_text(bad[:_LISTED], len(bad)))
        self.bad.setToolTip("\n".join(f"{one.name}: {one.why}" for one in bad[:40]))
        self.bad.setVisible(bool(bad))
        question = "" if state.plan is None else state.plan.unseparated
        self.question.setText(question and f"{question} What are the pieces?")
        self.question.setVisible(bool(question))
        self.masks.show_choice(data.split_masks)
        self.masks.setVisible(bool(question) or data.split_masks is not None)


class ModelBox(QWidget):
    """Preset, size and initial weights of the model, its output file, and recipes.

    Parameters
    ----------
    training : TrainingRun
        The training to configure.
    """

    def __init__(self, training: TrainingRun) -> None:
        super().__init__()
        self._training = training
        self.presets, self.sizes, self.starts = Choice(_SYSTEM), Choice(_SIZE), Choice(_START)
        self.position, self.scale = QCheckBox("Position"), QDoubleSpinBox()
        self.dim = QSpinBox()
        self.output_button = button("", _OUTPUT, self.choose_output)
        self.load_button = button("Load recipe …", _LOAD, self.load_recipe)
        self.save_button = button("Save recipe …", _SAVE, self.save_recipe)
        self._fill_choices()
        self._lay_out()
        self._connect()
        self.refresh()

    def _fill_choices(self) -> None:
        self.presets.refill([(_TITLES[name], name) for name in PRESETS], None)
        sizes = [(f"{name}, {_WEIGHTS[name]} weights", name) for name in NETWORK_SIZES]
        self.sizes.refill(sizes, None)
        self.scale.setRange(0.5, 500)
        self.scale.setDecimals(1)
        self.scale.setSuffix(" px")
        self.scale.setValue(5)
        self.dim.setRange(2, 64)
        self.dim.setToolTip(_DIM)

    def _lay_out(self) -> None:
        box, column = group("Model", "In the window")
        column.addLayout(
            named_rows(
                ("Start from", self.starts),
                ("Objects by", self.presets),
                ("Size", self.sizes),
                ("Vector length", self.dim),
            )
        )
        column.addLayout(row(self.position, self.scale))
        column.addLayout(named_rows(("Save as", self.output_button)))
        column.addLayout(row(self.load_button, self.save_button))
        _fill(self, box)

    def _connect(self) -> None:
        change = self._training.change_recipe
        self.presets.activated.connect(lambda _: change(preset=self.presets.currentData()))
        self.sizes.activated.connect(self._choose_size)
        self.starts.activated.connect(self._choose_start)
        self.dim.editingFinished.connect(self._take_numbers)
        self.scale.editingFinished.connect(self._take_numbers)
        self.position.clicked.connect(self._take_position)

    def _choose_size(self, index: int) -> None:
        own = {"base_width": None, "depth": None}  # set by a recipe, they would override the size
        self._training.change_recipe(size=self.sizes.itemData(index), model=own)

    def commit(self) -> None:
        """Apply numbers that are still being typed."""
        self._take_numbers()

    def _take_position(self) -> None:
        plan = self._training.state.plan
        if self.position.isChecked() and plan is not None and plan.median_diameter:
            self.scale.setValue(plan.median_diameter / 4)
        self._take_numbers()

    def _take_numbers(self) -> None:
        scale = self.scale.value() if self.position.isChecked() else None
        wanted = {"embedding_dim": self.dim.value(), "coordinate_scale": scale}
        present = self._numbers()
        changed = {name: value for name, value in wanted.items() if value != present[name]}
        if changed:
            self._training.change_recipe(model=changed)

    def _numbers(self) -> dict[str, Any]:
        given, usual = self._training.state.recipe.model, ModelConfig()
        names = ("embedding_dim", "coordinate_scale")
        return {name: given.get(name, getattr(usual, name)) for name in names}

    def _choose_start(self, index: int) -> None:
        chosen = self.starts.itemData(index)
        if chosen == _OTHER:
            chosen, _ = QFileDialog.getOpenFileName(self, "Start from a model", "", _MODELS)
            chosen = chosen or self._training.state.recipe.start
        self._training.change_recipe(start=chosen)
        self.refresh()

    def choose_output(self) -> None:
        """Ask for the model file to write; an existing one is replaced only after Start."""
        path, _ = QFileDialog.getSaveFileName(
            self,
            "Save the model as",
            self._training.state.output or "my_model.safetensors",
            _MODELS,
            options=QFileDialog.Option.DontConfirmOverwrite,
        )
        if path:
            self._training.choose_output(path)

    def load_recipe(self) -> None:
        """Ask for a recipe file and load it."""
        path, _ = QFileDialog.getOpenFileName(self, "Load a recipe", "", _RECIPES)
        if path:
            self._training.load_recipe(path)

    def save_recipe(self) -> None:
        """Ask for a file and write the recipe there."""
        self.commit()
        name = f"{self._training.state.recipe.name}.toml"
        path, _ = QFileDialog.getSaveFileName(self, "Save the recipe", name, _RECIPES)
        if path:
            self._training.save_recipe(path)

    def refresh(self, *_: Any) -> None:
        """Show the recipe."""
        recipe = self._training.state.recipe
        fixed = None if recipe.start is None else _FIXED
        for choice, chosen in ((self.presets, recipe.preset), (self.sizes, recipe.size)):
            choice.setCurrentIndex(choice.findData(chosen))
        self.starts.refill(_starts(recipe.start), recipe.start)
        numbers = self._numbers()
        self.dim.setValue(numbers["embedding_dim"])
        self.position.setChecked(numbers["coordinate_scale"] is not None)
        if numbers["coordinate_scale"] is not None:
            self.scale.setValue(numbers["coordinate_scale"])
        for widget, tooltip in ((self.presets, _SYSTEM), (self.sizes, _SIZE), (self.dim, _DIM)):
            set_enabled(widget, tooltip, fixed)
        set_enabled(self.position, _POSITION, fixed)
        set_enabled(self.scale, _POSITION, fixed or (None if self.position.isChecked() else "Off."))
        _show_path(self.output_button, self._training.state.output, _OUTPUT, "Choose file …")


def _starts(chosen: str | None) -> list[tuple[str, str | None]]:
    known: list[tuple[str, str | None]] = [("nothing learnt yet", None)]
    known += [(name, name) for name in list_models()]
    if chosen is not None and chosen not in list_models():
        known.append((Path(chosen).name, chosen))
    return [*known, ("Open file …", _OTHER)]


def _fill(widget: QWidget, box: QWidget) -> None:
    layout = row(box)
    layout.setContentsMargins(0, 0, 0, 0)
    widget.setLayout(layout)


def _show_path(shown: Any, path: str, tooltip: str, empty: str) -> None:
    """Show the end of a path on a button, all of it in the tooltip."""
    shown.setText(_short(path) if path else empty)
    shown.setToolTip(f"{tooltip}\n\n{path}" if path else tooltip)


def _short(path: str | None, most: int = 28) -> str:
    name = Path(path or "").name
    return name if len(name) <= most else f"…{name[1 - most :]}"


def _summary(state: Any) -> str:
    if state.planning:
        return f"Looking at the images … {100 * state.progress:.0f} %"
    if state.plan is None:
        return state.problem or "Choose a folder with <i>images</i> and <i>masks</i>."
    return _plan_text(state.plan)


def _plan_text(plan: TrainingPlan) -> str:
    learnt, held = plan.split.train, plan.split.validation
    size = f", median diameter {plan.median_diameter:.0f} px" if plan.median_diameter else ""
    kind = "volumes" if plan.axes == "ZYX" else "images"
    channels = f"{plan.channels} channel{'' if plan.channels == 1 else 's'}"
    lines = [
        f"<b>{len(learnt):,}</b> {kind} to learn from, {channels}:",
        f"{plan.objects:,} objects{size}.",
    ]
    if not held:
        lines.append("Nothing to test on: the last step is kept.")
        return "<br>".join(lines)
    names = [pair.image.name for pair in held[:_LISTED]]
    more = f" and {len(held) - len(names)} more" if len(held) > len(names) else ""
    lines.append(f"<b>{len(held):,}</b> to test on: {', '.join(names)}{more}.")
    if not plan.validation_objects:
        lines.append("None of these has an object, so there is no AP: the last step is kept.")
    return "<br>".join(lines)


def _bad_text(bad: tuple[UnusablePair, ...], count: int) -> str:
    lines = [f"{count} file{'' if count == 1 else 's'} cannot be used:"]
    lines += [f"{one.name}: {first_sentence(one.why)}" for one in bad]
    if count > len(bad):
        lines.append(f"and {count - len(bad)} more")
    return "\n".join(lines)
