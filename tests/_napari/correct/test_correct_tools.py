"""Every tool by real clicks, drags, wheel turns and keys on the canvas."""

from __future__ import annotations

import numpy as np
import pytest
from qtpy.QtCore import QCoreApplication, QEvent, QPoint, QPointF, Qt
from qtpy.QtGui import QMouseEvent, QWheelEvent
from qtpy.QtTest import QTest

from napari_pixel_embedding._napari.correct.panel import CorrectPanel
from napari_pixel_embedding._napari.layers.shortcuts import KEYS
from napari_pixel_embedding.session.correct.tools import TOOLS

WAIT = 20_000
LEFT = Qt.MouseButton.LeftButton
NONE, SHIFT = Qt.KeyboardModifier.NoModifier, Qt.KeyboardModifier.ShiftModifier


class Hand:
    """A mouse and a keyboard over the canvas; pixels are those of the labels layer."""

    def __init__(self, viewer, panel):
        self.viewer, self.panel = viewer, panel
        self.canvas = viewer.window._qt_viewer.canvas.native

    def place(self, pixel):
        """Where on the canvas a pixel ([t,] [z,] y, x) of the slice in view lies."""
        layer = self.panel.workspace.layers.labels_layer
        world = np.asarray(layer.data_to_world(pixel))[list(self.viewer.dims.displayed)]
        view = self.viewer.window._qt_viewer.canvas.view
        x, y = (view.transform * view.scene.transform).map(world[::-1])[:2]
        return QPoint(round(x), round(y))

    def click(self, pixel, modifiers=NONE):
        where = self.place(pixel)
        QTest.mousePress(self.canvas, LEFT, modifiers, where)
        QTest.mouseRelease(self.canvas, LEFT, modifiers, where)

    def drag(self, *pixels, modifiers=NONE):
        start, *path = [self.place(pixel) for pixel in pixels]
        QTest.mousePress(self.canvas, LEFT, modifiers, start)
        for where in path:
            self._move(where, LEFT)
        QTest.mouseRelease(self.canvas, LEFT, modifiers, path[-1])

    def hover(self, pixel):
        self._move(self.place(pixel), Qt.MouseButton.NoButton)

    def wheel(self, pixel, notches, modifiers=SHIFT):
        where = QPointF(self.place(pixel))
        event = QWheelEvent(
            where, QPointF(self.canvas.mapToGlobal(where.toPoint())), QPoint(),
            QPoint(0, 120 * notches), Qt.MouseButton.NoButton, modifiers,
            Qt.ScrollPhase.NoScrollPhase, False,
        )  # fmt: skip
        QCoreApplication.sendEvent(self.canvas, event)

    def key(self, key, modifiers=NONE):
        QTest.keyClick(self.canvas, key, modifiers)

    def _move(self, where, button):
        event = QMouseEvent(
            QEvent.Type.MouseMove, QPointF(where), QPointF(self.canvas.mapToGlobal(where)),
            Qt.MouseButton.NoButton, button, NONE,
        )  # fmt: skip
        QCoreApplication.sendEvent(self.canvas, event)


@pytest.fixture
def panel(viewer, segment_panel, correct_panel, run, image):
    """The Correct dock after a run on a small image: objects of about 12 × 12 pixels."""
    viewer.add_image(image, name="field", scale=(0.5, 0.5), translate=(3, 4))
    run(segment_panel)
    viewer.reset_view()
    return correct_panel


@pytest.fixture
def hand(viewer, panel):
    return Hand(viewer, panel)


def neighbours(labels):
    """Two touching objects: a pixel well inside of each, and their ids."""
    y, x = np.array(labels.shape) // 2
    row = labels[y]
    edge = x + int(np.flatnonzero(np.diff(row[x:].astype(int)))[0])
    return (int(y), int(edge) - 3), (int(y), int(edge) + 4)


def take(panel, name):
    panel.tools.tools[name].click()
    assert panel.toolbox.state.tool.name == name


