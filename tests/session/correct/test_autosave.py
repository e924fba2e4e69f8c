"""Corrections are on disk after every change, and come back in the next session."""

from __future__ import annotations

import os
from dataclasses import replace

import numpy as np
import pytest

from napari_pixel_embedding.core.corrections.journal import read_journal
from napari_pixel_embedding.session import PreviousAnnotations
from napari_pixel_embedding.session.correct import edits
from tests.session.fakes import QueueExecutor
from tests.session.scenes import image, middle, start


@pytest.fixture
def row(tmp_path):
    return start(folder=tmp_path)


def journals(folder):
    return sorted(folder.glob("*.corrections"))


def saved(folder):
    (path,) = journals(folder)
    return read_journal(path).corrections


def test_nothing_is_written_before_the_first_correction(row, tmp_path):
    row.clustering.set_params(bandwidth=2.0)
    row.close()
    assert journals(tmp_path) == []


def test_every_change_is_on_disk_also_undo(row, tmp_path):
    for edit in (edits.delete(0, middle(0)), edits.smooth(0, middle(1))):
        row.edits.start(edit)
        np.testing.assert_array_equal(saved(tmp_path), row.session.corrections)
    row.corrections.undo()
    np.testing.assert_array_equal(saved(tmp_path), row.session.corrections)
    row.corrections.undo()
    assert saved(tmp_path) is None
    assert row.session.autosaved > 0
    assert row.session.autosave_path == str(journals(tmp_path)[0])


def test_the_next_session_is_offered_what_there_was(row, tmp_path):
    row.edits.start(edits.lock(0, middle(0)))
    row.edits.start(edits.merge(0, [middle(1), middle(2)]))
    row.clustering.refine(middle(3), "coarser")
    before = row.session  # no close: as after a crash
    again = start(folder=tmp_path)
    offered = again.session.recovery
    assert offered.objects == 2
    assert again.session.corrections is None
    again.autosave.restore()
    session = again.session
    np.testing.assert_array_equal(session.corrections, before.corrections)
    assert session.accepted == before.accepted
    assert session.local_bandwidths == before.local_bandwidths
    assert session.recovery is None
    assert len(journals(tmp_path)) == 2  # the new session has one of its own
    again.corrections.undo()
    assert (session.corrections, session.accepted) == (None, frozenset())


def test_a_renamed_image_is_known_and_another_is_not(row, tmp_path):
    row.edits.start(edits.delete(0, middle(0)))
    assert start(folder=tmp_path, pixels=image(name="renamed")).session.recovery is not None
    other = image()
    other.data[0, 0] ^= 1
    assert start(folder=tmp_path, pixels=other).session.recovery is None
    assert start(folder=tmp_path, pixels=replace(image(), axes=None)).session.recovery is not None


def test_discarded_work_is_not_offered_again(row, tmp_path):
    row.edits.start(edits.delete(0, middle(0)))
    again = start(folder=tmp_path)
    again.edits.start(edits.delete(0, middle(1)))
    again.autosave.discard()
    assert again.session.recovery is None
    assert [str(path) for path in journals(tmp_path)] == [again.session.autosave_path]
    np.testing.assert_array_equal(saved(tmp_path), again.session.corrections)


def test_work_begun_before_the_offer_was_answered_is_not_lost(row, tmp_path):
    row.edits.start(edits.delete(0, middle(0)))
    again = start(folder=tmp_path)
    again.edits.start(edits.delete(0, middle(1)))
    assert again.session.recovery is not None
    again.autosave.restore()
    again.corrections.undo()
    assert again.session.labels[middle(1)] == 0
    assert again.session.labels[middle(0)] != 0


def test_each_image_has_a_journal_and_coming_back_offers_nothing(row, tmp_path):
    row.edits.start(edits.delete(0, middle(0)))
    first = row.session.corrections
    other = image(name="other")
    other.data[...] = 7
    row.set_image(other)
    row.run()
    row.edits.start(edits.delete(0, middle(1)))
    row.set_image(image(), PreviousAnnotations(corrections=first, axes="YX"))
    row.run()
    assert row.session.recovery is None
    row.edits.start(edits.delete(0, middle(2)))
    by_name = {path.name.split("-")[0]: read_journal(path) for path in journals(tmp_path)}
    assert sorted(by_name) == ["other", "row"]
    np.testing.assert_array_equal(by_name["row"].corrections, row.session.corrections)


