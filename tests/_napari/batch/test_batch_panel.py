"""The dock Batch in a real window: a data set is segmented, shown, and corrected part by part."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tifffile
from qtpy.QtWidgets import QFileDialog

from napari_pixel_embedding._napari.batch.panel import BatchPanel
from napari_pixel_embedding.batch.engine.tasks import SerialEngine
from napari_pixel_embedding.batch.prepare import prepare
from napari_pixel_embedding.batch.request import BatchRequest
from napari_pixel_embedding.batch.run import Run
from napari_pixel_embedding.core.datasets.samples import load_sample
from napari_pixel_embedding.core.recipe.recipe_file import save_segmentation_recipe
from napari_pixel_embedding.core.runs.edits import LabelEdits
from napari_pixel_embedding.core.runs.folder import RunProgress, remember_run
from tests._napari.conftest import WAIT
from tests.recipes import usual_recipe


@pytest.fixture(scope="module")
def pixels():
    return np.ascontiguousarray(np.asarray(load_sample("nuclei-field")[0].data)[:300, :400])


@pytest.fixture(scope="module")
def recipe():
    return usual_recipe("nuclei-fast")


@pytest.fixture
def file(tmp_path, pixels):
    (tmp_path / "in").mkdir()
    tifffile.imwrite(tmp_path / "in" / "slide.tif", pixels)
    return tmp_path / "in" / "slide.tif"


@pytest.fixture
def panel(dock):
    return dock(BatchPanel)


@pytest.fixture
def with_recipe(panel, tmp_path, recipe, monkeypatch):
    """The panel with the settings of a recipe file."""
    path = save_segmentation_recipe(recipe, tmp_path / "cells")
    monkeypatch.setattr(QFileDialog, "getOpenFileName", lambda *_: (str(path), ""))
    panel.recipe_button.click()
    return panel


@pytest.fixture
def done(tmp_path, file, recipe):
    """Folder of a run in blocks that has ended."""
    request = BatchRequest(str(file), recipe, block=128, halo=48)
    folder = tmp_path / "done"
    Run(prepare(request, folder, 2**31), SerialEngine()).run()
    remember_run(folder)
    return folder


def test_without_settings_all_is_disabled_and_says_why(panel):
    assert not panel.start_button.isEnabled()
    assert "Segment an image first" in panel.start_button.toolTip()
    for button in (panel.stop_button, panel.resume_button, panel.open_button, panel.edit_button):
        assert not button.isEnabled() and "\n\n" in button.toolTip()
    assert not panel.progress.isVisible()


def test_the_image_that_is_shown_and_its_settings_are_offered(
    viewer, segment_panel, dock, run, file
):
    viewer.open(str(file))
    run(segment_panel)
    panel = dock(BatchPanel)
    assert panel.data == file
    assert panel.output == file.parent / "slide_run1"
    assert panel.recipe.model.name == "tiny"
    assert "tiny, bandwidth" in panel._what.text()
    assert panel.start_button.isEnabled()


def test_a_data_set_is_segmented_and_opened(with_recipe, viewer, file, qtbot):
    panel = with_recipe
    panel.take_data(file)
    panel.start_button.click()
    assert not panel.start_button.isEnabled() and panel.stop_button.isEnabled()
    state = panel.runs.state
    qtbot.waitUntil(lambda: state.progress.state == "done", timeout=3 * WAIT)
    assert "objects in 1 image" in panel.status.text()
    assert panel.progress.value() == panel.progress.maximum()
    assert panel.output == file.parent / "slide_run1"
    panel.open_button.click()
    assert viewer.layers["slide_labels"].data.max() > 20
    assert (file.parent / "slide_run1" / "slide.parquet").is_file()


def test_the_run_goes_on_when_the_dock_is_closed(with_recipe, viewer, file, qtbot, dock):
    panel = with_recipe
    panel.take_data(file)
    panel.start_button.click()
    viewer.window.remove_dock_widget(panel)
    qtbot.wait(50)
    again = dock(BatchPanel)
    qtbot.waitUntil(lambda: again.runs.state.progress.state == "done", timeout=3 * WAIT)
    assert again.run_choice.currentText().endswith("slide_run1")


@pytest.mark.parametrize("kind", ["file", "folder"])
def test_images_are_chosen(with_recipe, file, monkeypatch, kind):
    panel = with_recipe
    monkeypatch.setattr(QFileDialog, "getOpenFileName", lambda *_: (str(file), ""))
    monkeypatch.setattr(QFileDialog, "getExistingDirectory", lambda *_: str(file.parent))
    (panel.choose_file if kind == "file" else panel.choose_folder)()
    assert panel.data == (file if kind == "file" else file.parent)
    assert panel.start_button.isEnabled()
    assert not panel.beside.isEnabled(), "for OME-Zarr alone"


def test_a_folder_that_is_not_empty_is_refused(with_recipe, file):
    panel = with_recipe
    panel.take_data(file)
    panel.output = file.parent
    panel.start_button.click()
    assert not panel.runs.is_running
    assert [one.name for one in file.parent.iterdir()] == ["slide.tif"]


STATES = {
    "running": (
        RunProgress(stage="segment", image="a", done=3, count=12, seconds_left=95.0),
        "2 min",
    ),
    "planning": (RunProgress(), "Looking at the images"),
    "failed": (RunProgress(state="failed", failed=2, message="10 objects."), "failed.csv"),
    "stopped": (RunProgress(state="stopped", message="It was stopped."), "It was stopped."),
}


@pytest.mark.parametrize("name", STATES)
def test_how_far_a_run_is(panel, name):
    progress, said = STATES[name]
    panel.runs.state.progress = progress
    assert said in panel.status.text()
    assert panel.stop_button.isEnabled() == (progress.state == "running")
    assert panel.resume_button.isEnabled() == (progress.state in ("failed", "stopped"))


# --------------------------------------------------------------------------- the result


@pytest.fixture
def opened(done, dock, viewer, file, qtbot):
    """The panel with an earlier run's result, over its image."""
    viewer.open(str(file))
    panel = dock(BatchPanel)
    assert panel.runs.state.folder == done
    panel.open_button.click()
    viewer.reset_view()
    return panel


