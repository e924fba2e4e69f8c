"""Stage 1: the labels of one block's window, numbered for that block alone."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_pixel_embedding.core.blockwise.large_image import LargeImage, embed_block
from napari_pixel_embedding.core.blockwise.mosaic import ids_cut_off, within_point
from napari_pixel_embedding.core.boxes import within
from napari_pixel_embedding.core.segmentation.segment import cluster

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from napari_pixel_embedding.core.blockwise.block_plan import Block
    from napari_pixel_embedding.core.clustering.params import ClusterParams, LocalBandwidth
    from napari_pixel_embedding.core.embedding.embedding_map import EmbeddingMap
    from napari_pixel_embedding.core.inference.options import PredictOptions
    from napari_pixel_embedding.core.model.model_file import EmbeddingModel
    from napari_pixel_embedding.core.segmentation.segment import Method


@dataclass(frozen=True)
class ClusterRecipe:
    """How an embedding becomes labels.

    Parameters
    ----------
    params : ClusterParams
    method : {"mean_shift", "mutex"}
    local : sequence of sequence of LocalBandwidth
        Single objects' bandwidths of each frame, at pixels of the whole image; may be empty.
    """

    params: ClusterParams
    method: Method = "mean_shift"
    local: Sequence[Sequence[LocalBandwidth]] = ()

    def within(self, block: Block) -> list[LocalBandwidth]:
        """Return the single bandwidths in a block's window, at pixels of the window."""
        every = self.local[block.frame] if block.frame < len(self.local) else ()
        return [
            replace(one, point=within_point(one.point, block.window))
            for one in every
            if all(p.start <= n < p.stop for n, p in zip(one.point, block.window, strict=True))
        ]


@dataclass(frozen=True, eq=False)
class BlockLabels:
    """Labels of a block, numbered 1, 2, … for that block alone.

    Parameters
    ----------
    labels : array of uint32
        Of ``block.trusted``, in which blocks are compared.
    own : int
        Objects with pixels in the core; their ids come first.
    all : int
        All objects of ``labels``.
    cut_off : array of uint32
        Ids of the objects that the window's border cuts off.
    notes : tuple of str
        What happened on the way, such as smaller tiles for lack of memory.
    """

    labels: NDArray[np.uint32]
    own: int
    all: int
    cut_off: NDArray[np.uint32]
    notes: tuple[str, ...] = ()


def segment_block(
    model: EmbeddingModel,
    image: LargeImage,
    block: Block,
    options: PredictOptions,
    recipe: ClusterRecipe,
) -> tuple[BlockLabels, EmbeddingMap]:
    """Segment the window of a block; return its labels and the embedding that they come from."""
    emap = embed_block(model, image, block, options)
    labels = cluster(emap, recipe.params, recipe.method, recipe.within(block))
    return renumbered(labels, block, image.shape, emap.notes), emap


def renumbered(
    window: NDArray[Any], block: Block, shape: Sequence[int], notes: tuple[str, ...] = ()
) -> BlockLabels:
    """Renumber the objects of a window: those with pixels in the core first, in their order.

    Parameters
    ----------
    window : array of int
        Labels of ``block.window``.
    block : Block
    shape : sequence of int
        Pixels of the image.
    notes : tuple of str
    """
    top = int(window.max(initial=0))
    in_core = _present(window[within(block.core, block.window)], top)
    trusted = window[within(block.trusted, block.window)]
    own, others = np.flatnonzero(in_core), np.flatnonzero(_present(trusted, top) & ~in_core)
    table = np.zeros(top + 1, np.uint32)
    ordered = np.concatenate([own, others])
    table[ordered] = np.arange(1, ordered.size + 1)
    cut_off = table[ids_cut_off(window, block.window, shape)]
    cut_off = np.unique(cut_off[cut_off > 0])  # some lie beyond what is compared
    return BlockLabels(table[trusted], own.size, ordered.size, cut_off, notes)


def _present(labels: NDArray[Any], top: int) -> NDArray[np.bool_]:
    found = np.bincount(labels.ravel(), minlength=top + 1) > 0
    found[0] = False
    return found
