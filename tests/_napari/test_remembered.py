"""Choices of the last start: kept, used again, and left alone where that is turned off."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace

import pytest

from napari_pixel_embedding._napari import settings as page
from napari_pixel_embedding._napari.remembered import FILE, Choices, read_choices, remember
from napari_pixel_embedding._napari.segment.panel import SegmentPanel
from napari_pixel_embedding._napari.train.fine_tune_panel import FineTunePanel
from napari_pixel_embedding.core.model.config import DEFAULT_MODEL


@pytest.fixture
def chosen(monkeypatch):
    """Values of the page of settings, which a test may change."""
    values = SimpleNamespace(device="auto", model_folder="", tile=0, autosave=False, remember=True)
    monkeypatch.setattr(page, "_page", lambda: values)
    return values


def write(folder, text):
    folder.mkdir(parents=True, exist_ok=True)
    (folder / FILE).write_text(text)


def test_choices_are_read_as_they_were_kept(own_folder):
    assert read_choices() == Choices()
    remember(model="generic", views=4)
    remember(device="cpu")
    assert read_choices() == Choices(model="generic", device="cpu", views=4)


@pytest.mark.parametrize("text", ["", "{", "[1]", "\0", '"generic"'])
def test_a_damaged_file_is_no_choice(own_folder, text):
    write(own_folder, text)
    assert read_choices() == Choices()
    remember(views=8)
    assert read_choices() == Choices(views=8)


@pytest.mark.parametrize(
    "wrong",
    [
        {"device": "tpu"},
        {"views": 3},
        {"views": True},
        {"effort": []},
        {"method": "magic"},
        {"method": ["mutex"]},
        {"model": 3},
        {"model": ""},
        {"other": 1},
    ],
)
def test_what_does_not_fit_is_left_out(own_folder, wrong):
    write(own_folder, json.dumps({"views": 4, "effort": "quick", **wrong}))
    kept = {name: v for name, v in {"views": 4, "effort": "quick"}.items() if name not in wrong}
    assert read_choices() == Choices(**kept)


def test_a_method_without_its_package_is_left_out(own_folder, monkeypatch):
    remember(method="mutex")
    monkeypatch.setattr("napari_pixel_embedding._napari.remembered.find_spec", lambda _: None)
    assert read_choices() == Choices()


def test_a_folder_that_takes_no_file_is_no_error(own_folder):
    own_folder.write_text("a file where the folder should be")
    remember(views=4)
    assert read_choices() == Choices()


def test_a_run_is_begun_as_the_last_one(chosen, viewer, image, dock, tiny_model, run):
    panel = dock(SegmentPanel)
    viewer.add_image(image)
    panel.devices.setCurrentIndex(panel.devices.findData("cpu"))
    panel.views.setCurrentIndex(panel.views.findData(4))
    assert read_choices() == Choices()  # what is tried out is not kept
    run(panel)
    kept = Choices(model=tiny_model, device="cpu", views=4, method="mean_shift")
    assert read_choices() == kept
    viewer.window.remove_dock_widget(panel)

    again = dock(SegmentPanel)
    assert again.workspace.choices == kept
    assert (again.models.source, again.devices.device) == (tiny_model, "cpu")
    assert (again.views.augment, again.session.device) == (4, "cpu")


def test_turned_off_nothing_is_kept_or_used(chosen, viewer, image, dock, run):
    remember(views=8, device="cpu")
    chosen.remember = False
    panel = dock(SegmentPanel)
    assert (panel.views.augment, panel.devices.device) == (1, "auto")
    viewer.add_image(image)
    run(panel)
    assert read_choices() == Choices(views=8, device="cpu")


def test_a_device_of_the_preferences_goes_before(chosen, dock, own_folder):
    remember(device="cuda")
    chosen.device = "cpu"
    assert dock(SegmentPanel).devices.device == "cpu"


def test_a_model_that_is_gone_is_not_chosen(chosen, dock, tiny_model, tmp_path):
    mine = tmp_path / "mine.safetensors"
    mine.write_bytes(Path(tiny_model).read_bytes())
    remember(model=str(mine))
    mine.unlink()
    panel = dock(SegmentPanel)
    assert (panel.models.source, panel.models.refused) == (DEFAULT_MODEL, None)


def test_the_effort_is_the_last_one(chosen, dock, own_folder):
    remember(effort="quick")
    panel = dock(FineTunePanel)
    assert panel.forms[0].widget("steps").value == 160
    assert panel.effort.efforts["quick"].isChecked()
    panel.choose_steps(600)
    panel.start()  # refused without corrections, but that was the choice
    assert read_choices().effort == "normal"
    panel.forms[0].widget("steps").value = 77
    panel.start()
    assert read_choices().effort == "normal"
