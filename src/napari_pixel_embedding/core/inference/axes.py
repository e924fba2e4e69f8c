"""Axes of an input image: guessed or checked once, then frames in (C, [Z,] Y, X)."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import repeat
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_pixel_embedding.core.inference.normalisation import frame_ranges, has_signal, normalise
from napari_pixel_embedding.core.validation import as_numeric_image

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from napari_pixel_embedding.core.io.images import ImageData
    from napari_pixel_embedding.core.model.config import ModelConfig


_LUMINANCE = (0.2125, 0.7154, 0.0721)  # ITU-R BT.709 luma weights as in scikit-image's rgb2gray

AXES = "TCZYX"
"""Axis letters an image may have: time, channel, plane, row, column."""


@dataclass(frozen=True, eq=False)
class ImageStack:
    """An image with known axes, checked against a model's input.

    Parameters
    ----------
    array : array
        Real numbers, in the image's own order of axes.
    axes : str
        A letter out of ``TCZYX`` for each axis, from :func:`resolve_axes`.
    in_channels : int
        Number of input channels of the model.
    spacing : tuple of float, optional
        Size of a pixel along the spatial axes.
    ranges : array, shape (C, 2), optional
        Intensities of each channel that are scaled to 0 and 1, for a crop of a larger image; from
        :func:`~.intensity.intensity_ranges`. By default those of the frames, see
        :func:`~.normalisation.frame_ranges`.
    """

    array: NDArray[Any]
    axes: str
    in_channels: int = 1
    spacing: tuple[float, ...] | None = None
    ranges: NDArray[np.floating[Any]] | None = None

    @property
    def count(self) -> int | None:
        """Number of frames along T; None without that axis."""
        return self.array.shape[self.axes.index("T")] if "T" in self.axes else None

    def frame(self, number: int | None) -> ImageStack:
        """Return one frame as an image without T; the image itself where it has no axis T.

        Raises
        ------
        ValueError
            When there is no such frame, or ``number`` is None for an image with axis T.
        """
        count = self.count
        if count is None:
            return self
        if number is None:
            raise ValueError(
                f"the image has {count} frames along T: say which with frame=0 … {count - 1}, "
                "or use predict_frames for all of them."
            )
        if not 0 <= number < count:
            raise ValueError(f"frame must be from 0 to {count - 1}, found {number}.")
        one = self.array.take(number, axis=self.axes.index("T"))
        return replace(self, array=one, axes=self.axes.replace("T", ""))

    def frames(self) -> Iterator[NDArray[Any]]:
        """Yield each frame, (C, [Z,] Y, X), with the model's number of channels."""
        for number in range(self.count or 1):
            one = self.frame(number)
            yield _channels_first(one.array, one.axes, self.in_channels)

    def normalised(self, percentiles: tuple[float, float]) -> Iterator[NDArray[np.float32]]:
        """Yield each frame as :meth:`frames` does, with normalised intensities."""
        ranges = self.ranges
        every = frame_ranges(self.frames(), percentiles) if ranges is None else repeat(ranges)
        for frame, own in zip(self.frames(), every, strict=False):
            yield normalise(frame, percentiles, own)

    def has_signal(self, percentiles: tuple[float, float]) -> bool:
        """Return whether anything in any frame stands clear of the noise."""
        return has_signal(self.frames(), percentiles)


def _channels_first(image: NDArray[Any], axes: str, in_channels: int) -> NDArray[Any]:
    """Return an image without T as (C, [Z,] Y, X), with ``in_channels`` channels."""
    order = sorted(axes, key="CZYX".index)
    image = image.transpose([axes.index(letter) for letter in order])
    if "C" not in axes:
        return np.broadcast_to(image, (in_channels, *image.shape))
    if len(image) != in_channels and in_channels == 1:
        return np.tensordot(_LUMINANCE, image[:3].astype(np.float32), axes=1)[None]
    return image[:in_channels]


