"""Doing tasks on dask.distributed: a few at a time, whoever dies; and without it, one by one."""

from __future__ import annotations

import time
from itertools import islice
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, Any, Generic, Protocol, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from distributed import Client, Future

Item = TypeVar("Item")
Result = TypeVar("Result")

_IN_FLIGHT = 3
"""Tasks a thread has at the scheduler: never one graph of them all."""
_POLL_S = 2.0
_IDLE_S = 40.0
"""Without a result and with nobody at work for so long, the engine is started anew."""
_REVIVALS = 3
"""Times that an engine is started anew without a result in between."""


class EngineLostError(OSError):
    """The engine is gone; what was finished stays."""


class WorkerDied(Exception):
    """Workers have died of a task."""


class Engine(Protocol):
    """Whoever does tasks."""

    def run(
        self, function: Callable[[Item], Result], items: Iterator[Item]
    ) -> Iterator[tuple[Item, Result | WorkerDied]]:
        """Yield each item with its result, in the order in which they are finished."""
        ...

    @property
    def workers(self) -> int:
        """Number of workers now."""
        ...


class SerialEngine:
    """Does tasks in this process, one by one: for small runs, and for tests."""

    workers = 1

    def run(
        self, function: Callable[[Item], Result], items: Iterator[Item]
    ) -> Iterator[tuple[Item, Result | WorkerDied]]:
        """Yield each item with its result."""
        for item in items:
            yield item, function(item)


class DaskEngine:
    """Does tasks on the workers of a dask scheduler.

    Parameters
    ----------
    client : distributed.Client
    revive : callable, optional
        Called when nobody works; returns another client, or None where that is impossible.
    """

    def __init__(self, client: Client, revive: Callable[[], Client] | None = None) -> None:
        self._client = client
        self._revive = revive
        self._revivals = 0
        self._counted, self._count = 0.0, 0

    @property
    def workers(self) -> int:
        """Number of workers now."""
        return len(self._client.scheduler_info(n_workers=-1)["workers"])

    def run(
        self, function: Callable[[Item], Result], items: Iterator[Item]
    ) -> Iterator[tuple[Item, Result | WorkerDied]]:
        """Yield each item with its result.

        Raises
        ------
        EngineLostError
            When the scheduler is gone and cannot be started again.
        """
        flight: _Flight[Item] = _Flight(items)
        last = time.monotonic()
        while True:
            try:
                self._fill(flight, function)
                if not flight.pending:
                    return
                future = flight.ended.get(timeout=_POLL_S)
            except Empty:
                if time.monotonic() - last > _IDLE_S and not self._anybody_works():
                    self._restart(flight, "nobody works")
                    last = time.monotonic()
                continue
            except (OSError, RuntimeError) as error:  # the connection is gone
                self._restart(flight, str(error))
                last = time.monotonic()
                continue
            if future not in flight.pending:
                continue  # from before a restart
            last, self._revivals = time.monotonic(), 0
            item = flight.pending.pop(future)
            found = _outcome(future)
            if found is None:  # the scheduler has lost it
                flight.waiting.append(item)
            else:
                yield item, found

    def _fill(self, flight: _Flight[Item], function: Callable[[Item], Result]) -> None:
        most = max(_IN_FLIGHT * self._threads(), 2)
        while len(flight.pending) < most and flight.take_next():
            future = self._client.submit(function, flight.waiting[-1], pure=False)
            flight.pending[future] = flight.waiting.pop()
            future.add_done_callback(flight.ended.put)

    def _threads(self) -> int:
        """Return the threads of all workers, asked for now and then."""
        now = time.monotonic()
        if now - self._counted > _POLL_S:
            self._counted, self._count = now, sum(self._client.nthreads().values())
        return self._count

    def _anybody_works(self) -> bool:
        try:
            return any(self._client.processing().values())
        except (OSError, RuntimeError):
            return False

    def _restart(self, flight: _Flight[Any], reason: str) -> None:
        """Take another client; what was not finished is submitted to it.

        A start that fails, such as where a worker dies in it, is tried again.
        """
        client: Client | None = None
        while client is None:
            self._revivals += 1
            if self._revive is None or self._revivals > _REVIVALS:
                raise EngineLostError(
                    f"the scheduler is gone ({reason}). What was finished stays: resume goes on."
                )
            try:
                client = self._revive()
            except (OSError, RuntimeError) as error:
                reason = f"{reason}; it could not be started anew: {error}"
        self._client, self._counted = client, 0.0
        flight.waiting += flight.pending.values()
        flight.pending.clear()


class _Flight(Generic[Item]):
    """Tasks that are not finished: at the scheduler, waiting to be submitted, and to come."""

    def __init__(self, items: Iterator[Item]) -> None:
        self.pending: dict[Future, Item] = {}
        self.ended: SimpleQueue[Future] = SimpleQueue()
        self.waiting: list[Item] = []
        self._items = items

    def take_next(self) -> bool:
        """Make one more wait, unless one does already; return whether any does."""
        if not self.waiting:
            self.waiting += islice(self._items, 1)
        return bool(self.waiting)


def _outcome(future: Any) -> Any:
    """Return a result, or that workers died; None where the scheduler knows nothing of it."""
    from distributed.scheduler import KilledWorker

    if future.status == "finished":
        return future.result()
    if future.status in ("cancelled", "lost"):
        return None
    error = future.exception()
    if isinstance(error, KilledWorker):
        return WorkerDied(str(error))
    raise error
