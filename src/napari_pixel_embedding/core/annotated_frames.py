"""What a network is to learn from an annotated image."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from napari_pixel_embedding.core.inference.normalisation import (
    iterate_frames,
)
from napari_pixel_embedding.core.inference.object_scale import (
    resample,
    resample_labels,
    zoom_for,
    zoomed_shape,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from napari_pixel_embedding.core.model.config import ModelConfig


def annotated_frames(
    config: ModelConfig,
    image: Any,
    labels: Any,
    axes: str | None = None,
    *,
    diameter: float | None = None,
    spacing: Sequence[float] | None = None,
) -> list[tuple[NDArray[np.float32], NDArray[np.int32]]]:
    """Pair each frame of an image, as the network takes it, with its label image.

    Both are resampled to the object size that the model knows.

    Parameters
    ----------
    image : array_like
        Axes as ``axes`` says.
    labels : array_like of int, shape ([T,] [Z,] Y, X)
        0 is background, −1 not known.
    diameter, spacing
        As in :func:`~.object_scale.zoom_for`.

    Raises
    ------
    ValueError
        When the labels have other pixels than the image.
    """
    frames = list(iterate_frames(config, image, axes))
    pixels = frames[0].shape[1:]
    labels = np.asarray(labels)
    if labels.shape != (len(frames), *pixels) and (len(frames) > 1 or labels.shape != pixels):
        expected = pixels if len(frames) == 1 else (len(frames), *pixels)
        raise ValueError(f"expected labels of the image's shape {expected}, found {labels.shape}.")
    per_frame = _small_ids(labels).reshape(len(frames), *pixels)
    shape = zoomed_shape(pixels, zoom_for(config, diameter, spacing))
    return [
        (resample(frame, shape), resample_labels(target, shape))
        for frame, target in zip(frames, per_frame, strict=True)
    ]


def _small_ids(labels: NDArray[Any]) -> NDArray[np.int32]:
    """Label image as int32; sparse, large ids are numbered anew, what tables are made by."""
    if labels.max() <= max(labels.size, 2**16):
        return labels.astype(np.int32)
    unique, inverse = np.unique(labels, return_inverse=True)
    ids = np.where(unique > 0, np.cumsum(unique > 0), np.where(unique < 0, -1, 0))
    return ids.astype(np.int32)[inverse.reshape(labels.shape)]
