"""The image is deleted, cleared or given other data, while something runs or afterwards."""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest
from qtpy.QtCore import QCoreApplication, QTimer

from napari_pixel_embedding.core.blockwise.roi import pixel_bytes
from napari_pixel_embedding.core.model.config import ModelConfig
from tests.conftest import wait_for_workers

WAIT = 60_000


@pytest.fixture(autouse=True)
def errors(monkeypatch):
    """What was shown as an error."""
    shown = []
    monkeypatch.setattr("napari_pixel_embedding._napari.workspace.show_error", shown.append)
    return shown


@pytest.fixture
def field(viewer, image):
    return viewer.add_image(image, name="field")


def settle(panel, qtbot):
    """Wait until all jobs have ended and their answers have arrived."""
    pool = panel.workspace.executor._pool
    qtbot.waitUntil(lambda: pool._work_queue.empty(), timeout=WAIT)
    wait_for_workers()
    qtbot.wait(300)
    QCoreApplication.processEvents()


def press_run(panel, model, qtbot):
    panel.models.add_file(model)
    panel.run_button.click()
    assert panel.session.running


LOSSES = {
    "delete": lambda viewer: viewer.layers.remove("field"),
    "clear": lambda viewer: viewer.layers.clear(),
    "replace": lambda viewer: setattr(viewer.layers["field"], "data", np.ones((64, 96))),
}


@pytest.mark.parametrize("loss", LOSSES)
def test_a_run_under_way_ends_and_says_so(viewer, segment_panel, tiny_model, field, qtbot, loss):
    press_run(segment_panel, tiny_model, qtbot)
    LOSSES[loss](viewer)
    session = segment_panel.session
    how = "changed" if loss == "replace" else "removed"
    assert f"The image was {how}: the run was stopped." in segment_panel.footer.status.text()
    settle(segment_panel, qtbot)
    assert session.labels is None and "field objects" not in viewer.layers
    assert segment_panel.run_button.isEnabled() == (loss == "replace")
    assert not segment_panel.footer.cancel_button.isVisibleTo(segment_panel.footer)


def work_run(panels, qtbot):
    panels["segment"].run_button.click()


def work_cut(panels, qtbot):
    panels["segment"].form.widget("bandwidth").value = 2.0


def work_measure(panels, qtbot):
    panels["segment"].controller.diameter.measure()


def work_tune(panels, qtbot):
    layer = panels["segment"].workspace.layers.labels_layer
    layer.paint((32, 48), 500)
    session = panels["segment"].session
    qtbot.waitUntil(lambda: session.corrected_count == 1, timeout=WAIT)
    panels["tune"].start_button.click()
    assert session.tuning


def work_explore(panels, qtbot):
    view = panels["explore"]
    for box in (view.shown, view.similar, view.plotted):
        box.setChecked(True)
    view.exploration.hover(0, (20, 20))


def work_review(panels, qtbot):
    panels["correct"].review_box.next.click()


def work_paint(panels, qtbot):
    panels["segment"].workspace.layers.labels_layer.paint((32, 48), 500)


def work_tool(panels, qtbot):
    panel = panels["correct"]
    panel.tool_layer.choose("add")
    panel.toolbox.hover(0, (20, 20))
    panel.toolbox.click(0, (20, 20), False)


WORK = (work_run, work_cut, work_measure, work_tune, work_explore, work_review, work_paint)


@pytest.mark.parametrize("work", [*WORK, work_tool], ids=lambda work: work.__name__[5:])
def test_clearing_the_viewer_in_the_middle(
    viewer,
    segment_panel,
    correct_panel,
    embedding_panel,
    fine_tune_panel,
    run,
    field,
    image,
    qtbot,
    work,
):
    session = run(segment_panel)
    panels = {
        "segment": segment_panel,
        "correct": correct_panel,
        "explore": embedding_panel,
        "tune": fine_tune_panel,
    }
    work(panels, qtbot)
    viewer.layers.clear()
    segment_panel.controller.corrections.undo()  # brings no labels back
    settle(segment_panel, qtbot)
    assert list(viewer.layers) == []
    assert not (session.running or session.tuning or session.measuring or session.filling)
    assert not segment_panel.objects.isEnabled()
    assert "The image was removed" in segment_panel.objects.toolTip()
    viewer.add_image(image[::-1].copy(), name="another")
    segment_panel.run_button.click()
    qtbot.waitUntil(lambda: "another objects" in viewer.layers, timeout=WAIT)
    assert segment_panel.objects.isEnabled()


def test_clearing_while_blocks_are_made(viewer, segment_panel, run, qtbot):
    segment_panel.controller.memory = 2**14 * pixel_bytes(ModelConfig(embedding_dim=2))
    viewer.add_image(np.random.default_rng(0).normal(100, 20, (600, 500)), name="field")
    session = segment_panel.session
    later = partial(QTimer.singleShot, 0, viewer.layers.clear)
    session.events.filling.connect(lambda filling: later() if filling else None)
    run(segment_panel)
    qtbot.waitUntil(lambda: not viewer.layers, timeout=WAIT)
    assert "segmenting the other blocks was stopped" in segment_panel.footer.status.text()
    settle(segment_panel, qtbot)
    assert not session.filling and list(viewer.layers) == []


