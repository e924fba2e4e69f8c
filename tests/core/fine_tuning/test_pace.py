"""How long a fine-tuning takes, from a trial with a clock of its own."""

from __future__ import annotations

import pytest

from napari_pixel_embedding.core.fine_tuning.config import FineTuneConfig
from napari_pixel_embedding.core.fine_tuning.pace import Pace, measure_pace, trial_of
from napari_pixel_embedding.core.training.train import TrainProgress


def test_a_trial_tells_preparing_steps_and_comparisons_apart():
    times = iter([100.0, 108.0, 110.0, 112.0, 114.0, 121.0])  # start, then steps 0 to 4
    steps = trial_of(FineTuneConfig(crop=64)).steps
    trial = (TrainProgress(n, steps, {}) for n in range(steps + 1))
    pace = measure_pace(trial, lambda: next(times))
    assert pace == Pace(preparing=10.0, step=2.0, comparison=5.0)
    assert pace.seconds(50) == 10 + 49 * 2 + 5
    assert pace.seconds(51) == 10 + 50 * 2 + 2 * 5


def test_a_trial_has_the_settings_of_what_it_measures():
    trial = trial_of(FineTuneConfig(steps=800, crop=64, batch_size=2))
    assert (trial.crop, trial.batch_size) == (64, 2) and trial.steps < 10


def test_a_trial_that_ended_early_measures_nothing():
    with pytest.raises(ValueError, match="a trial of 4 steps, found 1"):
        measure_pace(TrainProgress(n, 4, {}) for n in range(2))
