"""Contours of the objects as label images, and as pictures over an image."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from napari_pixel_embedding.core.io.files import open_atomically

if TYPE_CHECKING:
    import os

    from numpy.typing import NDArray

_GOLDEN = 0.6180339887498949
"""Step of the hue from id to id, so that neighbouring ids differ (golden ratio)."""


def contours(labels: NDArray[np.integer[Any]]) -> NDArray[np.integer[Any]]:
    """Return the outermost pixels of each object with its id; plane by plane in a volume.

    Parameters
    ----------
    labels : array of int, shape (…, Y, X)

    Examples
    --------
    >>> contours(np.array([[2, 2, 2], [2, 2, 2], [2, 2, 2]])).tolist()
    [[2, 2, 2], [2, 0, 2], [2, 2, 2]]
    """
    pad = [(0, 0)] * (labels.ndim - 2) + [(1, 1), (1, 1)]
    padded = np.pad(labels, pad)
    around = (
        padded[..., :-2, 1:-1],
        padded[..., 2:, 1:-1],
        padded[..., 1:-1, :-2],
        padded[..., 1:-1, 2:],
    )
    inner = np.logical_and.reduce([labels == neighbour for neighbour in around])
    return np.where(inner, 0, labels)


def write_contour_picture(
    path: str | os.PathLike[str], labels: NDArray[np.integer[Any]], image: Any = None
) -> None:
    """Write the contours as a PNG: in colors over an image, white on black without one.

    Parameters
    ----------
    path : path
        An existing file is replaced.
    labels : array of int, shape (Y, X)
        Label image.
    image : array, shape (Y, X) or (Y, X, 3), optional
        Grey values are stretched from the 1st to the 99.8th percentile; colors of 8 bits are
        taken as they are.
    """
    import imageio.v3 as iio

    lines = contours(labels)
    if image is None:
        picture = np.where(lines > 0, 255, 0).astype(np.uint8)
    else:
        picture = _as_rgb(image)
        picture[lines > 0] = color_of(lines[lines > 0])
    with open_atomically(path) as file:
        iio.imwrite(file, picture, plugin="pillow", extension=".png")


def _as_rgb(image: NDArray[Any]) -> NDArray[np.uint8]:
    if image.ndim == 3 and image.dtype == np.uint8:
        return image[..., :3].copy()
    values = image.astype(np.float32)
    known = values[np.isfinite(values)]
    low, high = np.percentile(known, (1, 99.8)) if known.size else (0.0, 1.0)
    grey = np.clip(np.nan_to_num((values - low) / max(high - low, 1e-12)), 0, 1) * 255
    rgb = grey if grey.ndim == 3 else np.repeat(grey[..., None], 3, axis=-1)
    return rgb.astype(np.uint8)


def color_of(ids: NDArray[np.integer[Any]]) -> NDArray[np.uint8]:
    """Return a bright color (N, 3) for each id, always the same for the same id."""
    hue = (ids.astype(np.float64) * _GOLDEN) % 1 * 6
    channel = (np.array([5, 3, 1]) + hue[:, None]) % 6
    value = 1 - np.clip(np.minimum(channel, 4 - channel), 0, 1)
    return np.round(255 * value).astype(np.uint8)