def test_other_data_after_a_run(viewer, segment_panel, run, field, image, errors, qtbot):
    session = run(segment_panel)
    layer = segment_panel.workspace.layers.labels_layer
    layer.paint((32, 48), 500)
    qtbot.waitUntil(lambda: session.corrected_count == 1, timeout=WAIT)
    before = layer.data.copy()
    field.data = image[::-1, ::-1].copy()
    assert errors == [session.outdated]
    assert "The image has changed since the run" in segment_panel.footer.status.text()
    assert not segment_panel.objects.isEnabled()
    segment_panel.form.widget("bandwidth").value = 2.0
    settle(segment_panel, qtbot)
    np.testing.assert_array_equal(layer.data, before)
    segment_panel.run_button.click()
    qtbot.waitUntil(lambda: session.labels is not None and not session.running, timeout=WAIT)
    assert segment_panel.workspace.layers.labels_layer is layer
    assert layer.data[32, 48] == 500 and session.corrected_count == 1
    assert segment_panel.objects.isEnabled()


def test_corrections_stay_even_if_their_layer_was_deleted_meanwhile(
    viewer, segment_panel, run, field, image, qtbot
):
    session = run(segment_panel)
    layer = segment_panel.workspace.layers.labels_layer
    layer.paint((32, 48), 500)
    qtbot.waitUntil(lambda: session.corrected_count == 1, timeout=WAIT)
    field.data = image[::-1].copy()
    viewer.layers.remove(layer)
    segment_panel.run_button.click()
    qtbot.waitUntil(lambda: session.corrected_count == 1 and not session.running, timeout=WAIT)
    assert viewer.layers["field objects"].data[32, 48] == 500


def test_data_of_another_shape(viewer, segment_panel, run, field, qtbot):
    session = run(segment_panel)
    layer = segment_panel.workspace.layers.labels_layer
    layer.paint((32, 48), 500)
    qtbot.waitUntil(lambda: session.corrected_count == 1, timeout=WAIT)
    field.data = np.random.default_rng(1).normal(100, 20, (2, 40, 50)).astype(np.float32)
    field.scale = (1, 2, 2)
    segment_panel.run_button.click()
    qtbot.waitUntil(lambda: session.labels is not None and not session.running, timeout=WAIT)
    assert session.labels.shape == (2, 40, 50)
    assert "left out" in session.error
    assert layer.data[32, 48] == 500 and layer in viewer.layers  # nobody's work is lost


def test_labels_without_their_image_are_cut_further(viewer, segment_panel, run, field, qtbot):
    session = run(segment_panel)
    layer = segment_panel.workspace.layers.labels_layer
    viewer.layers.remove(field)
    before = session.labels
    segment_panel.form.widget("bandwidth").value = 2.0
    qtbot.waitUntil(lambda: session.labels is not before, timeout=WAIT)
    np.testing.assert_array_equal(layer.data, session.labels)
    viewer.layers.remove(layer)
    assert not segment_panel.objects.isEnabled()


def test_moving_the_image_in_the_list_is_no_removal(
    viewer, segment_panel, tiny_model, field, image, qtbot
):
    viewer.add_image(image, name="other")
    viewer.layers.selection.active = field
    press_run(segment_panel, tiny_model, qtbot)
    viewer.layers.move(0, 2)
    qtbot.waitUntil(lambda: "field objects" in viewer.layers, timeout=WAIT)
    assert segment_panel.session.error is None


@pytest.mark.parametrize("shape", [(700, 420), (64, 96)])
def test_a_large_image_of_another_shape(viewer, segment_panel, run, image, qtbot, shape):
    segment_panel.controller.memory = 2**14 * pixel_bytes(ModelConfig(embedding_dim=2))
    field = viewer.add_image(np.random.default_rng(0).normal(100, 20, (600, 500)), name="field")
    session = run(segment_panel)
    segment_panel.footer.cancel_button.click()
    layer = segment_panel.workspace.layers.labels_layer
    layer.paint((5, 5), 500)
    qtbot.waitUntil(lambda: session.corrected_count == 1, timeout=WAIT)
    field.data = np.random.default_rng(1).normal(100, 20, shape)
    segment_panel.run_button.click()
    qtbot.waitUntil(lambda: session.labels is not None and not session.running, timeout=WAIT)
    segment_panel.footer.cancel_button.click()
    assert "left out" in session.error
    assert session.corrections is None
    assert layer.data[5, 5] == 500 and layer in viewer.layers
    new = segment_panel.workspace.layers.labels_layer
    assert new is not layer and new.data.shape == session.labels.shape
