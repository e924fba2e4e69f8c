"""The whole loop in a real window: run, slide, paint, undo, tune."""

from __future__ import annotations

import numpy as np
import pytest
from imageio.v3 import imwrite
from qtpy.QtCore import QPoint, Qt
from qtpy.QtTest import QTest


def slide(panel, qtbot, value):
    """Move the bandwidth slider and wait until the labels have followed."""
    session = panel.session
    before = session.labels
    panel.form.widget("bandwidth").value = value
    qtbot.waitUntil(lambda: session.labels is not before, timeout=20_000)


def painted(qtbot, session, count):
    qtbot.waitUntil(lambda: session.corrected_count == count, timeout=20_000)


@pytest.fixture
def ran(viewer, segment_panel, run, image):
    """The segment panel after a run on a small image."""
    viewer.add_image(image, name="field", scale=(0.5, 0.25), translate=(3, 4))
    run(segment_panel)
    return segment_panel


def test_run_adds_a_labels_layer_that_lies_on_the_image(viewer, ran):
    layer = ran.workspace.layers.labels_layer
    roi = viewer.layers["field"]
    assert layer.name == "field objects"
    assert layer.data.dtype == np.uint16
    np.testing.assert_array_equal(layer.scale, roi.scale)
    np.testing.assert_array_equal(layer.translate, roi.translate)
    assert layer.units == roi.units
    assert layer.metadata["napari-pixel-embedding"]["recipe"]["model"]["name"] == "tiny"
    assert ran.session.object_count > 1
    np.testing.assert_array_equal(layer.data, ran.session.labels)


def test_slider_changes_labels_in_place(ran, qtbot):
    layer = ran.workspace.layers.labels_layer
    array, before = layer.data, layer.data.copy()
    slide(ran, qtbot, 3.0)
    assert layer.data is array
    assert not np.array_equal(array, before)
    np.testing.assert_array_equal(array, ran.session.labels)
    assert ran.footer.count.text().startswith(f"{ran.session.object_count:,} object")


def test_every_slider_reaches_the_controller(ran, qtbot):
    for name, value in (("min_size", 100), ("foreground_threshold", 0.9), ("seed_threshold", 0.3)):
        ran.form.widget(name).value = value
        qtbot.waitUntil(
            lambda name=name, value=value: (
                getattr(ran.session.cluster_params, name) == pytest.approx(value)
            )
        )


