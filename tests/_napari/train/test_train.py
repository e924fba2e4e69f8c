"""The dock Train: what it shows of a folder and a recipe, and a real training from start to use."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import tifffile
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QFileDialog, QMessageBox
from safetensors.numpy import save_file

from napari_pixel_embedding._napari.segment.panel import SegmentPanel
from napari_pixel_embedding._napari.train.train_panel import TrainPanel, _progress_text
from napari_pixel_embedding.core.evaluation.worst_images import ImageScore
from napari_pixel_embedding.core.training.recipe import Recipe, load_recipe, save_recipe
from napari_pixel_embedding.core.training.train import TrainProgress

TINY = {"embedding_dim": 2, "coordinate_scale": 4.0, "base_width": 2, "depth": 1}
QUICK = {"steps": 4, "batch_size": 1, "crop": 32, "validate_every": 2}


@pytest.fixture
def folder(tmp_path):
    """Six pairs with four squares each, and an image without a mask."""
    mask = np.kron([[1, 2], [3, 4]], np.pad(np.ones((12, 12), np.uint8), 4)).astype(np.uint8)
    for kind in ("images", "masks"):
        (tmp_path / "cells" / kind).mkdir(parents=True)
        for n in range(6):
            array = mask if kind == "masks" else (mask > 0) * np.uint8(100 + n)
            tifffile.imwrite(tmp_path / "cells" / kind / f"c{n}.tif", array)
    tifffile.imwrite(tmp_path / "cells" / "images" / "alone.tif", mask)
    return tmp_path / "cells"


@pytest.fixture
def panel(dock):
    return dock(TrainPanel)


@pytest.fixture
def planned(panel, folder, qtbot):
    """The panel after a folder was looked at, with a tiny model to train."""
    panel.training.choose_folder(folder)
    qtbot.waitUntil(lambda: panel.training.state.plan is not None, timeout=30_000)
    panel.training.change_recipe(model=TINY, training=QUICK)
    return panel


@pytest.fixture
def answer(monkeypatch):
    """Answer every question with yes or no; remember what was asked."""
    asked = []

    def prepare(yes):
        button = QMessageBox.StandardButton.Yes if yes else QMessageBox.StandardButton.No
        monkeypatch.setattr(QMessageBox, "question", lambda *a: asked.append(a[-1]) or button)
        return asked

    return prepare


def choose(choice, title):
    """Choose an item of a drop-down list as a user does."""
    choice.setCurrentIndex(choice.findText(title))
    choice.activated.emit(choice.currentIndex())


def test_the_folder_s_content_is_told(planned):
    text = planned.data.summary.text()
    assert "<b>5</b> images to learn from, 1 channel:" in text
    assert "20 objects, median diameter 14 px." in text
    assert "<b>1</b> to test on: c0.tif." in text
    assert planned.data.folder_button.text() == "cells"
    assert "1 file cannot be used:\nalone.tif: there is no mask of this name" in (
        planned.data.bad.text()
    )


def test_a_wrong_folder_is_explained_in_place(panel, tmp_path, qtbot, monkeypatch):
    shown = []
    monkeypatch.setattr(
        "napari_pixel_embedding._napari.workspace.show_error", lambda text: shown.append(text)
    )
    panel.training.choose_folder(tmp_path)
    qtbot.waitUntil(lambda: bool(panel.training.state.problem), timeout=30_000)
    assert "'images' and no 'masks'" in panel.data.summary.text()
    assert shown == [panel.data.summary.text()]
    assert not panel.start_button.isEnabled()


def test_what_is_missing_for_a_start_is_in_the_tooltip(panel, folder, tmp_path, qtbot):
    assert "Choose a folder to learn from first." in panel.start_button.toolTip()
    panel.training.choose_folder(folder)
    qtbot.waitUntil(lambda: panel.training.state.plan is not None, timeout=30_000)
    assert "Choose a file under Save as first." in panel.start_button.toolTip()
    panel.training.choose_output(tmp_path / "mine")
    assert panel.start_button.isEnabled()
    assert not panel.use_button.isEnabled()
    assert panel.results.isHidden()


def test_widgets_change_the_recipe(planned, qtbot):
    model, state = planned.model, planned.training.state
    choose(model.presets, "Direction, 2 networks")
    choose(model.sizes, "small, 0.5 M weights")
    model.dim.setValue(5)
    model.dim.editingFinished.emit()
    model.position.click()
    planned.forms[0].widget("steps").value = 77
    qtbot.waitUntil(lambda: state.recipe.training.steps == 77)
    recipe = state.recipe
    assert (recipe.preset, recipe.size, recipe.model["embedding_dim"]) == ("wnet", "small", 5)
    assert recipe.model == {"embedding_dim": 5}
    assert recipe.model_config().base_width == 6
    assert not model.scale.isEnabled()


def test_position_starts_at_a_quarter_of_the_objects_diameter(planned):
    planned.training.change_recipe(model={"coordinate_scale": None})
    planned.model.position.click()
    diameter = planned.training.state.plan.median_diameter
    scale = planned.training.state.recipe.model["coordinate_scale"]
    assert scale == pytest.approx(diameter / 4, abs=0.05)


def test_the_model_to_start_from_decides_about_its_network(planned, qtbot):
    choose(planned.model.starts, "nuclei-fluo")
    qtbot.waitUntil(lambda: planned.training.state.plan is not None, timeout=30_000)
    assert planned.training.state.recipe.start == "nuclei-fluo"
    assert not planned.model.presets.isEnabled()
    assert "Set by the model" in planned.model.sizes.toolTip()
    choose(planned.model.starts, "nothing learnt yet")
    assert planned.training.state.recipe.start is None
    assert planned.model.presets.isEnabled()


def test_a_recipe_can_be_loaded_and_saved(planned, tmp_path, monkeypatch):
    wanted = Recipe(name="mine", preset="cosine", size="tiny", model={"embedding_dim": 6})
    wanted = replace(wanted, training=replace(wanted.training, steps=12, crop=64))
    save_recipe(wanted, tmp_path / "r.toml")
    path = str(tmp_path / "r.toml")
    monkeypatch.setattr(QFileDialog, "getOpenFileName", lambda *_, **__: (path, ""))
    planned.model.load_button.click()
    assert planned.training.state.recipe == wanted
    assert planned.model.presets.currentData() == "cosine"
    assert (planned.model.dim.value(), planned.model.position.isChecked()) == (6, False)
    assert planned.forms[0].values()["steps"] == 12
    assert planned.forms[1].values()["crop"] == 64
    saved = str(tmp_path / "s.toml")
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_, **__: (saved, ""))
    planned.model.save_button.click()
    assert load_recipe(saved) == wanted


def test_another_folder_can_validate(planned, folder, qtbot, monkeypatch):
    monkeypatch.setattr(QFileDialog, "getExistingDirectory", lambda *_: str(folder))
    choose(planned.data.validation, "Another folder …")
    qtbot.waitUntil(lambda: planned.training.state.plan is not None, timeout=30_000)
    assert len(planned.training.state.plan.split.validation) == 6
    assert planned.data.validation.currentText() == "cells"
    choose(planned.data.validation, "pairs held back")
    qtbot.waitUntil(lambda: planned.training.state.plan is not None, timeout=30_000)
    assert len(planned.training.state.plan.split.validation) == 1


def test_an_interrupted_training_is_offered_to_go_on(planned, tmp_path, answer):
    save_file({"x": np.zeros(1, np.float32)}, tmp_path / "m.training", {"step": "1200"})
    planned.training.choose_output(tmp_path / "m")
    assert planned.start_button.text() == "Resume from step 1,200"
    assert not planned.anew_button.isHidden()
    asked = answer(False)
    planned.anew_button.click()
    assert asked == ["Delete the training that was interrupted at step 1200?"]
    assert (tmp_path / "m.training").exists()
    assert not planned.training.state.running


def test_a_model_is_not_replaced_without_asking(planned, tmp_path, answer):
    (tmp_path / "m.safetensors").write_text("an earlier model")
    planned.training.choose_output(tmp_path / "m")
    asked = answer(False)
    planned.start_button.click()
    assert asked == ["Replace the model m.safetensors?"]
    assert not planned.training.state.running


def test_a_training_from_start_to_use(viewer, dock, planned, tmp_path, qtbot):
    segment = dock(SegmentPanel)
    state = planned.training.state
    planned.training.choose_output(tmp_path / "mine")
    planned.start_button.click()
    assert state.running
    assert not planned.data.isEnabled()
    assert not planned.start_button.isEnabled()
    qtbot.waitUntil(lambda: bool(state.worst_images), timeout=120_000)
    assert [step.step for step in state.steps] == [1, 2, 3, 4]
    assert planned.progress.value() == 4
    assert "AP" in planned.steps.plot._legend.text()
    assert planned.status.text().startswith("Finished: the best model (AP ")
    assert planned.data.isEnabled()
    assert planned.worst.count() == 1
    assert planned.worst.item(0).text().endswith("c0.tif")
    planned.worst.itemClicked.emit(planned.worst.item(0))
    assert [layer.name for layer in viewer.layers] == ["c0", "c0, found", "c0, mask"]
    planned.open_example(0)
    assert len(viewer.layers) == 3
    planned.use_button.click()
    assert segment.models.currentText() == "mine.safetensors"
    assert segment.images.layer is None  # what is shown of the folder is nobody's work
    viewer.add_image(np.eye(48, dtype=np.float32), name="own")
    segment.run_button.click()
    qtbot.waitUntil(lambda: segment.session.labels is not None, timeout=60_000)
    assert segment.session.model.config.name == "mine"
    assert segment.session.model.config.base_width == 2


def test_stop_keeps_the_best_and_offers_to_go_on(planned, tmp_path, qtbot):
    state = planned.training.state
    planned.training.change_recipe(training={"steps": 100_000})
    planned.training.choose_output(tmp_path / "mine")
    planned.start_button.click()
    qtbot.waitUntil(lambda: bool(state.trained), timeout=120_000)
    planned.stop_button.click()
    assert not state.running
    qtbot.waitUntil(lambda: bool(state.worst_images), timeout=60_000)
    assert planned.start_button.text() == f"Resume from step {state.interrupted:,}"
    assert "and it can go on later" in planned.status.text()
    assert (tmp_path / "mine.safetensors").exists()


def test_a_panel_that_is_opened_again_shows_the_training(planned, dock, tmp_path):
    planned.training.choose_output(tmp_path / "mine")
    again = dock(TrainPanel)
    assert again.training is planned.training
    assert again.model.output_button.text() == "mine.safetensors"
    assert again.forms[0].values()["steps"] == 4


def test_progress_tells_scores_and_the_time_left():
    steps = [TrainProgress(n, 9, {}, ap, 300.0) for n, ap in ((1, 0.5), (2, 0.25), (3, None))]
    assert _progress_text(steps) == "AP 0.25, best 0.50 · 5 min left"
    assert _progress_text([TrainProgress(1, 9, {})]) == ""


def test_binary_masks_are_asked_about_and_one_choice_splits_them(panel, folder, tmp_path, qtbot):
    for path in (folder / "masks").iterdir():
        tifffile.imwrite(path, (tifffile.imread(path) > 0).astype(np.uint8) * 255)
    training, data = panel.training, panel.data
    training.choose_output(tmp_path / "mine")
    training.choose_folder(folder)
    qtbot.waitUntil(lambda: training.state.plan is not None, timeout=30_000)
    assert data.question.text() == (
        "c0.tif has one id in 4 separate pieces (6 of 6 files are like this): a binary mask? "
        "What are the pieces?"
    )
    assert not data.masks.isHidden()
    assert "Choose what the pieces of the masks are" in panel.start_button.toolTip()
    assert not panel.start_button.isEnabled()
    choose(data.masks, "Every piece is an object")
    qtbot.waitUntil(lambda: "20 objects" in data.summary.text(), timeout=30_000)
    assert data.question.isHidden() and not data.masks.isHidden()
    assert panel.start_button.isEnabled()
    choose(data.masks, "Ids as they are")
    qtbot.waitUntil(lambda: "5 objects" in data.summary.text(), timeout=30_000)
    assert training.state.recipe.data.split_masks is False


def test_masks_that_tell_their_objects_apart_are_not_asked_about(planned):
    assert planned.data.question.isHidden()
    assert planned.data.masks.isHidden()


def test_a_validation_set_without_objects_is_told(panel, folder, qtbot):
    tifffile.imwrite(folder / "masks" / "c0.tif", np.zeros((40, 40), np.uint8))
    panel.training.choose_folder(folder)
    qtbot.waitUntil(lambda: panel.training.state.plan is not None, timeout=30_000)
    assert "None of these has an object, so there is no AP: the last step is kept." in (
        panel.data.summary.text()
    )


def test_an_image_without_a_score_has_a_dash(panel):
    nothing = np.zeros((4, 4), np.uint8)
    example = ImageScore("a.tif", float("nan"), nothing, False, nothing, nothing)
    panel.training.state.worst_images = (example,)
    assert panel.worst.item(0).text() == "AP –   a.tif"


def test_a_worst_image_is_shown_alone_and_the_layers_come_back(viewer, panel, qtbot):
    square = np.ones((8, 8), np.uint8)
    panel.training.state.worst_images = tuple(
        ImageScore(f"{name}.tif", 0.5, square, False, square, square) for name in "ab"
    )
    panel.results.show()
    mine, hidden = (viewer.add_image(np.zeros((64, 64)), name=name) for name in ("mine", "off"))
    hidden.visible = False
    camera = getattr(viewer, "scene", viewer).camera
    camera.zoom = 7.0
    assert panel.back_button.isHidden()
    for row in (0, 1):
        panel.worst.itemClicked.emit(panel.worst.item(row))
    assert [layer.name for layer in viewer.layers if layer.visible] == ["b", "b, found", "b, mask"]
    qtbot.mouseClick(panel.back_button, Qt.MouseButton.LeftButton)
    assert list(viewer.layers) == [mine, hidden]
    assert mine.visible and not hidden.visible and camera.zoom == 7.0
    assert panel.back_button.isHidden()

    panel.open_example(0)
    viewer.layers.remove(viewer.layers["a"])
    assert list(viewer.layers) == [mine, hidden] and mine.visible
    panel.open_example(0)
    panel.retire()
    assert list(viewer.layers) == [mine, hidden] and mine.visible
