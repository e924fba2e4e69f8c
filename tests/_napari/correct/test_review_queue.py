"""The review queue in a real window: flights, decisions, features."""

from __future__ import annotations

import numpy as np
import pytest
from qtpy.QtCore import Qt
from qtpy.QtTest import QTest

WAIT = 20_000


@pytest.fixture
def panel(viewer, segment_panel, correct_panel, run, image):
    viewer.add_image(image, name="field", scale=(0.5, 0.5), translate=(3, 4))
    run(segment_panel)
    return correct_panel


def begun(panel, qtbot):
    panel.review_box.next.click()
    qtbot.waitUntil(lambda: panel.review.state.current is not None, timeout=WAIT)
    return panel.review.state.current


def landed(viewer, panel, target, qtbot):
    """The middle of the object is the middle of the view."""
    layer = panel.workspace.layers.labels_layer
    frame = (target.key[0],) if panel.session.has_frames else ()
    middle = np.array([*frame, *((target.box[0] + target.box[1] - 1) / 2)])
    world = np.asarray(layer.data_to_world(middle))[-2:]
    camera = viewer.scene.camera
    qtbot.waitUntil(lambda: np.allclose(camera.center[-2:], world, atol=0.6), timeout=WAIT)


def test_next_flies_to_the_most_doubtful_object(viewer, panel, qtbot):
    assert not panel.review_box.accept.isEnabled()
    target = begun(panel, qtbot)
    landed(viewer, panel, target, qtbot)
    scores = [t.score for t in panel.review.state.targets]
    alike = [t for t in panel.review.state.targets if t.at_border == target.at_border]
    assert target.score == max(t.score for t in alike)
    assert panel.workspace.layers.labels_layer.selected_label == target.key[1]
    ring = panel.review_layer.overlay.layer.data > 0
    inside = panel.session.labels == target.key[1]
    assert ring.any()
    assert not ring[inside].any()
    assert target.reason in panel.review_box.note.text()
    expected = f"0 of {len(scores):,} reviewed"
    qtbot.waitUntil(lambda: panel.review_box.progress.text() == expected, timeout=WAIT)


def test_keys_accept_and_skip_and_features_keep_the_states(viewer, panel, qtbot):
    first = begun(panel, qtbot)
    state, layer = panel.review.state, panel.workspace.layers.labels_layer
    viewer.layers.selection.active = layer
    canvas = viewer.window._qt_viewer.canvas.native
    QTest.keyClick(canvas, Qt.Key.Key_K)
    qtbot.waitUntil(lambda: state.current is not None and state.current.key != first.key)
    second = state.current
    QTest.keyClick(canvas, Qt.Key.Key_Q)
    qtbot.waitUntil(lambda: state.current.key != second.key)
    third = state.current
    QTest.keyClick(canvas, Qt.Key.Key_N)
    qtbot.waitUntil(lambda: state.current.key != third.key)
    assert state.done == 2
    qtbot.waitUntil(lambda: panel.review_box.progress.text().startswith("2 of"), timeout=WAIT)

    def states():
        table = layer.features
        return dict(zip(table["index"], table["review"], strict=True)) if len(table) else {}

    qtbot.waitUntil(lambda: states().get(second.key[1]) == "skipped", timeout=WAIT)
    assert states()[first.key[1]] == "accepted"
    assert states()[third.key[1]] == "open"
    assert len(layer.features) == panel.session.object_count
    described = layer.get_status(
        layer.data_to_world(np.argwhere(layer.data == first.key[1])[0]), world=True
    )
    assert "accepted" in str(described)


