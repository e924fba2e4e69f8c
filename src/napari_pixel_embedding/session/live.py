"""Work that follows a hand: every answer is shown, and only the newest wish waits."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

from napari_pixel_embedding.session.jobs import JobLine

if TYPE_CHECKING:
    from collections.abc import Callable

    from napari_pixel_embedding.session.jobs import Executor

T = TypeVar("T")


class LiveLine:
    """Jobs of one kind, one at a time, of which at most one waits.

    A cursor that moves faster than the work can follow would starve a line that cancels; here
    the job under way is finished and shown, and the newest of the later wishes comes next.

    Parameters
    ----------
    executor : Executor
        Runs the jobs.
    """

    def __init__(self, executor: Executor) -> None:
        self._line = JobLine(executor)
        self._waiting: Callable[[], None] | None = None

    @property
    def busy(self) -> bool:
        """Whether a job has yet to answer."""
        return self._line.busy

    def start(
        self,
        work: Callable[[], T],
        *,
        done: Callable[[T], None],
        failed: Callable[[Exception], None],
    ) -> None:
        """Do ``work`` in a worker now, or as soon as the job under way has answered.

        Parameters
        ----------
        work : callable
            Takes nothing, for it holds a snapshot; returns the result.
        done, failed : callable
            Called in the owner's thread with the result or the error.
        """
        if self._line.busy:
            self._waiting = partial(self.start, work, done=done, failed=failed)
            return
        self._waiting = None
        self._line.start(
            lambda report: work(),
            done=partial(self._finish, done),
            failed=partial(self._finish, failed),
        )

    def cancel(self) -> None:
        """Forget the job under way and the one that waits."""
        self._waiting = None
        self._line.cancel()

    def _finish(self, answer: Callable[[Any], None], value: Any) -> None:
        answer(value)
        if self._waiting is not None:
            self._waiting()