def read_stack(
    image: Any,
    config: ModelConfig,
    axes: str | None = None,
    *,
    spacing: tuple[float, ...] | None = None,
    ranges: NDArray[np.floating[Any]] | None = None,
) -> ImageStack:
    """Read an array-like image and resolve its axes: the entry point for images.

    Parameters
    ----------
    image : array_like
        As in :func:`~.predict.predict_embedding`.
    config : ModelConfig
        Configuration of the model to run.
    axes : str, optional
        As in :func:`resolve_axes`.
    spacing, ranges
        As in :class:`ImageStack`.

    Raises
    ------
    ValueError
        When image, axes and model do not fit.
    """
    array = as_numeric_image(image)
    axes = resolve_axes(array.shape, axes, config.axes, config.in_channels)
    return ImageStack(array, axes, config.in_channels, spacing, ranges)


def resolve_axes(
    shape: Sequence[int],
    axes: str | None,
    spatial: str,
    in_channels: int,
    name: str = "image",
) -> str:
    """Return the axes of an image after checking that they fit a model.

    Parameters
    ----------
    shape : sequence of int
        The image's shape.
    axes : str or None
        A letter out of ``TCZYX`` for each axis (either case). None accepts shapes
        with a single interpretation: the model's spatial axes, those with 3 or 4 colours last,
        or those with the model's channels first.
    spatial : {"YX", "ZYX"}
        The model's spatial axes.
    in_channels : int
        The model's channels. A one-channel model also takes RGB(A) with C last, converted to
        grey; a three-channel model takes a grey image as three equal channels.
    name : str
        Name of the image in error messages.

    Returns
    -------
    str
        An upper-case letter for each axis.

    Raises
    ------
    ValueError
        When the letters do not describe the shape or the model does not fit the image.

    Examples
    --------
    >>> resolve_axes((512, 512, 3), None, "YX", 1)
    'YXC'
    """
    shape = tuple(int(n) for n in shape)
    if 0 in shape:
        raise ValueError(f"{name} must have at least one pixel, found the shape {shape}.")
    resolved = _only_reading(shape, spatial, in_channels, name) if axes is None else axes.upper()
    _check_letters(resolved, shape, name)
    _check_spatial(resolved, spatial, name)
    _check_channels(resolved, shape, in_channels, name)
    return resolved


def _only_reading(shape: tuple[int, ...], spatial: str, in_channels: int, name: str) -> str:
    if len(shape) == len(spatial):
        return spatial
    if len(shape) == len(spatial) + 1:
        channels_first = shape[0] == in_channels > 1
        if shape[-1] in (3, 4) and not (channels_first and shape[-1] != in_channels):
            return spatial + "C"
        if channels_first:
            return "C" + spatial
    raise ValueError(
        f"The axes of {name} cannot be told from its shape {shape} for a model with axes "
        f"{spatial} and {_channels(in_channels)}. Pass axes=, a letter out of {AXES} for each "
        f"axis, for example axes={_example_axes(len(shape), spatial)!r}."
    )


def _example_axes(ndim: int, spatial: str) -> str:
    extra = {1: "T", 2: "TC"}.get(ndim - len(spatial), "")
    return extra + spatial


def _channels(count: int) -> str:
    return "1 channel" if count == 1 else f"{count} channels"


def _check_letters(axes: str, shape: tuple[int, ...], name: str) -> None:
    unknown = sorted(set(axes) - set(AXES))
    if unknown:
        raise ValueError(
            f"axes of {name} must be letters out of {AXES} (time, channel, plane, row, column), "
            f"found {', '.join(map(repr, unknown))} in {axes!r}. RGB colours are C."
        )
    if len(set(axes)) != len(axes):
        raise ValueError(f"axes of {name} must name each axis once, found {axes!r}.")
    if len(axes) != len(shape):
        raise ValueError(
            f"axes of {name} must have a letter for each of its {len(shape)} axes {shape}, "
            f"found {len(axes)} in {axes!r}."
        )


