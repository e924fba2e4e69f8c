"""A number as a slider with a readout, made of plain Qt widgets because a dock opens with them."""

from __future__ import annotations

import math
from contextlib import contextmanager
from typing import TYPE_CHECKING

from psygnal import Signal
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QDoubleSpinBox, QHBoxLayout, QSlider, QWidget
from superqt.utils import signals_blocked

if TYPE_CHECKING:
    from collections.abc import Iterator

    from napari_pixel_embedding.core.parameters import Parameter

_READOUT_WIDTH = 44
_STEP = {int: 1.0, float: 0.01}
_PAGES = 10
"""Presses of Page Up from one end to the other."""
_POSITIONS = 100_000
"""Most positions of the slider: a range of more steps gets coarser ones."""
_DECIMALS = 6
"""Digits of a value that the slider reports, so that 0.3 is not 0.30000000000000004."""


class SliderField:
    """A slider and a box with its number, for one field of a configuration.

    The value may lie between two positions of the slider where code has set it.

    Parameters
    ----------
    parameter : Parameter
        Title, description, range and step.
    value : int or float
        The first value; its type is that of all.

    Attributes
    ----------
    changed : Signal of int or float
        The value was changed, by the user or by code.
    native : QWidget
        To be laid out.
    """

    changed = Signal(object)

    def __init__(self, parameter: Parameter, value: float) -> None:
        self.label, self.tooltip = parameter.title, parameter.description
        self._kind = type(value)
        self._step = parameter.step or _STEP[self._kind]
        self._value = value
        self.native = QWidget()
        self._slider = QSlider(Qt.Orientation.Horizontal)
        self._readout = _readout(_digits(self._step))
        layout = QHBoxLayout(self.native)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self._slider)
        layout.addWidget(self._readout)
        self.native.setToolTip(self.tooltip)
        self.range = (parameter.low or 0.0, value if parameter.high is None else parameter.high)
        self._slider.valueChanged.connect(self._take_position)
        self._readout.valueChanged.connect(self._take_number)

    @property
    def value(self) -> float:
        """The number; setting one outside the range raises ValueError."""
        return self._value

    @value.setter
    def value(self, value: float) -> None:
        if not self.min <= value <= self.max:
            raise ValueError(
                f"{self.label} must be from {self.min:g} to {self.max:g}, found {value}."
            )
        value = self._kind(value)
        if value != self._value:
            self._value = value
            self._show()
            self.changed.emit(value)

    @property
    def min(self) -> float:
        """Smallest value."""
        return self._range[0]

    @property
    def max(self) -> float:
        """Largest value."""
        return self._range[1]

    @property
    def range(self) -> tuple[float, float]:
        """Smallest and largest value."""
        return self._range

    @range.setter
    def range(self, ends: tuple[float, float]) -> None:
        self._range = low, high = self._kind(ends[0]), self._kind(ends[1])
        self._unit = self._step * max(1, math.ceil((high - low) / self._step / _POSITIONS))
        first, last = math.floor(low / self._unit), math.ceil(high / self._unit)
        with self._quietly():
            self._slider.setRange(first, last)
            self._slider.setPageStep(max(1, (last - first) // _PAGES))
            self._readout.setRange(low, high)
        self._show()

    def _show(self) -> None:
        with self._quietly():
            self._slider.setValue(round(self._value / self._unit))
            self._readout.setValue(self._value)

    @contextmanager
    def _quietly(self) -> Iterator[None]:
        with signals_blocked(self._slider), signals_blocked(self._readout):
            yield

    def _take_position(self, position: int) -> None:
        value = round(position * self._unit, _DECIMALS)
        self.value = min(max(value, self.min), self.max)

    def _take_number(self, number: float) -> None:
        self.value = min(max(number, self.min), self.max)


def _readout(digits: int) -> QDoubleSpinBox:
    """Make a box for a number that is reported once it has been typed in whole."""
    box = QDoubleSpinBox()
    box.setDecimals(digits)
    box.setButtonSymbols(QDoubleSpinBox.ButtonSymbols.NoButtons)
    box.setKeyboardTracking(False)
    box.setStyleSheet("background: transparent; border: 0; min-width: 44px; padding: 0px;")
    box.setFixedWidth(_READOUT_WIDTH)
    return box


def _digits(step: float) -> int:
    """Return how many digits behind the point a step has."""
    return max(0, math.ceil(-math.log10(step) - 1e-9))
