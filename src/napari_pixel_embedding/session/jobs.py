"""Background jobs: executors, queues, and how results come back.

A :class:`Job` is submitted to an :class:`Executor`, which calls :meth:`Job.run` in a thread of its
choice and delivers every answer in the owner's thread. A :class:`JobQueue` runs one job at a time,
by one of three policies, and drops the answers of cancelled jobs.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from threading import Event
from typing import Any, Generic, Literal, ParamSpec, Protocol, TypeAlias, TypeVar

from napari_pixel_embedding.core.progress import Cancelled

T = TypeVar("T")
P = ParamSpec("P")
Report = Callable[[Any], None]
"""Passed to the work: sends one item of progress to the owner; raises Cancelled to stop."""
Work: TypeAlias = Callable[[Report], T]
"""Called once, in a worker; returns the result."""
Policy = Literal["newest cancels", "newest waits", "first in, first out"]
"""What a queue does with a job that is started while another one runs."""
Post = Callable[[Callable[[], None]], None]
"""Passed to a job by its executor: calls its argument in the owner's thread."""


class WorkEndedError(ValueError):
    """Work was ended by something that is no error: SystemExit, KeyboardInterrupt and the like."""


@dataclass(frozen=True, eq=False)
class Answers(Generic[T]):
    """The owner's callbacks for a job's answers, called in the owner's thread."""

    result: Callable[[T], None]
    error: Callable[[Exception], None]
    progress: Callable[[Any], None]


@dataclass(frozen=True, eq=False)
class Job(Generic[T]):
    """One unit of work with all its inputs; it never holds the session.

    Parameters
    ----------
    number : int
        Number within its queue; only the answers of the running job are delivered.
    work : callable
        Called once, in a worker, with a :data:`Report`; returns the result.
    answers : Answers
        Where progress, the result or an error go.
    """

    number: int
    work: Work[T]
    answers: Answers[T]
    _stop: Event = field(default_factory=Event)

    @property
    def cancelled(self) -> bool:
        """Whether :meth:`cancel` was called."""
        return self._stop.is_set()

    def cancel(self) -> None:
        """Ask the work to stop at its next report; its answers are dropped."""
        self._stop.set()

    def run(self, post: Post) -> None:
        """Do the work in the calling thread and ``post`` its answers.

        An error is posted, never raised. What is no error, such as KeyboardInterrupt, is both:
        whoever waits is told, and whoever calls decides.
        """

        def report(item: Any) -> None:
            if self.cancelled:
                raise Cancelled
            post(partial(self.answers.progress, item))

        if self.cancelled:
            return
        try:
            result = self.work(report)
        except Cancelled as error:
            if not self.cancelled:  # it ended by itself, so somebody waits for its answer
                post(partial(self.answers.error, _ended_by(error)))
        except Exception as error:  # any error is reported and must not end the window
            post(partial(self.answers.error, error))
        except BaseException as error:
            post(partial(self.answers.error, _ended_by(error)))
            raise
        else:
            post(partial(self.answers.result, result))


def _ended_by(error: BaseException) -> WorkEndedError:
    """Return what is told of something that is no error, such as SystemExit."""
    reason = ": ".join(filter(None, (type(error).__name__, str(error))))
    ended = WorkEndedError(f"The work was ended by {reason}. Start it again.")
    ended.__cause__ = error
    return ended


class Executor(Protocol):
    """Runs jobs and delivers their answers in the thread that submitted them."""

    def submit(self, job: Job[Any]) -> None:
        """Run ``job`` now or later, in this thread or another."""


class ImmediateExecutor:
    """Runs every job at once in the calling thread, for scripts and tests."""

    def submit(self, job: Job[Any]) -> None:
        """Run ``job`` and deliver its answers before returning."""
        job.run(lambda answer: answer())


@dataclass(frozen=True, eq=False)
class _Waiting:
    """A waiting job, and how to make its work when its turn comes."""

    prepare: Callable[[], Work[Any]]
    done: Callable[[Any], None]
    failed: Callable[[Exception], None]
    progress: Callable[[Any], None] | None


