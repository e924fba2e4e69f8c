"""Save below every tab: what it offers, and that it makes the labels of the window again."""

from __future__ import annotations

import json
import shlex

import numpy as np
import pytest
import tifffile
from qtpy.QtCore import QTimer
from qtpy.QtWidgets import QApplication, QFileDialog

from napari_pixel_embedding import (
    apply_recipe,
    average_precision,
    cli,
    load_segmentation_recipe,
    recipe_of,
    synthetic_image,
)
from napari_pixel_embedding._napari.export.dialogue import ExportDialogue
from napari_pixel_embedding._napari.layers.placement import METADATA_KEY
from napari_pixel_embedding._napari.save.folder_dialog import FolderDialog
from napari_pixel_embedding.core.blockwise.roi import pixel_bytes
from napari_pixel_embedding.core.io.images import read_labels
from napari_pixel_embedding.core.model.model_file import EmbeddingModel, load_model
from tests._napari.conftest import WAIT


def drawn(shape, seed=2):
    return synthetic_image("ellipses", shape, seed=seed).image


def settled(session):
    return session.labels is not None and session.stability is not None and not session.running


def entries(panel):
    panel.footer.save.refresh()
    save = panel.footer.save
    return {name: getattr(save, name) for name in ("python", "command", "recipe", "folder")}


@pytest.fixture
def save(monkeypatch, tmp_path):
    """Save the recipe by its entry, and return where."""

    def press(panel, name="saved.recipe.json"):
        path = tmp_path / name
        monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_: (str(path), ""))
        entry = entries(panel)["recipe"]
        assert entry.isEnabled()
        entry.trigger()
        return path

    return press


def write(path, image, axes):
    colors = axes.endswith("C")
    metadata = {"axes": "YXS" if colors else axes}
    tifffile.imwrite(path, image, photometric="rgb" if colors else "minisblack", metadata=metadata)
    return path


def choose(chooser, value):
    chooser.setCurrentIndex(chooser.findData(value))


def stain(panel):
    choose(panel.channels, "haematoxylin")


def one_object(panel, qtbot):
    """Split an object by the wheel's step."""
    session = panel.session
    labels = session.labels
    sizes = np.bincount(labels[labels > 0])
    for number in np.argsort(sizes)[::-1]:
        point = tuple(int(n) for n in np.argwhere(labels == number)[0])
        panel.controller.clustering.refine(point, "finer")
        qtbot.waitUntil(lambda: not panel.controller.clustering._refinings.busy, timeout=WAIT)
        if any(session.local_bandwidths):
            break
    assert any(session.local_bandwidths)
    qtbot.waitUntil(lambda: (session.labels != labels).any(), timeout=WAIT)


def section():
    from skimage.data import immunohistochemistry

    return immunohistochemistry()[:96, :128]


CASES = {
    "plane": (lambda: drawn((96, 96)), "YX", "nuclei-fluo", {}),
    "diameter": (lambda: drawn((96, 96)), "YX", "nuclei-fluo", {"diameter": 17.3}),
    "measured": (lambda: drawn((160, 160)), "YX", "nuclei-fluo", {"measure": True}),
    "object": (lambda: drawn((96, 96)), "YX", "nuclei-fluo", {"object": True}),
    "mutex": (lambda: drawn((96, 96)), "YX", "nuclei-fluo", {"method": "mutex"}),
    "stain": (section, "YXC", "nuclei-fluo", {"channel": "haematoxylin"}),
    "volume": (lambda: drawn((16, 64, 64)), "ZYX", "volume", {"scale": (3.0, 1.0, 1.0)}),
    "film": (
        lambda: np.stack([drawn((96, 96), seed) for seed in (4, 2, 3)]),
        "TYX",
        "nuclei-fluo",
        {"object": True},
    ),
}


SOURCES = {"diameter": "typed", "measured": "measured", "volume": "automatic"}


