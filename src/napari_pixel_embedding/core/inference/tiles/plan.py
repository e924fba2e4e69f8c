"""The tiles of an image: where they lie, and how their outputs are blended."""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import product
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray


@dataclass(frozen=True)
class TilePlan:
    """Positions and blending weights of the tiles of an image."""

    padded_shape: tuple[int, ...]
    tile_shape: tuple[int, ...]
    halo: tuple[int, ...]
    origins: tuple[tuple[int, ...], ...]

    def weight(self, origin: tuple[int, ...]) -> NDArray[np.float32]:
        """Return the blending weights of the tile at ``origin``, shape ``tile_shape``.

        The weights of all tiles sum to 1 in every pixel of the image.
        """
        weight = np.ones(self.tile_shape, np.float32)
        for axis, start in enumerate(origin):
            ramp = self._shares(axis, start)
            weight *= ramp.reshape([-1 if a == axis else 1 for a in range(len(origin))])
        return weight

    def _shares(self, axis: int, start: int) -> NDArray[np.float32]:
        starts = sorted({origin[axis] for origin in self.origins})
        tile, size = self.tile_shape[axis], self.padded_shape[axis]
        total = np.zeros(size, np.float32)
        for other in starts:
            total[other : other + tile] += self._ramp(axis, other)
        return self._ramp(axis, start) / total[start : start + tile]

    def _ramp(self, axis: int, start: int) -> NDArray[np.float32]:
        """Linear ramp: 1 in the tile's core, falling over the halo, except at the image border."""
        tile, size, halo = self.tile_shape[axis], self.padded_shape[axis], self.halo[axis]
        position = np.arange(tile, dtype=np.float32) + 0.5
        before = position if start > 0 else np.full(tile, np.inf)
        after = tile - position if start + tile < size else np.full(tile, np.inf)
        reach = (np.minimum(before, after) - halo / 2) / max(halo, 1)
        ramp: NDArray[np.float32] = np.clip(reach, 1e-6, 1).astype(np.float32)
        return ramp


def plan_tiles(
    shape: Sequence[int],
    stride: int,
    tile_shape: Sequence[int],
    halo: Sequence[int] | None = None,
) -> TilePlan:
    """Cover an image with tiles whose origins and sizes are multiples of ``stride``.

    Parameters
    ----------
    shape : sequence of int
        Spatial shape of the image, ([Z,] Y, X).
    stride : int
        Total stride of the network: only tiles on this grid are pooled on the same grid as the
        whole image.
    tile_shape, halo : sequence of int
        Largest tile, and its overlap on each side, rounded up to half strides (default half a
        stride in 2-D, two strides in 3-D, see ``benchmarks/tiles.py``). Tiles are shrunk as far
        as the same number still covers the image, which reduces the overlap.
    """
    halo = (stride // 2 if len(shape) == 2 else 2 * stride,) * len(shape) if halo is None else halo
    if len(tile_shape) != len(shape) or len(halo) != len(shape):
        raise ValueError(
            f"tile_shape and halo must name the {len(shape)} spatial axes, "
            f"found {tuple(tile_shape)} and {tuple(halo)}."
        )
    half = max(stride // 2, 1)  # twice the overlap is a multiple of the stride
    padded = tuple(_round_up(n, stride) for n in shape)
    tile = tuple(min(_round_up(t, stride), p) for t, p in zip(tile_shape, padded, strict=True))
    overlap = tuple(
        min(_round_up(h, half), t // (4 * half) * half) for h, t in zip(halo, tile, strict=True)
    )
    tile = tuple(_even(*each, stride) for each in zip(padded, tile, overlap, strict=True))
    starts = [_starts(p, t, h) for p, t, h in zip(padded, tile, overlap, strict=True)]
    return TilePlan(padded, tile, overlap, tuple(product(*starts)))


def _even(size: int, tile: int, halo: int, stride: int) -> int:
    """Return the smallest tile side that needs no more tiles than ``tile`` does."""
    inner = size - 2 * halo
    count = max(math.ceil(inner / (tile - 2 * halo)), 1)
    return _round_up(math.ceil(inner / count) + 2 * halo, stride)


def _starts(size: int, tile: int, halo: int) -> list[int]:
    step = tile - 2 * halo
    return [*range(0, size - tile, step), size - tile]


def _round_up(value: int, multiple: int) -> int:
    return max(-(-value // multiple), 1) * multiple