class JobQueue:
    """Queue of jobs, of which one runs at a time.

    Parameters
    ----------
    executor : Executor
        Runs the jobs.
    policy : {"newest cancels", "newest waits", "first in, first out"}
        What happens to a job that is started while another one runs.

        - "newest cancels": it stops the other one, whose result is no longer needed.
        - "newest waits": it waits, replacing any job that waited before. Every result is used, so
        work that follows a cursor keeps up with it.
        - "first in, first out": it waits behind the others, because none of them may be lost.
    most_waiting : int
        Limit of waiting jobs for "first in, first out"; beyond it, the oldest is dropped.
    ready : callable, optional
        Called before a job starts; while it returns False, jobs wait for :meth:`resume`.
    """

    def __init__(
        self,
        executor: Executor,
        policy: Policy = "newest cancels",
        *,
        most_waiting: int = 1,
        ready: Callable[[], bool] = lambda: True,
    ) -> None:
        self._executor = executor
        self._policy = policy
        self._ready = ready
        self._number = 0
        self._current: Job[Any] | None = None
        most = most_waiting if policy == "first in, first out" else 1
        self._waiting: deque[_Waiting] = deque(maxlen=most)

    @property
    def busy(self) -> bool:
        """Whether any job is running or waiting."""
        return self._current is not None or bool(self._waiting)

    def start(
        self,
        work: Work[T],
        *,
        done: Callable[[T], None],
        failed: Callable[[Exception], None],
        progress: Callable[[Any], None] | None = None,
    ) -> None:
        """Run ``work`` in a worker, now or as the policy says.

        Parameters
        ----------
        work : callable
            See :class:`Job`. See :func:`without_report` for work that reports nothing.
        done, failed, progress : callable
            Called in the owner's thread with the result, the error, each item of progress; not
            called once the job was dropped or cancelled.
        """
        self.start_prepared(lambda: work, done=done, failed=failed, progress=progress)

    def start_prepared(
        self,
        prepare: Callable[[], Work[T]],
        *,
        done: Callable[[T], None],
        failed: Callable[[Exception], None],
        progress: Callable[[Any], None] | None = None,
        first: bool = False,
    ) -> None:
        """Start work that is made only when its turn comes, from the state at that time.

        Parameters
        ----------
        prepare : callable
            Called in the owner's thread, just before the job starts; returns the work.
        done, failed, progress : callable
            As for :meth:`start`.
        first : bool
            Whether to run before the waiting jobs.
        """
        if self._policy == "newest cancels":
            self.cancel()
        put = self._waiting.appendleft if first else self._waiting.append
        put(_Waiting(prepare, done, failed, progress))
        self.resume()

    def resume(self) -> None:
        """Start the next waiting job, unless one is running or the queue is not ready."""
        if self._current is None and self._waiting and self._ready():
            self._begin(self._waiting.popleft())

    def cancel(self) -> bool:
        """Cancel the running job and drop the waiting ones; return whether there were any."""
        found, job, self._current = self.busy, self._current, None
        self._waiting.clear()
        if job is not None:
            job.cancel()
        return found

    def _begin(self, wanted: _Waiting) -> None:
        self._number += 1
        number = self._number
        answers = Answers[Any](
            result=partial(self._finish, number, wanted.done),
            error=partial(self._finish, number, wanted.failed),
            progress=partial(self._pass_on, number, wanted.progress),
        )
        self._current = Job(number, wanted.prepare(), answers)
        self._executor.submit(self._current)

    def _is_current(self, number: int) -> bool:
        return self._current is not None and self._current.number == number

    def _finish(self, number: int, answer: Callable[[Any], None], value: Any) -> None:
        if not self._is_current(number):
            return
        self._current = None
        try:
            answer(value)
        finally:
            self.resume()  # even if the callback raised: others wait

    def _pass_on(self, number: int, answer: Callable[[Any], None] | None, item: Any) -> None:
        if answer is not None and self._is_current(number):
            answer(item)


def without_report(function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> Work[T]:
    """Wrap a function that reports no progress as work; its arguments are bound now."""
    return lambda report: function(*args, **kwargs)
