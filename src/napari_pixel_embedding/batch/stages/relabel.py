"""Stage 4: the final labels of a block's core, and of the coarser levels."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from napari_pixel_embedding.core.boxes import within

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from napari_pixel_embedding.batch.stages.segment import BlockLabels
    from napari_pixel_embedding.core.blockwise.block_plan import Block


def relabelled(found: BlockLabels, block: Block, ids: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """Return the labels of a block's core with their final ids.

    Parameters
    ----------
    found : BlockLabels
    block : Block
    ids : array of uint64, shape (own + 1,)
        From :meth:`~.merge.IdTable.of_block`.
    """
    return ids[found.labels[within(block.core, block.trusted)]]


def halved(labels: NDArray[Any]) -> NDArray[Any]:
    """Take every second row and column: ids are never mixed."""
    return labels[..., ::2, ::2]
