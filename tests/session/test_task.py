from __future__ import annotations

import pytest

from napari_pixel_embedding.core.progress import duration_text
from napari_pixel_embedding.core.training.train import TrainProgress
from napari_pixel_embedding.session import Session
from napari_pixel_embedding.session.task import Task, TimeLeft, current_task
from napari_pixel_embedding.session.train.training import TrainingState


def step(number, left=None):
    return TrainProgress(number, 40, {}, seconds_left=left)


def test_nothing_is_under_way_at_first():
    assert current_task(Session(), TrainingState()) is None


def test_of_several_what_ends_first_is_told():
    session = Session()
    training = TrainingState(running=True, status="Training …")
    assert current_task(session, training) == Task("training", "Training …", 0.0)
    session.tuning, session.tuning_status = True, "Fine-tuning, step 10 of 40 …"
    session.training = (step(5), step(10, 9.0))
    assert current_task(session, training) == Task(
        "fine_tuning", "Fine-tuning, step 10 of 40 …", 0.25, 9.0
    )
    session.filling, session.mosaic_status, session.mosaic_progress = True, "Blocks …", 0.5
    assert current_task(session, training) == Task("blocks", "Blocks …", 0.5)
    session.measuring, session.measured = True, 0.75
    assert current_task(session, training) == Task("measuring", "Measuring the objects …", 0.75)
    session.running, session.status, session.progress = True, "Running …", 0.125
    assert current_task(session, training) == Task("run", "Running …", 0.125)


class Clock:
    now = 100.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


def run(fraction, kind="run"):
    return Task(kind, "", fraction)


def test_time_left_goes_by_the_pace_so_far(clock):
    left = TimeLeft(clock)
    assert left.of(run(0.0)) is None
    clock.now = 160.0  # a minute of loading says nothing about the rest
    assert left.of(run(0.0)) is None
    clock.now = 164.0
    assert left.of(run(0.25)) == pytest.approx(12.0)
    clock.now = 170.0
    assert left.of(run(0.5)) == pytest.approx(10.0)


def test_time_left_is_no_guess(clock):
    left = TimeLeft(clock)
    left.of(run(0.0))
    clock.now = 101.0
    assert left.of(run(0.9)) is None  # too soon
    clock.now = 110.0
    assert left.of(run(0.04)) is None  # too little


def test_another_task_starts_anew(clock):
    left = TimeLeft(clock)
    left.of(run(0.0))
    clock.now = 110.0
    assert left.of(run(0.5)) == pytest.approx(10.0)
    assert left.of(run(0.5, "blocks")) is None
    assert left.of(None) is None
    assert left.of(run(0.5)) is None


def test_a_task_that_stands_still_promises_nothing_sooner(clock):
    """The forecast of what does not move grows, rather than saying 2 s for a minute."""
    left = TimeLeft(clock)
    left.of(run(0.0))
    clock.now = 109.0
    first = left.of(run(0.9))
    clock.now = 190.0
    assert left.of(run(0.9)) > first


def test_what_a_task_knows_itself_counts(clock):
    assert TimeLeft(clock).of(Task("training", "", 0.5, 42.0)) == 42.0


@pytest.mark.parametrize(
    ("seconds", "text"), [(0, "1 s"), (89, "89 s"), (600, "10 min"), (7500, "2 h 05 min")]
)
def test_times_are_told_as_one_would_say_them(seconds, text):
    assert duration_text(seconds) == text
