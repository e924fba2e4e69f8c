"""When a checkpoint is due: a kill costs ten seconds, or one step where that takes longer."""

from __future__ import annotations

from itertools import pairwise

import pytest

from napari_pixel_embedding.core.training.checkpoint import MOST_LOST_S, StepTimer


def due_steps(seconds_per_step, steps):
    times = iter([n * seconds_per_step for n in range(steps + 1)])
    timer = StepTimer(lambda: next(times))
    return [step for step in range(1, steps + 1) if timer.is_due()]


@pytest.mark.parametrize("seconds_per_step", [0.1, 1.0, 3.0, 6.0])
def test_no_step_ends_more_than_ten_seconds_after_what_was_saved(seconds_per_step):
    saved = due_steps(seconds_per_step, 300)
    assert saved[0] == 1
    gaps = [later - earlier for earlier, later in pairwise(saved)]
    assert max(gaps) * seconds_per_step <= MOST_LOST_S
    assert min(gaps) * seconds_per_step > MOST_LOST_S / 3, "not more often than it takes"


def test_steps_that_take_long_are_each_saved():
    assert due_steps(25.0, 4) == [1, 2, 3, 4]
