"""Progress reports and cancellation of long computations."""

from __future__ import annotations

from collections.abc import Callable

Progress = Callable[[float], None]
"""Called with the finished fraction, 0 to 1; raises :class:`Cancelled` to stop the caller."""


class Cancelled(Exception):
    """Raised by a progress callable when the user has asked to stop."""


def report(progress: Progress | None, fraction: float) -> None:
    """Call ``progress``, if there is one, with the finished fraction of the work."""
    if progress is not None:
        progress(min(max(fraction, 0.0), 1.0))


def share(progress: Progress | None, done: int, count: int) -> Progress | None:
    """Return a callable for the progress of one of ``count`` equal parts, ``done`` finished."""
    return None if progress is None else lambda fraction: progress((done + fraction) / count)
