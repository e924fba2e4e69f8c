"""Label images that are computed only where napari reads them."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from itertools import product
from typing import TYPE_CHECKING, Any, cast

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from napari_pixel_embedding._napari.layers.placement import Alignment
    from napari_pixel_embedding.core.blockwise.mosaic import MosaicCut
    from napari_pixel_embedding.core.inference.layout import Layout

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
        Pixels of the finest level along the layer's axes, ``alignment.letters``.
    alignment : Alignment
        How labels lie over the image.
    dropped : tuple of int
        Axes that were removed by indexing with a single number.
    """

    current: Callable[[], MosaicCut]
    spans: tuple[range, ...]
    alignment: Alignment
    dropped: tuple[int, ...] = ()

    dtype = np.dtype(np.uint32)

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape as napari sees it."""
        sizes = (len(span) for span in self.spans)
        return tuple(n for axis, n in enumerate(sizes) if axis not in self.dropped)

    @property
    def ndim(self) -> int:
        """Number of axes."""
        return len(self.shape)

    @property
    def size(self) -> int:
        """Number of pixels."""
        return math.prod(self.shape)

    def __getitem__(self, key: Any) -> LazyLabels:
        keys = iter(key if isinstance(key, tuple) else (key,))
        spans, dropped = list(self.spans), list(self.dropped)
        for axis, span in enumerate(spans):
            if axis in self.dropped:
                continue
            part = next(keys, slice(None))
            if not isinstance(part, slice):
                dropped.append(axis)
                part = slice(part, part + 1)
            spans[axis] = span[part]
        return replace(self, spans=tuple(spans), dropped=tuple(dropped))

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray[Any]:
        spans = dict(zip(self.alignment.letters, self.spans, strict=True))
        laid = self.alignment.over_channels(self._read(spans), len(spans.get("C", ())))
        index = tuple(0 if a in self.dropped else slice(None) for a in range(len(self.spans)))
        return np.asarray(laid[index], dtype)

    def _read(self, spans: dict[str, range]) -> NDArray[Any]:
        """Read pixels in the image's order, without channels."""
        layout = cast("Layout", self.alignment.layout)
        along, spatial = [spans[a] for a in layout.frame_axes], [spans[a] for a in layout.spatial]
        box = tuple(slice(span.start, span.stop) for span in spatial)
        steps = tuple(span.step for span in spatial)
        places = product(*along)
        read = [self.current().read(layout.frame_number(p), box, steps) for p in places]
        shape = tuple(len(spans[a]) for a in layout.label_axes)
        part = replace(layout, axes=layout.label_axes, shape=shape)
        return part.lay(np.stack(read) if along else read[0])


def pyramid(current: Callable[[], MosaicCut], alignment: Alignment) -> list[LazyLabels]:
    """Return all levels of the labels of an image, the finest first.

    Parameters
    ----------
    current : callable
        Returns the current labels.
    alignment : Alignment
    """
    layout = cast("Layout", alignment.layout)
    sizes = dict(zip(layout.axes, layout.shape, strict=True))
    levels, step = [], 1
    while step == 1 or max(sizes["Y"], sizes["X"]) * 2 > _SMALLEST * step:
        spans = [range(0, sizes[a], step if a in "YX" else 1) for a in alignment.letters]
        levels.append(LazyLabels(current, tuple(spans), alignment))
        step *= 2
    return levels
