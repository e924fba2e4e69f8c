"""From an image with axes of any order to frames as a network takes them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from napari_pixel_embedding.core.data import channel_ranges, normalise
from napari_pixel_embedding.core.scale import resample, resample_labels, zoom_for, zoomed_shape
from napari_pixel_embedding.core.validation import as_numeric_image, resolve_axes

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from napari_pixel_embedding.core.model.config import ModelConfig

_LEAST_SPAN = 0.25
"""Part of what is usual in a stack that the intensities of a frame are taken to span at least."""

_LUMINANCE = (0.2125, 0.7154, 0.0721)  # ITU-R BT.709


def iterate_frames(
    config: ModelConfig, image: Any, axes: str | None = None
) -> Iterator[NDArray[np.float32]]:
    """Yield each frame of an image, (C, [Z,] Y, X), normalised, in its own pixels."""
    image, axes = with_axes(config, image, axes)
    for channels, ranges in zip(
        _frames(config, image, axes), frame_ranges(config, image, axes), strict=True
    ):
        yield normalise(channels, config.percentiles, ranges)


def frame_ranges(config: ModelConfig, image: NDArray[Any], axes: str) -> NDArray[np.float64]:
    """Intensities of each frame that are scaled to 0 and 1, shape (T, C, 2).

    Those are the frame's own percentiles, at least a quarter as far apart as in the brighter ones
    of its stack (the 90th percentile of all frames): else the noise of an empty plane, or of a
    frame after bleaching, would be as bright as objects.

    Parameters
    ----------
    config : ModelConfig
        Whose percentiles and channels count.
    image : array
        With a frame along T, or without that axis.
    axes : str
        A letter for each axis.
    """
    own = np.array(
        [channel_ranges(one, config.percentiles) for one in _frames(config, image, axes)]
    )
    low, high = own[..., 0], own[..., 1]
    usual = np.percentile(high - low, 90, axis=0, method="lower")  # of a few, not the brightest
    wide = np.where(high - low < _LEAST_SPAN * usual, low + _LEAST_SPAN * usual, high)
    return np.stack([low, wide], axis=-1)


def _frames(config: ModelConfig, image: NDArray[Any], axes: str) -> Iterator[NDArray[Any]]:
    """Yield each frame of an image as it is, (C, [Z,] Y, X)."""
    count = image.shape[axes.index("T")] if "T" in axes else None
    for frame in range(count or 1):
        one, rest = select_frame(image, axes, frame) if count is not None else (image, axes)
        yield channels_first(one, rest, config)


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
        As in :func:`~napari_pixel_embedding.core.scale.zoom_for`.

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


def with_axes(config: ModelConfig, image: Any, axes: str | None) -> tuple[NDArray[Any], str]:
    """Read an image as an array and settle what its axes are."""
    array = as_numeric_image(image)
    return array, resolve_axes(array.shape, axes, config.axes, config.in_channels)


def select_frame(image: NDArray[Any], axes: str, frame: int | None) -> tuple[NDArray[Any], str]:
    """Take one frame along T, and the axes that are left."""
    along = axes.index("T")
    count = image.shape[along]
    if frame is None:
        raise ValueError(
            f"the image has {count} frames along T: say which with frame=0 … {count - 1}, "
            "or use predict_frames for all of them."
        )
    if not 0 <= frame < count:
        raise ValueError(f"frame must be from 0 to {count - 1}, found {frame}.")
    return image.take(frame, axis=along), axes.replace("T", "")


def channels_first(image: NDArray[Any], axes: str, config: ModelConfig) -> NDArray[Any]:
    """Bring an image to (C, [Z,] Y, X), with the model's number of channels."""
    order = ("C" if "C" in axes else "") + config.axes
    image = image.transpose([axes.index(letter) for letter in order])
    if "C" not in axes:
        return np.broadcast_to(image, (config.in_channels, *image.shape))
    if len(image) != config.in_channels and config.in_channels == 1:
        return np.tensordot(_LUMINANCE, image[:3].astype(np.float32), axes=1)[None]
    return image[: config.in_channels]
