"""Corrections are on disk after every change, and come back in the next session."""

from __future__ import annotations

import os
import shutil
from dataclasses import replace

import numpy as np
import pytest

from napari_pixel_embedding.core.corrections import journal as journal_module
from napari_pixel_embedding.core.corrections.journal import Journal, read_journal
from napari_pixel_embedding.session import PreviousAnnotations
from napari_pixel_embedding.session.correct import earlier, edits
from napari_pixel_embedding.session.correct import journal_writer as writer_module
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


def offered(controller):
    return [one.objects for one in controller.session.recoveries]


def test_after_a_crash_the_next_session_is_offered_what_there_was(row, tmp_path, tmp_path_factory):
    row.edits.start(edits.lock(0, middle(0)))
    row.edits.start(edits.merge(0, [middle(1), middle(2)]))
    row.clustering.refine(middle(3), "coarser")
    before, later = row.session, tmp_path_factory.mktemp("later")
    shutil.copytree(tmp_path, later, dirs_exist_ok=True)  # not closed: what a crash leaves
    again = start(folder=later)
    assert offered(again) == [2]
    assert again.session.corrections is None
    again.autosave.restore()
    session = again.session
    np.testing.assert_array_equal(session.corrections, before.corrections)
    assert session.accepted == before.accepted
    assert session.local_bandwidths == before.local_bandwidths
    assert session.recoveries == ()
    assert len(journals(later)) == 1, "it goes on with the journal"
    again.corrections.undo()
    assert (session.corrections, session.accepted) == (None, frozenset())


def test_a_renamed_image_is_known_and_another_is_not(row, tmp_path):
    row.edits.start(edits.delete(0, middle(0)))
    row.close()
    assert offered(start(folder=tmp_path, pixels=image(name="renamed"))) == [0]
    other = image()
    other.data[0, 0] ^= 1
    assert offered(start(folder=tmp_path, pixels=other)) == []
    assert offered(start(folder=tmp_path, pixels=replace(image(), axes=None))) == [0]


def test_discarded_work_is_not_offered_again(row, tmp_path):
    row.edits.start(edits.delete(0, middle(0)))
    row.close()
    again = start(folder=tmp_path)
    again.edits.start(edits.delete(0, middle(1)))
    again.autosave.discard()
    assert offered(again) == []
    assert [str(path) for path in journals(tmp_path)] == [again.session.autosave_path]
    np.testing.assert_array_equal(saved(tmp_path), again.session.corrections)


def test_work_begun_before_the_offer_was_answered_is_not_lost(row, tmp_path):
    row.edits.start(edits.delete(0, middle(0)))
    row.close()
    again = start(folder=tmp_path)
    again.edits.start(edits.lock(0, middle(1)))
    assert offered(again) == [0]
    again.autosave.restore()
    assert offered(again) == [1], "the work before the restore is offered in its place"
    again.corrections.undo()
    assert again.session.accepted
    assert again.session.labels[middle(0)] != 0
    assert offered(again) == [0]


def test_five_sessions_in_a_row_lose_nothing(tmp_path):
    for number in range(7):  # the first corrects most and is never answered
        session = start(folder=tmp_path)
        assert offered(session) == [1] * (number - 1) + [4] * (number > 0)
        for at in range(4 if number == 0 else 1):
            session.edits.start(edits.lock(0, middle(at)))
        session.close()
    last = start(folder=tmp_path)
    last.autosave.restore(last.session.recoveries[-1])
    assert len(last.session.accepted) == 4
    assert offered(last) == [1] * 6, "the others stay offered"
    last.autosave.discard(last.session.recoveries[2])
    assert offered(last) == [1] * 5
    last.close()
    assert len(journals(tmp_path)) == 6
    assert sorted(offered(start(folder=tmp_path))) == [1] * 5 + [4]


