"""Axes of an input image: guessed or checked once, then frames in (C, [Z,] Y, X)."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import repeat
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_pixel_embedding.core.inference.channels import check_channel, luminance, read_channel
from napari_pixel_embedding.core.inference.layout import ArrangedImage, Layout
from napari_pixel_embedding.core.inference.normalisation import frame_ranges, has_signal, scale
from napari_pixel_embedding.core.validation import as_numeric_image

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from numpy.typing import NDArray

    from napari_pixel_embedding.core.inference.channels import Channel
    from napari_pixel_embedding.core.io.images import ImageData
    from napari_pixel_embedding.core.model.config import ModelConfig, Scaling


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
    ranges : array, shape (C, 2) or (T, C, 2), optional
        Intensities of each channel that are scaled to 0 and 1, for a crop of a larger image; from
        :func:`~.intensity.intensity_ranges`. By default those of the frames, see
        :func:`~.normalisation.frame_ranges`.
    layout : Layout, optional
        How ``axes`` come from those of the user's image, where they may differ.
    """

    array: NDArray[Any]
    axes: str
    in_channels: int = 1
    spacing: tuple[float, ...] | None = None
    ranges: NDArray[np.floating[Any]] | None = None
    layout: Layout | None = None

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
            along = "T" if self.layout is None else " and ".join(self.layout.frame_axes)
            raise ValueError(
                f"the image has {count} frames along {along}: say which with "
                f"frame=0 … {count - 1}, or use predict_frames for all of them."
            )
        if not 0 <= number < count:
            raise ValueError(f"frame must be from 0 to {count - 1}, found {number}.")
        one, own = self.array.take(number, axis=self.axes.index("T")), self.ranges
        if own is not None and own.ndim == 3:
            own = own[number]
        return replace(self, array=one, axes=self.axes.replace("T", ""), ranges=own)

    def frames(self) -> Iterator[NDArray[Any]]:
        """Yield each frame, (C, [Z,] Y, X), with the model's number of channels."""
        for number in range(self.count or 1):
            one = self.frame(number)
            yield _channels_first(one.array, one.axes, self.in_channels)

    def normalised(self, scaling: Scaling) -> Iterator[NDArray[np.float32]]:
        """Yield each frame as :meth:`frames` does, with normalised intensities."""
        ranges = self.ranges
        if ranges is None and scaling != "none":
            ranges = frame_ranges(self.frames(), scaling)
        every: Iterable[Any] = repeat(None) if ranges is None else _of_each(ranges)
        for frame, own in zip(self.frames(), every, strict=False):
            yield scale(frame, scaling, own)

    def measured(self, scaling: Scaling) -> ImageStack:
        """Return the image with the intensity ranges of its frames, unless they are given."""
        if self.ranges is not None or scaling == "none":
            return self
        ranges = frame_ranges(self.frames(), scaling)
        return replace(self, ranges=ranges[0] if self.count is None else ranges)

    def label_image(self, frames: Sequence[NDArray[Any]]) -> NDArray[Any]:
        """Join labels of each frame to a label image with the axes of the user's image."""
        labels = frames[0] if self.count is None else np.stack(frames)
        return labels if self.layout is None else np.ascontiguousarray(self.layout.lay(labels))

    def has_signal(self, scaling: Scaling) -> bool:
        """Return whether anything in any frame stands clear of the noise."""
        return has_signal(self.frames(), scaling)


def _of_each(ranges: NDArray[np.floating[Any]]) -> Iterable[NDArray[np.floating[Any]]]:
    return repeat(ranges) if ranges.ndim == 2 else ranges


def _channels_first(image: NDArray[Any], axes: str, in_channels: int) -> NDArray[Any]:
    """Return an image without T as (C, [Z,] Y, X), with ``in_channels`` channels."""
    order = sorted(axes, key="CZYX".index)
    image = image.transpose([axes.index(letter) for letter in order])
    if "C" not in axes:
        return np.broadcast_to(image, (in_channels, *image.shape))
    if len(image) != in_channels and in_channels == 1:
        return luminance(np.moveaxis(image, 0, -1))[None]
    return image[:in_channels]


def read_stack(
    image: Any,
    config: ModelConfig,
    axes: str | None = None,
    *,
    channel: Channel | None = None,
    spacing: tuple[float, ...] | None = None,
    ranges: NDArray[np.floating[Any]] | None = None,
    foreground: Any = None,
) -> ImageStack:
    """Read an array-like image and resolve its axes: the entry point for images.

    Parameters
    ----------
    image : array_like
        As in :func:`~.predict.predict_embedding`.
    config : ModelConfig
        Configuration of the model to run.
    axes, channel : optional
        As in :func:`~.predict.predict_embedding`.
    spacing, ranges
        As in :class:`ImageStack`.
    foreground : array_like, optional
        Read as one more channel, see :class:`~.layout.ArrangedImage`.

    Raises
    ------
    ValueError
        When image, axes and model do not fit.
    """
    array = as_numeric_image(image)
    layout = image_layout(array.shape, axes, config, channel)
    in_channels = config.in_channels + (foreground is not None)
    arranged = layout.arrange(array)
    if foreground is not None:
        arranged = ArrangedImage(array, layout, np.asanyarray(foreground))[()]
    return ImageStack(arranged, layout.read_axes, in_channels, spacing, ranges, layout)


def image_layout(
    shape: Sequence[int], axes: str | None, config: ModelConfig, channel: Channel | None = None
) -> Layout:
    """Return how an image is read for a model; arguments and errors are those of read_stack."""
    channel = read_channel(channel)
    axes = resolve_axes(shape, axes, config.axes, config.in_channels, channel)
    return Layout(axes, tuple(int(n) for n in shape), config.axes, channel)


