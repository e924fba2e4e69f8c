from __future__ import annotations

from typing import Literal

import pytest
from pydantic import Field
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QDoubleSpinBox, QSlider

from napari_pixel_embedding._napari.widgets.form import ParamsForm
from napari_pixel_embedding.core.parameters import configuration


@configuration
class Params:
    width: float = Field(
        default=1.0,
        ge=0,
        le=9,
        title="Width",
        description="Width!",
        json_schema_extra={"low": 0.0, "high": 4.0, "step": 0.01},
    )
    size: int = Field(default=3, ge=0, le=100, title="Size", description="Size!")
    kind: Literal["a", "b"] = Field(default="b", title="Kind", description="Kind!")
    hidden: str = "no title, no widget"


@pytest.fixture(params=[True, False], ids=["sliders", "boxes"])
def form(request, qtbot):
    made = ParamsForm(Params(), sliders=request.param)
    qtbot.addWidget(made)
    return made


def test_fields_become_widgets(form):
    assert form.values() == {"width": 1.0, "size": 3, "kind": "b"}
    assert form.widget("width").label == "Width"
    assert form.widget("width").tooltip == "Width!"
    assert (form.widget("size").min, form.widget("size").max) == (0, 100)
    assert (form.widget("width").min, form.widget("width").max) == (0, 4)
    assert form.widget("kind").choices == ("a", "b")


def test_changes_are_reported_together(form, qtbot):
    heard = []
    form.changed.connect(heard.append)
    form.widget("width").value = 2.0
    form.widget("width").value = 2.5
    form.widget("size").value = 7
    qtbot.waitUntil(
        lambda: {k: v for c in heard for k, v in c.items()} == {"width": 2.5, "size": 7}
    )


def test_following_reports_nothing(form, qtbot):
    heard = []
    form.changed.connect(heard.append)
    form.show_params(Params(width=2.0, size=50))
    assert form.values() == {"width": 2.0, "size": 50, "kind": "b"}
    qtbot.wait(80)
    assert heard == []


def test_a_value_out_of_range_widens_the_range(form):
    form.show_params(Params(width=9.0))
    assert form.values()["width"] == 9.0
    form.set_range("width", 0.0, 2.0)
    assert form.values()["width"] == 9.0


def test_named_fields_only(qtbot):
    form = ParamsForm(Params(), ["size"])
    qtbot.addWidget(form)
    assert form.values() == {"size": 3}


@pytest.fixture
def slider(qtbot):
    made = ParamsForm(Params(), ["width", "size"], sliders=True)
    qtbot.addWidget(made)
    made.show()
    return made.widget("width")


def handle(field):
    return field.native.findChild(QSlider)


def test_the_handle_moves_in_steps(slider, qtbot):
    heard = []
    slider.changed.connect(heard.append)
    qtbot.keyClick(handle(slider), Qt.Key.Key_Right)
    qtbot.keyClick(handle(slider), Qt.Key.Key_Right)
    qtbot.keyClick(handle(slider), Qt.Key.Key_PageUp)
    assert heard == [1.01, 1.02, 1.42]
    qtbot.keyClick(handle(slider), Qt.Key.Key_End)
    assert slider.value == 4.0


def test_a_number_that_is_typed_moves_the_handle(slider, qtbot):
    box = slider.native.findChild(QDoubleSpinBox)
    box.selectAll()
    heard = []
    slider.changed.connect(heard.append)
    qtbot.keyClicks(box, "2.5")
    assert heard == []  # neither at "2" nor at "2."
    qtbot.keyClick(box, Qt.Key.Key_Return)
    assert heard == [2.5]
    assert handle(slider).value() == 250


def test_a_value_between_two_steps_stays_exact(slider):
    slider.value = 1.2345
    slider.range = (0.123, 2.0)
    assert slider.value == 1.2345
    assert handle(slider).value() == 123


def test_ends_that_are_no_whole_steps_are_reached(slider, qtbot):
    slider.range = (0.123, 2.0)
    qtbot.keyClick(handle(slider), Qt.Key.Key_Home)
    assert slider.value == 0.123


def test_a_huge_range_gets_coarser_steps(qtbot):
    form = ParamsForm(Params(), ["size"], sliders=True)
    qtbot.addWidget(form)
    field = form.widget("size")
    field.range = (0, 10**12)
    qtbot.keyClick(handle(field), Qt.Key.Key_End)
    assert field.value == 10**12
    assert isinstance(field.value, int)


def test_a_value_outside_the_range_is_refused(slider):
    with pytest.raises(ValueError, match="Width must be from 0 to 4, found 5"):
        slider.value = 5.0
    assert slider.value == 1.0
