"""Division of a large image into blocks."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from napari_pixel_embedding.core.boxes import Box, grown

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence


@dataclass(frozen=True)
class Block:
    """One block of a large image, in pixels of its finest level.

    Parameters
    ----------
    frame : int
        Index along T; 0 without that axis.
    core : tuple of slice
        Pixels that are labelled from this block; cores tile the image.
    window : tuple of slice
        Pixels that are indexed: objects at a seam lie wholly in both windows.
    padded : tuple of slice
        The window with the network's margin, as its input.
    """

    frame: int
    core: Box
    window: Box
    padded: Box

    @property
    def trusted(self) -> Box:
        """Pixels around the core that are compared for stitching.

        They end halfway to the window's border: slivers of objects at the border may have been
        merged with others.
        """
        parts = zip(self.core, self.window, strict=True)
        return tuple(slice((c.start + w.start) // 2, -(-(c.stop + w.stop) // 2)) for c, w in parts)


@dataclass(frozen=True)
class Layout:
    """Size and margins of the blocks of a large image.

    Parameters
    ----------
    side : tuple of int
        Pixels of a block along ([Z,] Y, X).
    reach : int
        Pixels by which a window extends over its core: the size of an object.
    margin : int
        Pixels around a window that the network needs as context.
    """

    side: tuple[int, ...]
    reach: int
    margin: int

    def window_pixels(self) -> int:
        """Return the number of pixels of a window."""
        return math.prod(side + 2 * self.reach for side in self.side)


def plan_layout(
    ndim: int, stride: int, diameter: float, margin: int, most: int, largest: int = 2048
) -> Layout:
    """Choose blocks as large as memory allows.

    Parameters
    ----------
    ndim : int
        Number of spatial axes.
    stride : int
        Stride of the network. Sides and margins are multiples of it, so that the pooling grid of
        every block is that of the whole image.
    diameter : float
        Typical diameter of an object in pixels; windows extend over their cores by twice this.
    margin : int
        Pixels around a window that the network needs as context, a multiple of the stride.
    most : int
        Most pixels of a block, margins included.
    largest : int
        Side of a block of a 2-D image along Y and X at most; a quarter of it in 3-D.

    Examples
    --------
    >>> plan_layout(2, 16, 20.0, 64, 10**8)
    Layout(side=(2048, 2048), reach=48, margin=64)
    """
    reach = -(-math.ceil(2 * diameter) // stride) * stride
    depth = () if ndim == 2 else (64,)
    side = largest if ndim == 2 else largest // 4
    while side > 256 and math.prod(n + 2 * (reach + margin) for n in (*depth, side, side)) > most:
        side //= 2
    return Layout((*depth, side, side), reach, margin)


def plan_blocks(shape: Sequence[int], frames: int, layout: Layout) -> tuple[Block, ...]:
    """Divide an image of ``shape`` ([Z,] Y, X), frame by frame, in raster order."""
    count = math.prod(block_counts(shape, frames, layout.side))
    return tuple(block_at(number, shape, frames, layout) for number in range(count))


def block_counts(shape: Sequence[int], frames: int, side: Sequence[int]) -> tuple[int, ...]:
    """Return the number of blocks along T and ([Z,] Y, X)."""
    return (frames, *(-(-n // s) for n, s in zip(shape, side, strict=True)))


def block_at(number: int, shape: Sequence[int], frames: int, layout: Layout) -> Block:
    """Return one block of :func:`plan_blocks`, without making the others: there may be millions."""
    counts = block_counts(shape, frames, layout.side)
    place = []
    for count in reversed(counts):
        number, at = divmod(number, count)
        place.append(at)
    frame, *cells = reversed(place)
    parts = zip(cells, layout.side, shape, strict=True)
    core = tuple(slice(at * side, min((at + 1) * side, n)) for at, side, n in parts)
    window = grown(core, layout.reach, shape)
    return Block(frame, core, window, grown(window, layout.margin, shape))


def nearest_first(blocks: Iterable[Block], frame: int, point: Sequence[float]) -> list[Block]:
    """Sort blocks by their distance from a pixel; those of other frames come last."""

    def distance(block: Block) -> tuple[int, float]:
        parts = zip(block.core, point, strict=True)
        away = (max(p.start - n, n - (p.stop - 1), 0.0) ** 2 for p, n in parts)
        return abs(block.frame - frame), sum(away)

    return sorted(blocks, key=distance)