def test_the_offer_tells_date_name_and_number(row, tmp_path):
    row.edits.start(edits.lock(0, middle(0)))
    row.close()
    (path,) = journals(tmp_path)
    os.utime(path, (1e9, 1e9))
    (found,) = start(folder=tmp_path, pixels=image(name="renamed")).session.recoveries
    assert (found.path, found.changed, found.name, found.objects) == (path, 1e9, "row", 1)


# --------------------------------------------------------------- several journals of one image


def two_journals(folder):
    """Close two sessions that accepted three objects, and one, and start a third."""
    for count in (3, 1):
        session = start(folder=folder)
        for number in range(count):
            session.edits.start(edits.lock(0, middle(number)))
        session.close()
    return start(folder=folder)


def objects_in(folder):
    """How many objects the journals on the disk hold, whoever writes them; 0 for empty ones."""
    kept = (read_journal(path).corrections for path in journals(folder))
    return sorted(0 if one is None else np.unique(one[one > 0]).size for one in kept)


def test_what_is_restored_one_after_the_other_stays_on_the_disk(tmp_path):
    third = two_journals(tmp_path)
    assert offered(third) == [1, 3]
    third.autosave.restore()
    assert offered(third) == [3]
    third.autosave.restore()
    assert (len(third.session.accepted), offered(third)) == (3, [1])
    third.edits.start(edits.lock(0, middle(3)))
    assert objects_in(tmp_path) == [1, 4]
    third.close()
    assert objects_in(tmp_path) == [1, 4]


def test_undo_and_redo_of_a_restore_overwrite_no_journal(tmp_path):
    third = two_journals(tmp_path)
    third.edits.start(edits.lock(0, middle(0)))
    third.edits.start(edits.lock(0, middle(3)))
    steps = [(2, [1, 3])]
    for _ in range(2):
        third.autosave.restore(min(third.session.recoveries, key=lambda one: one.stamp))
        steps.append((third.session.corrected_count, sorted(offered(third))))
    assert [count for count, _ in steps] == [2, 3, 1]
    for count, others in (steps[1], steps[0]):
        third.corrections.undo()
        assert objects_in(tmp_path) == [1, 2, 3]
        assert (third.session.corrected_count, sorted(offered(third))) == (count, others)
    for count, others in steps[1:]:
        third.corrections.redo()
        assert objects_in(tmp_path) == [1, 2, 3]
        assert (third.session.corrected_count, sorted(offered(third))) == (count, others)
    third.close()
    assert objects_in(tmp_path) == [1, 2, 3]


def test_a_journal_holds_its_own_corrections_at_every_write(tmp_path, monkeypatch):
    written, write = [], Journal.write

    def note(journal, corrections, notes):
        written.append(
            (journal.path, None if corrections is None else set(corrections[0 < corrections]))
        )
        write(journal, corrections, notes)

    third = two_journals(tmp_path)
    third.edits.start(edits.lock(0, middle(4)))
    monkeypatch.setattr(Journal, "write", note)
    third.autosave.restore()
    third.corrections.undo()
    third.corrections.redo()
    for path in {path for path, _ in written}:
        assert len({frozenset(ids) for one, ids in written if one == path}) == 1


def test_a_restore_whose_bandwidths_another_model_dropped_can_still_be_undone(tmp_path):
    first = start(folder=tmp_path)
    first.edits.start(edits.lock(0, middle(0)))
    first.clustering.refine(middle(3), "coarser")
    first.close()
    again = start(folder=tmp_path)
    again.autosave.restore()
    again._undo.forget_local()  # as a run of another family's model does
    again.corrections.undo()
    assert again.session.corrections is None
    again.close()
    assert objects_in(tmp_path) == [1]


def test_new_work_after_an_undone_restore_has_a_journal_of_its_own(tmp_path):
    third = two_journals(tmp_path)
    third.autosave.restore()
    third.corrections.undo()
    third.edits.start(edits.merge(0, [middle(0), middle(1)]))
    third.edits.start(edits.lock(0, middle(3)))
    third.close()
    assert objects_in(tmp_path) == [1, 2, 3]


