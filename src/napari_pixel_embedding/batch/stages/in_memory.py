"""All stages of stitching at once, in memory: what every engine has to agree with."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from napari_pixel_embedding.batch.stages.edges import later_neighbours, link_blocks
from napari_pixel_embedding.batch.stages.merge import Numbering, merge_ids
from napari_pixel_embedding.batch.stages.relabel import relabelled
from napari_pixel_embedding.batch.stages.segment import renumbered
from napari_pixel_embedding.core.blockwise.block_plan import block_at, block_counts

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from napari_pixel_embedding.core.blockwise.block_plan import Block, Layout


def stitch(
    segment: Callable[[Block], NDArray[np.integer]], shape: Sequence[int], layout: Layout
) -> NDArray[np.uint64]:
    """Segment an image of one frame block by block, and join what the blocks share.

    Parameters
    ----------
    segment : callable
        Returns the labels of a block's window.
    shape : sequence of int
        Pixels of the image along ([Z,] Y, X).
    layout : Layout
        Of the blocks.

    Returns
    -------
    array of uint64
        Label image, 0 is background, without gaps in the ids.
    """
    counts = block_counts(shape, 1, layout.side)
    blocks = [block_at(n, shape, 1, layout) for n in range(math.prod(counts))]
    found = [renumbered(segment(block), block, shape) for block in blocks]
    own = np.array([one.own for one in found], np.uint64)
    numbering = Numbering.of(own, np.array([one.all for one in found], np.uint64))
    links = [np.zeros((0, 4), np.int64)]
    for first in range(len(blocks)):
        for second in later_neighbours(first, counts):
            pairs = link_blocks((blocks[first], found[first]), (blocks[second], found[second])).same
            where = np.broadcast_to([first, second], (len(pairs), 2))
            links.append(np.concatenate([where, pairs], axis=1)[:, [0, 2, 1, 3]])
    table = merge_ids(numbering.numbers(np.concatenate(links)), numbering.starts)
    labels = np.zeros(shape, np.uint64)
    for number, block in enumerate(blocks):
        labels[block.core] = relabelled(found[number], block, table.of_block(number))
    return labels
