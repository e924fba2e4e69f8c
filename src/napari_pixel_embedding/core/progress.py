"""How long computations report progress and learn that they should stop."""

from __future__ import annotations

from collections.abc import Callable

Progress = Callable[[float], None]
"""Called with the finished fraction, 0 to 1; raises :class:`Cancelled` to stop the caller."""


class Cancelled(Exception):
    """Raised by a progress callable when the user has asked to stop."""


def report(progress: Progress | None, fraction: float) -> None:
    """Tell ``progress``, when there is one, that ``fraction`` of the work is done."""
    if progress is not None:
        progress(min(max(fraction, 0.0), 1.0))


def share(progress: Progress | None, done: int, count: int) -> Progress | None:
    """Report for one of ``count`` equal parts, ``done`` of which are finished already."""
    return None if progress is None else lambda fraction: progress((done + fraction) / count)
