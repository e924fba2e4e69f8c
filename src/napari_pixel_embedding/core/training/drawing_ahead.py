"""Batches that are drawn while the network learns from the one before."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from concurrent.futures import Future

    from napari_pixel_embedding.core.training.batches import Batch
    from napari_pixel_embedding.core.training.targets import Sample

    Draw = Callable[[Sequence[Sample], int], Batch]


class DrawingAhead:
    """Draws the batch of each step, and that of the next one in a thread.

    A step on a GPU keeps the CPU waiting, for about as long as it takes to draw a batch. What is
    drawn depends on samples and step alone, so the batches are those that would be drawn in turn.

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
        self._thread = ThreadPoolExecutor(1, "draws batches")
        self._next: tuple[Sequence[Sample], int, Future[Batch]] | None = None

    def take(self, samples: Sequence[Sample], step: int) -> Batch:
        """Return the batch of a step, and begin with the next one."""
        ready, self._next = self._next, None
        if ready is not None and ready[0] is samples and ready[1] == step:
            batch = ready[2].result()
        else:
            batch = self._draw(samples, step)
        if step + 1 < self._last:
            future = self._thread.submit(self._draw, samples, step + 1)
            self._next = (samples, step + 1, future)
        return batch
