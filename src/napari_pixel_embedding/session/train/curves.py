"""Thinning the steps of a training for its loss curves."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from napari_pixel_embedding.core.training.train import TrainProgress

MOST_STEPS = 2000
"""Largest number of steps in a curve; beyond it, every other one is dropped."""


def thinned(steps: tuple[TrainProgress, ...]) -> tuple[TrainProgress, ...]:
    """Drop every other step if there are too many, but keep all scores."""
    if len(steps) < MOST_STEPS:
        return steps
    return tuple(s for n, s in enumerate(steps) if n % 2 == 0 or s.validation_ap is not None)
