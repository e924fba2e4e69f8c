"""The Batch dock: the present settings on a whole data set, in a process of its own."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari.utils.notifications import show_info, show_warning
from qtpy.QtCore import QTimer
from qtpy.QtWidgets import QCheckBox, QFileDialog, QMenu, QProgressBar, QPushButton, QSizePolicy

from napari_pixel_embedding._napari.batch.result_layers import ResultOnDisk
from napari_pixel_embedding._napari.widgets.choosers import Choice
from napari_pixel_embedding._napari.widgets.panel import (
    Panel,
    button,
    group,
    named_rows,
    row,
    set_enabled,
    text,
)
from napari_pixel_embedding.core.exchange.ome_zarr_reader import is_zarr
from napari_pixel_embedding.core.progress import duration_text
from napari_pixel_embedding.core.recipe.recipe import recipe_in
from napari_pixel_embedding.core.recipe.recipe_file import load_segmentation_recipe
from napari_pixel_embedding.session.batch.runs import DataSetRequest, DataSetRuns

if TYPE_CHECKING:
    from collections.abc import Callable

    from napari import Viewer

    from napari_pixel_embedding._napari.workspace import Workspace
    from napari_pixel_embedding.core.recipe.recipe import SegmentationRecipe
    from napari_pixel_embedding.core.runs.folder import RunProgress

_LOOK_MS = 1000
_CHOOSE = "Choose …"
_DATA = "An image of any size, a folder of images, or an OME-Zarr image or plate."
_OUTPUT = "A new folder for labels, measurements and what the run needs to go on."
_MEASURE = "Write a row for each object, as Parquet."
_BESIDE = "Write labels into the OME-Zarr images, as labels/objects."
_START = "Segment the data set block by block. It goes on when napari is closed."
_STOP = "Stop. What is done stays, and Resume goes on from there."
_RESUME = "Go on: compute what is missing and what has failed, nothing else."
_OPEN = "Show the labels that were written. Only what is in view is read."
_RUNS = "Runs that were started here, also by an earlier napari."
_EDIT = "Take the part in view as a layer of its own, and correct it with napari's tools."
_WRITE = "Write the corrected part into the label image on the disk. Can be undone."
_UNDO = "Take the last correction of the label image back."
_NO_RECIPE = "Segment an image first, or choose a recipe: its settings are used."
_NO_RESULT = "Open a result in OME-Zarr first; others are corrected as any labels layer."
_STAGES = {
    "plan": "Looking at the images",
    "segment": "Segmenting",
    "edges": "Comparing neighbours",
    "merge": "Joining objects",
    "relabel": "Writing labels",
    "pyramid": "Writing coarser levels",
    "measure": "Measuring",
}


class RunsOfViewer(DataSetRuns):
    """The runs that a viewer shows; closed with its last dock, while the run goes on."""

    def __init__(self, _: Workspace) -> None:
        super().__init__()


class BatchPanel(Panel):
    """Data set and folder, the run and how far it is, and its result."""

    NAME = "Batch"
    GUIDE = "Whole data sets"

    def __init__(self, napari_viewer: Viewer) -> None:
        super().__init__(napari_viewer)
        self.runs = self.workspace.part(RunsOfViewer)
        self.result = self.workspace.part(ResultOnDisk)
        self.data: Path | None = None
        self.output: Path | None = None
        self._recipe: SegmentationRecipe | None = None
        self._what = text()
        self.recipe_button = button("Recipe …", "Take the settings of a file.", self.choose_recipe)
        self.data_button = _menu_button(
            _DATA, ("File …", self.choose_file), ("Folder or OME-Zarr …", self.choose_folder)
        )
        self.output_button = _wide(button(_CHOOSE, _OUTPUT, self.choose_output))
        self.measure, self.beside = (
            _check("Measure", _MEASURE, True),
            _check("Into images", _BESIDE),
        )
        self.start_button = button("Segment data set", _START, self.start)
        self.run_choice = Choice(_RUNS)
        self.progress = QProgressBar()
        self.progress.setToolTip("How far this stage of the run is.")
        self.status = text()
        self.stop_button = button("Stop", _STOP, self.runs.stop)
        self.resume_button = button("Resume", _RESUME, self.resume)
        self.open_button = button("Open result", _OPEN, self.open_result)
        self.edit_button = button("Correct part in view", _EDIT, self.edit_part)
        self.write_button = button("Write back", _WRITE, self.write_part)
        self.undo_button = button("Undo", _UNDO, self.undo_part)
        self.part_note = text()
        self._timer = QTimer(self)
        self._timer.timeout.connect(self.runs.refresh)
        self._lay_out()
        self._connect()
        self._take_image()
        self._show_runs()
        self._refresh()
        self._timer.start(_LOOK_MS)

    def retire(self) -> None:
        """Stop looking; the run goes on."""
        self._timer.stop()
        super().retire()

    # ------------------------------------------------------------------------------- layout

    def _lay_out(self) -> None:
        box, column = group("Data set", self.GUIDE)
        column.addWidget(self._what)
        column.addLayout(named_rows(("Images", self.data_button), ("Results", self.output_button)))
        column.addLayout(row(self.measure, self.beside, self.recipe_button))
        column.addWidget(self.start_button)
        self.column.addWidget(box)
        box, column = group("Run", self.GUIDE)
        column.addWidget(self.run_choice)
        column.addWidget(self.progress)
        column.addWidget(self.status)
        column.addLayout(row(self.stop_button, self.resume_button, self.open_button))
        self.column.addWidget(box)
        box, column = group("Correct the result", self.GUIDE)
        column.addWidget(self.edit_button)
        column.addLayout(row(self.write_button, self.undo_button))
        column.addWidget(self.part_note)
        self.column.addWidget(box)
        self.column.addStretch(1)

    def _connect(self) -> None:
        self.run_choice.activated.connect(self._choose_run)
        events = self.runs.state.events
        self.follow(events.progress, self._refresh)
        self.follow(events.folder, self._refresh)
        self.follow(events.runs, self._show_runs)
        for signal in (self.session.events.labels, self.session.events.image):
            self.follow(signal, self._take_image)
        layers = self.workspace.viewer.layers.events
        for signal in (layers.inserted, layers.removed):
            self.follow(signal, self._refresh)

    # ------------------------------------------------------------------------------ choices

    def choose_file(self) -> None:
        """Ask for an image."""
        chosen, _ = QFileDialog.getOpenFileName(self, "Image", self._begin())
        if chosen:
            self.take_data(Path(chosen))

    def choose_folder(self) -> None:
        """Ask for a folder of images, or an OME-Zarr."""
        chosen = QFileDialog.getExistingDirectory(self, "Folder or OME-Zarr", self._begin())
        if chosen:
            self.take_data(Path(chosen))

    def choose_output(self) -> None:
        """Ask for the folder of the run."""
        chosen = QFileDialog.getExistingDirectory(self, "Results", self._begin())
        if chosen:
            self.output = Path(chosen)
            self._refresh()

    def choose_recipe(self) -> None:
        """Ask for a recipe file in place of the present settings."""
        kinds = "Recipes (*.recipe.json)"
        chosen, _ = QFileDialog.getOpenFileName(self, "Recipe", self._begin(), kinds)
        if chosen:
            try:
                self._recipe = load_segmentation_recipe(chosen)
            except (ValueError, OSError) as error:
                show_warning(str(error))
            self._refresh()

    def take_data(self, path: Path) -> None:
        """Take a data set, and offer a new folder beside it for the results."""
        self.data = path
        self.output = _free_folder(path)
        self._refresh()

    def _begin(self) -> str:
        return "" if self.data is None else str(self.data.parent)

    def _take_image(self, *_: Any) -> None:
        """Offer the image that is shown, until another data set is chosen."""
        image = self.session.image
        if self.data is None and image is not None and image.path is not None:
            self.take_data(Path(image.path).absolute())
        self._refresh()

    @property
    def recipe(self) -> SegmentationRecipe | None:
        """The settings: of a chosen file, else of the labels that are shown."""
        layer = self.workspace.layers.labels_layer
        shown = None if layer is None else recipe_in(layer.metadata)
        return self._recipe or shown

    # ------------------------------------------------------------------------------ the run

    def start(self) -> None:
        """Start the run."""
        recipe, data, output = self.recipe, self.data, self.output
        if recipe is None or data is None or output is None:
            return
        measure, beside = self.measure.isChecked(), self.beside.isChecked()
        self._do(partial(self.runs.start, DataSetRequest(recipe, data, output, measure, beside)))

    def resume(self) -> None:
        """Go on with the run that is shown."""
        self._do(self.runs.resume)

    def open_result(self) -> None:
        """Open the label images of the run."""
        paths = [Path(path) for path in self.runs.state.progress.outputs]
        self._do(partial(self.result.open, paths))

    def edit_part(self) -> None:
        """Take the part in view as a layer to correct."""
        self._do(self.result.edit_part)

    def write_part(self) -> None:
        """Write the corrected part."""
        self._do(self.result.write_part)

    def undo_part(self) -> None:
        """Take the last correction back."""
        self._do(self.result.undo)

    def _do(self, act: Callable[[], Any]) -> None:
        """Do what was asked for, and say what came of it or why it cannot be."""
        try:
            said = act()
        except (ValueError, OSError) as error:
            show_warning(str(error))
        else:
            if isinstance(said, str):
                show_info(said)
        self._refresh()

    def _choose_run(self, *_: Any) -> None:
        folder = self.run_choice.currentData()
        if folder is not None:
            self.runs.show(Path(folder))

    def _show_runs(self, *_: Any) -> None:
        items = [(_short(folder), str(folder)) for folder in self.runs.state.runs]
        shown = self.runs.state.folder
        self.run_choice.refill(items, None if shown is None else str(shown))

    # -------------------------------------------------------------------------------- shown

    def _refresh(self, *_: Any) -> None:
        recipe, progress = self.recipe, self.runs.state.progress
        self._what.setText(_NO_RECIPE if recipe is None else _described(recipe))
        for shown, path, tooltip in (
            (self.data_button, self.data, _DATA),
            (self.output_button, self.output, _OUTPUT),
        ):
            shown.setText(_CHOOSE if path is None else _short(path))
            shown.setToolTip(tooltip if path is None else f"{tooltip}\n\n{path}")
        stored = self.data is not None and self.data.is_dir() and is_zarr(self.data)
        set_enabled(
            self.beside, _BESIDE, None if stored else "For OME-Zarr images and plates only."
        )
        set_enabled(self.start_button, _START, self._missing(recipe))
        self.show_progress(progress)
        running = progress.state == "running"
        set_enabled(self.stop_button, _STOP, None if running else "Nothing is running.")
        may = progress.state in ("stopped", "failed", "error")
        set_enabled(self.resume_button, _RESUME, None if may else "Nothing is left to do.")
        done = bool(progress.outputs)
        set_enabled(self.open_button, _OPEN, None if done else "There is no result yet.")
        self._refresh_parts()

    def _refresh_parts(self) -> None:
        result = self.result
        no_result = None if result.layer is not None else _NO_RESULT
        set_enabled(self.edit_button, _EDIT, no_result)
        no_part = None if result.part is not None else "Take a part first."
        set_enabled(self.write_button, _WRITE, no_part)
        nothing = None if result.edit_count else "Nothing was corrected yet."
        set_enabled(self.undo_button, _UNDO, no_result or nothing)
        self.part_note.setText(result.note)
        self.part_note.setVisible(bool(result.note))

    def _missing(self, recipe: SegmentationRecipe | None) -> str | None:
        if self.runs.is_running:
            return "A data set is being segmented: wait, or stop it."
        if recipe is None:
            return _NO_RECIPE
        if recipe.model.source is None:
            return "The model has no file: save it (Fine-tune), choose the file, and run again."
        return None if self.data is not None and self.output is not None else "Choose the images."

    def show_progress(self, progress: RunProgress) -> None:
        """Show how far a run is."""
        running = progress.state == "running"
        if running and not progress.count:
            self.progress.setRange(0, 0)  # moves, for nobody knows how far it is
        else:
            self.progress.setRange(0, 1000)
            done = progress.fraction if running else float(progress.state == "done")
            self.progress.setValue(round(1000 * done))
        self.progress.setVisible(progress.state != "none")
        self.status.setText(_status(progress))


def _status(progress: RunProgress) -> str:
    if progress.state != "running":
        failed = f" {progress.failed:,} failed: see failed.csv." if progress.failed else ""
        return f"{progress.message}{failed}"
    if not progress.count:
        return progress.message or f"{_STAGES.get(progress.stage, 'Starting')} …"
    stage = _STAGES.get(progress.stage, progress.stage)
    parts = [f"{stage}: {progress.done:,} of {progress.count:,}"]
    if progress.image:
        parts.insert(0, progress.image)
    if progress.seconds_left is not None:
        parts.append(f"{duration_text(progress.seconds_left)} left")
    if progress.failed:
        parts.append(f"{progress.failed:,} failed")
    return ", ".join(parts)


def _described(recipe: SegmentationRecipe) -> str:
    diameter = "" if recipe.diameter is None else f", diameter {recipe.diameter:g} px"
    return f"{recipe.model.name}, bandwidth {recipe.clustering.bandwidth:g}{diameter}."


def _free_folder(data: Path) -> Path:
    """Return a folder beside a data set that does not exist yet."""
    name = data.name.partition(".")[0] or "data"
    number = 1
    while (path := data.parent / f"{name}_run{number}").exists():
        number += 1
    return path


def _menu_button(tooltip: str, *entries: tuple[str, Callable[[], Any]]) -> QPushButton:
    made = _wide(button(_CHOOSE, tooltip, lambda: None))
    menu = QMenu(made)
    for title, act in entries:
        menu.addAction(title, act)
    made.setMenu(menu)
    return made


def _wide(made: QPushButton) -> QPushButton:
    made.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
    return made


def _check(title: str, tooltip: str, checked: bool = False) -> QCheckBox:
    box = QCheckBox(title)
    box.setToolTip(tooltip)
    box.setChecked(checked)
    return box


def _short(path: Path) -> str:
    name = f"{path.parent.name}/{path.name}"
    return name if len(name) <= 34 else f"…{name[-33:]}"
