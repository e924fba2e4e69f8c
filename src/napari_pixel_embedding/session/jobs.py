"""Work that runs elsewhere, and how its answers come back.

A :class:`Job` is handed to an :class:`Executor`, which calls :meth:`Job.run` in whichever thread
it likes and brings every answer back to the owner's thread. A :class:`JobLine` numbers the jobs
of one kind and drops the answers of all but the newest.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from threading import Event
from typing import Any, Generic, Protocol, TypeVar

from napari_pixel_embedding.core.progress import Cancelled

T = TypeVar("T")
Report = Callable[[Any], None]
"""Given to the work: hands one item of progress to the owner, raises Cancelled to stop."""
Post = Callable[[Callable[[], None]], None]
"""Given to a job by its executor: calls its argument in the owner's thread."""


@dataclass(frozen=True, eq=False)
class Answers(Generic[T]):
    """What the owner does with a job's answers, each called in the owner's thread."""

    result: Callable[[T], None]
    error: Callable[[Exception], None]
    progress: Callable[[Any], None]


@dataclass(frozen=True, eq=False)
class Job(Generic[T]):
    """One piece of work with everything it needs; never the session itself.

    Parameters
    ----------
    number : int
        Place in its line; only the newest number's answers count.
    work : callable
        Called once, in a worker, with a :data:`Report`; returns the result.
    answers : Answers
        Where progress, the result or an error go.
    """

    number: int
    work: Callable[[Report], T]
    answers: Answers[T]
    _stop: Event = field(default_factory=Event)

    @property
    def cancelled(self) -> bool:
        """Whether :meth:`cancel` was called."""
        return self._stop.is_set()

    def cancel(self) -> None:
        """Ask the work to stop at its next report; its answers do not matter any more."""
        self._stop.set()

    def run(self, post: Post) -> None:
        """Do the work in the calling thread and ``post`` its answers; never raises an error."""

        def report(item: Any) -> None:
            if self.cancelled:
                raise Cancelled
            post(partial(self.answers.progress, item))

        if self.cancelled:
            return
        try:
            result = self.work(report)
        except Cancelled:
            return
        except Exception as error:  # whatever it is, the user hears of it and the window lives on
            post(partial(self.answers.error, error))
        else:
            post(partial(self.answers.result, result))


class Executor(Protocol):
    """Runs jobs, and brings their answers to the thread that submitted them."""

    def submit(self, job: Job[Any]) -> None:
        """Run ``job`` now or later, here or elsewhere."""


class ImmediateExecutor:
    """Runs every job at once in the calling thread, for scripts and tests."""

    def submit(self, job: Job[Any]) -> None:
        """Run ``job`` and deliver its answers before returning."""
        job.run(lambda answer: answer())


class JobLine:
    """Jobs of one kind, of which only the newest counts.

    Parameters
    ----------
    executor : Executor
        Runs the jobs.
    """

    def __init__(self, executor: Executor) -> None:
        self._executor = executor
        self._number = 0
        self._current: Job[Any] | None = None

    @property
    def busy(self) -> bool:
        """Whether the newest job has yet to answer."""
        return self._current is not None

    def start(
        self,
        work: Callable[[Report], T],
        *,
        done: Callable[[T], None],
        failed: Callable[[Exception], None],
        progress: Callable[[Any], None] | None = None,
    ) -> None:
        """Cancel the job under way, if any, and submit a new one.

        Parameters
        ----------
        work : callable
            See :class:`Job`.
        done, failed, progress : callable
            Called in the owner's thread with the result, the error, each item of progress;
            not called once another job was started or this one was cancelled.
        """
        self.cancel()
        self._number += 1
        number = self._number
        answers = Answers[T](
            result=partial(self._finish, number, done),
            error=partial(self._finish, number, failed),
            progress=partial(self._pass_on, number, progress),
        )
        self._current = Job(number, work, answers)
        self._executor.submit(self._current)

    def cancel(self) -> bool:
        """Ask the job under way to stop and forget it; says whether there was one."""
        job, self._current = self._current, None
        if job is not None:
            job.cancel()
        return job is not None

    def _is_current(self, number: int) -> bool:
        return self._current is not None and self._current.number == number

    def _finish(self, number: int, answer: Callable[[Any], None], value: Any) -> None:
        if self._is_current(number):
            self._current = None
            answer(value)

    def _pass_on(self, number: int, answer: Callable[[Any], None] | None, item: Any) -> None:
        if answer is not None and self._is_current(number):
            answer(item)
