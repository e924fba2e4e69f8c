"""Mosaic of a large image: blocks that are indexed one by one and cut together.

Of a finished block only the index is kept, not the embedding. A cut looks up the object of each
superpixel and joins objects at the seams; pixels are computed when they are read.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_pixel_embedding.core.blockwise.stitching import Contacts, joined, renamed, same_objects
from napari_pixel_embedding.core.boxes import Box, common, within
from napari_pixel_embedding.core.clustering.params import LocalBandwidth

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from numpy.typing import NDArray

    from napari_pixel_embedding.core.blockwise.block_plan import Block
    from napari_pixel_embedding.core.blockwise.sparse_labels import SparseLabels
    from napari_pixel_embedding.core.clustering.index import ClusterIndex
    from napari_pixel_embedding.core.clustering.params import ClusterParams

FIRST_ID = 2**20
"""Ids in blocks are larger than this; smaller ones belong to the ROI and to corrections."""

INDEX_BYTES = 8
"""Most bytes per pixel of a block's index: its superpixel and its foreground."""

Place = tuple[int, LocalBandwidth]
"""A frame, and a local bandwidth at a pixel of the whole image."""


@dataclass(frozen=True, eq=False)
class IndexedBlock:
    """A block and its index.

    Parameters
    ----------
    block : Block
    index : ClusterIndex
        Of the block's window.
    offset : int
        Added to the ids of its objects.
    present : array of bool, shape (R + 1,)
        Whether a superpixel has pixels in the core.
    open_ended : array of int
        Superpixels, plus one, at the window's border within the image.
    """

    block: Block
    index: ClusterIndex
    offset: int
    present: NDArray[np.bool_]
    open_ended: NDArray[np.integer[Any]]

    @classmethod
    def of(
        cls, block: Block, index: ClusterIndex, offset: int, shape: Sequence[int]
    ) -> IndexedBlock:
        """Make the indexed block of an image of ``shape`` from the index of its window."""
        core = index.base[within(block.core, block.window)]
        present = np.bincount(core.ravel(), minlength=index.region_count + 1) > 0
        present[0] = False
        return cls(block, index, offset, present, ids_cut_off(index.base, block.window, shape))

    def lookup(self, params: ClusterParams, places: Iterable[Place]) -> NDArray[np.uint32]:
        """Return the object id of each superpixel, 0 where there is none."""
        local = tuple(
            LocalBandwidth(tuple(within_point(one.point, self.block.window)), one.bandwidth)
            for frame, one in places
            if frame == self.block.frame and _holds(self.block.window, one.point)
        )
        own = self.index.lookup(params, local).astype(np.uint32)
        return np.where(own > 0, own + np.uint32(self.offset), np.uint32(0))

    def contacts(self, other: IndexedBlock) -> Contacts | None:
        """Return the contacts where two windows overlap; None where they do not."""
        if self.block.frame != other.block.frame:
            return None
        both = common(self.block.trusted, other.block.trusted)
        if both is None:
            return None
        mine, theirs = (
            piece.index.base[within(both, piece.block.window)] for piece in (self, other)
        )
        return Contacts.of(mine, theirs)


def ids_cut_off(
    base: NDArray[np.integer[Any]], window: Box, shape: Sequence[int]
) -> NDArray[np.integer[Any]]:
    """Return the ids, without 0, at a window's border where the image of ``shape`` goes on."""
    faces = [np.zeros(0, base.dtype)]
    for axis, (part, size) in enumerate(zip(window, shape, strict=True)):
        if part.start > 0:
            faces.append(base.take(0, axis).ravel())
        if part.stop < size:
            faces.append(base.take(-1, axis).ravel())
    return np.setdiff1d(np.concatenate(faces), [0])


def within_point(point: Sequence[int], box: Box) -> tuple[int, ...]:
    """Return a pixel relative to the start of a box."""
    return tuple(n - part.start for n, part in zip(point, box, strict=True))