@pytest.mark.parametrize("name", CASES)
def test_window_command_and_code_make_the_same_labels(
    viewer, segment_panel, qtbot, tmp_path, save, name
):
    make, axes, model, how = CASES[name]
    if how.get("method") == "mutex":
        pytest.importorskip("bioimage_cpp")
    path = write(tmp_path / "sample.tif", make(), axes)
    panel, session = segment_panel, segment_panel.session
    (layer,) = viewer.open(path)
    if "scale" in how:
        layer.scale = how["scale"]
    panel.models.choose(model)
    if "channel" in how:
        choose(panel.channels, how["channel"])
    if "diameter" in how:
        panel.controller.diameter.set(how["diameter"])
    if "measure" in how:
        panel.controller.set_model(model)
        panel.controller.diameter.measure()
        qtbot.waitUntil(lambda: not session.measuring, timeout=WAIT)
        assert session.diameter is not None
    panel.run_button.click()
    qtbot.waitUntil(lambda: settled(session) or bool(session.error), timeout=WAIT)
    assert session.error is None
    if "method" in how:
        before = session.labels
        panel.controller.clustering.set_method(how["method"])
        qtbot.waitUntil(lambda: session.labels is not before, timeout=WAIT)
    panel.form.widget("bandwidth").value = round(session.cluster_params.bandwidth * 0.9, 2)
    qtbot.waitUntil(lambda: panel.controller.clustering.settled, timeout=WAIT)
    qtbot.wait(300)
    if "object" in how:
        one_object(panel, qtbot)
    labels = session.layout.lay(session.labels)
    assert len(np.unique(labels)) > 4

    recipe = save(panel)
    assert session.status.startswith("Saved the recipe")
    found = load_segmentation_recipe(recipe)
    assert found.axes == axes and found.image.shape == make().shape
    assert found.diameter_source == SOURCES.get(name, "model")
    np.testing.assert_array_equal(apply_recipe(recipe, make()), labels)

    output = tmp_path / "by recipe"
    assert cli.main(["segment", str(path), "--recipe", str(recipe), "--output", str(output)]) == 0
    np.testing.assert_array_equal(read_labels(output / "sample_labels.tif").data, labels)

    clipboard, offered = QApplication.clipboard(), entries(panel)
    offered["python"].trigger()
    names = {}
    exec(compile(clipboard.text(), "copied", "exec"), names)
    np.testing.assert_array_equal(names["labels"], labels)
    offered["command"].trigger()
    command = [*shlex.split(clipboard.text()), "--output", str(tmp_path / "by command")]
    assert command[0] == "pixel-embedding" and cli.main(command[1:]) == 0
    np.testing.assert_array_equal(
        read_labels(tmp_path / "by command" / "sample_labels.tif").data, labels
    )
    assert panel.footer.save.current.image.name == "sample"


def test_the_recipe_follows_what_is_shown(viewer, segment_panel, run, image, qtbot):
    viewer.add_image(image, name="first")
    session = run(segment_panel)
    layer = segment_panel.workspace.layers.labels_layer
    made = recipe_of(layer)
    assert made.model.name == "tiny" and made.image.name == "first" and made.image.corrected == 0
    assert made.image.intensities and made.versions["torch"]
    json.dumps(layer.metadata[METADATA_KEY]["recipe"])
    segment_panel.form.widget("bandwidth").value = 0.8
    qtbot.waitUntil(lambda: recipe_of(layer).clustering.bandwidth == 0.8, timeout=WAIT)
    layer.paint((32, 48), 500)
    qtbot.waitUntil(lambda: recipe_of(layer).image.corrected == 1, timeout=WAIT)
    session.diameter = 30.0  # for the next run
    layer.paint((12, 48), 501)
    qtbot.waitUntil(lambda: recipe_of(layer).image.corrected == 2, timeout=WAIT)
    assert recipe_of(layer).diameter is None


def test_entries_say_why_they_rest(viewer, segment_panel, run, image, tiny_model, qtbot):
    save = segment_panel.footer.save
    assert not any(entry.isEnabled() for entry in entries(segment_panel).values())
    assert save.reason.isVisible() and save.reason.text().startswith("There is no result yet")
    assert "no result yet" in save.python.toolTip()
    viewer.add_image(image)
    run(segment_panel)
    assert all(entry.isEnabled() for entry in entries(segment_panel).values())
    assert not save.reason.isVisible() and "\n" not in save.python.toolTip()
    segment_panel.session.applying = True
    assert [entry.isEnabled() for entry in entries(segment_panel).values()] == [True] * 3 + [False]
    segment_panel.session.applying = False


def test_export_opens_its_dialogue(viewer, segment_panel, run, image):
    viewer.add_image(image, name="field")
    menu = segment_panel.footer.save
    menu.refresh()
    assert not menu.export.isEnabled()
    run(segment_panel)
    menu.refresh()
    menu.export.trigger()
    dialogue = segment_panel.window().findChild(ExportDialogue)
    assert dialogue.isVisible()
    dialogue.close()


def test_a_model_without_a_file_is_told(viewer, segment_panel, image, tiny_model, qtbot):
    viewer.add_image(image)
    model = load_model(tiny_model)
    segment_panel.controller.set_model(EmbeddingModel(model.network, model.config))
    segment_panel.controller.run()
    qtbot.waitUntil(lambda: settled(segment_panel.session), timeout=WAIT)
    offered = entries(segment_panel)
    assert [entry.isEnabled() for entry in offered.values()] == [False, False, True, False]
    assert "The model has no file" in segment_panel.footer.save.reason.text()


