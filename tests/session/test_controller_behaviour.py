"""What a controller keeps to while work is under way, undone, saved, or tuned."""

from __future__ import annotations

from threading import Event, Thread

import numpy as np
import pytest

from napari_pixel_embedding.core.corrections.journal import Journal, read_journal
from napari_pixel_embedding.session import (
    ImageRegion,
    ImmediateExecutor,
    Session,
    SessionController,
)
from napari_pixel_embedding.session.correct import edits
from tests.session.fakes import FakeConfig, FakeModel, FakeStep, QueueExecutor, fake_engine
from tests.session.scenes import middle, start
from tests.session.strokes import paint

# --------------------------------------------------------------------------- accepted objects


def test_undo_and_redo_change_what_is_accepted():
    controller = start()
    session = controller.session
    states = [session.accepted]
    for number in (0, 2):
        controller.edits.start(edits.lock(0, middle(number)))
        states.append(session.accepted)
    assert [len(accepted) for accepted in states] == [0, 1, 2]
    for expected in states[-2::-1]:
        controller.corrections.undo()
        assert session.accepted == expected
    for expected in states[1:]:
        controller.corrections.redo()
        assert session.accepted == expected


def test_accepting_a_corrected_object_changes_no_pixel_and_can_be_undone():
    controller = start()
    session = controller.session
    controller.edits.start(edits.merge(0, [middle(0), middle(1)]))
    corrections = session.corrections
    controller.edits.start(edits.lock(0, middle(0)))
    np.testing.assert_array_equal(session.corrections, corrections)
    assert len(session.accepted) == 1
    controller.corrections.undo()
    assert session.accepted == frozenset()
    np.testing.assert_array_equal(session.corrections, corrections)


# --------------------------------------------------------------------------------- the slider


def test_a_slider_that_moves_on_does_not_restart_the_cut_under_way(waiting, queue):
    session = waiting.session
    assert session.object_count == 2
    for bandwidth in (2.5, 2.2, 1.5):  # from 2 on both objects are one
        waiting.clustering.set_params(bandwidth=bandwidth)
    queue.work()
    queue.deliver()
    assert session.object_count == 1, "the first answer is shown, though it is outdated"
    queue.settle()
    assert session.object_count == 2, "the newest wish comes last"


# ----------------------------------------------------------------------------------- autosave


def journals(folder):
    return sorted(folder.glob("*.corrections"))


def test_a_journal_has_one_writer_at_a_time(tmp_path, monkeypatch):
    queue = QueueExecutor()
    controller = start(executor=queue, folder=tmp_path)
    queue.settle()
    paint(controller, (0, 0), 99)
    jobs = list(queue.jobs)
    write, inside, met, begun = Journal.write, [], Event(), Event()

    def slow(journal, corrections, notes):
        inside.append(corrections)
        if len(inside) > 1:
            met.set()
        begun.set()
        met.wait(0.5)  # another writer has the time to come in, if it can
        write(journal, corrections, notes)
        inside.pop()

    monkeypatch.setattr(Journal, "write", slow)
    worker = Thread(target=lambda: [job.work(lambda item: None) for job in jobs])
    worker.start()
    begun.wait()
    paint(controller, (0, 1), 98)
    controller.close()  # writes what is not on the disk yet
    worker.join()
    assert not met.is_set()
    (path,) = journals(tmp_path)
    assert read_journal(path).corrections[0, :2].tolist() == [99, 98]


# --------------------------------------------------------------------------------- fine-tuning


@pytest.mark.parametrize(("space", "same"), [("euclidean", True), ("cosine", False)])
def test_a_preview_takes_the_sliders_of_its_own_family_alone(image, space, same):
    seen = []

    def fine_tune(*arguments, **options):
        yield FakeStep(1, 1, {}, None, FakeModel(FakeConfig(name="tuned", space=space)))

    def segment_region(model, image, pixels, options, params):
        seen.append(params)
        return np.zeros((2, 2), np.uint16)

    engine = fake_engine(fine_tune=fine_tune, segment_region=segment_region)
    controller = SessionController(Session(), ImmediateExecutor(), engine)
    controller.set_image(image)
    controller.set_model("fake")
    controller.run()
    controller.clustering.set_params(bandwidth=1.5)
    paint(controller, (0, 0), 7)
    controller.fine_tuning.preview(ImageRegion(None, (slice(0, 2), slice(0, 2))))
    controller.fine_tuning.start(None)
    assert seen == [controller.session.cluster_params if same else None]
