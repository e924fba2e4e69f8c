"""A form made from a configuration: labels, ranges and tooltips are those of its fields."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from qtpy.QtCore import Signal  # type: ignore[attr-defined]
from qtpy.QtWidgets import QGridLayout, QLabel, QWidget
from superqt.utils import qthrottled

from napari_pixel_embedding._napari.widgets.slider_field import SliderField
from napari_pixel_embedding.core.parameters import Parameter, parameters_of

if TYPE_CHECKING:
    from collections.abc import Sequence

TICK_MS = 30
"""Shortest time between two reports of a slider that moves."""
_MINIMUM_WIDTH = 54


class ParamsForm(QWidget):
    """Edits some fields of a configuration, each with a label, a range and a tooltip.

    Parameters
    ----------
    params : configuration
        Its fields and current values are shown.
    names : sequence of str, optional
        Fields to show, in this order; all that have a title by default.
    sliders : bool
        Sliders that report while they move, at most every 30 ms; number boxes otherwise.

    Attributes
    ----------
    changed : Signal of dict
        Fields the user has changed since the last report, with their values.
    """

    changed = Signal(dict)

    def __init__(
        self, params: Any, names: Sequence[str] | None = None, *, sliders: bool = False
    ) -> None:
        super().__init__()
        known = {parameter.name: parameter for parameter in parameters_of(params)}
        self._pending: dict[str, Any] = {}
        self._report = qthrottled(self._emit, timeout=TICK_MS, parent=self)
        self._widgets = {
            name: _widget(known[name], getattr(params, name), sliders)
            for name in (known if names is None else names)
        }
        for name, widget in self._widgets.items():
            widget.changed.connect(lambda value, name=name: self._take(name, value))
        self._lay_out()

    def _lay_out(self) -> None:
        grid = QGridLayout(self)
        grid.setContentsMargins(0, 0, 0, 0)
        grid.setColumnStretch(1, 1)
        for row, widget in enumerate(self._widgets.values()):
            label = QLabel(widget.label)
            label.setToolTip(widget.tooltip)
            grid.addWidget(label, row, 0)
            grid.addWidget(widget.native, row, 1)
            widget.native.setMinimumWidth(_MINIMUM_WIDTH)
            widget.native.setAccessibleName(widget.label)

    def values(self) -> dict[str, Any]:
        """Return what the form shows, by field name."""
        return {name: widget.value for name, widget in self._widgets.items()}

    def widget(self, name: str) -> Any:
        """Return the widget of one field: a :class:`SliderField`, or one of magicgui."""
        return self._widgets[name]

    def show_params(self, params: Any) -> None:
        """Show new values without emitting a signal."""
        for name, widget in self._widgets.items():
            value = getattr(params, name)
            if name not in self._pending and widget.value != value:
                with widget.changed.blocked():
                    widget.range = (min(widget.min, value), max(widget.max, value))
                    widget.value = value

    def set_range(self, name: str, low: float, high: float) -> None:
        """Change the range of one field without emitting a signal."""
        widget = self._widgets[name]
        low, high = min(low, widget.value), max(high, widget.value)
        with widget.changed.blocked():
            widget.range = (low, high)

    def _take(self, name: str, value: Any) -> None:
        self._pending[name] = value
        self._report()

    def _emit(self) -> None:
        changes, self._pending = self._pending, {}
        if changes:
            self.changed.emit(changes)


def _widget(parameter: Parameter, value: Any, sliders: bool) -> Any:
    """Make the widget of one field by the type of its value."""
    if sliders and not parameter.choices:
        return SliderField(parameter, value)
    from magicgui.widgets import create_widget  # late: the first dock has sliders alone

    options: dict[str, Any] = {"tooltip": parameter.description}
    if parameter.choices:
        kind, options["choices"] = "ComboBox", parameter.choices
    else:
        kind = f"{'Float' if isinstance(value, float) else ''}SpinBox"
        options |= {"min": parameter.low, "max": parameter.high}
        if parameter.step is not None:
            options["step"] = parameter.step
    return create_widget(value=value, label=parameter.title, widget_type=kind, options=options)