def test_a_journal_that_was_emptied_is_removed(row, tmp_path):
    row.edits.start(edits.lock(0, middle(0)))
    row.corrections.undo()
    row.close()
    assert list(tmp_path.iterdir()) == []


def test_two_viewers_on_one_image_keep_a_journal_each(tmp_path):
    first, second = start(folder=tmp_path), start(folder=tmp_path)
    first.edits.start(edits.lock(0, middle(0)))
    for number in (1, 2):
        second.edits.start(edits.lock(0, middle(number)))
    third = start(folder=tmp_path)
    assert offered(third) == [], "both are being written"
    first.close()
    second.close()
    assert objects_in(tmp_path) == [1, 2]
    assert offered(start(folder=tmp_path)) == [2, 1]


def test_what_another_viewer_restored_first_is_neither_written_nor_deleted(row, tmp_path):
    row.edits.start(edits.lock(0, middle(0)))
    row.close()
    first, second = start(folder=tmp_path), start(folder=tmp_path)
    first.autosave.restore()
    first.edits.start(edits.lock(0, middle(1)))
    for answer in (second.autosave.restore, second.autosave.discard):
        answer()
        assert "open in another viewer" in second.session.error
    assert second.session.corrections is None
    assert objects_in(tmp_path) == [2]


def test_what_another_viewer_went_on_with_is_read_again(row, tmp_path):
    row.edits.start(edits.lock(0, middle(0)))
    row.close()
    first, second = start(folder=tmp_path), start(folder=tmp_path)
    first.autosave.restore()
    first.edits.start(edits.lock(0, middle(1)))
    first.close()
    second.autosave.discard()
    assert "changed by another viewer" in second.session.error
    assert offered(second) == [2]
    second.autosave.restore()
    assert len(second.session.accepted) == 2


@pytest.mark.parametrize("closed", [False, True])
def test_an_undone_restore_that_another_viewer_went_on_with_is_not_overwritten(
    row, tmp_path, closed
):
    row.edits.start(edits.lock(0, middle(0)))
    row.close()
    first = start(folder=tmp_path)
    first.autosave.restore()
    first.corrections.undo()
    second = start(folder=tmp_path)
    second.autosave.restore()
    second.edits.start(edits.lock(0, middle(1)))
    if closed:
        second.close()
    first.corrections.redo()
    first.edits.start(edits.lock(0, middle(2)))
    assert objects_in(tmp_path) == [2, 2]


def test_a_journal_in_a_folder_without_locks_is_copied(row, tmp_path, monkeypatch):
    row.edits.start(edits.lock(0, middle(0)))
    row.close()
    (path,) = journals(tmp_path)
    content = path.read_bytes()
    again = start(folder=tmp_path)
    monkeypatch.setattr(writer_module, "lock_journal", lambda path: None)
    again.autosave.restore()
    again.edits.start(edits.lock(0, middle(1)))
    assert path.read_bytes() == content
    assert objects_in(tmp_path) == [1, 2]


def test_one_that_cannot_be_restored_any_more_is_said_and_kept(row, tmp_path):
    row.edits.start(edits.lock(0, middle(0)))
    row.close()
    again = start(folder=tmp_path)
    (path,) = journals(tmp_path)
    path.write_bytes(b"nonsense")
    again.autosave.restore()
    assert "found something else" in again.session.error
    assert again.session.corrections is None
    again.edits.start(edits.lock(0, middle(1)))
    again.close()
    assert path.read_bytes() == b"nonsense"
    assert len(journals(tmp_path)) == 2


# ------------------------------------------------------------------------- unreadable journals


