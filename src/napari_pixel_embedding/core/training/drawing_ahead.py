"""Batches that are drawn while the network learns from the one before."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from concurrent.futures import Future

    from napari_pixel_embedding.core.training.batches import Batch
    from napari_pixel_embedding.core.training.targets import Sample

    Draw = Callable[[Sequence[Sample], int], Batch]


AHEAD = min(max((os.cpu_count() or 1) // 2, 2), 8)
"""Batches that are drawn at the same time, each in a thread of its own."""


class DrawingAhead:
    """Draws the batch of each step, and those of the next few in threads.

    A step on a GPU keeps the CPU waiting, and drawing a batch takes about as long. What is drawn
    depends on samples and step alone, so the batches are those that would be drawn in turn.

    Parameters
    ----------
    draw : callable
        Draws the batch of a step from samples.
    last : int
        Number of steps; nothing is drawn beyond them.
    """

    def __init__(self, draw: Draw, last: int) -> None:
        self._draw = draw
        self._last = last
        self._threads = ThreadPoolExecutor(AHEAD, "draws batches")
        self._samples: Sequence[Sample] | None = None
        self._ready: dict[int, Future[Batch]] = {}

    def take(self, samples: Sequence[Sample], step: int) -> Batch:
        """Return the batch of a step, and begin with the next ones."""
        if samples is not self._samples:
            self._samples, self._ready = samples, {}
        ready = self._ready.pop(step, None)
        for later in range(step + 1, min(step + 1 + AHEAD, self._last)):
            if later not in self._ready:
                self._ready[later] = self._threads.submit(self._draw, samples, later)
        return self._draw(samples, step) if ready is None else ready.result()
