"""How long a fine-tuning takes on this machine: measured in a few steps of a real one."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from napari_pixel_embedding.core.fine_tuning.config import VALIDATE_EVERY, FineTuneConfig

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from napari_pixel_embedding.core.training.train import TrainProgress

_TRIAL_STEPS = 4


@dataclass(frozen=True)
class Pace:
    """Durations of the parts of a fine-tuning, in seconds.

    Parameters
    ----------
    preparing : float
        Until the first step is done: loading, targets, the parent's score.
    step : float
        One training step.
    comparison : float
        One comparison with the parent, every 50 steps and at the end.
    """

    preparing: float
    step: float
    comparison: float

    def seconds(self, steps: int) -> float:
        """Return how long a fine-tuning of this many steps takes.

        Examples
        --------
        >>> Pace(preparing=10, step=0.5, comparison=2).seconds(100)
        63.5
        """
        comparisons = -(-steps // VALIDATE_EVERY)
        return self.preparing + (steps - 1) * self.step + comparisons * self.comparison


def trial_of(config: FineTuneConfig) -> FineTuneConfig:
    """Return the settings of a fine-tuning that only measures how long these would take."""
    return replace(config, steps=_TRIAL_STEPS)


def measure_pace(
    trial: Iterable[TrainProgress], clock: Callable[[], float] = time.monotonic
) -> Pace:
    """Run a trial and return its durations.

    Parameters
    ----------
    trial : iterable of TrainProgress
        A fine-tuning with the settings of :func:`trial_of`; it starts when its first progress is
        asked for.
    clock : callable
        Returns seconds.

    Raises
    ------
    ValueError
        When the trial has fewer steps than it takes.
    """
    start = clock()
    ends = {progress.step: clock() - start for progress in trial}
    if _TRIAL_STEPS not in ends:
        raise ValueError(f"expected a trial of {_TRIAL_STEPS} steps, found {max(ends, default=0)}.")
    step = (ends[_TRIAL_STEPS - 1] - ends[1]) / (_TRIAL_STEPS - 2)
    last = ends[_TRIAL_STEPS] - ends[_TRIAL_STEPS - 1]
    return Pace(ends[1], step, max(last - step, 0.0))
