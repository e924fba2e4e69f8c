"""Settings of the preferences: each acts, and a value that cannot be used is refused."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import napari.settings
import pytest

from napari_pixel_embedding._napari import settings as page
from napari_pixel_embedding._napari.segment.panel import SegmentPanel
from napari_pixel_embedding._napari.settings import Settings, read_settings


@pytest.fixture
def chosen(monkeypatch):
    """Values of the page, which a test may change."""
    values = SimpleNamespace(device="auto", model_folder="", tile=0, autosave=True)
    monkeypatch.setattr(page, "_page", lambda: values)
    return values


@pytest.fixture
def warned(monkeypatch):
    said = []
    monkeypatch.setattr(page, "show_warning", said.append)
    return said


def test_the_page_of_the_manifest_is_what_is_read(viewer):
    general = napari.settings.get_plugin_settings("napari-pixel-embedding").general
    assert read_settings() == Settings()
    general.device, general.tile, general.autosave = "cpu", 256, False
    try:
        assert read_settings() == Settings("cpu", None, 256, autosave=False)
    finally:
        general.device, general.tile, general.autosave = "auto", 0, True


def test_device_and_tile_are_those_of_a_run(viewer, chosen, dock, image, monkeypatch):
    chosen.device, chosen.tile = "cpu", 64
    panel = dock(SegmentPanel)
    assert panel.devices.device == "cpu"
    viewer.add_image(image)
    started = []
    monkeypatch.setattr(
        panel.controller._runs, "start", lambda work, **_: started.append(work.args[1])
    )
    panel.run()
    assert (started[0].options.device, started[0].options.tile) == ("cpu", 64)
    chosen.tile = 0
    panel.run()
    assert started[1].options.tile is None


def test_models_of_the_folder_are_offered(chosen, dock, tiny_model, tmp_path):
    own = tmp_path / "mine.safetensors"
    own.write_bytes(Path(tiny_model).read_bytes())
    (tmp_path / "notes.txt").write_text("no model")
    chosen.model_folder = str(tmp_path)
    panel = dock(SegmentPanel)
    titles = [panel.models.itemText(n) for n in range(panel.models.count())]
    assert "mine.safetensors" in titles
    assert "notes.txt" not in titles
    panel.models.setCurrentIndex(titles.index("mine.safetensors"))
    panel.models.activated.emit(titles.index("mine.safetensors"))
    assert panel.models.source == str(own)


@pytest.mark.parametrize("wanted", [True, False])
def test_autosave_writes_only_if_wanted(chosen, dock, wanted):
    chosen.autosave = wanted
    assert (dock(SegmentPanel).controller.autosave._folder is not None) == wanted


@pytest.mark.parametrize(
    ("name", "value", "title"),
    [
        ("device", "tpu", "Device"),
        ("model_folder", "/no/such", "Model folder"),
        ("tile", 9, "Tile"),
    ],
)
def test_a_bad_value_is_refused_and_the_default_taken(chosen, warned, name, value, title):
    setattr(chosen, name, value)
    assert read_settings() == Settings()
    assert len(warned) == 1
    assert title in warned[0] and str(value) in warned[0] and "Preferences" in warned[0]
