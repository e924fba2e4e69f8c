"""One channel of an image: by its number, or a colour or stain of a colour picture."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

Channel = int | str
"""A channel's number from 0, as napari shows it, or a name out of :data:`COLOR_CHANNELS`."""

_PRIMARIES = ("red", "green", "blue")
_STAINS = ("haematoxylin", "eosin", "DAB")
COLOR_CHANNELS = ("grey", *_PRIMARIES, *_STAINS)
"""Names for colour pictures: their luminance, a colour, or a stain of transmitted light."""

_SPELLINGS = {name.lower(): name for name in COLOR_CHANNELS}
_SPELLINGS |= {"gray": "grey", "hematoxylin": "haematoxylin"}
_LUMINANCE = (0.2125, 0.7154, 0.0721)  # ITU-R BT.709 luma weights as in scikit-image's rgb2gray
_WHITES = (1, 255, 65535)
"""Brightest values that colour pictures have by custom."""


def read_channel(channel: Channel | None) -> Channel | None:
    """Return a channel as a number or as a name out of :data:`COLOR_CHANNELS`.

    Parameters
    ----------
    channel : int, str or None
        Names in either case and in American spelling too; a number may be text.

    Raises
    ------
    ValueError
        For another name, or a negative number.

    Examples
    --------
    >>> read_channel("Hematoxylin"), read_channel("2")
    ('haematoxylin', 2)
    """
    if channel is None:
        return None
    text = str(channel).strip().lower()
    if text.isdecimal():
        return int(text)
    if text in _SPELLINGS:
        return _SPELLINGS[text]
    raise ValueError(
        "the channel must be a number from 0, or of a colour picture one of "
        f"{', '.join(COLOR_CHANNELS)}, found {channel!r}."
    )


def check_channel(channel: Channel, axes: str, shape: Sequence[int]) -> None:
    """Check that an image has a channel.

    Parameters
    ----------
    channel : int or str
        From :func:`read_channel`. 0 and "grey" are the image itself where it has no axis C.
    axes : str
        A letter for each axis of the image.
    shape : sequence of int

    Raises
    ------
    ValueError
        When there are fewer channels, or the image is no colour picture.
    """
    count = shape[axes.index("C")] if "C" in axes else 1
    if isinstance(channel, int):
        if channel >= count:
            last = f"from 0 to {count - 1}" if count > 1 else "only 0"
            raise ValueError(
                f"the channels of the image are {last}, found {channel}: choose another."
            )
    elif count not in (3, 4) and not ("C" not in axes and channel == "grey"):
        raise ValueError(
            f"{channel} is a channel of colour pictures, which have 3 or 4 channels, found "
            f"an image with axes {axes!r} and {count}: choose a number from 0, or no channel."
        )


def pick_channel(image: NDArray[Any], channel: Channel, axis: int) -> NDArray[Any]:
    """Return one channel of an image.

    Parameters
    ----------
    image : array
        Any real numbers. Colours are RGB, or RGBA, whose opacity is left out.
    channel : int or str
        From :func:`read_channel`. A stain is a density: bright where there is much of it. It is
        separated by the vectors of Ruifrok and Johnston (2001).
    axis : int
        Axis of the channels.

    Returns
    -------
    array
        The image without that axis; float32 for grey and stains.
    """
    number = channel_number(channel)
    if number is not None:
        plane: NDArray[Any] = image.take(number, axis)
        return plane
    colors = np.moveaxis(image, axis, -1)[..., :3]
    return luminance(colors) if channel == "grey" else _stain(colors, _STAINS.index(str(channel)))


def channel_number(channel: Channel) -> int | None:
    """Return the number of a channel that an image holds as it is; None for one that is mixed."""
    if isinstance(channel, int):
        return channel
    return _PRIMARIES.index(channel) if channel in _PRIMARIES else None


def luminance(colors: NDArray[Any]) -> NDArray[np.float32]:
    """Return the luminance of RGB(A) colours along the last axis."""
    red, green, blue = (np.float32(weight) * colors[..., n] for n, weight in enumerate(_LUMINANCE))
    grey: NDArray[np.float32] = (red + green + blue).astype(np.float32)
    return grey


def _stain(colors: NDArray[Any], number: int) -> NDArray[np.float32]:
    from skimage.color import rgb2hed

    densities = rgb2hed(colors.astype(np.float64) / _white(colors))
    return np.ascontiguousarray(densities[..., number], dtype=np.float32)


def _white(colors: NDArray[Any]) -> float:
    """Return the value of light that nothing absorbs.

    Of other types than uint8 and uint16, the first customary one that no value exceeds. Another
    exposure adds the same to all densities, which the normalisation takes away.
    """
    if colors.dtype in (np.uint8, np.uint16):
        return float(np.iinfo(colors.dtype).max)
    brightest = float(np.max(colors, initial=0, where=np.isfinite(colors)))
    return float(next((white for white in _WHITES if white >= brightest), brightest))
