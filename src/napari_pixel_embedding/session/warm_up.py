"""Compiling the kernels once, in the background; a run that needs them can say that it waits."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable


class WarmUp:
    """Something that is done once, and that others may have to wait for.

    Parameters
    ----------
    work : callable
        What is done; its errors are those of :meth:`__call__` alone.
    """

    def __init__(self, work: Callable[[], object]) -> None:
        self._work = work
        self._started = threading.Event()
        self._ended = threading.Event()

    def __call__(self) -> None:
        """Do the work; others see that it is under way until it has ended, also by an error."""
        self._started.set()
        try:
            self._work()
        finally:
            self._ended.set()

    @property
    def under_way(self) -> bool:
        """Whether it was started and has not ended."""
        return self._started.is_set() and not self._ended.is_set()

    def wait(self, waiting: Callable[[], object], interval: float = 0.1) -> None:
        """Wait while it is under way, and call ``waiting`` now and every so many seconds."""
        while self.under_way:
            waiting()
            self._ended.wait(interval)
