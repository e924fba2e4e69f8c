"""The review queue: doubtful first, each once, decisions remembered."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from napari_pixel_embedding.session import ImmediateExecutor
from napari_pixel_embedding.session.correct import edits
from napari_pixel_embedding.session.correct.review import Review, ReviewRequest, targets
from tests.session.fakes import QueueExecutor
from tests.session.scenes import middle, start


@pytest.fixture
def started():
    return start()


@pytest.fixture
def review(started):
    return Review(started.session, started.edits.start, ImmediateExecutor())


def ids(review, state):
    return {t.key for t in review.state.targets if review.state.state_of(t) == state}


def test_nothing_is_computed_before_it_is_asked_for(review, started):
    assert review.state.targets == ()
    started.clustering.set_params(bandwidth=1.2)
    assert review.state.targets == ()


def test_objects_come_by_their_doubt(review):
    seen = []
    for _ in range(4):
        review.next()
        seen.append(review.state.current)
    scores = [target.score for target in seen]
    assert scores == sorted(scores, reverse=True)
    assert len({target.key for target in seen}) == 4
    labels = review._session.labels
    assert {target.key[1] for target in seen[:2]} == {labels[middle(0)], labels[middle(1)]}
    assert seen[0].reason == "would merge at 1.10"
    assert review.state.note == f"Object {seen[3].key[1]}: {seen[3].reason}."
    review.next()  # nothing was decided: they come once more
    assert review.state.current.key == seen[0].key


def test_accept_and_skip_are_counted_and_do_not_come_again(review):
    review.next()
    first = review.state.current
    review.accept()
    second = review.state.current
    assert second.key != first.key
    review.skip()
    assert (review.state.done, len(review.state.targets)) == (2, 4)
    assert ids(review, "accepted") == {first.key} == review._session.accepted
    assert ids(review, "skipped") == {second.key}
    left = set()
    for _ in range(4):
        left.add(review.state.current.key)
        review.next()
    assert left == ids(review, "open")


def test_skipped_objects_come_when_all_else_is_done(review):
    review.next()
    review.skip()
    skipped = ids(review, "skipped")
    while review.state.current.key not in skipped:
        review.accept()
    assert ids(review, "open") == skipped
    review.accept()
    assert review.state.current is None
    assert review.state.note == "All objects are reviewed."
    assert review.state.done == len(review.state.targets) == 4


def test_undo_brings_an_object_back_into_the_queue(review, started):
    review.next()
    first = review.state.current.key
    review.accept()
    started.corrections.undo()
    assert first in ids(review, "open")


def test_a_correction_counts_as_looked_at(review, started):
    review.next()
    started.edits.start(edits.smooth(0, middle(3)))
    assert len(ids(review, "corrected")) == 1
    assert review.state.done == 1


def test_frames_have_queues_of_their_own_in_one():
    controller = start(frames=2)
    review = Review(controller.session, controller.edits.start, ImmediateExecutor())
    review.next()
    assert len(review.state.targets) == 8
    assert {target.key[0] for target in review.state.targets} == {0, 1}
    frame, id = review.state.current.key
    review.accept()
    assert (controller.session.corrections[frame] == id).any()
    assert (controller.session.corrections[1 - frame] == -1).all()


def test_a_new_run_forgets_what_was_skipped_but_not_what_was_accepted(review, started):
    review.next()
    review.accept()
    review.skip()
    started.run()
    assert (review.state.current, review.state.skipped) == (None, frozenset())
    review.next()
    assert len(ids(review, "accepted")) == 1


def test_without_a_result_the_review_says_so(controller):
    review = Review(controller.session, controller.edits.start, ImmediateExecutor())
    review.next()
    assert "run a model first" in review.state.note
    review.accept()
    review.skip()
    assert review.state.current is None


def test_the_view_does_not_wait_and_no_answer_is_lost():
    queue = QueueExecutor()
    controller = start(executor=queue)
    queue.settle()
    review = Review(controller.session, controller.edits.start, queue)
    review.next()
    review.next()
    assert review.state.current is None
    queue.settle()
    first = review.state.current
    review.accept()
    assert review.state.current is first
    queue.settle()
    assert review.state.current.key != first.key
    assert review.state.done == 1
    review.close()
    controller.clustering.set_params(bandwidth=3.0)
    queue.settle()
    assert len(review.state.targets) == 4


def test_the_object_that_is_looked_at_may_vanish(review, started):
    review.next()
    started.clustering.set_params(bandwidth=3.0)
    for _ in range(3):
        review.next()
        review.accept()
    assert review.state.current is None
    review.stop()
    assert (review.state.wanted, review.state.note) == (False, "")


@pytest.mark.parametrize("method", ["mean_shift", "mutex"])
def test_objects_of_another_method_are_not_looked_up_in_the_index(method):
    session = start().session
    request = ReviewRequest(
        session.labels,
        None,
        session.embedding_maps,
        session.cluster_indices,
        session.cluster_params,
        (),
        frozenset(),
        False,
        method,
    )
    found = targets(request)
    assert len(found) == session.object_count
    told = [target.reason for target in found]
    assert any("merge" in reason for reason in told) == (method == "mean_shift")


def test_delete_takes_the_object_away_counts_and_goes_on(review, started):
    review.next()
    first = review.state.current
    assert review.delete()
    assert review.state.current.key != first.key
    assert len(review.state.targets) == 3
    assert started.session.deleted_count == 1
    started.corrections.undo()
    assert first.key in ids(review, "open")
    assert started.session.deleted_count == 0


def test_without_an_object_there_is_nothing_to_decide(review):
    assert not review.accept()
    assert not review.delete()


def queue_of(labels, frames=False):
    """Keys in the order of review, of objects that have no cluster index."""
    from napari_pixel_embedding.core.embedding.embedding_map import EmbeddingMap

    session = start().session
    parts = labels if frames else [labels]
    rng = np.random.default_rng(0)
    maps = tuple(
        EmbeddingMap(
            np.zeros((2, *part.shape), np.float32),
            rng.uniform(0.3, 1, part.shape).astype(np.float32),
        )
        for part in parts
    )
    request = ReviewRequest(
        labels,
        None,
        maps,
        session.cluster_indices * len(maps),
        replace(session.cluster_params, foreground_threshold=0.2),
        (),
        frozenset(),
        frames,
        "mutex",
    )
    return targets(request)


@pytest.mark.parametrize(
    ("place", "cut"),
    [
        ((slice(0, 2), slice(4, 6)), True),
        ((slice(18, 20), slice(4, 6)), True),
        ((slice(4, 6), slice(0, 2)), True),
        ((slice(4, 6), slice(28, 30)), True),
        ((slice(1, 3), slice(1, 3)), False),
        ((slice(17, 19), slice(27, 29)), False),
    ],
)
def test_what_touches_the_border_comes_last(place, cut):
    labels = np.zeros((20, 30), int)
    labels[8:14, 8:14], labels[8:14, 18:24] = 1, 2
    labels[place] = 3  # the smallest one, and so the most uncertain
    found = queue_of(labels)
    assert [t.key[1] for t in found].index(3) == (2 if cut else 0)
    assert [t.at_border for t in found if t.key[1] == 3] == [cut]


def test_border_pieces_are_in_order_of_their_doubt():
    labels = np.zeros((20, 30), int)
    labels[0:2, 0:2], labels[0:8, 10:18], labels[8:16, 20:28] = 1, 2, 3
    found = queue_of(labels)
    assert found[0].key[1] == 3
    doubts = [t.score for t in found[1:]]
    assert doubts == sorted(doubts, reverse=True)


def test_the_outer_planes_of_a_volume_are_no_border():
    labels = np.zeros((3, 20, 30), int)
    labels[:, 8:14, 8:14] = 1  # through all planes
    labels[1, 0:9, 20:29] = 2
    assert {t.key[1]: t.at_border for t in queue_of(labels)} == {1: False, 2: True}


def test_frames_have_the_border_of_their_own_plane():
    labels = np.zeros((2, 20, 30), int)
    labels[0, 8:14, 8:14] = labels[1, 0:4, 8:14] = 1
    assert [t.key for t in queue_of(labels, frames=True)] == [(0, 1), (1, 1)]


def test_the_note_says_that_an_object_is_cut_by_the_border(review):
    review.next()
    review._show(replace(review.state.current, at_border=True))
    assert ", at the image’s border: " in review.state.note
