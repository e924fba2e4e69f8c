"""Label images frame by frame and slab by slab, also those that are larger than memory."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_pixel_embedding.core.io.images import label_axes
from napari_pixel_embedding.core.validation import check_label_image

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from napari_pixel_embedding.core.boxes import Box

SLAB_PIXELS = 1 << 23
"""Pixels that are read at once."""


@dataclass(frozen=True, eq=False)
class Frame:
    """One frame of an array that is read in parts.

    Parameters
    ----------
    array : array_like
        Anything with ``shape`` and slices: numpy, memory map, zarr, dask.
    axes : str
        A letter out of ``TZYX`` for each axis, in any order that ends in ``YX``.
    time : int
        Index along T, if there is that axis.
    labels : bool
        Whether what is read is checked to be ids.
    """

    array: Any
    axes: str
    time: int = 0
    labels: bool = True

    @property
    def shape(self) -> tuple[int, ...]:
        """Pixels along ([Z,] Y, X)."""
        pairs = zip(self.axes, self.array.shape, strict=True)
        return tuple(int(n) for letter, n in pairs if letter != "T")

    @property
    def spatial_axes(self) -> str:
        """``YX`` or ``ZYX``."""
        return self.axes.replace("T", "")

    def read(self, box: Box | None = None) -> NDArray[Any]:
        """Return a box of the frame, ([Z,] Y, X); all of it by default."""
        parts = iter(box or (slice(None),) * len(self.shape))
        index = tuple(self.time if letter == "T" else next(parts) for letter in self.axes)
        part = np.asarray(self.array[index])
        return check_label_image(part) if self.labels else part

    def slabs(self, pixels: int = SLAB_PIXELS) -> Iterator[Box]:
        """Yield boxes of whole rows or whole planes, in the order of the pixels.

        Rows are never divided, and stored chunks seldom, as far as ``pixels`` allows it.
        """
        *planes, rows, columns = self.shape
        axis = len(self.axes) - 2
        height = _steps(rows, pixels // columns, _chunk(self.array, axis))
        every_row = [slice(y, min(y + height, rows)) for y in range(0, rows, height)]
        if not planes:
            yield from ((part, slice(0, columns)) for part in every_row)
            return
        depth = 1 if height < rows else _steps(planes[0], pixels // (rows * columns), 1)
        for z in range(0, planes[0], depth):
            for part in every_row:
                yield slice(z, min(z + depth, planes[0])), part, slice(0, columns)


def label_frames(labels: Any, axes: str | None = None) -> list[Frame]:
    """Return the frames of a label image, one without axis T.

    Parameters
    ----------
    labels : array_like, shape ([T,] [Z,] Y, X)
        Label image, 0 is background; it is not read here.
    axes : str, optional
        A letter out of ``TZYX`` for each axis; needed for three axes, whose first could be T or Z.

    Raises
    ------
    ValueError
        When the axes do not fit, or there are no pixels.
    """
    array = labels if hasattr(labels, "shape") else np.asarray(labels)
    shape = tuple(array.shape)
    named = label_axes(len(shape), axes.upper() if axes else None)
    if 0 in shape:
        raise ValueError(f"labels must have at least one pixel, found the shape {shape}.")
    count = shape[named.index("T")] if "T" in named else 1
    return [Frame(array, named, time) for time in range(count)]


def like_frame(array: Any, frame: Frame, name: str) -> Frame:
    """Return the same frame of another array of the same axes, such as an image.

    Raises
    ------
    ValueError
        When the shapes differ.
    """
    array = array if hasattr(array, "shape") else np.asarray(array)
    if tuple(array.shape) != tuple(frame.array.shape):
        raise ValueError(
            f"{name} must have the shape of the labels {tuple(frame.array.shape)}, found "
            f"{tuple(array.shape)}. Check that they belong together."
        )
    return Frame(array, frame.axes, frame.time, labels=False)


def _steps(count: int, fitting: int, chunk: int) -> int:
    """Return how many of ``count`` to read at once: those that fit, in whole chunks if possible."""
    fitting = min(max(fitting, 1), count)
    return fitting - fitting % chunk if fitting >= chunk else fitting


def _chunk(array: Any, axis: int) -> int:
    """Return the length of stored chunks along an axis, of zarr and of dask; 1 otherwise."""
    chunks = getattr(array, "chunks", None)
    if not chunks:
        return 1
    along = chunks[axis]
    return int(along[0] if isinstance(along, tuple) else along)