def _holds(box: Box, point: Sequence[int]) -> bool:
    return all(part.start <= n < part.stop for n, part in zip(point, box, strict=True))


@dataclass(frozen=True, eq=False)
class Seam:
    """Two indexed blocks, by their offsets, whose windows overlap, and their contacts."""

    first: int
    second: int
    contacts: Contacts


@dataclass(frozen=True, eq=False)
class Mosaic:
    """The finished blocks of a large image; immutable, so that adding one makes a new mosaic.

    Parameters
    ----------
    shape : tuple of int
        Pixels of the finest level along ([Z,] Y, X).
    indexed_blocks : tuple of IndexedBlock
        Finished blocks.
    seams : tuple of Seam
        Seams of every two indexed blocks that overlap.
    roi : IndexedBlock, optional
        The ROI, which is shown separately over the mosaic. Its ids, below ``FIRST_ID``, stay, and
        objects across its border take them.
    next_offset : int
        Offset of the next block: an object keeps its id when blocks are added or removed.
    """

    shape: tuple[int, ...]
    indexed_blocks: tuple[IndexedBlock, ...] = ()
    seams: tuple[Seam, ...] = ()
    roi: IndexedBlock | None = None
    next_offset: int = FIRST_ID

    @property
    def blocks(self) -> tuple[Block, ...]:
        """The finished blocks."""
        return tuple(piece.block for piece in self.indexed_blocks)

    def with_block(self, block: Block, index: ClusterIndex) -> Mosaic:
        """Return a mosaic with one more block, given the index of its window."""
        piece = IndexedBlock.of(block, index, self.next_offset, self.shape)
        others = self.indexed_blocks if self.roi is None else (*self.indexed_blocks, self.roi)
        return replace(
            self,
            indexed_blocks=(*self.indexed_blocks, piece),
            seams=(*self.seams, *_seams(piece, others)),
            next_offset=self.next_offset + max(index.region_count, 1),  # distinct offsets
        )

    def only(self, blocks: Iterable[Block]) -> Mosaic:
        """Return a mosaic of only these blocks, as far as they are finished."""
        wanted = set(map(_key, blocks))
        indexed_blocks = tuple(
            piece for piece in self.indexed_blocks if _key(piece.block) in wanted
        )
        left = {piece.offset for piece in indexed_blocks} | {0}
        seams = tuple(s for s in self.seams if s.first in left and s.second in left)
        return replace(self, indexed_blocks=indexed_blocks, seams=seams)

    def missing(self, blocks: Iterable[Block]) -> list[Block]:
        """Return those of ``blocks`` that are not finished, in their order."""
        finished = set(map(_key, self.blocks))
        return [block for block in blocks if _key(block) not in finished]

    def with_roi(self, roi: tuple[Block, ClusterIndex] | None) -> Mosaic:
        """Return a mosaic with another ROI, or none, whose objects cuts join across its border."""
        seams = tuple(seam for seam in self.seams if seam.second != 0)
        piece = None if roi is None else IndexedBlock.of(*roi, 0, self.shape)
        if piece is not None:
            seams += _seams(piece, self.indexed_blocks, swapped=True)
        return replace(self, roi=piece, seams=seams)

    def cut(self, params: ClusterParams, places: Sequence[Place] = ()) -> MosaicCut:
        """Cut all indexed blocks at one bandwidth and join the objects at their seams.

        Parameters
        ----------
        params : ClusterParams
        places : sequence of (int, LocalBandwidth)
            Local bandwidths, in pixels of the whole image.
        """
        every = self.indexed_blocks if self.roi is None else (*self.indexed_blocks, self.roi)
        lookups = {piece.offset: piece.lookup(params, places) for piece in every}
        cut_off = {p.offset: np.unique(lookups[p.offset][p.open_ended]) for p in every}
        pairs = [
            same_objects(
                seam.contacts,
                (lookups[seam.first], lookups[seam.second]),
                (cut_off[seam.first], cut_off[seam.second]),
            )
            for seam in self.seams
        ]
        ids, names = joined(pairs)
        tables = tuple(renamed(lookups[piece.offset], ids, names) for piece in self.indexed_blocks)
        return MosaicCut(self.shape, self.indexed_blocks, tables, params.foreground_threshold)


