"""One history: any mix of strokes, edits, cuts, undo and redo leads back and forth exactly."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from napari_pixel_embedding.core.corrections.corrections import apply_corrections
from napari_pixel_embedding.session.correct import edits
from napari_pixel_embedding.session.state.history import LONGEST
from tests.session.scenes import SHAPE, image, middle, start

OBJECTS = st.integers(0, 4)
PIXELS = st.tuples(st.integers(0, SHAPE[0] - 1), st.integers(0, SHAPE[1] - 1))


def work_of(session):
    corrections = session.corrections
    kept = None if corrections is None else corrections.tobytes()
    return kept, session.local_bandwidths, session.accepted


class Editor(RuleBasedStateMachine):
    """Keeps the states that undo must lead back to, and redo forth again."""

    @initialize(frames=st.sampled_from([0, 2]))
    def begin(self, frames):
        self.controller = start(frames)
        self.session = self.controller.session
        self.frames = frames
        self.past, self.future, self.now = [], [], work_of(self.session)

    def note(self):
        """Compare with what the history says was done."""
        found = work_of(self.session)
        if found != self.now:
            self.past.append(self.now)
            self.now, self.future = found, []

    def edit(self, edit):
        self.controller.edits.start(edit)
        self.note()

    @rule(a=OBJECTS, b=OBJECTS, frame=st.integers(0, 1))
    def merge(self, a, b, frame):
        self.edit(edits.merge(frame if self.frames else 0, [middle(a), middle(b)]))

    @rule(a=PIXELS, b=PIXELS)
    def split(self, a, b):
        self.edit(edits.split(0, [[a], [b]]))

    @rule(x=st.integers(0, SHAPE[1] - 1))
    def cut(self, x):
        self.edit(edits.cut(0, [(-1, x), *((y, x) for y in range(SHAPE[0])), (SHAPE[0], x)]))

    @rule(pixel=PIXELS, similarity_threshold=st.floats(0.1, 2.0))
    def add(self, pixel, similarity_threshold):
        self.edit(edits.add(0, pixel, similarity_threshold))

    @rule(
        pixel=PIXELS,
        kind=st.sampled_from([edits.delete, edits.fill, edits.smooth, edits.lock, edits.unlock]),
    )
    def on_object(self, pixel, kind):
        self.edit(kind(0, pixel))

    @rule(pixel=PIXELS, id=st.integers(0, 400), size=st.integers(1, 6))
    def stroke(self, pixel, id, size):
        before, after = self.session.labels, self.session.labels.copy()
        y, x = pixel
        after[..., y : y + size, x : x + size] = id
        if not np.array_equal(before, after):
            self.controller.corrections.record_edit(before, after)
            self.note()

    @rule(number=OBJECTS, direction=st.sampled_from(["finer", "coarser"]))
    def refine(self, number, direction):
        point = (0, *middle(number)) if self.frames else middle(number)
        self.controller.clustering.refine(point, direction)
        self.note()

    @rule()
    def reset(self):
        self.controller.corrections.reset()
        self.note()

    @rule(bandwidth=st.sampled_from([0.6, 1.0, 1.6, 3.0]))
    def slide(self, bandwidth):
        self.controller.clustering.set_params(bandwidth=bandwidth)

    @rule()
    def run_again(self):
        self.controller.run()
        assert work_of(self.session) == self.now

    @precondition(lambda self: self.past)
    @rule()
    def undo(self):
        self.controller.corrections.undo()
        self.future.append(self.now)
        self.now = self.past.pop()

    @precondition(lambda self: self.future)
    @rule()
    def redo(self):
        self.controller.corrections.redo()
        self.past.append(self.now)
        self.now = self.future.pop()

    @precondition(lambda self: self.past)
    @rule()
    def all_the_way_back_and_forth(self):
        now, count = self.now, len(self.past)
        for _ in range(count):
            self.controller.corrections.undo()
        assert work_of(self.session) == self.past[0]
        for _ in range(count):
            self.controller.corrections.redo()
        assert work_of(self.session) == now

    @invariant()
    def agrees(self):
        session = self.session
        assert session.error is None
        assert work_of(session) == self.now
        assert len(session.history.past) == len(self.past)
        assert len(session.history.future) == len(self.future)

    @invariant()
    def labels_show_the_corrections(self):
        session = self.session
        if session.corrections is not None:
            frames = range(self.frames) if self.frames else [...]
            for at in frames:
                expected = apply_corrections(session.clusters[at], session.corrections[at])
                np.testing.assert_array_equal(session.labels[at], expected)
        else:
            np.testing.assert_array_equal(session.labels, session.clusters)


Editor.TestCase.settings = settings(
    max_examples=40,
    stateful_step_count=25,
)
TestHistory = Editor.TestCase


@pytest.fixture
def row():
    return start()


def test_a_hundred_steps_are_kept_and_no_more(row):
    for k in range(LONGEST + 5):
        before, after = row.session.labels, row.session.labels.copy()
        after[0, k % SHAPE[1]] = 100 + k
        row.corrections.record_edit(before, after)
    assert len(row.session.history.past) == LONGEST == 100
    for _ in range(LONGEST):
        row.corrections.undo()
    assert np.unique(row.session.corrections).tolist() == [-1, *range(100, 105)]
    row.corrections.undo()
    assert row.session.edit_status == "There is nothing to undo."


def test_steps_are_called_by_their_name(row):
    row.edits.start(edits.merge(0, [middle(0), middle(1)]))
    row.clustering.refine(middle(2), "coarser")
    assert [step.title for step in row.session.history.past] == ["merge", "coarser"]


def test_undo_of_a_bandwidth_also_empties_its_own_undo(row):
    row.clustering.refine(middle(2), "coarser")
    row.corrections.undo()
    assert (row.session.local_past, row.session.local_bandwidths) == ((), ((),))
    row.corrections.redo()
    assert len(row.session.local_past) == 1
    row.clustering.undo_refining()
    assert row.session.history.past == ()
    assert len(row.session.history.future) == 1


def test_a_bandwidth_that_is_undone_later_is_a_step_of_its_own(row):
    row.clustering.refine(middle(2), "coarser")
    refined = row.session.local_bandwidths
    row.edits.start(edits.delete(0, middle(0)))
    row.clustering.undo_refining()
    assert (row.session.local_bandwidths, row.session.local_past) == (((),), ())
    row.corrections.undo()
    assert row.session.local_bandwidths == refined
    assert row.session.labels[middle(0)] == 0


def test_a_model_of_another_kind_leaves_corrections_undoable(row):
    from tests.session.scenes import Config, Model

    row.clustering.refine(middle(2), "coarser")
    row.edits.start(edits.delete(0, middle(0)))
    row.set_model(Model(Config(name="other", embedding_dim=3)))
    row.run()
    assert [step.title for step in row.session.history.past] == ["delete"]
    row.corrections.undo()
    assert row.session.corrections is None


def test_another_image_begins_anew(row):
    row.edits.start(edits.delete(0, middle(0)))
    row.set_image(image(name="other"))
    assert row.session.history.past == ()
    row.corrections.undo()
    assert row.session.corrections is None


def test_other_axes_begin_anew():
    controller = start(frames=1)
    controller.edits.start(edits.delete(0, middle(0)))
    controller.corrections.undo()
    controller.set_image(replace(controller.session.image, axes="CYX"))
    controller.run()
    assert controller.session.labels.shape == SHAPE
    controller.corrections.redo()
    assert controller.session.edit_status == "There is nothing to redo."
    assert (controller.session.corrections, controller.session.error) == (None, None)
