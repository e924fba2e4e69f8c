"""A large image as a model reads it, and the embedding of one of its blocks."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from napari_pixel_embedding.core.blockwise.roi import read_box
from napari_pixel_embedding.core.boxes import within
from napari_pixel_embedding.core.inference.axes import ImageStack
from napari_pixel_embedding.core.inference.predict import embed_frames
from napari_pixel_embedding.core.validation import as_numeric_image

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from napari_pixel_embedding.core.blockwise.block_plan import Block
    from napari_pixel_embedding.core.embedding.embedding_map import EmbeddingMap
    from napari_pixel_embedding.core.inference.options import PredictOptions
    from napari_pixel_embedding.core.model.model_file import EmbeddingModel
    from napari_pixel_embedding.core.progress import Progress


@dataclass(frozen=True, eq=False)
class LargeImage:
    """An image that is read part by part, as a model reads it.

    Parameters
    ----------
    data : array_like
        Anything that can be sliced, with the axes ``axes``.
    axes : str
        [T] [C] [Z] Y X, colours last.
    ranges : array, shape (C, 2)
        Intensities that are scaled to 0 and 1, of the whole image.
    spacing : tuple of float, optional
        Size of a pixel along the spatial axes.
    """

    data: Any
    axes: str
    ranges: NDArray[np.float64]
    spacing: tuple[float, ...] | None = None

    @property
    def shape(self) -> tuple[int, ...]:
        """Pixels along ([Z,] Y, X)."""
        parts = zip(self.axes, self.data.shape, strict=True)
        return tuple(int(n) for letter, n in parts if letter in "ZYX")

    @property
    def frames(self) -> int:
        """Number of frames; 1 without that axis."""
        return int(self.data.shape[self.axes.index("T")]) if "T" in self.axes else 1


def embed_block(
    model: EmbeddingModel,
    image: LargeImage,
    block: Block,
    options: PredictOptions,
    progress: Progress | None = None,
) -> EmbeddingMap:
    """Run a model on a block with its margin; return the map of the block's window."""
    frame = block.frame if "T" in image.axes else None
    data = as_numeric_image(read_box(image.data, image.axes, block.padded, frame))
    stack = ImageStack(data, image.axes, model.config.in_channels, image.spacing, image.ranges)
    (whole,) = embed_frames(model, stack, options, progress)
    return replace(whole.crop(within(block.window, block.padded)), notes=whole.notes)
