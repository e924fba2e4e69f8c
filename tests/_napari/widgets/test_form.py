from __future__ import annotations

from dataclasses import dataclass, field

import pytest

from napari_pixel_embedding._napari.widgets.form import ParamsForm


def described(default, label, low, high, step):
    metadata = {"label": label, "min": low, "max": high, "step": step, "tooltip": f"{label}!"}
    return field(default=default, metadata=metadata)


@dataclass(frozen=True)
class Params:
    width: float = described(1.0, "Width", 0.0, 4.0, 0.01)
    size: int = described(3, "Size", 0, 100, 1)
    hidden: str = "no label, no widget"


@pytest.fixture(params=[True, False], ids=["sliders", "boxes"])
def form(request, qtbot):
    made = ParamsForm(Params(), sliders=request.param)
    qtbot.addWidget(made)
    return made


def test_fields_become_widgets(form):
    assert form.values() == {"width": 1.0, "size": 3}
    assert form.widget("width").label == "Width"
    assert form.widget("width").tooltip == "Width!"
    assert (form.widget("size").min, form.widget("size").max) == (0, 100)


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
    assert form.values() == {"width": 2.0, "size": 50}
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
