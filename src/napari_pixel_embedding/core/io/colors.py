"""Photometric interpretation of TIFF pages: palettes, inverted grey, planar colours, CMYK."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from tifffile import TiffPage

_WHITE_IS_ZERO, _RGB, _PALETTE, _SEPARATED = 0, 2, 3, 5
"""Values of the tag PhotometricInterpretation."""


def as_shown(data: NDArray[Any], axes: str, page: TiffPage) -> tuple[NDArray[Any], str]:
    """Convert stored values to intensities or colours, where larger is brighter.

    Parameters
    ----------
    data : array
        As stored.
    axes : str
        Axis letters of tifffile; S are the samples of a pixel.
    page : TiffPage
        One page of the image.

    Returns
    -------
    data : array
        Colours are last, as RGB or RGBA. A grey palette gives one channel.
    axes : str
    """
    if page.photometric == _PALETTE and page.colormap is not None:
        return _colored(data, axes, page.colormap)
    if page.photometric == _WHITE_IS_ZERO:
        return _inverted(data, page), axes
    data, axes = samples_last(data, axes, page)
    if page.photometric == _SEPARATED and _samples(data, axes) == 4:
        return _without_ink(data), axes
    return data, axes


def _samples(data: NDArray[Any], axes: str) -> int:
    return data.shape[axes.index("S")] if axes.count("S") == 1 else 0


def samples_last(data: NDArray[Any], axes: str, page: TiffPage) -> tuple[NDArray[Any], str]:
    """Move colours that are stored plane by plane to the last axis."""
    colored = page.photometric in (_RGB, _SEPARATED) and _samples(data, axes) in (3, 4)
    if axes.endswith("S") or not colored:
        return data, axes
    moved = np.moveaxis(data, axes.index("S"), -1)
    return np.ascontiguousarray(moved), axes.replace("S", "") + "S"


def _colored(data: NDArray[Any], axes: str, colormap: NDArray[Any]) -> tuple[NDArray[Any], str]:
    """Apply a palette, which in TIFF is 16-bit even for 8-bit colours."""
    colors = colormap.T
    if data.dtype.itemsize == 1:
        # Some programs write 8-bit palettes unscaled.
        colors = (colors >> 8 if colors.max() > 255 else colors).astype(np.uint8)
    if (colors == colors[:, :1]).all():
        return colors[:, 0][data], axes
    return colors[data], axes + "S"


def _inverted(data: NDArray[Any], page: TiffPage) -> NDArray[Any]:
    if data.dtype.kind == "b":
        return ~data
    if data.dtype.kind == "u":
        return np.asarray(data.dtype.type(2**page.bitspersample - 1) - data)
    return np.asarray(data.max() - data)


def _without_ink(data: NDArray[Any]) -> NDArray[Any]:
    """Convert CMYK to RGB."""
    full = np.iinfo(data.dtype).max if data.dtype.kind in "ui" else 1
    paper = 1 - data.astype(np.float32) / full
    return np.round(paper[..., :3] * paper[..., 3:] * full).astype(data.dtype)
