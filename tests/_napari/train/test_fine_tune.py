"""The Fine-tune dock: sources, report, previews beside the objects, and what a crash has left."""

from __future__ import annotations

import numpy as np
import pytest
from qtpy.QtCore import Qt

from napari_pixel_embedding._napari.layers.viewport import view_of
from napari_pixel_embedding._napari.train.tuned_layers import _within
from napari_pixel_embedding._napari.train.tuning_boxes import _table
from napari_pixel_embedding.core.evaluation.comparison import BeforeAfter, ErrorCounts, TuningReport
from napari_pixel_embedding.core.fine_tuning.job_folder import Interrupted
from napari_pixel_embedding.core.fine_tuning.pace import Pace
from napari_pixel_embedding.core.training.train import TrainProgress


@pytest.fixture
def ran(viewer, segment_panel, image, run):
    """The Segment dock after a run on an image that is moved and scaled."""
    viewer.add_image(image, name="field", scale=(2, 2), translate=(10, 20))
    run(segment_panel)
    return segment_panel


def paint(qtbot, panel, point=(32, 48), label=500):
    session = panel.session
    panel.workspace.layers.labels_layer.paint(point, label)
    qtbot.waitUntil(lambda: session.corrected_count >= 1, timeout=20_000)


@pytest.fixture
def tuned(ran, fine_tune_panel, qtbot):
    """The Fine-tune dock with a first tuned model and its preview, still learning."""
    panel, session = fine_tune_panel, ran.session
    paint(qtbot, ran)
    panel.forms[0].widget("steps").value = 100_000
    panel.forms[1].widget("crop").value = 32
    panel.start_button.click()
    qtbot.waitUntil(
        lambda: session.tuning_preview is not None or bool(session.error), timeout=120_000
    )
    assert session.error is None
    yield panel
    panel.stop_button.click()


def test_before_after_and_side_by_side(viewer, ran, tuned, qtbot):
    objects, after = ran.workspace.layers.labels_layer, tuned.comparison.labels_layer
    assert after.name == "field tuned" and not after.visible and objects.visible
    assert "field beside" not in viewer.layers
    preview = ran.session.tuning_preview
    corner = [side.start for side in preview.region.pixels]
    np.testing.assert_allclose(after.translate, objects.data_to_world(corner))
    tuned.report.modes["after"].click()
    assert after.visible and not objects.visible
    camera = getattr(viewer, "scene", viewer).camera
    zoom = camera.zoom
    tuned.report.modes["beside"].click()
    assert after.visible and objects.visible
    beside = viewer.layers["field beside"]
    assert [ran.images.layers.itemText(i) for i in range(ran.images.layers.count())] == ["field"]
    assert beside.visible
    right_edge = objects.data_to_world((0, objects.data.shape[1]))[1]
    assert after.translate[1] == beside.translate[1] > right_edge
    assert seen_of(viewer, objects) and seen_of(viewer, beside)
    tuned.report.modes["before"].click()
    assert camera.zoom == zoom
    assert objects.visible and not after.visible and not beside.visible
    tuned.report.modes["after"].click()
    tuned.discard_button.click()
    assert {layer.name for layer in viewer.layers} == {"field", "field objects"}
    assert objects.visible


def test_the_preview_follows_the_view_and_comes_again_when_deleted(viewer, ran, tuned, qtbot):
    first = ran.session.tuning_preview.region
    camera = getattr(viewer, "scene", viewer).camera
    camera.zoom *= 4
    qtbot.waitUntil(lambda: ran.session.tuning_preview.region != first, timeout=60_000)
    assert tuned.comparison.labels_layer.data.shape == ran.session.tuning_preview.labels.shape

    tuned.comparison.show("beside")
    viewer.layers.remove(tuned.comparison.labels_layer)
    assert tuned.comparison.labels_layer is None and "field beside" not in viewer.layers
    tuned.comparison.look()
    qtbot.waitUntil(lambda: "field beside" in viewer.layers, timeout=60_000)
    assert viewer.layers.index(tuned.comparison.labels_layer) == len(viewer.layers) - 1


def test_the_comparison_stays_after_use_until_revert(viewer, ran, tuned, qtbot):
    session, parent = ran.session, ran.session.model
    objects = ran.workspace.layers.labels_layer
    tuned.stop_button.click()
    assert "of step" in tuned.status.text() and "is kept" in tuned.status.text()
    tuned.use_button.click()
    qtbot.waitUntil(lambda: session.model is not parent and not session.running, timeout=60_000)
    qtbot.waitUntil(lambda: "field before" in viewer.layers, timeout=60_000)
    before, report = viewer.layers["field before"], tuned.report
    assert report.modes["after"].isChecked() and objects.visible and not before.visible
    report.modes["before"].click()
    assert before.visible and not objects.visible
    report.modes["beside"].click()
    assert before.visible and objects.visible
    assert tuned.discard_button.text() == "Revert"
    tuned.discard_button.click()
    qtbot.waitUntil(lambda: session.model is parent and not session.running, timeout=60_000)
    assert "field before" not in viewer.layers and objects.visible
    assert tuned.discard_button.text() == "Discard"
    assert not tuned.discard_button.isEnabled() and not report.modes["after"].isEnabled()


