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


def duration_text(seconds: float) -> str:
    """Return a duration as display text.

    Examples
    --------
    >>> duration_text(0.2), duration_text(42.3), duration_text(150), duration_text(9000)
    ('1 s', '42 s', '3 min', '2 h 30 min')
    """
    minutes = round(seconds / 60)
    if seconds < 90:
        return f"{max(round(seconds), 1)} s"
    if minutes < 90:
        return f"{minutes} min"
    if minutes < 48 * 60:
        return f"{minutes // 60} h {minutes % 60:02d} min"
    return f"{minutes // 1440} days"
