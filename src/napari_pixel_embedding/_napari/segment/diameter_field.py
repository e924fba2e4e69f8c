"""The object diameter: typed in, measured by the model, or taken from a drawn line."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from napari.layers import Shapes
from qtpy.QtWidgets import QDoubleSpinBox, QSizePolicy, QWidget

from napari_pixel_embedding._napari.widgets.choosers import config_of
from napari_pixel_embedding._napari.widgets.panel import button, row, set_enabled, text
from napari_pixel_embedding.core.inference.object_scale import DIAMETERS, image_diameter, zoom_for

if TYPE_CHECKING:
    from collections.abc import Callable

    from napari.layers import Image

    from napari_pixel_embedding._napari.workspace import Workspace
    from napari_pixel_embedding.core.model.config import ModelConfig

_TOOLTIP = (
    "Typical diameter of an object in pixels of the image. The network sees the image resampled "
    "to the diameter it was trained on; labels have the image's own pixels."
)
_MEASURE = "Run the model at several scales of the image and measure its objects."
_DRAW = "Draw a line across a typical object, then press this button again: its length is taken."
_LINE_NAME = "object diameter"
_NONE = "model default"
_NUMBER_WIDTH = 96
_SOURCES = {
    "model": "",
    "typed": "",
    "drawn": "Drawn. ",
    "measured": "Measured. ",
    "automatic": "Measured. ",
    "suggested": "Suggested. ",
}
"""What is said of a diameter that the user did not type."""


def _as_it_is(config: ModelConfig) -> str:
    """Say why an image is not resampled: of long objects the scale is known, not their size."""
    return "The image is seen as it is." if config.drifts else "The objects have the model's size."


class DiameterField(QWidget):
    """Number box and two buttons; ``hint`` is a label to place below that explains the number.

    Parameters
    ----------
    workspace : Workspace
        Its controller receives the diameter.
    measure : callable
        Starts measuring, after image and model were chosen.
    """

    def __init__(self, workspace: Workspace, measure: Callable[[], None]) -> None:
        super().__init__()
        self._workspace = workspace
        self._config: ModelConfig | None = None
        self._image: Image | None = None
        self._unable: str | None = None
        self.number = QDoubleSpinBox()
        self.number.setRange(0, DIAMETERS[1])
        self.number.setDecimals(1)
        self.number.setSuffix(" px")
        self.number.setSpecialValueText(_NONE)
        self.number.setKeyboardTracking(False)
        self.number.setButtonSymbols(QDoubleSpinBox.ButtonSymbols.NoButtons)
        self.number.setMinimumWidth(_NUMBER_WIDTH)
        self.number.valueChanged.connect(self._take)
        self.measure_button = button("Measure", _MEASURE, measure)
        self.line_button = button("Draw", _DRAW, self.draw_or_take)
        self.hint = text()
        layout = row(self.number, self.measure_button, self.line_button)
        layout.setContentsMargins(0, 0, 0, 0)
        self.setLayout(layout)
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Fixed)
        self.refresh()

    def show_choice(self, image: Image | None, source: Any, unable: str | None = None) -> None:
        """Update for the image and the model chosen in the panel.

        ``unable`` says why the model cannot run on the image, if so: then it cannot measure either.
        """
        self._image, self._config, self._unable = image, config_of(source), unable
        self.refresh()

    def refresh(self, *_: Any) -> None:
        """Show the session's diameter, and its effect with the chosen model."""
        session = self._workspace.session
        self.number.blockSignals(True)
        self.number.setValue(session.diameter or 0.0)
        self.number.blockSignals(False)
        self.number.setSpecialValueText(self._of_model())
        unable = _disabled_reason(self._config)
        set_enabled(self.number, _TOOLTIP, unable if session.diameter is None else None)
        nothing = "Open an image first." if self._image is None else None
        busy = "The objects are being measured." if session.measuring else None
        running = "A run is under way." if session.running else None
        set_enabled(
            self.measure_button, _MEASURE, unable or nothing or self._unable or busy or running
        )
        set_enabled(self.line_button, _DRAW, unable or nothing)
        self.line_button.setText("Draw" if self._line_layer() is None else "Take line")
        self.hint.setText(self._hint())
        self.hint.setVisible(bool(self.hint.text()))

    def _hint(self) -> str:
        session = self._workspace.session
        if session.measuring:
            return f"Measuring the objects … {100 * session.measured:.0f} %"
        if self._config is None:
            return ""
        try:
            zoom = zoom_for(self._config, session.diameter)[-1]
        except ValueError:  # the panel marks the field, and says why
            return ""
        source = _SOURCES[session.diameter_source]
        if zoom == 1:
            return f"{source}{_as_it_is(self._config)}" if session.diameter else ""
        known = f"{self._config.object_diameter:.0f} px"
        return f"{source}Resampled × {zoom:.2g}: the model was trained on objects of {known}."

    def _of_model(self) -> str:
        """Return the number that counts while none is given."""
        known = None if self._config is None else image_diameter(self._config)
        return _NONE if known is None else f"{known:.0f} px (model)"

    def _take(self, value: float) -> None:
        self._workspace.controller.diameter.set(value or None)
        self.refresh()

    # ---------------------------------------------------------------------------- the line

    def draw_or_take(self) -> None:
        """Add a layer to draw a line in; if there is one, take the length of its last line."""
        layer = self._line_layer()
        if layer is None:
            self._add_line_layer()
        elif len(layer.data) and self._image is not None:
            length = _length_in(self._image, layer)
            self._workspace.viewer.layers.remove(layer)
            self._workspace.controller.diameter.set(round(length, 1), "drawn")
        self.refresh()

    def _line_layer(self) -> Shapes | None:
        layers = self._workspace.viewer.layers
        found = [one for one in layers if isinstance(one, Shapes) and one.name == _LINE_NAME]
        return found[-1] if found else None

    def _add_line_layer(self) -> None:
        viewer, image = self._workspace.viewer, self._image
        layer = viewer.add_shapes(
            name=_LINE_NAME, ndim=viewer.dims.ndim, edge_color="yellow", edge_width=1
        )
        if image is not None and image.ndim == layer.ndim:
            layer.units = image.units  # without common units napari shows no scale bar
        layer.mode = "add_line"


def _length_in(image: Image, layer: Shapes) -> float:
    """Return the end-to-end length of a layer's last shape, in an image's pixels along Y and X."""
    ends = [layer.data_to_world(layer.data[-1][n]) for n in (0, -1)]
    first, last = (np.asarray(image.world_to_data(end))[-2:] for end in ends)
    return float(np.linalg.norm(last - first))


def _disabled_reason(config: ModelConfig | None) -> str | None:
    if config is None:
        return "Choose a model first."
    if config.object_diameter is None:
        return f"The model {config.name} does not state the size of its objects."
    return None