def test_a_stroke_on_the_canvas_survives_the_slider(viewer, ran, qtbot):
    layer = ran.workspace.layers.labels_layer
    viewer.layers.selection.active = layer
    layer.selected_label = 500
    layer.mode = "paint"
    layer.brush_size = 6
    canvas = viewer.window._qt_viewer.canvas.native
    middle = QPoint(canvas.width() // 2, canvas.height() // 2)
    QTest.mouseMove(canvas, middle)
    QTest.mousePress(canvas, Qt.MouseButton.LeftButton, pos=middle)
    QTest.mouseMove(canvas, middle + QPoint(6, 0))
    QTest.mouseRelease(canvas, Qt.MouseButton.LeftButton, pos=middle + QPoint(6, 0))
    painted(qtbot, ran.session, 1)
    stroke = layer.data == 500
    assert stroke.any()
    slide(ran, qtbot, 3.0)
    np.testing.assert_array_equal(layer.data == 500, stroke)
    assert (ran.session.corrections[stroke] == 500).all()


def test_undoing_a_stroke_at_once_leaves_no_correction(ran, qtbot):
    layer = ran.workspace.layers.labels_layer
    before = layer.data.copy()
    layer.paint((0, 0), 500)
    painted(qtbot, ran.session, 1)
    layer.undo()
    qtbot.waitUntil(lambda: np.array_equal(ran.session.labels, before), timeout=20_000)
    np.testing.assert_array_equal(layer.data, before)
    assert ran.session.corrections is None
    layer.redo()
    painted(qtbot, ran.session, 1)
    assert layer.data[0, 0] == 500


def test_undo_after_a_new_cut_writes_no_stale_pixels(ran, qtbot):
    layer = ran.workspace.layers.labels_layer
    layer.mode = "paint"
    layer.paint((32, 48), 500)
    painted(qtbot, ran.session, 1)
    slide(ran, qtbot, 3.0)
    shown = layer.data.copy()
    layer.undo()
    qtbot.wait(1)
    np.testing.assert_array_equal(layer.data, shown)
    assert layer.mode == "paint"


def test_a_cut_that_arrives_during_a_stroke_waits_for_its_end(viewer, ran, qtbot):
    layer = ran.workspace.layers.labels_layer
    viewer.layers.selection.active = layer
    layer.selected_label, layer.mode = 500, "paint"
    canvas = viewer.window._qt_viewer.canvas.native
    middle = QPoint(canvas.width() // 2, canvas.height() // 2)
    QTest.mouseMove(canvas, middle)
    QTest.mousePress(canvas, Qt.MouseButton.LeftButton, pos=middle)
    half = layer.data.copy()
    assert (half == 500).any()
    slide(ran, qtbot, 3.0)
    np.testing.assert_array_equal(layer.data, half)
    QTest.mouseRelease(canvas, Qt.MouseButton.LeftButton, pos=middle)
    painted(qtbot, ran.session, 1)
    qtbot.waitUntil(lambda: np.array_equal(layer.data, ran.session.labels), timeout=20_000)
    assert (layer.data[half == 500] == 500).all()


def test_corrections_survive_a_second_run(ran, run, qtbot):
    layer = ran.workspace.layers.labels_layer
    layer.paint((32, 48), 500)
    painted(qtbot, ran.session, 1)
    run(ran)
    assert ran.workspace.layers.labels_layer is layer
    assert layer.data[32, 48] == 500


def test_each_image_keeps_its_labels_and_corrections(viewer, ran, run, qtbot, image):
    first = ran.workspace.layers.labels_layer
    first.paint((32, 48), 500)
    painted(qtbot, ran.session, 1)
    viewer.add_image(image[:48, :48], name="other")
    run(ran)
    assert ran.session.corrections is None
    assert first in viewer.layers
    assert first.data[32, 48] == 500
    viewer.layers.selection.active = viewer.layers["field"]
    run(ran)
    assert ran.workspace.layers.labels_layer is first
    assert first.data[32, 48] == 500


def test_strokes_on_a_layer_left_behind_are_taken_up(viewer, ran, run, qtbot, image):
    first = ran.workspace.layers.labels_layer
    first.paint((32, 48), 500)
    painted(qtbot, ran.session, 1)
    viewer.add_image(image[:48, :48], name="other")
    run(ran)
    first.paint((5, 5), 600)
    viewer.layers.selection.active = viewer.layers["field"]
    run(ran)
    qtbot.waitUntil(lambda: np.array_equal(first.data, ran.session.labels), timeout=20_000)
    assert (first.data[32, 48], first.data[5, 5]) == (500, 600)
    assert ran.session.corrected_count == 2


def test_deleting_or_renaming_the_labels_layer_is_no_accident(viewer, ran, qtbot):
    layer = ran.workspace.layers.labels_layer
    layer.name = "mine"
    slide(ran, qtbot, 2.0)
    assert ran.workspace.layers.labels_layer is layer
    viewer.layers.remove(layer)
    assert ran.workspace.layers.labels_layer is None
    slide(ran, qtbot, 1.5)
    np.testing.assert_array_equal(ran.workspace.layers.labels_layer.data, ran.session.labels)


def test_cancel_in_the_middle_of_a_run(viewer, segment_panel, tiny_model, qtbot):
    stack = np.random.default_rng(0).normal(size=(200, 64, 64)).astype(np.float32)
    viewer.add_image(stack, name="stack")
    segment_panel.models.add_file(tiny_model)
    segment_panel.run_button.click()
    session = segment_panel.session
    qtbot.waitUntil(lambda: session.progress > 0, timeout=60_000)
    assert segment_panel.footer.cancel_button.isVisibleTo(segment_panel)
    assert not segment_panel.run_button.isEnabled()
    segment_panel.footer.cancel_button.click()
    assert not session.running
    assert "Cancelled" in segment_panel.footer.status.text()
    qtbot.wait(50)
    assert session.labels is None


def test_a_stack_is_cut_frame_by_frame(viewer, segment_panel, run, image):
    viewer.add_image(np.stack([image, image[::-1]]), name="stack")
    session = run(segment_panel)
    assert session.axes == "TYX"
    assert segment_panel.workspace.layers.labels_layer.data.shape == (2, 64, 96)


def test_colours_lie_under_the_objects(viewer, ran, embedding_panel, qtbot):
    embedding_panel.shown.setChecked(True)
    qtbot.waitUntil(lambda: ran.session.embedding_rgb is not None, timeout=20_000)
    colors = ran.workspace.layers.colors_layer
    assert colors.rgb
    assert viewer.layers.index(colors) < viewer.layers.index("field objects")
    assert embedding_panel.refit.isEnabled()
    names = [ran.images.layers.itemText(i) for i in range(ran.images.layers.count())]
    assert names == ["field"]
    embedding_panel.shown.setChecked(False)
    assert colors not in viewer.layers


def test_deleting_the_colours_turns_them_off(viewer, ran, embedding_panel, qtbot):
    embedding_panel.shown.setChecked(True)
    qtbot.waitUntil(lambda: ran.session.embedding_rgb is not None, timeout=20_000)
    viewer.layers.remove(ran.workspace.layers.colors_layer)
    assert not embedding_panel.shown.isChecked()
    assert ran.session.embedding_rgb is None


def test_fine_tune_stop_use(ran, fine_tune_panel, qtbot):
    session = ran.session
    layer = ran.workspace.layers.labels_layer
    assert not fine_tune_panel.start_button.isEnabled()
    assert "Correct at least one" in fine_tune_panel.start_button.toolTip()
    layer.paint((32, 48), 500)
    painted(qtbot, session, 1)
    fine_tune_panel.forms[0].widget("steps").value = 100_000
    fine_tune_panel.forms[1].widget("crop").value = 32
    fine_tune_panel.start_button.click()
    qtbot.waitUntil(lambda: session.tuned_model is not None or bool(session.error), timeout=60_000)
    assert session.error is None
    assert len(session.training) >= 1
    fine_tune_panel.stop_button.click()
    assert not session.tuning
    parent = session.model
    fine_tune_panel.use_button.click()
    qtbot.waitUntil(lambda: session.model is not parent and not session.running, timeout=60_000)
    qtbot.waitUntil(lambda: bool((session.labels == 500).any()), timeout=20_000)
    assert session.model.config.name == "tiny-tuned"
    assert ran.models.currentText() == "tiny-tuned"
    assert session.tuned_model is None
    assert not fine_tune_panel.use_button.isEnabled()


def test_new_object_takes_the_brush_with_a_free_id(viewer, ran, correct_panel):
    correct_panel.new_button.click()
    layer = ran.workspace.layers.labels_layer
    assert viewer.layers.selection.active is layer
    assert layer.mode == "paint"
    assert layer.selected_label == layer.data.max() + 1


def test_clear_asks_first(ran, correct_panel, qtbot, monkeypatch):
    from qtpy.QtWidgets import QMessageBox

    ran.workspace.layers.labels_layer.paint((32, 48), 500)
    painted(qtbot, ran.session, 1)
    answers = iter([QMessageBox.StandardButton.No, QMessageBox.StandardButton.Yes])
    monkeypatch.setattr(QMessageBox, "question", lambda *args: next(answers))
    correct_panel.clear_button.click()
    assert ran.session.corrections is not None
    correct_panel.clear_button.click()
    assert ran.session.corrections is None


def test_save_and_load_corrections(ran, correct_panel, qtbot, monkeypatch, tmp_path):
    from qtpy.QtWidgets import QFileDialog, QMessageBox

    path = str(tmp_path / "corrections.tif")
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *args: (path, ""))
    monkeypatch.setattr(QFileDialog, "getOpenFileName", lambda *args: (path, ""))
    monkeypatch.setattr(QMessageBox, "question", lambda *args: QMessageBox.StandardButton.Yes)
    layer = ran.workspace.layers.labels_layer
    layer.paint((32, 48), 500)
    painted(qtbot, ran.session, 1)
    correct_panel.save_button.click()
    assert ran.session.error is None
    correct_panel.clear_button.click()
    qtbot.waitUntil(lambda: layer.data[32, 48] != 500, timeout=20_000)
    correct_panel.load_button.click()
    qtbot.waitUntil(lambda: layer.data[32, 48] == 500, timeout=20_000)


@pytest.fixture
def opened(monkeypatch):
    """Choose this file in every dialog."""
    from qtpy.QtWidgets import QFileDialog

    def choose(path):
        monkeypatch.setattr(QFileDialog, "getOpenFileName", lambda *args: (str(path), ""))

    return choose


def two_squares(session):
    """Label image of a result's shape with the objects 1 and 2, of 100 pixels each."""
    labels = np.zeros(session.labels.shape, np.int32)
    labels[5:15, 5:15], labels[40:50, 40:50] = 1, 2
    return labels


@pytest.mark.parametrize("source", ["file", "layer"])
@pytest.mark.parametrize(
    ("button", "ids"), [("Every piece is an object", 2), ("Ids as they are", 1), ("Cancel", 0)]
)
def test_a_binary_mask_as_corrections_is_asked_about(
    viewer, ran, correct_panel, opened, monkeypatch, tmp_path, button, ids, source
):
    from qtpy.QtWidgets import QMenu, QMessageBox

    asked = []

    def answer(box):
        asked.append(box.text())
        next(b for b in box.buttons() if b.text().replace("&", "") == button).click()

    monkeypatch.setattr(QMessageBox, "exec", answer)
    mask = np.where(two_squares(ran.session) > 0, np.uint8(255), np.uint8(0))
    if source == "layer":
        viewer.add_labels(mask, name="mask.npy")
        monkeypatch.setattr(QMenu, "exec", lambda menu, _: menu.actions()[1].trigger())
    else:
        np.save(tmp_path / "mask.npy", mask)
        opened(tmp_path / "mask.npy")
    correct_panel.load_button.click()
    assert "mask.npy has one id in 2 separate pieces: a binary mask?" in asked[0]
    assert ran.session.error is None
    corrections = ran.session.corrections
    assert ids == (0 if corrections is None else np.unique(corrections[corrections > 0]).size)


@pytest.mark.parametrize("kind", ["float", "nan", "wrapped", "absurd", "colours"])
def test_a_file_with_values_that_are_no_ids_is_refused_with_its_name(
    ran, correct_panel, opened, tmp_path, kind
):
    labels = two_squares(ran.session)
    array, said = {
        "float": (labels * 0.5, "whole numbers, found 0.5"),
        "nan": (np.where(labels > 0, labels, np.nan), "whole numbers, found nan"),
        "wrapped": ((labels * 100).astype(np.int8), "found the id -56. Were there more objects"),
        "absurd": (labels * 10**9, "up to 999999999, found 2000000000"),
        "colours": (np.stack([labels, labels * 2, labels], -1), "found the colours of an axis C"),
    }[kind]
    path = tmp_path / ("bad.png" if kind == "colours" else "bad.npy")
    if kind == "colours":
        imwrite(path, array.astype(np.uint8))
    else:
        np.save(path, array)
    opened(path)
    correct_panel.load_button.click()
    assert path.name in ran.session.error
    assert said in ran.session.error
    assert ran.session.corrections is None


def test_save_model_and_open_it(ran, fine_tune_panel, run, monkeypatch, tmp_path):
    from qtpy.QtWidgets import QFileDialog

    path = tmp_path / "мodel é.safetensors"
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *args: (str(path), ""))
    fine_tune_panel.save_model_button.click()
    assert ran.session.error is None
    run(ran, str(path))
    assert ran.models.currentText() == path.name


def test_views_that_are_chosen_are_those_of_the_run(viewer, segment_panel, run, image):
    viewer.add_image(image)
    run(segment_panel)
    plain = segment_panel.session.embedding_maps[0]
    segment_panel.views.setCurrentIndex(1)
    assert "4 ×" in segment_panel.views.currentText()
    run(segment_panel)
    assert segment_panel.session.augment == 4
    assert segment_panel.session.embedding_maps[0] is not plain
