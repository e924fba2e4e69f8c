"""Large images: which part of them is worked on first, and how a part is read.

A *box* is a tuple of slices along the spatial axes ([Z,] Y, X). Nothing here reads more than the
box it was asked for, so dask, zarr and memory-mapped arrays of any size will do.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_pixel_embedding.core.inference.object_scale import zoom_in_plane

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from napari_pixel_embedding.core.boxes import Box
    from napari_pixel_embedding.core.model.config import ModelConfig

Viewport = tuple[tuple[float, float], ...]
"""What is seen of an image: first and last position along each of its axes, colours left out."""

ROI_PIXELS = 2**22
"""Pixels of a field at most (2048 × 2048): a few seconds of a network on a CPU."""

_SMALLEST = {"Z": 32, "Y": 512, "X": 512}
"""A view that shows less is widened to this: one slice of a stack, a single cell."""


@dataclass(frozen=True)
class ROI:
    """A part of a large image that is worked on in one piece.

    Parameters
    ----------
    level : int
        Level of the image, 0 is the finest.
    factor : tuple of float
        How many pixels of the finest level one of this level covers, along ([Z,] Y, X).
    start, shape : tuple of int
        Where it lies and how large it is, in pixels of its level along ([Z,] Y, X).
    frame : int, optional
        Index along T, of which a field has one; None without that axis.
    """

    level: int
    factor: tuple[float, ...]
    start: tuple[int, ...]
    shape: tuple[int, ...]
    frame: int | None = None

    @property
    def box(self) -> Box:
        """The field in pixels of its level."""
        return tuple(slice(a, a + n) for a, n in zip(self.start, self.shape, strict=True))

    @property
    def finest_box(self) -> Box:
        """The pixels of the finest level that it covers."""
        parts = zip(self.box, self.factor, strict=True)
        return tuple(slice(round(p.start * f), round(p.stop * f)) for p, f in parts)

    def finest_grid(self, shape: Sequence[int]) -> list[NDArray[np.intp]]:
        """Along each axis, the pixel of a finest level of ``shape`` in the middle of each own."""
        parts = zip(self.start, self.shape, self.factor, shape, strict=True)
        middles = [((a + np.arange(n) + 0.5) * f, size) for a, n, f, size in parts]
        return [np.minimum(m, size - 1).astype(np.intp) for m, size in middles]

    def to_finest(self, point: Sequence[int]) -> tuple[int, ...]:
        """Pixel of the finest level in the middle of one of the field."""
        parts = zip(self.start, point, self.factor, strict=True)
        return tuple(math.floor((a + n + 0.5) * f) for a, n, f in parts)

    def from_finest(self, point: Sequence[int]) -> tuple[int, ...] | None:
        """Pixel of the field that covers one of the finest level; None outside."""
        parts = zip(self.start, point, self.factor, strict=True)
        found = tuple(math.floor((n + 0.5) / f) - a for a, n, f in parts)
        inside = all(0 <= n < size for n, size in zip(found, self.shape, strict=True))
        return found if inside else None


@dataclass(frozen=True, eq=False)
class Crop:
    """A part of an array, of any kind, that is read when its pixels are asked for.

    Parameters
    ----------
    data : array_like
        Anything that can be sliced.
    region : tuple of slice
        One along each axis; None for where it starts and stops stands for the whole axis.
    """

    data: Any
    region: Box

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of the part."""
        parts = zip(self.region, self.data.shape, strict=True)
        return tuple(len(range(*part.indices(n))) for part, n in parts)

    @property
    def ndim(self) -> int:
        """Number of axes."""
        return len(self.region)

    @property
    def dtype(self) -> Any:
        """Type of the pixels."""
        return self.data.dtype

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray[Any]:
        return np.array(self.data[self.region], dtype=dtype)


def pixel_bytes(config: ModelConfig, diameter: float | None = None) -> int:
    """Bytes of memory that a pixel takes while a model's embedding is made and indexed.

    Embedding, foreground and distance are there twice while tiles are put together, and index and
    labels take up to one and a half times as much; the image is there as it was, and normalised.
    An image of small objects is enlarged for the network: ``diameter`` is theirs in its pixels.
    """
    maps = config.embedding_dim + 2
    seen = max(1.0, zoom_in_plane(config, diameter)) ** 2
    return round(4 * (3.5 * maps + 2 * config.in_channels + 4) * seen)


