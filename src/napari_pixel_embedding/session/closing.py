"""Closing several things, of which each must be closed whatever the others raise."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable


def close_all(*steps: Callable[[], object]) -> None:
    """Call every step, one after another, also those after one that raises.

    Raises
    ------
    Exception
        What a step raised, at the end; an ``ExceptionGroup`` where several did.

    Examples
    --------
    >>> close_all(lambda: print("first"), lambda: print("second"))
    first
    second
    """
    errors = []
    for step in steps:
        try:
            step()
        except Exception as error:
            errors.append(error)
    if len(errors) == 1:
        raise errors[0]
    if errors:
        raise ExceptionGroup("several steps of closing failed", errors)