def test_the_view_goes_to_the_frame_of_the_object(
    viewer, segment_panel, correct_panel, run, image, qtbot
):
    viewer.add_image(np.stack([image, image[::-1], image * 2]), name="stack")
    run(segment_panel)
    seen = set()
    target = begun(correct_panel, qtbot)
    for _ in range(4):
        assert viewer.dims.current_step[0] == target.key[0]
        landed(viewer, correct_panel, target, qtbot)
        seen.add(target.key)
        keys = [one.key for one in correct_panel.review.state.targets]
        correct_panel.review.look_at(next(key for key in keys if key[0] != target.key[0]))
        target = correct_panel.review.state.current
    assert len({frame for frame, _ in seen}) > 1
    layer = correct_panel.workspace.layers.labels_layer
    at = viewer.dims.current_step[0]
    qtbot.waitUntil(
        lambda: "frame" in layer.features and layer.features["frame"].iloc[-1] == at, timeout=WAIT
    )


def test_keys_and_strip_delete_and_split_the_object_under_review(viewer, panel, qtbot):
    box, session = panel.review_box, panel.session
    assert not any(made.isEnabled() for made in (box.accept, box.delete, box.split, box.skip))
    first = begun(panel, qtbot)
    state, before = panel.review.state, session.labels
    qtbot.waitUntil(box.delete.isEnabled, timeout=WAIT)
    viewer.layers.selection.active = panel.workspace.layers.labels_layer
    canvas = viewer.window._qt_viewer.canvas.native
    QTest.keyClick(canvas, Qt.Key.Key_D)
    qtbot.waitUntil(lambda: state.current is not None and state.current.key != first.key)
    assert not (session.labels == first.key[1]).any()
    assert panel.toolbox.state.tool is None
    second = state.current
    QTest.mouseClick(box.delete, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: state.current is not None and state.current.key != second.key)
    assert (session.corrected_count, session.deleted_count) == (2, 2)
    assert "2 corrected" in panel.footer.count.text()
    assert "<b>2</b> corrected" in panel.count.text()
    QTest.mouseClick(box.split, Qt.MouseButton.LeftButton)
    assert panel.toolbox.state.tool.name == "split"
    QTest.mouseClick(box.split, Qt.MouseButton.LeftButton)  # stays chosen
    assert panel.toolbox.state.tool.name == "split"
    for _ in range(2):
        panel.tools.undo.click()
    qtbot.waitUntil(lambda: session.labels is not None and (session.labels == before).all())
    assert session.corrected_count == 0


def test_without_a_review_the_keys_choose_tools_and_y_does_nothing(viewer, panel):
    viewer.layers.selection.active = panel.workspace.layers.labels_layer
    canvas = viewer.window._qt_viewer.canvas.native
    QTest.keyClick(canvas, Qt.Key.Key_Y)
    assert panel.toolbox.state.tool is None
    for key, name in ((Qt.Key.Key_K, "accept"), (Qt.Key.Key_D, "delete")):
        QTest.keyClick(canvas, key)
        assert panel.toolbox.state.tool.name == name
    assert panel.session.corrections is None


def test_stopping_takes_the_outline_away(viewer, panel, qtbot):
    begun(panel, qtbot)
    panel.review_box.stop.click()
    assert [layer.name for layer in viewer.layers] == ["field", "field objects"]
    assert not panel.review_box.progress.isVisibleTo(panel)


def test_without_a_result_all_is_disabled_and_says_why(correct_panel):
    box, tools = correct_panel.review_box, correct_panel.tools
    for widget in (box.next, *tools.tools.values()):
        assert not widget.isEnabled()
        assert "Run a model first." in widget.toolTip()
    for widget in (box.accept, box.skip, box.stop, tools.undo, tools.redo):
        assert not widget.isEnabled()


def test_the_outline_follows_a_slider_once_it_rests(viewer, panel, qtbot):
    target = begun(panel, qtbot)
    ring = panel.review_layer.overlay.layer.data
    before = ring.copy()
    panel.controller.clustering.set_params(bandwidth=1.6)

    def follows():
        current = panel.review.state.current
        if current is None:
            return panel.review_layer.overlay.layer is None
        inside = panel.session.labels == current.key[1]
        return not np.array_equal(ring, before) and not (ring > 0)[inside].any()

    assert target is not None
    qtbot.waitUntil(follows, timeout=WAIT)
