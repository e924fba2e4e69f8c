"""Checkpoint and recipe files beside a model; importing this does not load torch."""

from __future__ import annotations

import math
import time
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import os
    from collections.abc import Callable

    from torch import Tensor

MOST_LOST_S = 10.0
"""Seconds of training that a kill may cost; a step that takes longer is lost whole."""


class StepTimer:
    """Tells after each step whether something is due that must not be left out for long.

    Parameters
    ----------
    clock : callable
        Returns seconds.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._last = -math.inf
        self._step = clock()

    def is_due(self) -> bool:
        """Return True after the first step, and where the next one would end ten seconds later."""
        now = self._clock()
        took, self._step = now - self._step, now
        due = now + took - self._last > MOST_LOST_S
        if due:
            self._last = now
        return due


def checkpoint_path(output: str | os.PathLike[str]) -> Path:
    """Return the path of the checkpoint, beside the model that a training writes.

    Examples
    --------
    >>> checkpoint_path("models/mine.safetensors").name
    'mine.training'
    """
    return Path(output).with_suffix(".training")


def recipe_path(output: str | os.PathLike[str]) -> Path:
    """Return the path of the recipe that a model was trained with, beside the model.

    Examples
    --------
    >>> recipe_path("models/mine.safetensors").name
    'mine.recipe.toml'
    """
    return Path(output).with_suffix(".recipe.toml")


def interrupted_at(output: str | os.PathLike[str]) -> int | None:
    """Return the step of this model's checkpoint; None when there is none.

    Raises
    ------
    ValueError
        When the file is damaged or not a checkpoint.
    """
    from safetensors import SafetensorError, safe_open

    path = checkpoint_path(output)
    if not path.is_file():
        return None
    try:
        with safe_open(path, "np") as file:
            return int((file.metadata() or {})["step"])
    except (SafetensorError, KeyError) as error:
        raise ValueError(
            f"{path.name} is damaged or no checkpoint of a training: remove it to start anew, or "
            "choose another name for the model."
        ) from error


def read_checkpoint(path: Path) -> tuple[dict[str, str], dict[str, dict[str, Tensor]]]:
    """Read a checkpoint: the training state and its groups of tensors.

    Raises
    ------
    ValueError
        When the file is damaged or not a checkpoint.
    """
    from safetensors import SafetensorError, safe_open

    groups: dict[str, dict[str, Tensor]] = {}
    try:
        with safe_open(path, "pt") as file:
            state = file.metadata() or {}
            for name in file.keys():
                group, _, key = name.partition("/")
                groups.setdefault(group, {})[key] = file.get_tensor(name)
    except SafetensorError as error:
        raise ValueError(f"{path.name} is damaged ({error}): remove it to start anew.") from error
    if not {"config", "step", "best_score", "running"} <= state.keys() or "count" not in groups:
        raise ValueError(
            f"{path.name} is no checkpoint of a training: name another file to keep it in."
        )
    return state, groups