def disk(done):
    return LabelEdits(done / "slide_labels.ome.zarr").read((slice(None), slice(None)))


def test_the_result_is_a_layer_of_all_levels_that_is_not_painted_on(opened, viewer):
    layer = viewer.layers["slide_labels"]
    assert layer.multiscale and not layer.editable
    assert tuple(layer.data[0].shape) == (300, 400)


def test_a_part_is_corrected_written_and_undone(opened, viewer, done):
    before = disk(done)
    opened.edit_button.click()
    part = viewer.layers["part of slide_labels"]
    assert viewer.layers.selection.active is part
    assert part.selected_label == before.max() + 1
    offset = np.round(part.translate / part.scale).astype(int)
    y, x = 140 - offset[0], 180 - offset[1]
    part.data[y : y + 9, x : x + 12] = part.selected_label
    opened.write_button.click()
    expected = before.copy()
    expected[140:149, 180:192] = before.max() + 1
    assert (disk(done) == expected).all()
    assert "part of slide_labels" not in viewer.layers
    assert opened.undo_button.isEnabled()
    opened.undo_button.click()
    assert (disk(done) == before).all()
    assert not opened.undo_button.isEnabled()


def test_the_part_lies_where_its_pixels_are(opened, viewer, done):
    viewer.scene.camera.center = (80.0, 300.0)
    viewer.scene.camera.zoom *= 4
    opened.edit_button.click()
    part, whole = viewer.layers["part of slide_labels"], disk(done)
    start = np.round(part.translate / part.scale).astype(int)
    stop = start + part.data.shape
    assert (part.data == whole[start[0] : stop[0], start[1] : stop[1]]).all()
    assert part.data.shape < (300, 400)


def test_a_part_that_was_thrown_away_is_not_written(opened, viewer, done):
    before = disk(done)
    opened.edit_button.click()
    viewer.layers.remove("part of slide_labels")
    assert not opened.write_button.isEnabled()
    opened.write_part()
    assert (disk(done) == before).all()


def test_nothing_in_view_is_said(opened, viewer):
    viewer.scene.camera.center = (5000.0, 5000.0)
    opened.edit_part()
    assert opened.result.part is None


def test_when_the_layer_is_removed_there_is_no_result(opened, viewer):
    viewer.layers.remove("slide_labels")
    assert opened.result.layer is None
    assert not opened.edit_button.isEnabled()


def test_save_leads_to_the_tab(viewer, segment_panel, run, file):
    viewer.open(str(file))
    run(segment_panel)
    save = segment_panel.footer.save
    save.refresh()
    assert save.data_set.isEnabled()
    save.data_set.trigger()
    panels = [one for one in viewer.window.dock_widgets.values() if isinstance(one, BatchPanel)]
    assert len(panels) == 1
    assert panels[0].data == Path(file)
    viewer.window.remove_dock_widget(panels[0])
