"""The export dialogue: labels or their table in a format of another program."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import Qt
from qtpy.QtWidgets import (
    QApplication,
    QButtonGroup,
    QDialog,
    QFileDialog,
    QGridLayout,
    QHBoxLayout,
    QLineEdit,
    QProgressBar,
    QRadioButton,
    QVBoxLayout,
    QWidget,
)

from napari_pixel_embedding._napari.export.choices import CHOICES, Choice
from napari_pixel_embedding._napari.export.files import beside_image, may_replace
from napari_pixel_embedding._napari.export.image_source import Plane, images_on, pixels_of
from napari_pixel_embedding._napari.export.labels_chooser import LabelsChooser
from napari_pixel_embedding._napari.widgets.choosers import Choice as DropDown
from napari_pixel_embedding._napari.widgets.controls import (
    button,
    named_rows,
    row,
    set_enabled,
    text,
)
from napari_pixel_embedding.core.exchange.formats import format_of
from napari_pixel_embedding.session.measure.exporting import Exporting, ExportRequest

if TYPE_CHECKING:
    from napari.layers import Image

    from napari_pixel_embedding._napari.export.labels_source import LabelsSource
    from napari_pixel_embedding._napari.workspace import Workspace

_WIDTH = 520
_IMAGE = "The image that is exported with the labels. Those of the labels' pixels are offered."
_NO_IMAGE = "No image has the pixels of these labels."
_PATH = "The file to write; for OME-Zarr a folder."
_EXPORT = "Write the file, in the background."
_NO_LABELS = "There are no labels: run a model, or open labels."
_ERROR = "color: #e05a4a;"
_PLANE = "A PNG shows one plane: the one in view."
_STEPS = 1000


def open_export(workspace: Workspace) -> ExportDialogue:
    """Open the export dialogue of a viewer, or bring it to the front.

    Parameters
    ----------
    workspace : Workspace
        Of the viewer.
    """
    window = _window_of(workspace)
    found = None if window is None else window.findChild(ExportDialogue)
    dialogue: ExportDialogue = found or ExportDialogue(workspace, window)
    dialogue.show()
    dialogue.raise_()
    return dialogue


def _window_of(workspace: Workspace) -> QWidget | None:
    """Return the window of the viewer, by way of a panel in it."""
    for widget in workspace.viewer.window.dock_widgets.values():
        if getattr(widget, "workspace", None) is workspace:
            window: QWidget | None = widget.window()
            return window
    return QApplication.activeWindow()


class ExportDialogue(QDialog):
    """Chooses layer, format, file and options, and writes the file in the background.

    Parameters
    ----------
    workspace : Workspace
        Of the viewer.
    parent : QWidget, optional
        Window of the viewer, with which it closes.
    """

    def __init__(self, workspace: Workspace, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWindowTitle("Export objects")
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setMinimumWidth(_WIDTH)
        self._workspace = workspace
        self._measurement = workspace.measurement
        self._typed = False
        self.exporting = Exporting(workspace.executor)
        self.labels = LabelsChooser(workspace)
        self.formats = [QRadioButton(choice.title) for choice in CHOICES]
        self._group = QButtonGroup(self)
        self.image = DropDown(_IMAGE)
        self.path = QLineEdit()
        self.path.setToolTip(_PATH)
        self.browse = button("Choose …", _PATH, self.choose_path)
        self.note = text()
        self.progress = QProgressBar()
        self.progress.setTextVisible(False)
        self.progress.setAccessibleName("Progress")
        self.export_button = button("Export", _EXPORT, self.export)
        self.cancel_button = button("Cancel", "Stop; nothing is left behind.", self.cancel)
        self.close_button = button("Close", "Close this window.", self.close)
        self._lay_out()
        self._connect()
        self.formats[0].setChecked(True)
        self._refresh()
        self.resize(_WIDTH, self.minimumSizeHint().height())

    # ------------------------------------------------------------------------------- layout

    def _lay_out(self) -> None:
        column = QVBoxLayout(self)
        which = QWidget()
        line = row(self.labels.layers, self.labels.axes)
        line.setContentsMargins(0, 0, 0, 0)
        line.setStretch(0, 1)
        which.setLayout(line)
        column.addLayout(named_rows(("Labels", which)))
        grid = QGridLayout()
        grid.setColumnStretch(1, 1)
        self._purposes = [text(choice.purpose) for choice in CHOICES]
        for number, (made, purpose) in enumerate(zip(self.formats, self._purposes, strict=True)):
            self._group.addButton(made, number)
            grid.addWidget(made, number, 0)
            grid.addWidget(purpose, number, 1)
        column.addLayout(grid)
        where = QWidget()
        line = row(self.path, self.browse)
        line.setContentsMargins(0, 0, 0, 0)
        where.setLayout(line)
        column.addLayout(named_rows(("Image", self.image), ("File", where)))
        column.addWidget(self.note)
        column.addWidget(self.progress)
        column.addStretch(1)
        buttons = QHBoxLayout()
        buttons.addStretch()
        for one in (self.export_button, self.cancel_button, self.close_button):
            one.setAutoDefault(one is self.export_button)
            buttons.addWidget(one)
        column.addLayout(buttons)
        for name, field in (("File", self.path), ("Image", self.image)):
            field.setAccessibleName(name)

    def _connect(self) -> None:
        self._group.idToggled.connect(self._format_chosen)
        self.labels.changed.connect(self._refresh)
        self.path.textEdited.connect(self._path_typed)
        for signal, slot in self._signals():
            signal.connect(slot)

    def _signals(self) -> list[tuple[Any, Any]]:
        state, measured = self.exporting.state.events, self._measurement.state.events
        return [
            (state.running, self._show_state),
            (state.fraction, self._show_state),
            (state.error, self._show_state),
            (state.written, self._show_state),
            (measured.table, self._refresh),
            (measured.outdated, self._refresh),
            (self._workspace.closing, self.close),
        ]

    def done(self, result: int) -> None:
        """Stop what is under way, and stop following the viewer."""
        self.exporting.cancel()
        for signal, slot in self._signals():
            signal.disconnect(slot)
        self.labels.close()
        super().done(result)

    # ------------------------------------------------------------------------------- chosen

    @property
    def choice(self) -> Choice:
        """The chosen format."""
        return CHOICES[max(self._group.checkedId(), 0)]

    def choose_path(self) -> None:
        """Ask for the file; whether it may be replaced is asked later."""
        options = QFileDialog.Option.DontConfirmOverwrite
        path, _ = QFileDialog.getSaveFileName(
            self, "Export to", self.path.text(), f"*{self.choice.suffix}", options=options
        )
        if path:
            self.path.setText(path)
            self._path_typed()

    def _path_typed(self, *_: Any) -> None:
        self._typed = True
        self._refresh_buttons()

    def _format_chosen(self, number: int, chosen: bool) -> None:
        if chosen:
            self._refresh()

    def _suggested(self, layer: Any) -> str:
        """Return a file beside the image, named after the layer; a typed one with its ending."""
        if self._typed:
            return _with_suffix(self.path.text(), self.choice.suffix)
        name = "objects" if layer is None else layer.name
        return str(beside_image(self._workspace, f"{name}{self.choice.suffix}"))

    # -------------------------------------------------------------------------- what is shown

    def _source(self) -> LabelsSource | None:
        try:
            return self.labels.source()
        except ValueError:
            return None

    def _disabled_reason(self, choice: Choice) -> str | None:
        """Why a format cannot be chosen; None if it can."""
        if choice.missing is not None:
            return choice.missing
        if choice.format is None:
            state = self._measurement.state
            return "Measure first." if state.table is None else state.outdated or None
        if self._source() is None:
            return _NO_LABELS
        return _NO_IMAGE if choice.image == "needed" and not self._images() else None

    def _images(self) -> list[Image]:
        source = self._source()
        return [] if source is None else images_on(self._workspace.viewer, source)

    def _refresh(self, *_: Any) -> None:
        for choice, made, purpose in zip(CHOICES, self.formats, self._purposes, strict=True):
            reason = self._disabled_reason(choice)
            set_enabled(made, choice.purpose, reason)
            purpose.setText(choice.purpose if reason is None else f"{choice.purpose} ({reason})")
            purpose.setEnabled(reason is None)
        self._offer_images()
        self.path.setText(self._suggested(self.labels.layer))
        self._refresh_buttons()

    def _offer_images(self) -> None:
        images, wanted = self._images(), self.choice.image
        items: list[tuple[str, Any]] = [(layer.name, layer) for layer in images]
        if wanted != "needed":
            items = [("without an image", None), *items]
        self.image.refill(items, self.image.currentData())
        reason = None if wanted and images else "This format holds no image."
        set_enabled(self.image, _IMAGE, _NO_IMAGE if wanted and not images else reason)

    def _refresh_buttons(self) -> None:
        running = self.exporting.state.running
        reason = self._disabled_reason(self.choice) or _path_problem(self.choice, self.path.text())
        set_enabled(self.export_button, _EXPORT, "An export is under way." if running else reason)
        self.cancel_button.setVisible(running)
        self.close_button.setVisible(not running)
        self.progress.setVisible(running)
        self._show_note()

    def _show_state(self, *_: Any) -> None:
        state = self.exporting.state
        self.progress.setMaximum(_STEPS if state.fraction else 0)
        self.progress.setValue(round(_STEPS * state.fraction))
        self._refresh_buttons()

    def _show_note(self) -> None:
        state, source = self.exporting.state, self._source()
        note = ""
        if state.error:
            note = state.error
        elif state.written is not None:
            note = f"Written: {state.written}"
        elif self.choice.suffix == ".png" and source is not None and source.axes != "YX":
            note = _PLANE
        self.note.setText(note)
        self.note.setStyleSheet(_ERROR if state.error else "")

    # ------------------------------------------------------------------------------- export

    def export(self) -> None:
        """Write the file, after asking about one that is there already."""
        path = Path(self.path.text()).expanduser()
        if path.exists() and not may_replace(self, path):
            return
        try:
            request = self._request(path)
        except ValueError as error:
            self.exporting.state.error = str(error)
            return
        self.exporting.start(request)

    def cancel(self) -> None:
        """Stop the export."""
        self.exporting.cancel()

    def _request(self, path: Path) -> ExportRequest:
        choice, table = self.choice, self._measurement.state.table
        if choice.format is None:
            return ExportRequest(path, None, table=None if table is None else table.measurements)
        source, layer, shown = self.labels.source(), self.labels.layer, self.image.currentData()
        if source is None or layer is None:
            raise ValueError(_NO_LABELS)
        labels, axes = source.labels, source.axes
        image, image_axes = None, None
        if choice.image and shown is not None:
            image, image_axes = pixels_of(shown, source)
        if choice.suffix == ".png":
            plane = Plane.in_view(self._workspace.viewer, layer, source)
            labels, axes = plane.of(labels, axes)
            if image is not None and image_axes is not None:
                image, image_axes = plane.of(image, image_axes)
        size = source.pixel_size(axes)
        made = partial(ExportRequest, path, choice.format, labels, axes, size.scale, size.units)
        return made(image, image_axes)


def _path_problem(choice: Choice, path: str) -> str | None:
    """Why a format cannot be written to a path; None if it can."""
    if choice.format is None:
        fits = Path(path).suffix.lower() == choice.suffix
        return None if fits else f"The name of the file must end in {choice.suffix}."
    try:
        format_of(Path(path), choice.format, with_image=False)
    except ValueError as error:
        return str(error)
    return None


def _with_suffix(path: str, suffix: str) -> str:
    """Return a path with the ending of another format."""
    name = Path(path).name
    known = sorted({choice.suffix for choice in CHOICES} | {".zarr"}, key=len, reverse=True)
    ending = next((end for end in known if name.lower().endswith(end)), "")
    stem = name[: len(name) - len(ending)] if ending else name
    return str(Path(path).with_name(f"{stem}{suffix}")) if stem else path
