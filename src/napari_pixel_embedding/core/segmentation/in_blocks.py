"""Segmenting an image that does not fit into memory block by block, as the window does."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
from skimage.segmentation import relabel_sequential

from napari_pixel_embedding.core.blockwise.block_plan import plan_blocks, plan_layout
from napari_pixel_embedding.core.blockwise.large_image import LargeImage, embed_block
from napari_pixel_embedding.core.blockwise.memory import memory_budget
from napari_pixel_embedding.core.blockwise.mosaic import INDEX_BYTES, Mosaic
from napari_pixel_embedding.core.blockwise.roi import margin, pixel_bytes
from napari_pixel_embedding.core.clustering.build import build_cluster_index
from napari_pixel_embedding.core.features.source import FeatureConfig
from napari_pixel_embedding.core.inference.object_scale import image_diameter
from napari_pixel_embedding.core.progress import share

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from napari_pixel_embedding.core.blockwise.block_plan import Block
    from napari_pixel_embedding.core.clustering.params import ClusterParams, LocalBandwidth
    from napari_pixel_embedding.core.inference.layout import Layout
    from napari_pixel_embedding.core.inference.options import PredictOptions
    from napari_pixel_embedding.core.model.config import ModelConfig
    from napari_pixel_embedding.core.model.model_file import EmbeddingModel
    from napari_pixel_embedding.core.progress import Progress

_LABEL_BYTES = 4
NOTE = "It does not fit into memory as a whole: it was segmented in {} blocks."


def may_be_large(
    image: Any, config: ModelConfig, options: PredictOptions, spacing: Sequence[float] | None
) -> bool:
    """Whether an image may have to be divided, before its axes are known.

    Given features are measured from the whole image, so that they are never divided.
    """
    if isinstance(config, FeatureConfig):
        return False
    each = pixel_bytes(config, options.diameter, spacing)
    return bool(math.prod(image.shape) * each > memory_budget())


def must_be_divided(
    image: Any,
    layout: Layout,
    config: ModelConfig,
    options: PredictOptions,
    spacing: Sequence[float] | None,
) -> bool:
    """Whether a frame, or an image that is not in memory yet, takes more memory than there is.

    Raises
    ------
    ValueError
        When not even its labels fit.
    """
    memory = memory_budget()
    frame = math.prod(layout.spatial_shape)
    needed = frame * pixel_bytes(config, options.diameter, spacing)
    unread = 0 if isinstance(image, np.ndarray) else math.prod(layout.shape) * _itemsize(image)
    if max(needed, unread) <= memory:
        return False
    least = layout.frame_count * frame * (_LABEL_BYTES + INDEX_BYTES)
    if least > memory:
        raise ValueError(
            f"the labels of an image of shape {layout.shape} alone take {least / 2**30:.1f} GiB "
            f"here, found {memory / 2**30:.1f} GiB of memory to spare: segment it into a file with "
            "pixel-embedding batch run, or a part of it."
        )
    return True


def _itemsize(image: Any) -> int:
    return int(np.dtype(getattr(image, "dtype", np.float64)).itemsize)


def segment_in_blocks(
    model: EmbeddingModel,
    image: LargeImage,
    options: PredictOptions,
    params: ClusterParams,
    local: Sequence[Sequence[LocalBandwidth]] = (),
    progress: Progress | None = None,
) -> tuple[list[NDArray[Any]], int]:
    """Segment each frame of an image in blocks, and join objects at the seams.

    Parameters
    ----------
    model : EmbeddingModel
    image : LargeImage
    options : PredictOptions
    params : ClusterParams
    local : sequence of sequence of LocalBandwidth
        Single objects' bandwidths of each frame.
    progress : callable, optional
        Called with the finished fraction.

    Returns
    -------
    labels : list of array of uint32, shape ([Z,] Y, X)
        Of each frame, ids without gaps.
    blocks : int
        Number of blocks.
    """
    blocks = _blocks(model.config, image, options)
    mosaic = Mosaic(image.shape)
    for done, block in enumerate(blocks):
        emap = embed_block(model, image, block, options, share(progress, done, len(blocks)))
        mosaic = mosaic.with_block(block, build_cluster_index(emap))
    places = [(frame, one) for frame, every in enumerate(local) for one in every]
    cut = mosaic.cut(params, places)
    whole = tuple(slice(0, n) for n in image.shape)
    number: Any = relabel_sequential
    labels = [number(cut.read(frame, whole))[0] for frame in range(image.frames)]
    return labels, len(blocks)


def _blocks(config: ModelConfig, image: LargeImage, options: PredictOptions) -> tuple[Block, ...]:
    most = memory_budget() // 4 // pixel_bytes(config, options.diameter, image.spacing)
    diameter = image_diameter(config, options.diameter) or 4.0 * config.stride
    context = margin(config, options.diameter)
    layout = plan_layout(len(image.shape), config.stride, diameter, context, most)
    return plan_blocks(image.shape, image.frames, layout)
