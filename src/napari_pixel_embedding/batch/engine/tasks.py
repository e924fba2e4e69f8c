"""Doing tasks on dask.distributed: a few at a time, whoever dies; and without it, one by one."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

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

    def __init__(self, client: Client, revive: Callable[[], Client | None] | None = None) -> None:
        self._client = client
        self._revive = revive
        self._revivals = 0

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
        from distributed import wait

        pending: dict[Future, Item] = {}
        last = time.monotonic()
        while True:
            self._fill(pending, function, items)
            if not pending:
                return
            try:
                with self._client.as_current():
                    done = wait(list(pending), timeout=_POLL_S, return_when="FIRST_COMPLETED").done
            except TimeoutError:
                done = set()
            except (OSError, RuntimeError) as error:  # the connection is gone
                pending = self._restarted(pending, function, error)
                last = time.monotonic()
                continue
            for future in done:
                last = time.monotonic()
                self._revivals = 0
                item = pending.pop(future)
                found = _outcome(future)
                if found is None:  # the scheduler has lost it
                    pending[self._submit(function, item)] = item
                else:
                    yield item, found
            if time.monotonic() - last > _IDLE_S and not self._anybody_works():
                pending = self._restarted(pending, function, TimeoutError("nobody works"))
                last = time.monotonic()

    def _fill(
        self,
        pending: dict[Future, Item],
        function: Callable[[Item], Result],
        items: Iterator[Item],
    ) -> None:
        most = max(_IN_FLIGHT * self._threads(), 2)
        while len(pending) < most:
            item = next(items, None)
            if item is None:
                return
            pending[self._submit(function, item)] = item

    def _threads(self) -> int:
        return sum(self._client.nthreads().values())

    def _submit(self, function: Callable[[Item], Result], item: Item) -> Future:
        return self._client.submit(function, item, pure=False)

    def _anybody_works(self) -> bool:
        try:
            return any(self._client.processing().values())
        except OSError:
            return False

    def _restarted(
        self, pending: dict[Future, Item], function: Callable[[Item], Result], error: Exception
    ) -> dict[Future, Item]:
        """Return what was not finished, submitted to another client."""
        self._revivals += 1
        revive = self._revive if self._revivals <= _REVIVALS else None
        client = None if revive is None else revive()
        if client is None:
            raise EngineLostError(
                f"the scheduler is gone ({error}). What was finished stays: resume goes on."
            ) from error
        self._client = client
        return {self._submit(function, item): item for item in pending.values()}


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
