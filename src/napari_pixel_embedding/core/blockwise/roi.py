"""Region of interest (ROI) of a large image: its choice from the view, and reading of a box.

A *box* is a tuple of slices along the spatial axes ([Z,] Y, X). Only the requested box is read, so
dask, zarr and memory-mapped arrays may have any size.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_pixel_embedding.core.inference.object_scale import zoom_for, zoom_in_plane

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from napari_pixel_embedding.core.boxes import Box
    from napari_pixel_embedding.core.model.config import ModelConfig

Viewport = tuple[tuple[float, float], ...]
"""Visible part of an image: first and last position along each of its axes but colours."""

ROI_PIXELS = 2**22
"""Most pixels of an ROI (2048 × 2048): a few seconds of a network on a CPU."""

_SMALLEST = {"Z": 32, "Y": 512, "X": 512}
"""Sides to which a smaller view, as of one slice or a single cell, is widened."""


@dataclass(frozen=True)
class ROI:
    """Region of interest: a part of a large image that is segmented as a whole.

    Parameters
    ----------
    level : int
        Level of the image pyramid, 0 is the finest.
    factor : tuple of float
        Pixels of the finest level per pixel of this level, along ([Z,] Y, X).
    start, shape : tuple of int
        First pixel and size, in pixels of its level along ([Z,] Y, X).
    frame : int, optional
        Index along T; None without that axis.
    """

    level: int
    factor: tuple[float, ...]
    start: tuple[int, ...]
    shape: tuple[int, ...]
    frame: int | None = None

    @property
    def box(self) -> Box:
        """The ROI in pixels of its level."""
        return tuple(slice(a, a + n) for a, n in zip(self.start, self.shape, strict=True))

    @property
    def finest_box(self) -> Box:
        """The ROI in pixels of the finest level."""
        parts = zip(self.box, self.factor, strict=True)
        return tuple(slice(round(p.start * f), round(p.stop * f)) for p, f in parts)

    def finest_grid(self, shape: Sequence[int]) -> list[NDArray[np.intp]]:
        """Return, along each axis, the finest level's pixel at the middle of each ROI pixel.

        ``shape`` is that of the finest level.
        """
        parts = zip(self.start, self.shape, self.factor, shape, strict=True)
        middles = [((a + np.arange(n) + 0.5) * f, size) for a, n, f, size in parts]
        return [np.minimum(m, size - 1).astype(np.intp) for m, size in middles]

    def to_finest(self, point: Sequence[int]) -> tuple[int, ...]:
        """Return the pixel of the finest level at the middle of a pixel of the ROI."""
        parts = zip(self.start, point, self.factor, strict=True)
        return tuple(math.floor((a + n + 0.5) * f) for a, n, f in parts)

    def from_finest(self, point: Sequence[int]) -> tuple[int, ...] | None:
        """Return the pixel of the ROI that covers a pixel of the finest level; None outside."""
        parts = zip(self.start, point, self.factor, strict=True)
        found = tuple(math.floor((n + 0.5) / f) - a for a, n, f in parts)
        inside = all(0 <= n < size for n, size in zip(found, self.shape, strict=True))
        return found if inside else None


@dataclass(frozen=True, eq=False)
class Crop:
    """A part of any array, which is read when it is converted to a numpy array.

    Parameters
    ----------
    data : array_like
        Anything that can be sliced.
    region : tuple of slice
        A slice along each axis; ``slice(None)`` for the whole axis.
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


def pixel_bytes(
    config: ModelConfig,
    diameter: float | None = None,
    spacing: Sequence[float] | None = None,
) -> int:
    """Return the bytes of memory per pixel while an embedding is predicted and indexed.

    Embedding, foreground and distance are held twice while tiles are put together, and index and
    labels take up to one and a half times as much; the image is held as read and normalised.
    An image of small objects, of ``diameter`` pixels, is enlarged for the network, and planes that
    lie far apart, by ``spacing``, are interpolated.
    """
    maps = config.embedding_dim + 2
    zoom = zoom_for(config, diameter if config.object_diameter else None, spacing)
    seen = math.prod(max(1.0, along) for along in zoom)
    return round(4 * (3.5 * maps + 2 * config.in_channels + 4) * seen)


def margin(config: ModelConfig, diameter: float | None = None) -> int:
    """Return the pixels of context that the network needs around a box: four of its strides."""
    pixels = math.ceil(4 * config.stride / zoom_in_plane(config, diameter))
    return -(-pixels // config.stride) * config.stride


def count_pixels(axes: str, shape: Sequence[int]) -> int:
    """Count the pixels of an image, without colours and channels."""
    return math.prod(n for n, letter in zip(shape, axes, strict=True) if letter != "C")


def sees(axes: str, shape: Sequence[int], view: Viewport | None) -> bool:
    """Return whether a view shows any pixel of an image."""
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
    """Choose the ROI of a large image from the view.

    The level is the finest at which the view has at most ``most`` pixels; if there is none, the
    middle of the view at the coarsest level. Without a view, or with one outside of the image,
    the ROI lies in the image's middle.

    Parameters
    ----------
    axes : str
        A letter for each axis.
    shapes : sequence of sequence of int
        Shape of each level, the finest first.
    view : sequence of (float, float), optional
        The view, in pixels of the finest level.
    most : int
        Most pixels of the ROI.
    stride : int
        The ROI's start is a multiple of it, so that the network's pooling grid is that of the
        whole image.

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
    """Return the view clipped to the image along each spatial axis; else the image's middle."""
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
    """Return start and length of a part around ``middle``, the start a multiple of ``stride``."""
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
        Index along T; the axis is kept, with a length of one.

    Returns
    -------
    array
        Array with all axes of the image.
    """
    return np.asarray(data[image_region(axes, box, frame)])


def image_region(axes: str, box: Box, frame: int | None = None) -> Box:
    """Return slices along all axes of an image: those of a box, one frame, and all channels."""
    parts = iter(box)
    others = {"T": slice(None) if frame is None else slice(frame, frame + 1)}
    return tuple(next(parts) if a in "ZYX" else others.get(a, slice(None)) for a in axes)