def done(qtbot, panel, count=1):
    """Wait until so many steps are in the history and the labels have followed."""
    session = panel.session
    qtbot.waitUntil(lambda: len(session.history.past) == count, timeout=WAIT)
    settled = panel.controller.clustering
    qtbot.waitUntil(lambda: settled.settled and not settled._labellings.busy, timeout=WAIT)
    layer = panel.workspace.layers.labels_layer
    qtbot.waitUntil(lambda: np.array_equal(layer.data, session.labels), timeout=WAIT)


def slide_up(qtbot, panel):
    """Move the bandwidth to its end and wait until the labels have followed."""
    session, before = panel.session, panel.session.labels
    panel.controller.clustering.set_params(bandwidth=3.0)
    labellings = panel.controller.clustering._labellings
    qtbot.waitUntil(lambda: session.labels is not before and not labellings.busy, timeout=WAIT)


def undone_by_key(qtbot, panel, hand, before):
    """Ctrl+Z on the canvas brings the labels back exactly."""
    hand.key(Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier)
    done(qtbot, panel, 0)
    np.testing.assert_array_equal(panel.session.labels, before)
    assert panel.session.corrections is None


def test_merge_by_two_clicks_and_undo(panel, hand, qtbot):
    before = panel.session.labels
    first, second = neighbours(before)
    take(panel, "merge")
    hand.click(first)
    assert "merge with it" in panel.tools.hint.text()
    assert panel.tool_layer.overlay.layer.data[first] > 0  # the click is marked
    hand.click(second)
    done(qtbot, panel)
    labels = panel.session.labels
    assert labels[first] == labels[second] == before[first]
    undone_by_key(qtbot, panel, hand, before)
    hand.key(Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier | SHIFT)
    done(qtbot, panel)
    np.testing.assert_array_equal(panel.session.labels, labels)


def test_merge_by_a_line_does_not_move_the_view(viewer, panel, hand, qtbot):
    first, second = neighbours(panel.session.labels)
    center = viewer.scene.camera.center
    take(panel, "merge")
    hand.drag(first, (first[0], first[1] + 3), second)
    done(qtbot, panel)
    assert panel.session.labels[first] == panel.session.labels[second]
    assert viewer.scene.camera.center == center


@pytest.fixture
def merged(panel, hand, qtbot):
    """All objects are one."""
    slide_up(qtbot, panel)
    return panel


def test_split_by_two_clicks(merged, hand, qtbot):
    before = merged.session.labels
    first, second = (32, 40), (32, 56)
    assert before[first] == before[second] > 0
    take(merged, "split")
    hand.click(first)
    hand.click(second)
    done(qtbot, merged)
    labels = merged.session.labels
    assert labels[first] != labels[second]
    assert {int(labels[first]), int(labels[second])} <= set(
        np.unique(merged.session.corrections).tolist()
    )
    undone_by_key(qtbot, merged, hand, before)


def test_split_with_three_seeds_by_shift(merged, hand, qtbot):
    take(merged, "split")
    hand.click((32, 36), SHIFT)
    hand.click((32, 48), SHIFT)
    assert len(merged.toolbox.state.picks.strokes) == 2
    hand.click((32, 60))
    done(qtbot, merged)
    labels = merged.session.labels
    assert len({int(labels[32, x]) for x in (36, 48, 60)}) == 3


def test_split_by_a_line_across(merged, hand, qtbot):
    before = merged.session.labels
    column = before[:, 48]
    (rows,) = np.nonzero(column == before[32, 48])
    take(merged, "split")
    hand.drag((rows[0] - 2, 48), (32, 48), (rows[-1] + 2, 48))
    done(qtbot, merged)
    assert merged.session.edit_status.startswith("Cut object")
    assert merged.session.labels[32, 46] != merged.session.labels[32, 50]
    undone_by_key(qtbot, merged, hand, before)