def test_a_dock_that_is_opened_again_is_not_offered_what_it_has(row, tmp_path):
    row.edits.start(edits.delete(0, middle(0)))
    again = start(folder=tmp_path, pixels=image(name="other"))
    again.autosave.discard()
    row.edits.start(edits.delete(0, middle(1)))
    again.set_image(
        image(), PreviousAnnotations(corrections=row.session.corrections.copy(), axes="YX")
    )
    again.run()
    assert again.session.recovery is None


def test_a_state_that_still_waits_is_written_on_closing(tmp_path):
    queue = QueueExecutor()
    controller = start(executor=queue, folder=tmp_path)
    queue.settle()
    before, after = controller.session.labels, controller.session.labels.copy()
    after[0, 0] = 99
    controller.corrections.record_edit(before, after)
    controller.close()
    assert saved(tmp_path)[0, 0] == 99


def test_a_late_worker_does_not_write_an_old_state(tmp_path):
    queue = QueueExecutor()
    controller = start(executor=queue, folder=tmp_path)
    queue.settle()
    before, after = controller.session.labels, controller.session.labels.copy()
    after[0, 0] = 99
    controller.corrections.record_edit(before, after)
    late = list(queue.jobs)
    queue.settle()
    after = after.copy()
    after[0, 1] = 98
    controller.corrections.record_edit(controller.session.labels, after)
    controller.close()
    for job in late:
        job.work(lambda item: None)
    assert saved(tmp_path)[0, :2].tolist() == [99, 98]


def test_beside_the_image(row, tmp_path):
    home, data = tmp_path / "home", tmp_path / "data é"
    data.mkdir()
    picture = replace(image(), path=str(data / "a.tif"))
    controller = start(folder=home, pixels=picture)
    controller.autosave.save_beside(True)
    controller.edits.start(edits.delete(0, middle(0)))
    assert (len(journals(data)), journals(home)) == (1, [])
    again = start(folder=home, pixels=picture)
    assert again.session.recovery.path == journals(data)[0]


def test_where_it_cannot_be_saved_beside_the_image_the_folder_takes_it(tmp_path):
    picture = replace(image(), path=str(tmp_path / "file" / "a.tif"))
    (tmp_path / "file").write_text("not a folder")
    controller = start(folder=tmp_path / "home", pixels=picture)
    controller.autosave.save_beside(True)
    controller.edits.start(edits.delete(0, middle(0)))
    assert "saved in" in controller.session.error
    assert not controller.session.autosave_beside
    np.testing.assert_array_equal(saved(tmp_path / "home"), controller.session.corrections)


def test_a_full_disk_is_said_once_and_mended_later(row, tmp_path, monkeypatch):
    row.edits.start(edits.delete(0, middle(0)))

    def full(handle):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    told = []
    row.session.events.error.connect(told.append)
    row.edits.start(edits.delete(0, middle(1)))
    row.edits.start(edits.delete(0, middle(2)))
    assert sum("No space left" in str(message) for message in told) == 1
    assert saved(tmp_path) is not None
    monkeypatch.undo()
    row.edits.start(edits.delete(0, middle(3)))
    np.testing.assert_array_equal(saved(tmp_path), row.session.corrections)


def test_work_of_other_axes_is_not_offered(tmp_path):
    stack = image(frames=2)
    frames = start(folder=tmp_path, pixels=stack)
    frames.edits.start(edits.delete(1, middle(0)))
    assert start(folder=tmp_path, pixels=stack).session.recovery.objects == 0
    frames.edits.start(edits.lock(1, middle(2)))
    frames.edits.start(edits.lock(0, middle(2)))
    assert start(folder=tmp_path, pixels=stack).session.recovery.objects == 2
