"""Edits of tools: what they do to labels and corrections, one after another."""

from __future__ import annotations

import numpy as np
import pytest

from napari_pixel_embedding.session.correct import edits
from tests.session.fakes import QueueExecutor
from tests.session.scenes import SHAPE, middle, start, true_labels


@pytest.fixture
def row():
    return start()


def at(controller, number, frame=None):
    labels = controller.session.labels
    return int((labels if frame is None else labels[frame])[middle(number)])


def test_merging_keeps_the_first_id_and_survives_the_slider(row):
    first, second = at(row, 0), at(row, 1)
    assert first != second
    row.edits.start(edits.merge(0, [middle(1), middle(0)]))
    assert at(row, 0) == at(row, 1) == second
    assert row.session.edit_status == f"Merged 2 objects into object {second}."
    row.clustering.set_params(bandwidth=0.6)
    assert at(row, 0) == at(row, 1) == second
    row.run()
    assert at(row, 0) == at(row, 1) == second


def test_splitting_follows_the_embedding(row):
    row.clustering.set_params(bandwidth=3.0)
    assert at(row, 0) == at(row, 3)
    row.edits.start(edits.split(0, [[middle(k)] for k in range(4)]))
    true = true_labels()
    for k in range(4):
        assert len(np.unique(row.session.labels[true == k + 1])) == 1
    assert len({at(row, k) for k in range(4)}) == 4


def test_a_line_cuts_the_object_it_crosses_most_of(row):
    line = [(y, middle(2)[1]) for y in range(-3, SHAPE[0] + 3)]
    row.edits.start(edits.cut(0, line))
    y, x = middle(2)
    assert row.session.labels[y, x - 3] != row.session.labels[y, x + 3]
    assert row.session.edit_status.startswith("Cut object")


def test_adding_what_was_missed(row):
    assert at(row, 4) == 0
    row.edits.start(edits.add(0, middle(4), 0.5))
    np.testing.assert_array_equal(row.session.corrections > 0, true_labels() == 5)
    assert "of 120 pixels" in row.session.edit_status


def test_deleting_filling_smoothing_unlocking(row):
    clusters = row.session.clusters
    row.edits.start(edits.delete(0, middle(2)))
    assert at(row, 2) == 0
    row.clustering.set_params(bandwidth=3.0)
    assert at(row, 2) == 0
    row.edits.start(edits.unlock(0, middle(2)))
    row.clustering.set_params(bandwidth=1.0)
    np.testing.assert_array_equal(row.session.labels, clusters)
    row.edits.start(edits.smooth(0, middle(1)))
    assert row.session.edit_status.startswith("Smoothed")
    assert 0 < np.count_nonzero(row.session.corrections > 0) <= 120
    row.edits.start(edits.unlock(0, middle(1)))
    after = row.session.labels.copy()
    after[middle(3)] = 0
    row.corrections.record_edit(row.session.labels, after)
    row.edits.start(edits.fill(0, (middle(3)[0] - 2, middle(3)[1])))
    assert at(row, 3) > 0


def test_accepting_locks_and_is_remembered(row):
    id = at(row, 1)
    row.edits.start(edits.lock(0, middle(1)))
    assert row.session.accepted == {(0, id)}
    row.clustering.set_params(bandwidth=3.0)
    assert (row.session.labels[true_labels() == 2] == id).all()
    assert at(row, 0) != id
    row.corrections.undo()
    assert (row.session.accepted, row.session.corrections) == (frozenset(), None)


@pytest.mark.parametrize(
    ("edit", "words"),
    [
        (edits.delete(0, (0, 0)), "no object here"),
        (edits.merge(0, [middle(0), (0, 0)]), "two objects"),
        (edits.split(0, [[middle(0)], [middle(1)]]), "must lie on object"),
        (edits.cut(0, [(0, 0), (0, 5)]), "crosses no object"),
        (edits.add(0, middle(0), 1.0), "already"),
        (edits.fill(0, middle(0)), "no holes"),
        (edits.unlock(0, middle(0)), "Nothing is corrected"),
    ],
)
def test_what_cannot_be_is_said_and_changes_nothing(row, edit, words):
    row.edits.start(edit)
    session = row.session
    assert words in session.edit_status
    assert (session.error, session.corrections, session.history.past) == (None, None, ())


def test_edits_before_a_result_say_so(controller):
    controller.edits.start(edits.delete(0, (0, 0)))
    assert "run a model first" in controller.session.edit_status


def test_edits_stay_in_their_frame():
    controller = start(frames=3)
    controller.edits.start(edits.merge(1, [middle(0), middle(1)]))
    assert at(controller, 0, 1) == at(controller, 1, 1)
    assert at(controller, 0, 0) != at(controller, 1, 0)
    assert (controller.session.corrections[[0, 2]] == -1).all()


@pytest.fixture
def queue():
    return QueueExecutor()


@pytest.fixture
def waiting(queue):
    controller = start(executor=queue)
    queue.settle()
    return controller


def test_fast_clicks_each_act_on_what_the_one_before_left(waiting, queue):
    """The third merge needs the id that the second one has left."""
    for k in range(3):
        waiting.edits.start(edits.merge(0, [middle(k), middle(k + 1)]))
    queue.settle()
    assert len({at(waiting, k) for k in range(4)}) == 1
    assert [step.title for step in waiting.session.history.past] == ["merge"] * 3


def test_a_stroke_during_an_edit_loses_neither(waiting, queue):
    waiting.edits.start(edits.delete(0, middle(0)))
    waiting.edits.start(edits.lock(0, middle(1)))
    queue.work()  # done, but the answer is on its way
    before = waiting.session.labels
    after = before.copy()
    after[0, 0] = 77
    waiting.corrections.record_edit(before, after)
    queue.settle()
    assert waiting.session.labels[0, 0] == 77
    assert at(waiting, 0) == 0
    titles = [step.title for step in waiting.session.history.past]
    assert titles == ["stroke", "delete", "accept"]


def test_edits_that_wait_are_dropped_with_the_image(waiting, queue):
    from tests.session.scenes import image

    waiting.edits.start(edits.delete(0, middle(0)))
    waiting.edits.start(edits.delete(0, middle(1)))
    waiting.set_image(image(name="other"))
    queue.settle()
    waiting.run()
    queue.settle()
    assert waiting.session.corrections is None


def test_two_pixels_are_compared():
    controller = start()
    session = controller.session
    found = edits.compare(
        session.embedding_maps[0],
        session.cluster_indices[0],
        session.cluster_params,
        0,
        middle(1),
        middle(2),
    )
    assert found.distance == pytest.approx(1.4, abs=0.01)
    for step, joined in ((0.01, True), (-0.01, False)):
        controller.clustering.set_params(bandwidth=found.bandwidth + step)
        assert (at(controller, 1) == at(controller, 2)) == joined
