"""Stage 3: one id for all pieces of an object, and ids without gaps.

Ids are 64-bit whole numbers throughout: as floating-point numbers they would be wrong above 2⁵³.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    Ids = NDArray[np.uint64]

_ONE = np.uint64(1)


@dataclass(frozen=True, eq=False)
class Numbering:
    """Numbers of all objects of an image: first those with pixels in a core, in block order.

    Parameters
    ----------
    own : array of uint64, shape (B,)
        Objects with pixels in each block's core.
    starts, others : array of uint64, shape (B + 1,)
        Number of the first object of each block with and without such pixels.
    """

    own: NDArray[np.uint64]
    starts: NDArray[np.uint64]
    others: NDArray[np.uint64]

    @classmethod
    def of(cls, own: NDArray[np.uint64], every: NDArray[np.uint64]) -> Numbering:
        """Make the numbers from the objects with pixels in each core, and from all of them."""
        none = np.zeros(1, np.uint64)
        starts = np.concatenate([none, np.cumsum(own, dtype=np.uint64)])
        others = np.concatenate([none, np.cumsum(every - own, dtype=np.uint64)]) + starts[-1]
        return cls(own, starts, others)

    def numbers(self, pairs: NDArray[np.int64]) -> NDArray[np.uint64]:
        """Return the numbers of pairs, (N, 2): given block and id of one and of the other."""
        block, ids = pairs[:, ::2], pairs[:, 1::2].astype(np.uint64)
        inside = ids <= self.own[block]
        of_others = self.others[block] + ids - self.own[block] - _ONE
        return np.where(inside, self.starts[block] + ids - _ONE, of_others)


@dataclass(frozen=True, eq=False)
class IdTable:
    """What becomes of the objects of all blocks, which are numbered from 0 in block order.

    Parameters
    ----------
    vanished : array of uint64, shape (N,)
        Numbers of objects that are pieces of an earlier one, in increasing order.
    target : array of uint64, shape (N,)
        Number of that earlier one.
    starts : array of uint64, shape (B + 1,)
        Number of each block's first object, and of all objects at the end.
    """

    vanished: Ids
    target: Ids
    starts: Ids

    @property
    def count(self) -> int:
        """Objects of the whole image."""
        return int(self.starts[-1]) - self.vanished.size

    def final(self, numbers: Ids) -> Ids:
        """Return the ids of objects, 1, 2, … without gaps.

        Parameters
        ----------
        numbers : array of uint64
            Their numbers.
        """
        kept = numbers.astype(np.uint64, copy=True)
        at = np.searchsorted(self.vanished, kept)
        if self.vanished.size:
            inside = np.minimum(at, self.vanished.size - 1)
            gone = self.vanished[inside] == kept
            kept[gone] = self.target[inside[gone]]
        return kept + _ONE - np.searchsorted(self.vanished, kept).astype(np.uint64)

    def of_block(self, block: int) -> Ids:
        """Return the final id of each id of a block's own objects; 0 stays 0."""
        numbers = np.arange(self.starts[block], self.starts[block + 1], dtype=np.uint64)
        return np.concatenate([np.zeros(1, np.uint64), self.final(numbers)])

    def is_kept(self, block: int) -> NDArray[np.bool_]:
        """Whether each of a block's own objects is the first piece of its object."""
        numbers = np.arange(self.starts[block], self.starts[block + 1], dtype=np.uint64)
        low, high = np.searchsorted(self.vanished, self.starts[block : block + 2])
        kept = np.ones(numbers.size, bool)
        kept[(self.vanished[low:high] - self.starts[block]).astype(np.intp)] = False
        return kept

    def save(self, folder: Path) -> None:
        """Write the table to files, which :meth:`load` maps."""
        for name in ("vanished", "target", "starts"):
            np.save(folder / f"ids-{name}.npy", getattr(self, name), allow_pickle=False)

    @classmethod
    def load(cls, folder: Path) -> IdTable:
        """Map a table: a worker reads only what concerns its blocks."""
        return cls(
            *(
                np.load(folder / f"ids-{name}.npy", mmap_mode="r", allow_pickle=False)
                for name in ("vanished", "target", "starts")
            )
        )


def merge_ids(links: Ids, starts: Ids) -> IdTable:
    """Join linked objects to the one that comes first.

    Parameters
    ----------
    links : array of uint64, shape (N, 2)
        Numbers of objects that are one; those from ``starts[-1]`` on have pixels in no core and
        only join others.
    starts : array of uint64, shape (B + 1,)
        As in :class:`IdTable`.

    Notes
    -----
    The result does not depend on the order of the links: the first of each group stays.

    Examples
    --------
    >>> starts = np.array([0, 2, 5], np.uint64)
    >>> table = merge_ids(np.array([[1, 3]], np.uint64), starts)
    >>> table.of_block(0).tolist(), table.of_block(1).tolist()
    ([0, 1, 2], [0, 3, 2, 4])
    """
    links = links.astype(np.uint64, copy=False)
    touched, nodes = _ranked(links)
    ones = np.ones(len(nodes), np.uint8)
    graph = coo_array((ones, (nodes[:, 0], nodes[:, 1])), (touched.size, touched.size))
    count, group = connected_components(graph, directed=False)
    first = np.empty(count, np.int64)
    first[group[::-1]] = np.arange(touched.size)[::-1]  # the last to be written is the smallest
    target = touched[first[group]]
    vanished = (target != touched) & (touched < starts[-1])
    return IdTable(touched[vanished], target[vanished], starts.astype(np.uint64, copy=False))


_DENSE = 2**28
"""Numbers up to which a table of all of them is made: five bytes each, but ten times as fast."""


def _ranked(links: Ids) -> tuple[Ids, NDArray[np.int32]]:
    """Return the numbers that occur, in increasing order, and the place of each link's in them."""
    most = int(links.max(initial=_ONE - _ONE)) + 1
    if most > _DENSE:
        touched = np.unique(links)
        return touched, np.searchsorted(touched, links).astype(np.int32)
    occurs = np.zeros(most, bool)
    occurs[links] = True
    rank = np.cumsum(occurs, dtype=np.int32)
    rank -= 1
    return np.flatnonzero(occurs).astype(np.uint64), rank[links]


def id_type(count: int) -> np.dtype[np.unsignedinteger]:
    """Return the type that labels of so many objects are written with."""
    return np.dtype(np.uint32 if count < 2**32 else np.uint64)