def strange(kind, path):
    """Put something at a journal's place that is none."""
    made = {
        "pipe": os.mkfifo,
        "folder": os.mkdir,
        "device": lambda path: os.symlink("/dev/zero", path),
        "dead link": lambda path: os.symlink("nowhere", path),
        "noise": lambda path: path.write_bytes(np.random.default_rng(0).bytes(4_000)),
        "other version": lambda path: path.write_bytes(b"pixel-embedding corrections 2\n" * 9),
        "cut head": lambda path: path.write_bytes(b"pixel-embedding corrections 1\n\x09"),
        "nested": lambda path: path.write_bytes(
            journal_module._MAGIC + journal_module._record({"kind": "head", "name": [[[]]]})
        ),
    }
    made[kind](path)


@pytest.mark.skipif(os.name != "posix", reason="pipes and devices lie in folders on POSIX only")
@pytest.mark.parametrize(
    "kind",
    ["pipe", "folder", "device", "dead link", "noise", "other version", "cut head", "nested"],
)
def test_an_unreadable_journal_hides_no_other_and_leaves_autosave_on(row, tmp_path, kind):
    row.edits.start(edits.lock(0, middle(0)))
    row.close()
    key = journals(tmp_path)[0].stem.split("-")[1]
    strange(kind, tmp_path / f"row-{key}-ffffffff.corrections")
    again = start(folder=tmp_path)
    assert offered(again) == [1]
    assert again.session.error is None
    again.edits.start(edits.lock(0, middle(1)))
    assert again.session.autosaved > 0
    np.testing.assert_array_equal(
        read_journal(again.session.autosave_path).corrections, again.session.corrections
    )


@pytest.mark.parametrize("error", [PermissionError, MemoryError, RecursionError, KeyError])
def test_whatever_reading_raises_leaves_autosave_on(row, tmp_path, monkeypatch, error):
    row.edits.start(edits.lock(0, middle(0)))
    row.close()

    def fail(*_):
        raise error("no")

    monkeypatch.setattr(earlier, "read_journal", fail)
    again = start(folder=tmp_path)
    assert offered(again) == []
    again.edits.start(edits.lock(0, middle(1)))
    assert again.session.autosaved > 0


@pytest.mark.parametrize(
    "notes",
    [
        {"accepted": "all"},
        {"accepted": [[0, "1"]]},
        {"accepted": [[0, -1]]},
        {"accepted": [[-1, 1]]},
        {"accepted": [[0]]},
        {"accepted": [[7, 1]]},
        {"accepted": [[0, 9_999]]},
        {"accepted": None},
        {"local_bandwidths": [[{"point": [1, 2]}]]},
        {"local_bandwidths": [[{"point": [-1, 2], "bandwidth": 1.0}]]},
        {"local_bandwidths": [[{"point": [999, 2], "bandwidth": 1.0}]]},
        {"local_bandwidths": [[{"point": [1, 2], "bandwidth": float("nan")}]]},
        {"local_bandwidths": [[], [], []]},
        {"local_bandwidths": 5},
        {"model": ["a"]},
        {"surprise": 1},
    ],
)
def test_unusable_notes_are_left_out_and_the_corrections_restored(row, tmp_path, notes):
    row.edits.start(edits.merge(0, [middle(1), middle(2)]))
    row.close()
    fixed = saved(tmp_path)
    (path,) = journals(tmp_path)
    Journal(tmp_path, "row", "", path).write(fixed, notes)
    again = start(folder=tmp_path)
    again.autosave.restore()
    session = again.session
    np.testing.assert_array_equal(session.corrections, fixed)
    assert (session.accepted, session.local_bandwidths) == (frozenset(), ((),))


# ------------------------------------------------------------------------------ several images


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
    assert offered(row) == []
    row.edits.start(edits.delete(0, middle(2)))
    by_name = {path.name.split("-")[0]: read_journal(path) for path in journals(tmp_path)}
    assert sorted(by_name) == ["other", "row"]
    np.testing.assert_array_equal(by_name["row"].corrections, row.session.corrections)