def seen_of(viewer, layer):
    """Whether all of a layer lies in view, by what napari itself says of the canvas."""
    view = view_of(viewer, layer)
    return all(
        low <= 0.5 and high >= size - 0.5
        for (low, high), size in zip(view, layer.data.shape, strict=True)
    )


def test_the_report_is_a_table_of_both_exams(ran, fine_tune_panel):
    session, table = ran.session, fine_tune_panel.report.table
    before = ErrorCounts(objects=8, predicted=4, matched=2, splits=1, merges=2, missed=3, extra=0)
    after = ErrorCounts(objects=8, predicted=8, matched=8)
    session.tuning_report = TuningReport(BeforeAfter(before, before))
    assert not fine_tune_panel.report.isHidden()
    assert "0.20" in table.text() and "→" not in table.text()
    assert fine_tune_panel.report.verdict.text() == ""
    assert not fine_tune_panel.report.modes["after"].isEnabled()
    session.tuned_model = session.model
    session.tuning_report = TuningReport(BeforeAfter(before, after), BeforeAfter(after, after))
    for expected in ("0.20 → <b>1.00</b>", "2 → <b>0</b>", "old data", "grown together"):
        assert expected in table.text()
    verdict = fine_tune_panel.report.verdict
    assert verdict.text() == f"<b>{session.tuning_report.verdict()}</b>"
    assert "Better: 2 → 8 of 8 held-back objects found" in verdict.text()
    session.tuning_report = TuningReport()
    assert "judge by eye" in verdict.text() and table.isHidden()
    session.tuning_report = None  # an early model
    assert "Not compared yet" in verdict.text()


def test_an_interrupted_tuning_is_offered_and_forgotten(ran, fine_tune_panel, qtbot, tmp_path):
    folder = tmp_path / "left"
    folder.mkdir()
    panel = fine_tune_panel
    assert panel.resume_button.isHidden()
    ran.session.interrupted_tuning = Interrupted(folder, ("field",), "tiny", 50, 600)
    assert not panel.resume_button.isHidden()
    assert "tiny on field was interrupted at step 50 of 600" in panel.interrupted.text()
    panel.forget_button.click()
    assert panel.resume_button.isHidden()
    assert not folder.exists()


def test_all_corrected_images_can_be_learnt_from(viewer, ran, fine_tune_panel, image, run, qtbot):
    paint(qtbot, ran)
    first = ran.session.corrections
    viewer.add_image(image.T.copy(), name="second")
    ran.images.layers.setCurrentText("second")
    run(ran)
    source = fine_tune_panel.source
    assert source.others() == []
    assert not fine_tune_panel.start_button.isEnabled()
    source.choice.setCurrentIndex(1)
    source.choice.activated.emit(1)
    (corrected_image,) = source.others()
    assert (corrected_image.image.name, corrected_image.axes) == ("field", "YX")
    assert corrected_image.corrections is first
    assert "1 other image" in source.summary.text()


def test_a_folder_is_asked_for(ran, fine_tune_panel, monkeypatch, tmp_path):
    from qtpy.QtWidgets import QFileDialog

    answers = iter([str(tmp_path), ""])
    monkeypatch.setattr(QFileDialog, "getExistingDirectory", lambda *args: next(answers))
    source = fine_tune_panel.source
    source.choice.setCurrentIndex(2)
    source.choice.activated.emit(2)
    assert source.folder == str(tmp_path)
    assert fine_tune_panel.start_button.isEnabled()
    source.choice.activated.emit(2)
    assert source.folder == "" and source.choice.currentIndex() == 1


@pytest.mark.parametrize(
    ("shape", "view", "expected"),
    [
        ((100, 200), ((10.2, 39.5), (20, 60)), ((10, 40), (20, 60))),
        ((100, 200), ((-50, 500), (-50, 500)), ((0, 100), (0, 200))),
        ((100, 200), ((300, 400), (300, 400)), ((0, 100), (0, 200))),
        ((2000, 2000), ((0, 2000), (0, 2000)), ((744, 1256), (744, 1256))),
        ((40, 100, 100), ((30, 31), (0, 100), (0, 100)), ((22, 38), (0, 100), (0, 100))),
    ],
    ids=["a part", "all of it", "beside it", "too large", "a plane of a stack"],
)
def test_the_field_is_what_is_seen_of_the_image(shape, view, expected):
    roi = _within(shape, view)
    assert tuple((side.start, side.stop) for side in roi) == expected