def test_delete_then_add_by_one_click_with_wheel_and_preview(panel, hand, qtbot):
    before = panel.session.labels
    first, _ = neighbours(before)
    take(panel, "delete")
    hand.click(first)
    done(qtbot, panel)
    assert not panel.session.labels[before == before[first]].any()
    take(panel, "add")
    assert panel.tools.similarity_row.isVisibleTo(panel)
    hand.hover(first)
    state = panel.toolbox.state
    qtbot.waitUntil(lambda: state.preview is not None, timeout=WAIT)
    wide, similarity_threshold = state.preview, state.similarity_threshold
    for _ in range(6):
        hand.wheel(first, -1)
    qtbot.waitUntil(lambda: state.preview.mask.sum() < wide.mask.sum(), timeout=WAIT)
    assert state.similarity_threshold < similarity_threshold
    assert panel.tools.similarity_threshold.value() == pytest.approx(
        state.similarity_threshold, abs=0.01
    )
    assert panel.session.local_past == ()  # Shift and the wheel did nothing else
    expected = np.zeros(before.shape, bool)
    qtbot.waitUntil(lambda: not panel.toolbox._previews.busy, timeout=WAIT)
    expected[state.preview.box] = state.preview.mask
    np.testing.assert_array_equal(panel.tool_layer.overlay.layer.data > 0, expected)
    hand.click(first)
    done(qtbot, panel, 2)
    added = panel.session.labels[first]
    np.testing.assert_array_equal(panel.session.labels == added, expected)


def test_fill_and_smooth(panel, hand, qtbot):
    layer = panel.workspace.layers.labels_layer
    first, _ = neighbours(panel.session.labels)
    id = int(layer.data[first])
    hole = (first[0], first[1])
    layer.data_setitem((np.array([hole[0]]), np.array([hole[1]])), 0)
    done(qtbot, panel)
    assert panel.session.labels[hole] == 0
    take(panel, "fill")
    hand.click((first[0], first[1] - 2))
    done(qtbot, panel, 2)
    assert panel.session.labels[hole] == id
    take(panel, "smooth")
    hand.click(first)
    done(qtbot, panel, 3)
    assert "Smoothed object" in panel.tools.note.text()
    for count in (2, 1, 0):
        panel.tools.undo.click()
        done(qtbot, panel, count)
    assert panel.session.corrections is None
    assert not panel.tools.undo.isEnabled()


def test_accept_and_unlock(panel, hand, qtbot):
    first, _ = neighbours(panel.session.labels)
    id = int(panel.session.labels[first])
    take(panel, "accept")
    hand.click(first)
    done(qtbot, panel)
    assert panel.session.accepted == {(0, id)}
    slide_up(qtbot, panel)
    np.testing.assert_array_equal(panel.session.labels == id, panel.session.corrections == id)
    take(panel, "unlock")
    hand.click(first)
    done(qtbot, panel, 2)
    assert panel.session.corrections is None


def test_compare_two_pixels_and_set_the_bandwidth(panel, hand, qtbot):
    first, second = neighbours(panel.session.labels)
    take(panel, "compare")
    hand.click(first)
    hand.click(second)
    state = panel.toolbox.state
    qtbot.waitUntil(lambda: state.comparison is not None, timeout=WAIT)
    vectors = panel.session.embedding_maps[0].embedding
    distance = np.linalg.norm(vectors[(slice(None), *first)] - vectors[(slice(None), *second)])
    assert state.comparison.distance == pytest.approx(float(distance), abs=1e-4)
    assert f"{distance:.2f}" in panel.tools.reading.text()
    assert panel.tools.set_bandwidth.isEnabled()
    panel.tools.set_bandwidth.click()
    labels = panel.session
    qtbot.waitUntil(lambda: labels.labels[first] == labels.labels[second], timeout=WAIT)


def test_a_click_beside_an_object_is_said_and_is_no_error(panel, hand, qtbot):
    take(panel, "delete")
    first, _ = neighbours(panel.session.labels)
    hand.click(first)
    done(qtbot, panel)
    hand.click(first)
    qtbot.waitUntil(lambda: "no object here" in panel.tools.note.text(), timeout=WAIT)
    assert panel.session.error is None
    assert len(panel.session.history.past) == 1


# ----------------------------------------------------------------------------------------- keys


