"""Stage 2: which objects of neighbouring blocks are the same, and of which one cannot tell."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from napari_pixel_embedding.core.blockwise.stitching import Contacts, overlaps
from napari_pixel_embedding.core.boxes import common, within

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from napari_pixel_embedding.batch.stages.segment import BlockLabels
    from napari_pixel_embedding.core.blockwise.block_plan import Block

UNCERTAIN = (0.3, 0.7)
"""Intersections over union of which people should look: neither clearly one object nor two."""


@dataclass(frozen=True, eq=False)
class Links:
    """Objects of two blocks.

    Parameters
    ----------
    same : array of int64, shape (N, 2)
        Ids in the first and in the second block that are one object.
    uncertain : array of int64, shape (M, 2)
        Ids of pairs that one cannot tell.
    iou : array of float64, shape (M,)
        Their intersections over union.
    places : array of float64, shape (M, D)
        Where to look: pixels of the image along ([Z,] Y, X).
    """

    same: NDArray[np.int64]
    uncertain: NDArray[np.int64]
    iou: NDArray[np.float64]
    places: NDArray[np.float64]


def link_blocks(first: tuple[Block, BlockLabels], second: tuple[Block, BlockLabels]) -> Links:
    """Compare two blocks where both are to be trusted; they must overlap there."""
    both = common(first[0].trusted, second[0].trusted)
    if both is None or first[0].frame != second[0].frame:
        raise ValueError("blocks must overlap to be compared.")
    parts = [found.labels[within(both, block.trusted)] for block, found in (first, second)]
    found = overlaps(
        Contacts.of(parts[0].astype(np.int64), parts[1].astype(np.int64)),
        (np.arange(first[1].all + 1), np.arange(second[1].all + 1)),
        (first[1].cut_off, second[1].cut_off),
    )
    low, high = UNCERTAIN
    unclear = (found.iou >= low) & (found.iou < high)
    pairs = found.pairs[unclear]
    places = _middles(parts[0], pairs[:, 0]) + [part.start for part in both]
    return Links(found.pairs[found.same], pairs, found.iou[unclear], places)


def _middles(labels: NDArray[np.integer], ids: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return the mean position of the pixels of some objects, (N, D)."""
    wanted, at = np.unique(ids, return_inverse=True)
    rows = np.zeros(int(labels.max(initial=0)) + 1, np.intp)
    rows[wanted] = np.arange(1, wanted.size + 1)
    if not wanted.size:
        return np.zeros((0, labels.ndim))
    inside = np.nonzero(np.isin(labels, wanted))
    row = rows[labels[inside]]
    count = np.bincount(row, minlength=wanted.size + 1)
    sums = [np.bincount(row, along, wanted.size + 1)[1:] / count[1:] for along in inside]
    return np.stack(sums, axis=1)[at]


def later_neighbours(number: int, counts: Sequence[int]) -> list[int]:
    """Return the neighbours of a block that come after it in raster order, diagonal ones too.

    Parameters
    ----------
    number : int
        Of the block.
    counts : sequence of int
        Blocks along T and ([Z,] Y, X). Frames have no neighbours.

    Examples
    --------
    >>> later_neighbours(0, (1, 2, 3))
    [1, 3, 4]
    """
    place = np.unravel_index(number, counts)
    offsets = np.stack(np.meshgrid(*[(-1, 0, 1)] * (len(counts) - 1), indexing="ij"), -1)
    found = []
    for offset in offsets.reshape(-1, len(counts) - 1):
        at = (place[0], *(p + o for p, o in zip(place[1:], offset, strict=True)))
        if all(0 <= a < n for a, n in zip(at, counts, strict=True)):
            other = int(np.ravel_multi_index(at, counts))
            if other > number:
                found.append(other)
    return sorted(found)
