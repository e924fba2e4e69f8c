"""Closing several resources, each even if an earlier one raises."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable


def close_all(*steps: Callable[[], object]) -> None:
    """Call every step in order, even after one raises.

    Raises
    ------
    BaseException
        The error of a step, after all have run; a group of several.

    Examples
    --------
    >>> close_all(lambda: print("first"), lambda: print("second"))
    first
    second
    """
    errors: list[BaseException] = []
    for step in steps:
        try:
            step()
        except BaseException as error:
            errors.append(error)
    if len(errors) == 1:
        raise errors[0]
    if errors:
        raise BaseExceptionGroup("several steps of closing failed", errors)
