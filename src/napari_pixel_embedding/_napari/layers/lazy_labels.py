"""Label images that are computed only where napari reads them."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from napari_pixel_embedding._napari.layers.placement import Alignment
    from napari_pixel_embedding.core.blockwise.mosaic import MosaicCut

_SMALLEST = 64
"""Largest side of the coarsest level: napari keeps a copy of it, which should never be seen."""


@dataclass(frozen=True, eq=False)
class LazyLabels:
    """One level of the labels of a large image, or a part of it, as napari slices it.

    Parameters
    ----------
    current : callable
        Returns the current labels.
    spans : tuple of range
        Pixels of the finest level along ([T,] [Z,] Y, X).
    frames : bool
        Whether the first axis is time.
    alignment : Alignment
        How labels lie over the image.
    dropped : tuple of int
        Axes that were removed by indexing with a single number.
    """

    current: Callable[[], MosaicCut]
    spans: tuple[range, ...]
    frames: bool
    alignment: Alignment
    dropped: tuple[int, ...] = ()

    dtype = np.dtype(np.uint32)

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape as napari sees it."""
        sizes = (len(span) for span in self._spans)
        return tuple(n for axis, n in enumerate(sizes) if axis not in self.dropped)

    @property
    def ndim(self) -> int:
        """Number of axes."""
        return len(self.shape)

    @property
    def size(self) -> int:
        """Number of pixels."""
        return math.prod(self.shape)

    @property
    def _spans(self) -> tuple[range, ...]:
        """Spans, including those of channels between them."""
        at = self.alignment.axis
        if at is None:
            return self.spans
        return (*self.spans[:at], range(self.alignment.channels), *self.spans[at:])

    def __getitem__(self, key: Any) -> LazyLabels:
        keys = iter(key if isinstance(key, tuple) else (key,))
        spans, dropped = list(self._spans), list(self.dropped)
        for axis, span in enumerate(spans):
            if axis in self.dropped:
                continue
            part = next(keys, slice(None))
            if not isinstance(part, slice):
                dropped.append(axis)
                part = slice(part, part + 1)
            spans[axis] = span[part]
        channels = self.alignment.axis
        alignment = self.alignment
        if channels is not None:
            alignment = replace(alignment, channels=len(spans.pop(channels)))
        return replace(self, spans=tuple(spans), alignment=alignment, dropped=tuple(dropped))

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray[Any]:
        frames, spatial = ([0], self.spans) if not self.frames else (self.spans[0], self.spans[1:])
        box = tuple(slice(span.start, span.stop) for span in spatial)
        steps = tuple(span.step for span in spatial)
        read = [self.current().read(frame, box, steps) for frame in frames]
        labels = np.stack(read) if self.frames else read[0]
        index = tuple(0 if a in self.dropped else slice(None) for a in range(len(self._spans)))
        return np.asarray(self.alignment.lay(labels)[index], dtype)


def pyramid(
    current: Callable[[], MosaicCut], shape: Sequence[int], frames: int | None, alignment: Alignment
) -> list[LazyLabels]:
    """Return all levels of the labels of an image of ``shape`` ([Z,] Y, X), the finest first.

    Parameters
    ----------
    current : callable
        Returns the current labels.
    shape : sequence of int
    frames : int, optional
        Number of frames; None without that axis.
    alignment : Alignment
    """
    before = [] if frames is None else [range(frames)]
    levels, step = [], 1
    while step == 1 or max(shape[-2:]) * 2 > _SMALLEST * step:
        plane = [range(0, n, step) for n in shape[-2:]]
        depth = [range(n) for n in shape[:-2]]
        spans = (*before, *depth, *plane)
        levels.append(LazyLabels(current, spans, frames is not None, alignment))
        step *= 2
    return levels
