"""Outlines of corrected objects and of the clicked one."""

from __future__ import annotations

import numpy as np
import pytest

from napari_pixel_embedding._napari.widgets.choosers import ImageChooser
from napari_pixel_embedding.core.label_regions import inner_outlines
from napari_pixel_embedding.session.correct import edits
from tests._napari.correct.test_correct_tools import Hand, neighbours

WAIT = 20_000


@pytest.fixture
def panel(viewer, segment_panel, correct_panel, run, image):
    viewer.add_image(image, name="field", scale=(0.5, 0.5), translate=(3, 4))
    run(segment_panel)
    viewer.reset_view()
    return correct_panel


def drawn(panel):
    layer = panel.outlines.overlay.layer
    return None if layer is None else np.asarray(layer.data) > 0


def lock(panel, pixel, frame=0):
    panel.controller.edits.start(edits.lock(frame, pixel))


def expected(panel):
    return inner_outlines(panel.session.corrections)


def test_corrected_objects_are_outlined_and_undo_takes_it_away(viewer, panel, qtbot):
    first, second = neighbours(panel.session.labels)
    lock(panel, first)
    qtbot.waitUntil(lambda: drawn(panel) is not None, timeout=WAIT)
    inside = panel.session.labels == panel.session.labels[first]
    assert drawn(panel).any() and not drawn(panel)[~inside].any()
    lock(panel, second)
    qtbot.waitUntil(lambda: panel.session.corrected_count == 2, timeout=WAIT)
    qtbot.waitUntil(lambda: np.array_equal(drawn(panel), expected(panel)), timeout=WAIT)
    layer = panel.outlines.overlay.layer
    np.testing.assert_allclose(layer.data_to_world((0, 0)), (3, 4))
    assert viewer.layers.selection.active is not layer
    for _ in range(2):
        panel.workspace.layers.undo()
    qtbot.waitUntil(lambda: drawn(panel) is None, timeout=WAIT)
    assert [one.name for one in viewer.layers] == ["field", "field objects"]


def test_a_slider_draws_nothing_anew(panel, qtbot):
    lock(panel, neighbours(panel.session.labels)[0])
    qtbot.waitUntil(lambda: drawn(panel) is not None, timeout=WAIT)
    calls = []
    panel.outlines.overlay.layer.events.set_data.connect(lambda event: calls.append(event))
    before = panel.session.labels
    panel.controller.clustering.set_params(bandwidth=3.0)
    qtbot.waitUntil(lambda: panel.session.labels is not before, timeout=WAIT)
    qtbot.wait(300)
    assert not calls
    assert np.array_equal(drawn(panel), expected(panel))


def test_the_switch_and_a_deleted_layer_switch_them_off(viewer, panel, qtbot):
    lock(panel, neighbours(panel.session.labels)[0])
    qtbot.waitUntil(lambda: drawn(panel) is not None, timeout=WAIT)
    panel.outlined.click()
    assert drawn(panel) is None
    lock(panel, neighbours(panel.session.labels)[1])
    qtbot.waitUntil(lambda: panel.session.corrected_count == 2, timeout=WAIT)
    qtbot.wait(300)
    assert drawn(panel) is None
    panel.outlined.click()
    qtbot.waitUntil(lambda: np.array_equal(drawn(panel), expected(panel)), timeout=WAIT)
    viewer.layers.remove(panel.outlines.overlay.layer)
    assert not panel.outlined.isChecked()


def test_outlines_are_of_the_frame_in_view(viewer, segment_panel, correct_panel, run, image, qtbot):
    viewer.add_image(np.stack([image, image[::-1]]), name="stack")
    session, panel = run(segment_panel), correct_panel
    viewer.dims.set_current_step(0, 0)
    for frame in (0, 1):
        done = len(session.history.past)
        lock(panel, neighbours(session.labels[frame])[0], frame)
        qtbot.waitUntil(lambda n=done: len(session.history.past) > n, timeout=WAIT)

    def shows(frame):
        found = drawn(panel)
        mine = inner_outlines(session.corrections[frame])
        return found is not None and np.array_equal(found[frame], mine)

    qtbot.waitUntil(lambda: shows(0), timeout=WAIT)
    viewer.dims.set_current_step(0, 1)
    qtbot.waitUntil(lambda: shows(1), timeout=WAIT)


def test_outlines_are_no_input(viewer, panel, qtbot):
    lock(panel, neighbours(panel.session.labels)[0])
    qtbot.waitUntil(lambda: drawn(panel) is not None, timeout=WAIT)
    chooser = ImageChooser(viewer)
    names = [chooser.layers.itemText(n) for n in range(chooser.layers.count())]
    chooser.close()
    assert names == ["field"]


def test_a_painted_new_object_is_outlined_and_reviewed(panel, qtbot):
    panel.new_button.click()
    layer = panel.workspace.layers.labels_layer
    id = layer.selected_label
    assert not (panel.session.labels == id).any()
    layer.paint((20, 40), id)
    qtbot.waitUntil(lambda: panel.session.corrections is not None, timeout=WAIT)
    qtbot.waitUntil(lambda: np.array_equal(drawn(panel), expected(panel)), timeout=WAIT)
    assert (panel.session.labels[drawn(panel)] == id).any()
    panel.review_box.next.click()
    qtbot.waitUntil(lambda: bool(panel.review.state.targets), timeout=WAIT)
    state = {t.key[1]: t.state for t in panel.review.state.targets}
    assert state[id] == "corrected"


def test_the_clicked_object_is_outlined_until_background_is_clicked(viewer, panel, qtbot):
    labels = panel.session.labels
    viewer.layers.selection.active = panel.workspace.layers.labels_layer
    first, second = neighbours(labels)
    hand, chosen = Hand(viewer, panel), panel.workspace.layers.chosen
    for pixel in (first, second):
        hand.click(pixel)
        ring, inside = np.asarray(chosen.overlay.layer.data) > 0, labels == labels[pixel]
        assert ring.any() and not ring[inside].any()
        near = np.pad(inside, 1)
        around = near[:-2, 1:-1] | near[2:, 1:-1] | near[1:-1, :-2] | near[1:-1, 2:]
        assert ring[around & ~inside].all()
    panel.controller.edits.start(edits.delete(0, second))
    qtbot.waitUntil(lambda: chosen.overlay.layer is None, timeout=WAIT)