def _key(block: Block) -> tuple[int, ...]:
    return (block.frame, *(n for part in block.core for n in (part.start, part.stop)))


def _seams(
    piece: IndexedBlock, others: Iterable[IndexedBlock], swapped: bool = False
) -> tuple[Seam, ...]:
    found = []
    for other in others:
        first, second = (other, piece) if swapped else (piece, other)
        contacts = first.contacts(second)
        if contacts is not None:
            found.append(Seam(first.offset, second.offset, contacts))
    return tuple(found)


@dataclass(frozen=True, eq=False)
class MosaicCut:
    """Label image of a mosaic, computed where it is read.

    Parameters
    ----------
    shape : tuple of int
        Pixels along ([Z,] Y, X).
    indexed_blocks : tuple of IndexedBlock
    tables : tuple of array of uint32
        Object id of each superpixel, for each indexed block.
    foreground_threshold : float
        As in ``ClusterParams``.
    corrections : SparseLabels, optional
        Overlaid on the clusters, shape ([T,] [Z,] Y, X).
    hole : (int, tuple of slice), optional
        Frame and box that are left empty, because the ROI is shown there.
    """

    shape: tuple[int, ...]
    indexed_blocks: tuple[IndexedBlock, ...]
    tables: tuple[NDArray[np.uint32], ...]
    foreground_threshold: float
    corrections: SparseLabels | None = None
    hole: tuple[int, Box] | None = None

    def count(self) -> int:
        """Count the objects of the finished blocks, each once."""
        own = [
            np.unique(table[piece.present])
            for piece, table in zip(self.indexed_blocks, self.tables, strict=True)
        ]
        ids = np.unique(np.concatenate(own)) if own else np.zeros(0, int)
        return int(np.count_nonzero(ids))

    def read(self, frame: int, box: Box, steps: Sequence[int] | None = None) -> NDArray[np.uint32]:
        """Return the label image of a box, or of a regular grid of its pixels.

        Parameters
        ----------
        frame : int
            Index along T; 0 without that axis.
        box : tuple of slice
            Along ([Z,] Y, X).
        steps : sequence of int, optional
            Step of the grid along each axis; ones by default.

        Returns
        -------
        array of uint32
            Label image; 0 is background, and pixels of unfinished blocks.
        """
        steps = steps or (1,) * len(box)
        grid = [np.arange(p.start, p.stop, step) for p, step in zip(box, steps, strict=True)]
        out = np.zeros([len(along) for along in grid], np.uint32)
        for piece, table in zip(self.indexed_blocks, self.tables, strict=True):
            both = common(piece.block.core, box)
            if piece.block.frame == frame and both is not None:
                there, here = _on_grid(both, box, piece.block.window, steps)
                out[there] = piece.index.read(table, self.foreground_threshold, here)
        if self.corrections is not None:
            fixed = self.corrections.sample(grid, frame)
            np.copyto(out, fixed, where=fixed >= 0, casting="unsafe")
        if self.hole is not None and self.hole[0] == frame:
            empty = common(self.hole[1], box)
            if empty is not None:
                out[_on_grid(empty, box, box, steps)[0]] = 0
        return out


def _on_grid(part: Box, box: Box, window: Box, steps: Sequence[int]) -> tuple[Box, Box]:
    """Return the slices of a box's grid within ``part``, in the result and in a window."""
    there, here = [], []
    for p, b, w, step in zip(part, box, window, steps, strict=True):
        first, last = -(-(p.start - b.start) // step), -(-(p.stop - b.start) // step)
        there.append(slice(first, last))
        at = b.start + first * step - w.start
        here.append(slice(at, max(p.stop - w.start, at), step))
    return tuple(there), tuple(here)