def test_binary_masks_of_a_folder_are_asked_about(
    ran, fine_tune_panel, monkeypatch, tmp_path, qtbot
):
    from qtpy.QtWidgets import QFileDialog

    mask = np.kron(np.ones((2, 2), int), np.pad(np.ones((10, 10), int), 3))
    for kind in ("images", "masks"):
        (tmp_path / kind).mkdir()
        np.save(tmp_path / kind / "a.npy", (mask * 200).astype(np.uint8))
    monkeypatch.setattr(QFileDialog, "getExistingDirectory", lambda *args: str(tmp_path))
    source, session = fine_tune_panel.source, ran.session
    assert source.masks.isHidden()
    source.choice.setCurrentIndex(2)
    source.choice.activated.emit(2)
    assert not source.masks.isHidden()
    fine_tune_panel.start_button.click()
    qtbot.waitUntil(lambda: bool(session.error), timeout=60_000)
    assert "a.npy has one id in 4 separate pieces: a binary mask?" in session.error
    assert "Choose under Learn from whether every piece is an object" in session.error
    source.masks.show_choice(True)
    assert source.masks.split_masks is True


def test_a_comparison_without_objects_has_a_dash(ran, fine_tune_panel):
    ran.session.tuning_report = TuningReport(replay=BeforeAfter(ErrorCounts(), ErrorCounts(0, 2)))
    assert "– → <b>–</b>" in _table(ran.session.tuning_report, True)


def test_an_effort_sets_the_steps_and_a_number_of_ones_own_is_none_of_them(fine_tune_panel, qtbot):
    efforts, steps = fine_tune_panel.effort.efforts, fine_tune_panel.forms[0].widget("steps")
    assert efforts["thorough"].isChecked() and steps.value == 1600
    qtbot.mouseClick(efforts["quick"], Qt.MouseButton.LeftButton)
    assert steps.value == 160
    assert [name for name, made in efforts.items() if made.isChecked()] == ["quick"]
    steps.value = 123
    qtbot.waitUntil(lambda: not efforts["quick"].isChecked())
    assert not any(made.isChecked() for made in efforts.values())


def test_the_time_of_an_effort_is_measured_or_not_said(ran, fine_tune_panel):
    efforts, session = fine_tune_panel.effort.efforts, ran.session
    assert efforts["normal"].text() == "Normal\n–"
    session.timing = True
    assert efforts["normal"].text() == "Normal\nmeasuring …"
    session.timing, session.tuning_pace = False, Pace(preparing=10.0, step=0.25, comparison=2.0)
    assert [made.text().partition("\n")[2] for made in efforts.values()] == [
        "about 58 s",
        "about 3 min",
        "about 8 min",
    ]


def test_the_last_point_of_the_curve_is_the_table(ran, fine_tune_panel):
    before = ErrorCounts(objects=8, predicted=4, matched=2)
    after = ErrorCounts(objects=8, predicted=8, matched=8)
    first = TrainProgress(0, 50, {}, 0.9, report=TuningReport(BeforeAfter(before, before)))
    last = TrainProgress(25, 50, {}, 0.1, report=TuningReport(BeforeAfter(before, after)))
    ran.session.training = (first, last)
    x, y = fine_tune_panel.steps.plot._scores.getData()
    assert (x.tolist(), y.tolist()) == ([0, 25], [before.ap50, 1.0])


def test_plots_have_titled_axes_and_ap_goes_from_0_to_1(ran, fine_tune_panel):
    ran.session.training = (TrainProgress(1, 50, {"total": 3.0}),)
    plot = fine_tune_panel.steps.plot
    titles = [
        one.getAxis(side).labelText.lower()
        for one in (plot._plot, plot._score_plot)
        for side in ("left", "bottom")
    ]
    assert titles[0].startswith("loss") and titles[2].startswith("ap")
    assert titles[1] == titles[3] == "training step (batches)"
    low, high = plot._score_plot.viewRange()[1]
    assert (low, high) == pytest.approx((0, 1), abs=0.1)


def test_side_by_side_brings_both_into_view_and_goes_back(viewer, ran, fine_tune_panel, qtbot):
    session, panel = ran.session, fine_tune_panel
    session.tuned_model = session.model
    panel.comparison.look()
    qtbot.waitUntil(lambda: session.tuning_preview is not None, timeout=60_000)
    objects, other = ran.workspace.layers.labels_layer, panel.comparison.labels_layer
    camera = getattr(viewer, "scene", viewer).camera
    camera.zoom *= 1.5
    zoom = camera.zoom
    qtbot.mouseClick(panel.report.modes["beside"], Qt.MouseButton.LeftButton)
    assert objects.visible and other.visible
    assert seen_of(viewer, objects) and seen_of(viewer, other)
    qtbot.mouseClick(panel.report.modes["after"], Qt.MouseButton.LeftButton)
    assert camera.zoom == zoom and other.visible and not objects.visible