def margin(config: ModelConfig, diameter: float | None = None) -> int:
    """Pixels around a part of an image that the network has to see: four strides of its own."""
    pixels = math.ceil(4 * config.stride / zoom_in_plane(config, diameter))
    return -(-pixels // config.stride) * config.stride


def count_pixels(axes: str, shape: Sequence[int]) -> int:
    """Pixels of an image, colours and channels not counted."""
    return math.prod(n for n, letter in zip(shape, axes, strict=True) if letter != "C")


def sees(axes: str, shape: Sequence[int], view: Viewport | None) -> bool:
    """Whether a view shows any pixel of an image."""
    if view is None:
        return False
    parts = zip(axes, shape, view, strict=False)
    return all(high > 0 and low < n for letter, n, (low, high) in parts if letter in "ZYX")


def choose_roi(
    axes: str,
    shapes: Sequence[Sequence[int]],
    view: Viewport | None,
    most: int,
    stride: int = 1,
) -> ROI:
    """Choose the part of a large image to begin with: what is seen of it.

    The finest level is taken at which the view has at most so many pixels; of the coarsest one,
    the middle of the view. A view beside the image, and none, stand for the image's middle.

    Parameters
    ----------
    axes : str
        A letter for each axis.
    shapes : sequence of sequence of int
        Shape of each level, the finest first.
    view : sequence of (float, float), optional
        What is seen, in pixels of the finest level.
    most : int
        Pixels of the field at most.
    stride : int
        Its start is a multiple of it: a network with poolings sees the same there as anywhere.

    Examples
    --------
    >>> view = ((1000.0, 5000.0), (2000.0, 6000.0))
    >>> roi = choose_roi("YX", [(9000, 9000), (4500, 4500)], view, 2048**2)
    >>> roi.level, roi.start, roi.shape
    (1, (500, 1000), (2000, 2000))
    """
    at = [n for n, letter in enumerate(axes) if letter in "ZYX"]
    whole = [shapes[0][n] for n in at]
    seen = _seen(axes, shapes[0], view)
    for level, shape in enumerate(shapes):
        factor = tuple(n / shape[a] for n, a in zip(whole, at, strict=True))
        sides = [(high - low) / f for (low, high), f in zip(seen, factor, strict=True)]
        if math.prod(sides) <= most or level == len(shapes) - 1:
            break
    size = [shape[a] for a in at]
    wide = [max(side, _SMALLEST[axes[a]]) for side, a in zip(sides, at, strict=True)]
    sides = _limited([min(side, n) for side, n in zip(wide, size, strict=True)], most)
    middles = [(low + high) / 2 / f for (low, high), f in zip(seen, factor, strict=True)]
    parts = [_snap(*part, stride) for part in zip(middles, sides, size, strict=True)]
    start, extent = (tuple(values) for values in zip(*parts, strict=True))
    return ROI(level, factor, start, extent, _frame(axes, shapes[0], view))


def _seen(axes: str, shape: Sequence[int], view: Viewport | None) -> list[tuple[float, float]]:
    """First and last position in view along each spatial axis; the middle if nothing is."""
    sizes = [(n, size) for n, (a, size) in enumerate(zip(axes, shape, strict=True)) if a in "ZYX"]
    if view is None or not sees(axes, shape, view):
        return [(size / 2, size / 2) for _, size in sizes]
    return [(max(view[n][0], 0), min(view[n][1], size)) for n, size in sizes]


def _limited(sides: Sequence[float], most: int) -> list[float]:
    """Cut the longest sides to one length, so that their product is at most ``most``."""
    low, high = 1.0, max(sides)
    if math.prod(sides) <= most:
        return list(sides)
    while high - low > 0.5:
        middle = (low + high) / 2
        fits = math.prod(min(side, middle) for side in sides) <= most
        low, high = (middle, high) if fits else (low, middle)
    return [min(side, low) for side in sides]


def _snap(middle: float, side: float, size: int, stride: int) -> tuple[int, int]:
    """Start and length of a part around ``middle``, its start a multiple of ``stride``."""
    extent = min(max(round(side), 1), size)
    start = min(max(middle - extent / 2, 0), size - extent)
    first = int(start) // stride * stride
    return first, extent


def _frame(axes: str, shape: Sequence[int], view: Viewport | None) -> int | None:
    if "T" not in axes:
        return None
    at = axes.index("T")
    middle = 0.0 if view is None else sum(view[at]) / 2
    return min(max(math.floor(middle), 0), shape[at] - 1)


def read_box(data: Any, axes: str, box: Box, frame: int | None = None) -> NDArray[Any]:
    """Read a part of an image: all channels, one frame.

    Parameters
    ----------
    data : array_like
        Anything that can be sliced; only the part is read.
    axes : str
        A letter for each of its axes.
    box : tuple of slice
        Along the spatial axes.
    frame : int, optional
        Index along T; that axis stays, with a length of one.

    Returns
    -------
    array
        With the axes of the image.
    """
    return np.asarray(data[image_region(axes, box, frame)])


def image_region(axes: str, box: Box, frame: int | None = None) -> Box:
    """Slices along all axes of an image: those of a box, one frame, and all channels."""
    parts = iter(box)
    others = {"T": slice(None) if frame is None else slice(frame, frame + 1)}
    return tuple(next(parts) if a in "ZYX" else others.get(a, slice(None)) for a in axes)