def resolve_axes(
    shape: Sequence[int],
    axes: str | None,
    spatial: str,
    in_channels: int,
    channel: Channel | None = None,
) -> str:
    """Return the axes of an image after checking that they fit a model.

    Parameters
    ----------
    shape : sequence of int
        The image's shape.
    axes : str or None
        A letter out of ``TCZYX`` for each axis, in any order and either case. None accepts shapes
        with a single interpretation: the model's spatial axes, those with 3 or 4 colours last,
        those with the model's channels first; and all of them after axes of length one.
    spatial : {"YX", "ZYX"}
        The model's spatial axes. A 2-D model takes planes one by one.
    in_channels : int
        The model's channels. A one-channel model also takes RGB(A) with C last, converted to
        grey; a three-channel model takes a grey image as three equal channels.
    channel : int or str, optional
        The one channel of the image that is read, from :func:`~.channels.read_channel`.

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
        raise ValueError(f"image must have at least one pixel, found the shape {shape}.")
    resolved = _only_reading(shape, spatial, in_channels) if axes is None else axes.upper()
    _check_letters(resolved, shape)
    _check_spatial(resolved, spatial)
    if channel is not None:
        check_channel(channel, resolved, shape)
    _check_channels(resolved, shape, in_channels, channel)
    return resolved


def _only_reading(shape: tuple[int, ...], spatial: str, in_channels: int) -> str:
    if len(shape) == len(spatial):
        return spatial
    if len(shape) == len(spatial) + 1:
        channels_first = shape[0] == in_channels > 1
        if shape[-1] in (3, 4) and not (channels_first and shape[-1] != in_channels):
            return spatial + "C"
        if channels_first:
            return "C" + spatial
    if len(shape) > len(spatial) and shape[0] == 1:
        rest = _only_reading(shape[1:], spatial, in_channels)
        unused = [letter for letter in "ZTC" if letter not in rest]
        if unused:
            return unused[0] + rest
    raise ValueError(
        f"The axes of the image cannot be told from its shape {shape} for a model with axes "
        f"{spatial} and {_channels(in_channels)}. Give its axes, a letter out of {AXES} for each, "
        f"for example {_example_axes(len(shape), spatial)}."
    )


def _example_axes(ndim: int, spatial: str) -> str:
    extra = {1: "T", 2: "TC", 3: "TZC"}.get(ndim - len(spatial), "")
    return extra + spatial


def _channels(count: int) -> str:
    return "1 channel" if count == 1 else f"{count} channels"


def _check_letters(axes: str, shape: tuple[int, ...]) -> None:
    unknown = sorted(set(axes) - set(AXES))
    if unknown:
        raise ValueError(
            f"axes of the image must be letters out of {AXES} (time, channel, plane, row, column), "
            f"found {', '.join(map(repr, unknown))} in {axes!r}. RGB colours are C."
        )
    if len(set(axes)) != len(axes):
        raise ValueError(f"axes of the image must name each axis once, found {axes!r}.")
    if len(axes) != len(shape):
        raise ValueError(
            f"axes of the image must have a letter for each of its {len(shape)} axes {shape}, "
            f"found {len(axes)} in {axes!r}."
        )


def _check_spatial(axes: str, spatial: str) -> None:
    if not {"Y", "X"} <= set(axes):
        raise ValueError(f"axes of the image must have Y and X among them, found {axes!r}.")
    if set(spatial) <= set(axes):
        return
    named = f"name the planes Z, as in {axes.replace('T', 'Z')}" if "T" in axes else "add planes"
    raise ValueError(
        f"The model segments volumes with axes {spatial}, found an image with axes {axes!r}: "
        f"{named}, or choose a 2-D model."
    )


def _check_channels(
    axes: str, shape: tuple[int, ...], in_channels: int, channel: Channel | None
) -> None:
    found = shape[axes.index("C")] if "C" in axes and channel is None else 1
    grey = "C" not in axes or channel is not None  # as three equal channels
    color = axes.endswith("C") and found in (3, 4) and not grey  # converted to grey, without alpha
    if found == in_channels or (color and in_channels in (1, 3)) or (grey and in_channels == 3):
        return
    if found < in_channels:
        advice = "Add the missing channels along C, or choose another model."
    elif in_channels in (1, 3):
        advice = f"Choose one channel, 0 to {found - 1}, or another model."
    else:
        advice = "Keep only those the model was trained on, or choose another model."
    raise ValueError(
        f"The model takes {_channels(in_channels)}, found {found} in the image with axes {axes!r} "
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

    Chosen axes come first, then valid axis names from the file. Without names, one axis more than
    the model has is time, unless its length is the model's number of channels, and two more than
    a 2-D model has are time and planes, which it takes one by one.

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
        return named
    extra = len(shape) - len(color) - len(spatial)
    channels = in_channels > 1 and not rgb
    if extra == 1:
        return ("C" if channels and shape[0] == in_channels else "T") + spatial + color
    if extra == 2 and channels and shape[1] == in_channels:
        return "TC" + spatial
    if extra == 2 and spatial == "YX":
        return "TZ" + spatial + color
    return spatial + color if extra == 0 else None


def common_axes(images: Sequence[ImageData]) -> str | None:
    """Return the axes shared by all images; None when they differ or are unknown."""
    found = {image.axes for image in images}
    return found.pop() if len(found) == 1 else None


def scale_along(image: ImageData, axes: str) -> tuple[float, ...] | None:
    """Return the pixel size along the spatial axes among ``axes``; None if unknown."""
    count = len(axes.replace("T", ""))
    return image.scale[-count:] if image.scale and len(image.scale) >= count else None
