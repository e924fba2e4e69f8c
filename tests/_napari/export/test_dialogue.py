"""The export dialogue in a real window: formats, files, images, questions and errors."""

from __future__ import annotations

import csv
import json
import time
from pathlib import Path

import imageio.v3 as iio
import numpy as np
import pytest
import tifffile
import zarr
from qtpy.QtCore import QPoint, Qt
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QApplication, QFileDialog, QMessageBox

from napari_pixel_embedding._napari.export import choices
from napari_pixel_embedding._napari.export.choices import CHOICES
from napari_pixel_embedding._napari.export.dialogue import ExportDialogue, open_export
from napari_pixel_embedding._napari.measure.panel import MeasurePanel
from napari_pixel_embedding.core.exchange.contours import contours
from tests._napari.conftest import WAIT
from tests.core.exchange.readers import labels_of_features

TITLES = {choice.title: number for number, choice in enumerate(CHOICES)}


@pytest.fixture
def panel(viewer, segment_panel, dock, run, image):
    viewer.add_image(image, name="field", scale=(0.5, 0.25), units=("um", "um"))
    run(segment_panel)
    return dock(MeasurePanel)


@pytest.fixture
def opened():
    """Open the dialogue of a panel; it is closed again whatever happens."""
    made = []

    def open_dialogue(panel):
        made.append(open_export(panel.workspace))
        return made[-1]

    yield open_dialogue
    for dialogue in made:
        try:
            dialogue.close()
        except RuntimeError:  # Qt has deleted it
            continue


