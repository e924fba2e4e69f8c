"""The wheel over every kind of field: with the focus it changes it, without it scrolls."""

from __future__ import annotations

import pytest
from magicgui.widgets import create_widget
from qtpy.QtCore import QPoint, QPointF, Qt
from qtpy.QtGui import QWheelEvent
from qtpy.QtWidgets import (
    QAbstractSlider,
    QApplication,
    QComboBox,
    QDoubleSpinBox,
    QListWidget,
    QScrollArea,
    QSlider,
    QSpinBox,
    QVBoxLayout,
    QWidget,
)
from superqt import QLabeledDoubleSlider, QLargeIntSpinBox

from napari_pixel_embedding._napari.widgets.wheel import WheelGuard
from tests._napari.conftest import WAIT


def combo():
    box = QComboBox()
    box.addItems(list("abcdef"))
    box.setCurrentIndex(3)
    return box


def middle(kind):
    field = kind()
    field.setRange(0, 10)
    field.setValue(5)
    return field


def magic(kind):
    options = {"min": 0, "max": 10}
    return create_widget(value=5, widget_type=kind, options=options).native


FIELDS = {
    "combo": combo,
    "spin": lambda: middle(QSpinBox),
    "double spin": lambda: middle(QDoubleSpinBox),
    "large spin": lambda: middle(QLargeIntSpinBox),
    "slider": lambda: middle(QSlider),
    "superqt slider": lambda: middle(QLabeledDoubleSlider),
    "magicgui slider": lambda: magic("Slider"),
    "magicgui float slider": lambda: magic("FloatSlider"),
    "magicgui spin": lambda: magic("FloatSpinBox"),
}


def value(field):
    """Return the value; magicgui wraps its sliders in a plain widget."""
    if isinstance(field, QComboBox):
        return field.currentIndex()
    return field.value() if hasattr(field, "value") else field.findChild(QAbstractSlider).value()


def turn(widget):
    """Turn the wheel by a notch in the middle of a widget, as Qt passes it on: up to a taker."""
    place = widget.rect().center()
    globally = QPointF(widget.mapToGlobal(place))
    target = widget.childAt(place) or widget
    while target is not None:
        event = QWheelEvent(
            target.mapFromGlobal(globally),
            globally,
            QPoint(),
            QPoint(0, -120),
            Qt.MouseButton.NoButton,
            Qt.KeyboardModifier.NoModifier,
            Qt.ScrollPhase.NoScrollPhase,
            False,
        )
        QApplication.sendEvent(target, event)
        target = None if event.isAccepted() else target.parentWidget()


@pytest.fixture
def area(qtbot):
    """A guarded panel that is too high to be seen at once."""
    area = QScrollArea()
    area.setWidgetResizable(True)
    body = QWidget()
    column = QVBoxLayout(body)
    area.setWidget(body)
    guard = WheelGuard(area)
    qtbot.addWidget(area)
    area.resize(300, 200)
    area.show()
    qtbot.waitExposed(area)
    area.column, area.guard = column, guard
    return area


@pytest.fixture(params=FIELDS)
def field(request, area, qtbot):
    """A field that was added after the panel was shown."""
    made = FIELDS[request.param]()
    area.column.addWidget(made)
    spacer = QWidget()
    spacer.setFixedHeight(2000)
    area.column.addWidget(spacer)
    qtbot.waitUntil(
        lambda: area.verticalScrollBar().maximum() > 0 and made.isVisible(), timeout=WAIT
    )
    qtbot.wait(1)
    area.setFocus()
    return made


def test_without_the_focus_the_wheel_scrolls(area, field):
    before = value(field)
    turn(field)
    assert value(field) == before
    assert area.verticalScrollBar().value() > 0
    assert not field.focusPolicy() == Qt.FocusPolicy.WheelFocus


def test_with_the_focus_the_wheel_changes_the_field(area, field, qtbot):
    before = value(field)
    area.activateWindow()
    focus = next(
        (w for w in (field, *field.findChildren(QSlider)) if w.focusPolicy() & Qt.TabFocus), field
    )
    focus.setFocus()
    qtbot.waitUntil(lambda: QApplication.focusWidget() is not None, timeout=WAIT)
    turn(field)
    assert value(field) != before


def test_a_list_still_scrolls(area, qtbot):
    chosen = QListWidget()
    chosen.addItems([str(n) for n in range(100)])
    chosen.setFixedHeight(100)
    area.column.addWidget(chosen)
    qtbot.waitUntil(lambda: chosen.verticalScrollBar().maximum() > 0, timeout=WAIT)
    turn(chosen)
    assert chosen.verticalScrollBar().value() > 0


def test_the_panels_fields_are_guarded(viewer, segment_panel, qtbot):
    panel = segment_panel
    before = panel.models.currentIndex(), panel.form.values(), panel.devices.currentIndex()
    panel.setEnabled(True)
    panel.objects.setEnabled(True)
    panel.models.refill([("a", "a"), ("b", "b"), ("c", "c")], "a")
    for widget in (panel.models, panel.form.widget("bandwidth").native, panel.devices):
        turn(widget)
    assert panel.models.currentText() == "a"
    assert (panel.form.values(), panel.devices.currentIndex()) == before[1:]