def _check_spatial(axes: str, spatial: str, name: str) -> None:
    if "Z" in axes and "Z" not in spatial:
        raise ValueError(
            f"The model segments planes with axes {spatial}, found {name} with axes {axes!r}: "
            "pass axes='TYX' to segment slice by slice, or choose a 3-D model."
        )
    if "Z" in spatial and "Z" not in axes:
        raise ValueError(
            f"The model segments volumes with axes {spatial}, found {name} with axes {axes!r}: "
            "pass a stack with Z among its axes, or choose a 2-D model."
        )
    found = "".join(letter for letter in axes if letter in "ZYX")
    if found != spatial:
        raise ValueError(
            f"{name} must have the axes {spatial} in this order, found {axes!r}. "
            "Transpose the image, or name its axes as they are stored."
        )


def _check_channels(axes: str, shape: tuple[int, ...], in_channels: int, name: str) -> None:
    found = shape[axes.index("C")] if "C" in axes else 1
    color = axes.endswith("C") and found in (3, 4)  # converted to grey, without alpha
    grey = "C" not in axes  # as three equal channels
    if found == in_channels or (color and in_channels in (1, 3)) or (grey and in_channels == 3):
        return
    if found > in_channels:
        advice = "Select the channels the model was trained on, or choose another model."
    else:
        advice = "Add the missing channels along a C axis, or choose another model."
    raise ValueError(
        f"The model takes {_channels(in_channels)}, found {found} in {name} with axes {axes!r} "
        f"and shape {shape}. {advice}"
    )


def guess_axes(
    shape: Sequence[int],
    spatial: str,
    in_channels: int,
    *,
    hint: str = "",
    rgb: bool = False,
    chosen: str | None = None,
) -> str | None:
    """Guess the axes of an image for a model, without asking the user.

    Chosen axes come first, then valid axis names from the file; a 2-D model takes planes as frames,
    one by one. Without names, one axis more than the model has is time, unless its length is the
    model's number of channels.

    Parameters
    ----------
    shape : sequence of int
        The image's shape.
    spatial, in_channels
        As in :func:`resolve_axes`.
    hint : str
        Axis names from the image's source; any text.
    rgb : bool
        Whether the last axis holds red, green, blue (and alpha).
    chosen : str, optional
        Axes chosen by the user.

    Returns
    -------
    str or None
        One letter for each axis; None when no guess fits and :func:`resolve_axes` raises the error.

    Examples
    --------
    >>> guess_axes((9, 64, 64), "YX", 1)
    'TYX'
    """
    if chosen is not None:
        return chosen
    color = "C" if rgb else ""
    named = hint.upper() + color
    if len(named) == len(shape) == len(set(named)) and set(named) <= set(AXES):
        return named if "Z" in spatial or "T" in named else named.replace("Z", "T")
    extra = len(shape) - len(color) - len(spatial)
    channels = in_channels > 1 and not rgb
    if extra == 1:
        return ("C" if channels and shape[0] == in_channels else "T") + spatial + color
    if extra == 2 and channels and shape[1] == in_channels:
        return "TC" + spatial
    return spatial + color if extra == 0 else None


def common_axes(images: Sequence[ImageData], config: ModelConfig) -> str | None:
    """Return the axes shared by all images, for a model; None when they differ or are unknown."""
    found = {axes_for_model(image.axes, config) for image in images}
    return found.pop() if len(found) == 1 else None


def axes_for_model(axes: str | None, config: ModelConfig) -> str | None:
    """Convert a file's axes for a model: planes become frames where the model is 2-D."""
    if axes is not None and "Z" in axes and config.axes == "YX":
        return axes.replace("Z", "T") if "T" not in axes else axes
    return axes


def scale_along(image: ImageData, axes: str) -> tuple[float, ...] | None:
    """Return the pixel size along the spatial axes among ``axes``; None if unknown."""
    count = len(axes.replace("T", ""))
    return image.scale[-count:] if image.scale and len(image.scale) >= count else None