def test_every_tool_has_a_key_that_takes_it_and_puts_it_away(viewer, panel, hand):
    viewer.layers.selection.active = panel.workspace.layers.labels_layer
    for tool in TOOLS:
        button = panel.tools.tools[tool.name]
        assert button.text().endswith(KEYS[tool.name])
        hand.key(getattr(Qt.Key, f"Key_{KEYS[tool.name]}"))
        assert panel.toolbox.state.tool is tool
        assert [b.isChecked() for b in panel.tools.tools.values()].count(True) == 1
        assert button.isChecked()
        assert panel.tools.hint.text() == tool.hints[0]
        hand.key(getattr(Qt.Key, f"Key_{KEYS[tool.name]}"))
        assert panel.toolbox.state.tool is None


def test_escape_begins_anew_then_leaves_and_gives_the_key_back(viewer, panel, hand):
    layer = panel.workspace.layers.labels_layer
    free = set(map(str, layer.keymap))
    first, _ = neighbours(panel.session.labels)
    take(panel, "merge")
    hand.click(first)
    hand.key(Qt.Key.Key_Escape)
    assert panel.toolbox.state.picks.strokes == ()
    assert panel.toolbox.state.tool.name == "merge"
    hand.key(Qt.Key.Key_Escape)
    assert panel.toolbox.state.tool is None
    assert set(map(str, layer.keymap)) == free
    assert layer.mouse_pan


def keys_of_napari(viewer):
    """What napari binds on the viewer and on labels layers, as the user's settings say."""
    from napari.layers import Labels, Layer
    from napari.settings import get_settings
    from napari.utils.action_manager import action_manager

    def concerns(name):
        action = action_manager._actions.get(name)
        provider = None if action is None else action.keymapprovider
        other = isinstance(provider, type) and issubclass(provider, Layer)
        return not other or issubclass(Labels, provider)

    shortcuts = get_settings().shortcuts.shortcuts
    bound = [key for name, keys in shortcuts.items() if concerns(name) for key in keys]
    return {str(key) for key in [*bound, *viewer.keymap, *type(viewer).class_keymap]}


def test_no_key_is_one_that_napari_uses(viewer, panel):
    taken = keys_of_napari(viewer)
    assert taken >= {"Ctrl+G", "Space", "M", "E", "V"}
    own = {str(key) for key in panel.workspace.layers.labels_layer.keymap}
    assert own == {*KEYS.values(), "Ctrl+Z", "Ctrl+Shift+Z"}
    assert taken.isdisjoint(KEYS.values())
    assert not viewer.layers["field"].keymap


def test_a_volume_can_be_turned_with_a_tool_in_hand(viewer, panel):
    take(panel, "split")
    layer = panel.workspace.layers.labels_layer
    assert not layer.mouse_pan
    viewer.dims.ndisplay = 3
    assert layer.mouse_pan
    viewer.dims.ndisplay = 2
    assert not layer.mouse_pan


def test_keys_do_nothing_on_other_layers(viewer, panel, hand):
    viewer.layers.selection.active = viewer.layers["field"]
    hand.key(Qt.Key.Key_S)
    assert panel.toolbox.state.tool is None


def test_napari_tools_and_other_layers_put_the_tool_away(viewer, panel, qtbot):
    layer = panel.workspace.layers.labels_layer
    take(panel, "split")
    layer.mode = "paint"
    assert panel.toolbox.state.tool is None
    take(panel, "add")
    assert layer.mode == "pan_zoom"
    viewer.layers.selection.active = viewer.layers["field"]
    qtbot.waitUntil(lambda: panel.toolbox.state.tool is None, timeout=WAIT)
    assert "field tool" not in [each.name for each in viewer.layers]


def test_ctrl_z_takes_back_strokes_and_edits_in_one_order(viewer, panel, hand, qtbot):
    before = panel.session.labels
    layer = panel.workspace.layers.labels_layer
    first, second = neighbours(before)
    viewer.layers.selection.active = layer
    layer.selected_label, layer.mode, layer.brush_size = 500, "paint", 3
    hand.click(first)
    done(qtbot, panel)
    take(panel, "delete")
    hand.click(second)
    done(qtbot, panel, 2)
    panel.controller.clustering.refine((5, 5), "coarser")
    done(qtbot, panel, 3)
    assert [step.title for step in panel.session.history.past] == ["stroke", "delete", "coarser"]
    for count in (2, 1):
        hand.key(Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier)
        done(qtbot, panel, count)
    assert panel.session.labels[first] == 500
    assert panel.session.labels[second] == before[second]
    undone_by_key(qtbot, panel, hand, before)
    assert panel.session.local_bandwidths == ((),)


