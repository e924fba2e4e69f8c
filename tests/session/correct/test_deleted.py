"""Deleted objects count as corrections, until they are undone or freed."""

from __future__ import annotations

import numpy as np
import pytest

from napari_pixel_embedding.session.correct import edits
from napari_pixel_embedding.session.correct.record import erased_objects
from tests.session.scenes import middle, start


@pytest.fixture
def started():
    return start()


def counts(controller):
    session = controller.session
    return session.corrected_count, session.deleted_count, session.locked_count


def test_each_deleted_object_counts_also_beside_another(started):
    started.edits.start(edits.delete(0, middle(1)))
    assert counts(started) == (1, 1, 0)
    started.edits.start(edits.delete(0, middle(2)))
    assert counts(started) == (2, 2, 0)
    started.edits.start(edits.lock(0, middle(0)))
    assert counts(started) == (3, 2, 1)


def test_undo_and_redo_take_the_count_along(started):
    started.edits.start(edits.delete(0, middle(1)))
    started.corrections.undo()
    assert counts(started) == (0, 0, 0)
    started.corrections.redo()
    assert counts(started) == (1, 1, 0)


def test_sliders_do_not_change_the_count(started):
    started.edits.start(edits.delete(0, middle(1)))
    started.clustering.set_params(bandwidth=3.0)
    assert started.session.object_count < 4
    assert counts(started) == (1, 1, 0)


def test_freed_background_and_cleared_corrections_are_no_deletes(started):
    started.edits.start(edits.delete(0, middle(1)))
    started.edits.start(edits.unlock(0, middle(1)))
    assert counts(started) == (0, 0, 0)
    started.edits.start(edits.delete(0, middle(1)))
    started.corrections.reset()
    assert counts(started) == (0, 0, 0)


def test_an_object_that_was_erased_as_a_whole_counts(started):
    before = started.session.labels
    after = np.where(before == before[middle(1)], 0, before)
    started.corrections.record_edit(before, after)
    assert counts(started) == (1, 1, 0)
    rim = after.copy()
    rim[2] = 0  # every object loses a row, and none of them all
    started.corrections.record_edit(after, rim)
    assert counts(started)[1] == 1


def test_only_objects_that_leave_background_are_erased():
    before = np.array([[[1, 1, 2, 2, 3, 3]], [[1, 1, 0, 0, 4, 4]]])
    after = np.array([[[1, 1, 1, 1, 0, 3]], [[0, 0, 0, 0, 4, 4]]])
    assert erased_objects(before, after, frames=True) == {(1, 0, 0)}
    assert erased_objects(before[0], after[0], frames=False) == frozenset()


def test_an_image_that_is_chosen_again_has_its_deletes_and_another_has_none(started):
    started.edits.start(edits.delete(0, middle(1)))
    kept, first = started.session.kept_annotations, started.session.image
    started.set_image(start().session.image)
    started.run()
    assert counts(started) == (0, 0, 0)
    started.set_image(first, kept)
    started.run()
    assert counts(started) == (1, 1, 0)


def test_a_delete_is_saved_and_restored(tmp_path):
    first = start(folder=tmp_path)
    first.edits.start(edits.delete(0, tuple(np.int64(n) for n in middle(1))))
    first.edits.start(edits.lock(0, middle(0)))
    first.close()
    again = start(folder=tmp_path)
    assert counts(again) == (0, 0, 0)
    again.autosave.restore()
    assert counts(again) == (2, 1, 1)
    again.corrections.undo()
    assert counts(again) == (0, 0, 0)


def test_a_delete_alone_does_not_offer_fine_tuning(started):
    started.edits.start(edits.delete(0, middle(1)))
    assert started.session.next_step.action != "fine_tune"
    started.edits.start(edits.lock(0, middle(0)))
    assert started.session.next_step.action == "fine_tune"
    assert "1 corrected object" in started.session.next_step.link
