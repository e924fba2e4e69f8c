from __future__ import annotations

from typing import Literal

import pytest
from pydantic import Field

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