def test_undo_of_a_stroke_after_the_slider_moved_writes_no_stale_pixels(viewer, panel, hand, qtbot):
    layer = panel.workspace.layers.labels_layer
    first, _ = neighbours(panel.session.labels)
    viewer.layers.selection.active = layer
    layer.selected_label, layer.mode = 500, "paint"
    hand.click(first)
    done(qtbot, panel)
    slide_up(qtbot, panel)
    hand.key(Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier)
    done(qtbot, panel, 0)
    np.testing.assert_array_equal(layer.data, panel.session.clusters)


def test_closing_the_dock_gives_everything_back(viewer, segment_panel, run, image):
    viewer.add_image(image, name="field")
    run(segment_panel)
    layer = segment_panel.workspace.layers.labels_layer
    counts = [
        len(layer.mouse_drag_callbacks),
        len(layer.mouse_wheel_callbacks),
        len(layer.mouse_move_callbacks),
        len(layer.keymap),
    ]
    panel = CorrectPanel(viewer)
    viewer.window.add_dock_widget(panel)
    take(panel, "split")
    panel.toolbox.click(0, (5, 5))
    panel.review.next()
    viewer.window.remove_dock_widget(panel)
    assert counts == [
        len(layer.mouse_drag_callbacks),
        len(layer.mouse_wheel_callbacks),
        len(layer.mouse_move_callbacks),
        len(layer.keymap),
    ]
    assert sorted(each.name for each in viewer.layers) == ["field", "field objects"]
    assert layer.mouse_pan
    segment_panel.workspace.close()
    assert not layer.keymap


# ------------------------------------------------------------------------------ frames, stacks


def test_tools_act_on_the_frame_in_view(viewer, segment_panel, correct_panel, run, image, qtbot):
    viewer.add_image(np.stack([image, image[::-1], image]), name="stack")
    session = run(segment_panel)
    assert session.has_frames
    viewer.dims.set_point(0, 1)
    viewer.reset_view()
    hand = Hand(viewer, correct_panel)
    first, second = neighbours(session.labels[1])
    take(correct_panel, "merge")
    hand.click((1, *first))
    hand.click((1, *second))
    done(qtbot, correct_panel)
    assert session.labels[1][first] == session.labels[1][second]
    assert (session.corrections[[0, 2]] == -1).all()


def test_tools_in_a_slice_of_a_volume(viewer, segment_panel, correct_panel, run, qtbot, volume):
    session = volume(segment_panel)
    panel = correct_panel
    viewer.dims.set_point(0, 8)  # slice 4 at a scale of 2
    viewer.reset_view()
    hand = Hand(viewer, panel)
    assert session.labels[4, 16, 24] > 0
    take(panel, "delete")
    hand.click((4, 16, 24))
    done(qtbot, panel)
    assert session.labels[4, 16, 24] == 0
    take(panel, "add")
    hand.hover((4, 16, 24))
    qtbot.waitUntil(lambda: panel.toolbox.state.preview is not None, timeout=WAIT)
    hand.click((4, 16, 24))
    done(qtbot, panel, 2)
    added = session.labels == session.labels[4, 16, 24]
    assert added.any(axis=(1, 2)).sum() > 1  # it reaches into other slices


@pytest.fixture
def volume(viewer, tiny_volume_model, run):
    def start(segment_panel):
        stack = np.random.default_rng(0).normal(100, 20, (8, 32, 48)).astype(np.float32)
        viewer.add_image(stack, name="stack", scale=(2, 1, 1))
        session = run(segment_panel, tiny_volume_model)
        assert session.axes == "ZYX"
        return session

    return start