def choose(dialogue, title):
    """Click on a format."""
    made = dialogue.formats[TITLES[title]]
    QTest.mouseClick(made, Qt.MouseButton.LeftButton, pos=QPoint(8, made.height() // 2))
    assert made.isChecked()


def type_path(dialogue, path):
    dialogue.path.selectAll()
    QTest.keyClicks(dialogue.path, str(path))


def export(dialogue, qtbot):
    """Press Export and wait until the file is written."""
    state = dialogue.exporting.state
    QTest.mouseClick(dialogue.export_button, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: not state.running and state.written is not None, timeout=WAIT)
    return state.written


def test_the_button_of_the_tab_opens_one_dialogue(panel, opened):
    panel.export_button.click()
    first = panel.window().findChild(ExportDialogue)
    assert opened(panel) is first
    assert first.isVisible()
    assert len(panel.window().findChildren(ExportDialogue)) == 1


def test_labels_are_written_with_their_pixel_size(panel, opened, tmp_path, qtbot):
    dialogue = opened(panel)
    type_path(dialogue, tmp_path / "cells.tif")
    path = export(dialogue, qtbot)
    assert np.array_equal(tifffile.imread(path), panel.session.labels)
    with tifffile.TiffFile(path) as file:
        pixels = tifffile.xml2dict(file.ome_metadata)["OME"]["Image"]["Pixels"]
    assert (pixels["PhysicalSizeY"], pixels["PhysicalSizeX"]) == (0.5, 0.25)
    assert dialogue.note.text() == f"Written: {path}"
    assert not dialogue.progress.isVisible()


def test_the_file_follows_the_format(panel, opened, tmp_path):
    dialogue = opened(panel)
    assert Path(dialogue.path.text()).name == "field objects.tif"
    type_path(dialogue, tmp_path / "cells.v2.tif")
    for title, name in (
        ("GeoJSON", "cells.v2.geojson"),
        ("OME-Zarr 0.4", "cells.v2.ome.zarr"),
        ("ImageJ ROIs", "cells.v2.zip"),
        ("Overlay", "cells.v2.png"),
        ("Label image", "cells.v2.tif"),
    ):
        choose(dialogue, title)
        assert Path(dialogue.path.text()).name == name
    type_path(dialogue, tmp_path / "cells.svg")
    assert not dialogue.export_button.isEnabled()
    assert "ends in .tif or .tiff" in dialogue.export_button.toolTip()


def test_geojson_and_the_table_are_what_the_window_shows(panel, opened, tmp_path, qtbot):
    dialogue, labels = opened(panel), panel.session.labels
    table = dialogue.formats[TITLES["Table, CSV"]]
    assert not table.isEnabled()
    assert "Measure first." in table.toolTip()
    choose(dialogue, "GeoJSON")
    type_path(dialogue, tmp_path / "cells.geojson")
    features = json.loads(export(dialogue, qtbot).read_text("utf-8"))["features"]
    assert np.array_equal(labels_of_features(features, (1, 1, *labels.shape))[0, 0], labels)
    panel.what.button.click()
    qtbot.waitUntil(table.isEnabled, timeout=WAIT)
    choose(dialogue, "Table, CSV")
    path = export(dialogue, qtbot)
    assert path == tmp_path / "cells.csv"
    with path.open(encoding="utf-8") as file:
        assert len(list(csv.reader(file))) == panel.session.object_count + 1
    panel.controller.clustering.set_params(bandwidth=2.0)
    qtbot.waitUntil(lambda: not table.isEnabled(), timeout=WAIT)
    assert "have changed" in table.toolTip()
    assert not dialogue.export_button.isEnabled()


def test_ome_zarr_takes_the_image_along(panel, opened, tmp_path, image, qtbot):
    dialogue = opened(panel)
    choose(dialogue, "OME-Zarr 0.5")
    type_path(dialogue, tmp_path / "alone.ome.zarr")
    group = zarr.open_group(export(dialogue, qtbot), mode="r")
    assert np.array_equal(group["0"][:], panel.session.labels)
    dialogue.image.setCurrentIndex(dialogue.image.findText("field"))
    type_path(dialogue, tmp_path / "both.ome.zarr")
    group = zarr.open_group(export(dialogue, qtbot), mode="r")
    assert np.array_equal(group["0"][:], image)
    assert np.array_equal(group["labels/objects/0"][:], panel.session.labels)


def test_a_picture_of_a_stack_is_the_plane_in_view(viewer, dock, opened, tmp_path, qtbot):
    labels = np.zeros((2, 3, 20, 21), np.int64)
    labels[1, 2, 4:9, 5:9] = 70_000
    colors = np.zeros((*labels.shape, 3), np.uint8)
    colors[1, 2, ..., 1] = 90
    viewer.add_image(colors, rgb=True, name="picture")
    viewer.add_labels(labels, name="cells")
    panel = dock(MeasurePanel)
    dialogue = opened(panel)
    assert dialogue.labels.axes.currentData() == "TZYX"
    viewer.dims.set_point((0, 1), (1, 2))
    choose(dialogue, "Overlay")
    assert dialogue.image.currentText() == "picture"
    assert "the one in view" in dialogue.note.text()
    type_path(dialogue, tmp_path / "a.png")
    picture = iio.imread(export(dialogue, qtbot))
    line = contours(labels[1, 2]) > 0
    assert (picture[~line] == (0, 90, 0)).all()
    assert (picture[line].max(axis=1) == 255).all()


def test_an_existing_file_is_asked_about(panel, opened, tmp_path, monkeypatch, qtbot):
    path = tmp_path / "cells.tif"
    path.write_text("mine")
    dialogue, asked = opened(panel), []
    answers = [QMessageBox.StandardButton.No, QMessageBox.StandardButton.Yes]

    def question(parent, title, text):
        asked.append(text)
        return answers[len(asked) - 1]

    monkeypatch.setattr(QMessageBox, "question", question)
    type_path(dialogue, path)
    QTest.mouseClick(dialogue.export_button, Qt.MouseButton.LeftButton)
    assert asked == ["cells.tif is there already. Replace it?"]
    assert path.read_text() == "mine"
    export(dialogue, qtbot)
    assert np.array_equal(tifffile.imread(path), panel.session.labels)


def test_errors_stand_in_the_dialogue(panel, opened, tmp_path, qtbot):
    dialogue = opened(panel)
    (tmp_path / "file").write_text("no folder")
    type_path(dialogue, tmp_path / "file" / "cells.tif")
    QTest.mouseClick(dialogue.export_button, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: bool(dialogue.exporting.state.error), timeout=WAIT)
    assert dialogue.note.text() == dialogue.exporting.state.error
    assert "color" in dialogue.note.styleSheet()
    type_path(dialogue, tmp_path / "cells.tif")
    export(dialogue, qtbot)
    assert dialogue.note.styleSheet() == ""


def test_what_is_not_installed_is_said_with_the_way_to_get_it(panel, opened, monkeypatch):
    there = choices.find_spec
    monkeypatch.setattr(choices, "find_spec", lambda n: None if n == "roifile" else there(n))
    dialogue = opened(panel)
    made = dialogue.formats[TITLES["ImageJ ROIs"]]
    assert not made.isEnabled()
    assert "Needs roifile: pip install 'napari-pixel-embedding[exchange]'" in made.toolTip()
    assert "pip install" in dialogue._purposes[TITLES["ImageJ ROIs"]].text()
    assert dialogue.formats[TITLES["OME-Zarr 0.5"]].isEnabled()


def test_an_export_can_be_cancelled(panel, opened, tmp_path, monkeypatch, qtbot):
    from napari_pixel_embedding.core.exchange import export as core

    def slow(path, *_, progress, **__):
        while True:  # until it is cancelled
            progress(0.5)
            time.sleep(0.01)

    monkeypatch.setattr(core, "export_labels", slow)
    dialogue = opened(panel)
    type_path(dialogue, tmp_path / "cells.tif")
    QTest.mouseClick(dialogue.export_button, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: dialogue.exporting.state.fraction == 0.5, timeout=WAIT)
    assert dialogue.progress.isVisible()
    assert dialogue.progress.value() * 2 == dialogue.progress.maximum()
    QTest.mouseClick(dialogue.cancel_button, Qt.MouseButton.LeftButton)
    assert not dialogue.exporting.state.running
    assert dialogue.export_button.isEnabled()
    assert not (tmp_path / "cells.tif").exists()


def test_the_file_is_chosen_with_the_systems_dialogue(panel, opened, tmp_path, monkeypatch):
    answer = (str(tmp_path / "b.tif"), "")
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_, **__: answer)
    dialogue = opened(panel)
    dialogue.browse.click()
    assert dialogue.path.text() == answer[0]


def test_without_labels_there_is_nothing_to_export(segment_panel, opened):
    dialogue = opened(segment_panel)
    assert not dialogue.export_button.isEnabled()
    assert "There are no labels" in dialogue.export_button.toolTip()


def test_the_dialogue_closes_with_the_last_panel(viewer, segment_panel, qtbot):
    dialogue = open_export(segment_panel.workspace)
    gone = []
    dialogue.destroyed.connect(lambda: gone.append(1))
    viewer.window.remove_dock_widget(segment_panel)
    QApplication.processEvents()
    qtbot.waitUntil(lambda: gone == [1], timeout=WAIT)


def test_the_labels_of_a_run_are_read_where_nothing_is_painted(panel, opened):
    dialogue = opened(panel)
    source = dialogue.labels.source()
    assert np.array_equal(source.labels, panel.session.labels)
    assert np.shares_memory(source.labels, panel.session.labels)
    assert not np.shares_memory(source.labels, panel.workspace.layers.labels_layer.data)
