"""Corrections of an image that is too large for one array, as a sparse set of tiles."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from itertools import product
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_pixel_embedding.core.boxes import Box, common, within
from napari_pixel_embedding.core.corrections.corrections import NOT_CORRECTED

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from numpy.typing import NDArray

_TILE = {2: (256, 256), 3: (8, 128, 128)}


@dataclass(frozen=True, eq=False)
class SparseLabels:
    """Corrections of a whole image: −1 not corrected, 0 fixed background, k locked instance k.

    Immutable: :meth:`with_box` returns a new one that shares all other tiles.

    Parameters
    ----------
    shape : tuple of int
        Pixels along ([Z,] Y, X).
    tiles : mapping of tuple to array of int32
        Tiles with corrections, by their frame and their number along each axis.
    """

    shape: tuple[int, ...]
    tiles: Mapping[tuple[int, ...], NDArray[np.int32]] = field(default_factory=dict)

    def read(self, box: Box, frame: int = 0) -> NDArray[np.int32]:
        """Return a box of a frame, −1 where nothing is corrected."""
        return self.sample([np.arange(p.start, p.stop) for p in box], frame)

    def sample(self, grid: Sequence[NDArray[np.intp]], frame: int = 0) -> NDArray[np.int32]:
        """Return the pixels on a grid of a frame: for each axis, positions in increasing order."""
        out = np.full([len(along) for along in grid], NOT_CORRECTED, np.int32)
        if not self.tiles or out.size == 0:
            return out
        box = tuple(slice(int(along[0]), int(along[-1]) + 1) for along in grid)
        for key, area in self._tiles(box):
            tile = self.tiles.get((frame, *key))
            if tile is not None:
                hits, at = _on_tile(grid, area)
                out[hits] = tile[np.ix_(*at)]
        return out

    def with_box(self, box: Box, values: NDArray[Any], frame: int = 0) -> SparseLabels:
        """Return a copy with a box of a frame replaced by ``values``, of the box's shape."""
        tiles = dict(self.tiles)
        for key, area in self._tiles(box):
            both = common(area, box)
            if both is not None:
                tile = self._tile((frame, *key), area).copy()
                tile[within(both, area)] = values[within(both, box)]
                tiles[(frame, *key)] = tile
        kept = {key: tile for key, tile in tiles.items() if (tile != NOT_CORRECTED).any()}
        return replace(self, tiles=kept)

    def without_clashes(
        self, values: NDArray[np.int32], known: NDArray[np.int32]
    ) -> NDArray[np.int32]:
        """Return ``values`` with free ids for new objects whose id another object has already.

        Parameters
        ----------
        values, known : array of int32
            New and present corrections of a part of the image.
        """
        ids = [np.unique(tile) for tile in self.tiles.values()]
        used = np.unique(np.concatenate([np.zeros(1, np.int32), *ids]))
        came = np.setdiff1d(values, known)
        clash = np.intersect1d(came[came > 0], used)
        free = max(int(used.max()), int(values.max())) + 1
        result = values.copy()
        for number, old in enumerate(clash):
            result[values == old] = free + number
        return result

    @property
    def is_empty(self) -> bool:
        """Whether nothing is corrected."""
        return not self.tiles

    def _tile(self, key: tuple[int, ...], area: Box) -> NDArray[np.int32]:
        empty = [part.stop - part.start for part in area]
        found = self.tiles.get(key)
        return np.full(empty, NOT_CORRECTED, np.int32) if found is None else found

    def _tiles(self, box: Box) -> Iterator[tuple[tuple[int, ...], Box]]:
        """Iterate over the number and box of each tile that a box intersects."""
        sides = _TILE[len(self.shape)]
        parts = zip(box, sides, strict=True)
        for key in product(*(range(p.start // side, -(-p.stop // side)) for p, side in parts)):
            area = zip(key, sides, self.shape, strict=True)
            yield key, tuple(slice(k * side, min((k + 1) * side, n)) for k, side, n in area)


def _on_tile(grid: Sequence[NDArray[np.intp]], area: Box) -> tuple[Box, list[NDArray[np.intp]]]:
    """Return a grid's positions on a tile, as slices of the grid and as indices on the tile."""
    ends = [np.searchsorted(along, (a.start, a.stop)) for along, a in zip(grid, area, strict=True)]
    hits = tuple(slice(int(low), int(high)) for low, high in ends)
    return hits, [g[hit] - a.start for g, hit, a in zip(grid, hits, area, strict=True)]
