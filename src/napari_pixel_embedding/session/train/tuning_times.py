"""How long a fine-tuning would take, measured once for a model, a device and the settings."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

from napari_pixel_embedding.session.jobs import JobQueue
from napari_pixel_embedding.session.train.fine_tuning_jobs import TuneRequest, measure_pace

if TYPE_CHECKING:
    from napari_pixel_embedding.core.fine_tuning.pace import Pace
    from napari_pixel_embedding.session.engine import Engine
    from napari_pixel_embedding.session.jobs import Executor
    from napari_pixel_embedding.session.state.session import Session

_MOST_PIXELS = 64_000_000
"""Of the images of a trial: they are written to disk for its process."""
_DECIDING = ("batch_size", "crop", "frozen")
"""Settings that decide how long a step takes."""


class TuningTimes:
    """Measures durations in trials, and remembers them; writes ``session.tuning_pace``.

    Parameters
    ----------
    session, executor, engine
        Those of the controller.
    """

    def __init__(self, session: Session, executor: Executor, engine: Engine) -> None:
        self._session = session
        self._engine = engine
        self._trials = JobQueue(executor)
        self._wanted: Any = None
        self._known: list[tuple[Any, Pace | None]] = []

    def measure(self, request: TuneRequest) -> None:
        """Measure how long a fine-tuning takes, unless that is known; a failed trial is not said.

        Parameters
        ----------
        request : TuneRequest
            What would be learnt from, and how.
        """
        wanted = _what_decides(request)
        known = [pace for key, pace in self._known if key == wanted]
        if known:
            self.cancel()
            self._session.tuning_pace = known[0]
        elif not (self._trials.busy and wanted == self._wanted):
            self._session.tuning_pace = None
            self._try(wanted, request)

    def _try(self, wanted: Any, request: TuneRequest) -> None:
        if sum(one.corrections.size for one in request.corrected_images) > _MOST_PIXELS:
            self.cancel()
            return
        from napari_pixel_embedding.core.fine_tuning.pace import trial_of  # late: few need it

        self._wanted, self._session.timing = wanted, True
        trial = replace(request, config=trial_of(request.config))
        self._trials.start(
            partial(measure_pace, self._engine, trial),
            done=partial(self._take, wanted),
            failed=lambda _: self._take(wanted, None),
        )

    def _take(self, wanted: Any, pace: Pace | None) -> None:
        self._known.append((wanted, pace))
        self._session.timing, self._session.tuning_pace = False, pace

    def cancel(self) -> None:
        """Stop a trial."""
        self._trials.cancel()
        self._session.timing = False


def _what_decides(request: TuneRequest) -> Any:
    settings = tuple(getattr(request.config, name) for name in _DECIDING)
    return request.model.config, request.device, settings