def test_every_tab_has_the_menu(segment_panel, correct_panel, embedding_panel, fine_tune_panel):
    panels = (segment_panel, correct_panel, embedding_panel, fine_tune_panel)
    assert len({id(panel.footer.save) for panel in panels}) == 4


# ----------------------------------------------------------------------------- a folder


@pytest.fixture
def plate(tmp_path):
    folder = tmp_path / "plate"
    folder.mkdir()
    for seed in (3, 4):
        np.save(folder / f"{seed}.npy", drawn((64, 96), seed))
    (folder / "bad.npy").write_text("no image")
    return folder


def open_dialog(panel, monkeypatch, folder):
    monkeypatch.setattr(QFileDialog, "getExistingDirectory", lambda *_: str(folder))
    entries(panel)["folder"].trigger()
    return panel.window().findChild(FolderDialog)


def test_a_folder_is_segmented_in_the_background(
    viewer, segment_panel, run, image, qtbot, monkeypatch, plate
):
    viewer.add_image(image)
    session = run(segment_panel)
    dialog = open_dialog(segment_panel, monkeypatch, plate)
    assert not dialog.start_button.isEnabled()
    dialog.folder_button.click()
    assert dialog.summary.text().startswith("3 images.")
    assert dialog.output == plate / "labels"
    ticks = []
    timer = QTimer()
    timer.timeout.connect(lambda: ticks.append(session.applying))
    timer.start(20)
    dialog.start_button.click()
    footer = segment_panel.footer
    assert session.applying and footer.cancel_button.isVisibleTo(footer)
    assert "Segmenting" in footer.status.text()
    qtbot.waitUntil(lambda: not session.applying, timeout=60_000)
    timer.stop()
    assert sum(ticks) > 5, "the window was not free"
    assert session.error is None
    assert session.status == f"2 segmented, 1 failed; labels are in {plate / 'labels'}."
    recipe = recipe_of(segment_panel.workspace.layers.labels_layer)
    for seed in (3, 4):
        labels = read_labels(plate / "labels" / f"{seed}_labels.tif").data
        np.testing.assert_array_equal(labels, apply_recipe(recipe, drawn((64, 96), seed)))


def test_cancel_stops_the_folder(viewer, segment_panel, run, image, qtbot, monkeypatch, plate):
    viewer.add_image(image)
    session = run(segment_panel)
    dialog = open_dialog(segment_panel, monkeypatch, plate)
    dialog.take_folder(plate)
    dialog.accept()
    segment_panel.footer.cancel_button.click()
    assert not session.applying and session.status.startswith("Stopped")
    dialog = open_dialog(segment_panel, monkeypatch, plate)
    assert entries(segment_panel)["folder"].isEnabled()
    dialog.reject()


def test_a_folder_without_images_cannot_be_started(
    viewer, segment_panel, run, image, monkeypatch, tmp_path
):
    viewer.add_image(image)
    run(segment_panel)
    dialog = open_dialog(segment_panel, monkeypatch, tmp_path)
    (tmp_path / "empty").mkdir()
    dialog.take_folder(tmp_path / "empty")
    assert "found none" in dialog.summary.text() and not dialog.start_button.isEnabled()
    dialog.reject()


def test_a_part_of_a_large_image_says_so_and_the_whole_is_close(
    viewer, segment_panel, qtbot, tmp_path, save
):
    large = drawn((512, 640), 5)
    panel, session = segment_panel, segment_panel.session
    panel.controller.memory = 2**17 * pixel_bytes(load_model("nuclei-fluo").config)
    viewer.add_image(large, name="slide")
    panel.models.choose("nuclei-fluo")
    panel.run_button.click()
    qtbot.waitUntil(lambda: settled(session) and not session.filling, timeout=60_000)
    assert session.error is None and session.roi is not None
    recipe = recipe_of(panel.workspace.layers.labels_layer)
    region = recipe.image.region
    assert (region.start, region.shape) == (session.roi.start, session.roi.shape)
    assert recipe.image.shape == large.shape and recipe.image.pixels is None
    assert len(recipe.image.intensities) == 1
    with pytest.warns(UserWarning, match="made on a part of a large image"):
        whole = apply_recipe(save(panel), large)
    inside = whole[session.roi.box]
    assert inside.shape == session.labels.shape
    assert average_precision(inside, session.labels, 0.5) > 0.8