def test_an_image_that_comes_back_without_its_corrections_is_offered_them(row, tmp_path):
    row.edits.start(edits.lock(0, middle(0)))
    other = image(name="other")
    other.data[...] = 7
    for chosen in (other, image()):
        row.set_image(chosen)
        row.run()
    assert offered(row) == [1]
    row.edits.start(edits.lock(0, middle(1)))
    row.edits.start(edits.lock(0, middle(2)))
    row.close()
    assert objects_in(tmp_path) == [1, 2]


def test_the_same_pixels_in_two_layers_keep_a_journal_each(row, tmp_path):
    row.edits.start(edits.lock(0, middle(0)))
    first, layers = row.session.corrections, (image(), image())
    row.set_image(layers[1])
    row.run()
    for number in (1, 2):
        row.edits.start(edits.lock(0, middle(number)))
    row.set_image(layers[0], PreviousAnnotations(corrections=first, axes="YX"))
    row.run()
    assert offered(row) == [2]
    row.close()
    assert objects_in(tmp_path) == [1, 2]


def test_corrections_that_other_axes_leave_out_are_offered_with_their_own(tmp_path):
    stack = image(frames=1)
    row = start(folder=tmp_path, pixels=stack)
    row.edits.start(edits.lock(0, middle(0)))
    row.set_image(replace(stack, axes="CYX"))
    row.run()
    assert row.session.corrections is None
    row.set_image(stack)
    row.run()
    assert offered(row) == [1]


def test_a_state_that_still_waits_is_written_on_closing(tmp_path):
    queue = QueueExecutor()
    controller = start(executor=queue, folder=tmp_path)
    queue.settle()
    before, after = controller.session.labels, controller.session.labels.copy()
    after[0, 0] = 99
    controller.corrections.record_edit(before, after)
    controller.close()
    assert saved(tmp_path)[0, 0] == 99


def test_corrections_from_before_the_search_was_answered_are_written(tmp_path):
    queue = QueueExecutor()
    controller = start(executor=queue, folder=tmp_path)
    while controller.session.labels is None:
        queue.work()
        queue.deliver()
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
    controller.close()
    again = start(folder=home, pixels=picture)
    assert [one.path for one in again.session.recoveries] == journals(data)
    again.autosave.restore()
    assert again.session.autosave_beside, "they go on where they were found"
    again.edits.start(edits.delete(0, middle(1)))
    assert (len(journals(data)), journals(home)) == (1, [])


def test_a_journal_moves_with_the_choice_of_folder(tmp_path):
    home, data = tmp_path / "home", tmp_path / "data"
    data.mkdir()
    controller = start(folder=home, pixels=replace(image(), path=str(data / "a.tif")))
    controller.edits.start(edits.delete(0, middle(0)))
    for beside in (True, False, True):
        controller.autosave.save_beside(beside)
        assert (len(journals(data)), len(journals(home))) == (beside, not beside)
    controller.close()
    assert list(home.iterdir()) == []
    assert list(data.iterdir()) == journals(data)


def test_a_journal_stays_where_the_other_folder_takes_none(tmp_path):
    (tmp_path / "file").write_text("not a folder")
    picture = replace(image(), path=str(tmp_path / "file" / "a.tif"))
    controller = start(folder=tmp_path / "home", pixels=picture)
    controller.edits.start(edits.delete(0, middle(0)))
    controller.autosave.save_beside(True)
    assert "saved in" in controller.session.error
    np.testing.assert_array_equal(saved(tmp_path / "home"), controller.session.corrections)


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


def test_objects_are_counted_frame_by_frame(tmp_path):
    stack = image(frames=2)
    frames = start(folder=tmp_path, pixels=stack)
    frames.edits.start(edits.lock(1, middle(2)))
    frames.edits.start(edits.lock(0, middle(2)))
    frames.close()
    again = start(folder=tmp_path, pixels=stack)
    assert offered(again) == [2]
    again.autosave.restore()
    assert again.session.accepted == frames.session.accepted
