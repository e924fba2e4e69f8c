"""What is under way: one task with its stage, finished fraction and time left."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from napari_pixel_embedding.core.training.train import TrainProgress
    from napari_pixel_embedding.session.state.session import Session
    from napari_pixel_embedding.session.train.training import TrainingState

Kind = Literal["run", "measuring", "blocks", "fine_tuning", "training", "table", "folder"]

_SETTLED_S = 2.0
_SETTLED = 0.05
"""Seconds and finished fraction below which a forecast is a guess."""


@dataclass(frozen=True)
class Task:
    """Something that is under way.

    Parameters
    ----------
    kind : str
        What it is.
    stage : str
        What it does now, for the user.
    fraction : float
        Finished fraction, 0 to 1; 0 while nothing is known yet.
    seconds_left : float, optional
        Where the task knows it itself.
    """

    kind: Kind
    stage: str
    fraction: float
    seconds_left: float | None = None


def current_task(session: Session, training: TrainingState | None = None) -> Task | None:
    """Return what is under way, of several what ends first; None if nothing is."""
    if session.running:
        return Task("run", session.status, session.progress)
    if session.measuring:
        return Task("measuring", "Measuring the objects …", session.measured)
    if session.tabulating:
        return Task("table", "Making the table of objects …", session.tabulated)
    if session.filling:
        return Task("blocks", session.mosaic_status, session.mosaic_progress)
    if session.tuning:
        return _learning("fine_tuning", session.tuning_status, session.training)
    if training is not None and training.running:
        return _learning("training", training.status or "Training …", training.steps)
    if session.applying:
        return Task("folder", session.applying_status, session.applied)
    return None


def _learning(kind: Kind, stage: str, steps: Sequence[TrainProgress]) -> Task:
    if not steps:
        return Task(kind, stage, 0.0)
    last = steps[-1]
    return Task(kind, stage, last.step / last.steps, last.seconds_left)


class TimeLeft:
    """Forecasts the time left of a task from the time that its finished part took.

    Parameters
    ----------
    clock : callable
        Returns seconds.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._kind: Kind | None = None
        self._start = (0.0, 0.0)

    def of(self, task: Task | None) -> float | None:
        """Return the seconds left; None as long as that would be a guess."""
        if task is None:
            self._kind = None
            return None
        now = self._clock()
        if task.kind != self._kind or task.fraction <= self._start[1]:
            self._kind, self._start = task.kind, (now, task.fraction)
        if task.seconds_left is not None:
            return task.seconds_left
        passed, done = now - self._start[0], task.fraction - self._start[1]
        if passed < _SETTLED_S or done < _SETTLED:
            return None
        return passed * (1 - task.fraction) / done
