"""The form that declares what the channels of a network of another program mean."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from qtpy.QtWidgets import (
    QComboBox,
    QDialog,
    QDialogButtonBox,
    QDoubleSpinBox,
    QFormLayout,
    QLineEdit,
    QSpinBox,
    QVBoxLayout,
    QWidget,
)

from napari_pixel_embedding._napari.widgets.controls import text
from napari_pixel_embedding.core.model.declaration import SUFFIX, declare
from napari_pixel_embedding.core.model.library import add_user_model
from napari_pixel_embedding.core.model.onnx_shapes import read_shapes

if TYPE_CHECKING:
    from napari_pixel_embedding.core.model.declaration import ForeignConfig

_NONE = "none"
_TOLD = (
    "A network says how many channels it gives, but not what they mean. Channels are counted from "
    "0, through all outputs."
)
_TIPS = {
    "embedding": "The channels of the vector, such as 0-7 or 0, 1, 4.",
    "foreground": "The channel of the foreground; without one every pixel is in some object.",
    "foreground_is": "Whether it is a probability from 0 to 1, or a logit of any sign.",
    "distance": "The channel of the distance to the border, 0 to 1, if there is one.",
    "space": "How vectors are compared: by their distance, or by their angle.",
    "bandwidth": "How far apart two vectors of one object may be; the slider starts there.",
    "axes": "Whether it takes single planes or volumes.",
    "in_channels": "Number of channels of its input.",
    "normalisation": "How each channel of an image is scaled before the network sees it.",
    "size_multiple": "The sides of its input must be multiples of this.",
    "object_diameter": "Diameter in pixels of the objects it was trained on; 0 if unknown.",
}


MODEL_FILES = "Models (*.safetensors *.zip *.onnx)"
"""Filter of the dialogues that open a model."""


def take_file(path: str, parent: QWidget) -> Path | None:
    """Copy a model file into the user's folder, and return the copy.

    For a network of another program without a declaration beside it, the form asks for one; None
    where that is cancelled. Raises ModelFileError and OSError as :func:`add_user_model`.
    """
    source, config = Path(path), None
    if source.suffix == SUFFIX and not source.with_suffix(".toml").is_file():
        dialog = DeclarationDialog(path, parent)
        dialog.exec()
        config = dialog.config
        if config is None:
            return None
    return add_user_model(source, config)


class DeclarationDialog(QDialog):
    """Asks for a declaration; ``config`` holds it once the dialog is accepted.

    Parameters
    ----------
    path : path
        The ONNX file, whose sizes fill the form in.
    parent : QWidget, optional
    """

    def __init__(self, path: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWindowTitle(f"What do the channels of {Path(path).name} mean?")
        self._name = Path(path).stem
        self.config: ForeignConfig | None = None
        self.fields = _fields()
        self.message = text()
        self._fill_in(path)
        self.buttons = QDialogButtonBox(
            QDialogButtonBox.StandardButton.Ok | QDialogButtonBox.StandardButton.Cancel
        )
        self.buttons.accepted.connect(self._take)
        self.buttons.rejected.connect(self.reject)
        form = QFormLayout()
        for name, widget in self.fields.items():
            widget.setToolTip(_TIPS[name])
            form.addRow(_title(name), widget)
        column = QVBoxLayout(self)
        column.addWidget(text(_TOLD))
        column.addLayout(form)
        column.addWidget(self.message)
        column.addWidget(self.buttons)
        self.message.setVisible(False)

    def values(self) -> dict[str, Any]:
        """Return what the form says, as a declaration's entries."""
        found = {name: _value(widget) for name, widget in self.fields.items()}
        found["axes"] = "ZYX" if found["axes"] == "volumes" else "YX"
        return {name: value for name, value in found.items() if value is not None}

    def _fill_in(self, path: str) -> None:
        shapes = read_shapes(path)
        if shapes is None:
            return
        self.fields["axes"].setCurrentText("volumes" if shapes.ndim == 3 else "planes")
        if shapes.in_channels is not None:
            self.fields["in_channels"].setValue(shapes.in_channels)
        if shapes.channels is not None and shapes.channels > 1:
            last = shapes.channels - 1
            self.fields["embedding"].setText("0" if last == 1 else f"0-{last - 1}")
            self.fields["foreground"].setValue(last)

    def _take(self) -> None:
        try:
            self.config = declare(self.values(), self._name)
        except (ValueError, TypeError) as error:
            self.message.setText(f"✖ {error}")
            self.message.setVisible(True)
        else:
            self.accept()


def _fields() -> dict[str, Any]:
    """Make an empty form: a widget for each entry."""
    return {
        "embedding": QLineEdit("0-7"),
        "foreground": _number(-1, 4095, -1, _NONE),
        "foreground_is": _choice("probability", "logit"),
        "distance": _number(-1, 4095, -1, _NONE),
        "space": _choice("euclidean", "cosine"),
        "bandwidth": _decimal(1.0, 0.01, 1e6),
        "axes": _choice("planes", "volumes"),
        "in_channels": _number(1, 64, 1),
        "normalisation": _choice("percentiles", "mean-std", "none"),
        "size_multiple": _number(1, 4096, 16),
        "object_diameter": _decimal(0.0, 0.0, 10_000.0, "unknown"),
    }


def _title(name: str) -> str:
    return {"in_channels": "Input channels", "axes": "Input"}.get(
        name, name.replace("_", " ").capitalize()
    )


def _value(widget: Any) -> Any:
    """Return what a widget says; None where it says that there is none."""
    if isinstance(widget, QLineEdit):
        return widget.text()
    if isinstance(widget, QComboBox):
        return widget.currentText()
    none = bool(widget.specialValueText()) and widget.value() == widget.minimum()
    return None if none else widget.value()


def _number(low: int, high: int, value: int, none: str = "") -> QSpinBox:
    box = QSpinBox()
    box.setRange(low, high)
    box.setSpecialValueText(none)
    box.setValue(value)
    return box


def _decimal(value: float, low: float, high: float, none: str = "") -> QDoubleSpinBox:
    box = QDoubleSpinBox()
    box.setRange(low, high)
    box.setSpecialValueText(none)
    box.setValue(value)
    return box


def _choice(*values: str) -> QComboBox:
    box = QComboBox()
    box.addItems(values)
    return box
