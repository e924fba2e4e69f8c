"""Shape, dtype and axes checks: the one place that words their messages."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import ArrayLike, NDArray

AXES = "TCZYX"
"""Axis letters an image may have: time, channel, plane, row, column."""


def as_numeric_image(image: ArrayLike | Any, name: str = "image") -> NDArray[Any]:
    """Read an image into a numpy array of real numbers in the machine's byte order.

    Dask, zarr and other lazy arrays are read through ``np.asarray``. NaN and Inf are kept:
    the normalisation leaves them out. A copy is made only when the type has to change.

    Parameters
    ----------
    image : array_like
        Booleans (become uint8 0 and 1), integers or floats (wider than float64 become float64).
    name : str
        What messages call it.

    Returns
    -------
    array
        Any number of axes from one, at least one pixel.

    Raises
    ------
    ValueError
        For complex numbers, objects, text, a multiscale list, and for no pixels at all.

    Examples
    --------
    >>> as_numeric_image([[True, False]])
    array([[1, 0]], dtype=uint8)
    """
    array = _as_array(image, name)
    if array.dtype.kind == "b":
        array = array.astype(np.uint8)
    elif array.dtype.kind == "f" and array.dtype.itemsize > 8:
        array = array.astype(np.float64)
    elif array.dtype.kind not in "uif":
        raise ValueError(
            f"{name} must hold whole or floating-point numbers, found dtype {array.dtype}. "
            + _dtype_advice(array.dtype)
        )
    _check_not_empty(array, name)
    return array.astype(array.dtype.newbyteorder("="), copy=False)


def check_label_image(
    labels: ArrayLike | Any, name: str = "labels", ndim: int | None = None
) -> NDArray[np.integer[Any]]:
    """Return ``labels`` as an array of whole numbers, 0 is background.

    Parameters
    ----------
    labels : array_like
        Booleans become one object; floats are taken when every value is a whole number.
    name : str
        What messages call it.
    ndim : int, optional
        Number of axes it must have.

    Returns
    -------
    array of integers
        In the machine's byte order; ids need not be consecutive.

    Raises
    ------
    ValueError
        For fractions, NaN, negative ids, and for another number of axes.

    Examples
    --------
    >>> check_label_image([[0.0, 7.0]])
    array([[0, 7]])
    """
    array = as_numeric_image(labels, name)
    if ndim is not None and array.ndim != ndim:
        raise ValueError(
            f"{name} must have {ndim} axes, found {array.ndim} with shape {array.shape}. "
            "Pass a single frame or plane, without a channel axis."
        )
    if array.dtype.kind == "f":
        array = _whole_numbers(array, name)
    if array.dtype.kind == "i" and array.min() < 0:
        raise ValueError(
            f"{name} must be a label image with ids from 1 and 0 for background, found the "
            f"id {array.min()}. Set negative pixels to 0 first."
        )
    return _signed(array, name) if array.dtype == np.uint64 else array


def check_same_shape(
    a: NDArray[Any], b: NDArray[Any], names: tuple[str, str] = ("y_true", "y_pred")
) -> None:
    """Raise ValueError when two arrays do not cover the same pixels.

    Examples
    --------
    >>> check_same_shape(np.zeros((2, 3)), np.zeros((2, 3)))
    """
    if a.shape != b.shape:
        raise ValueError(
            f"{names[0]} and {names[1]} must have the same shape, found {a.shape} and "
            f"{b.shape}. Crop or resample one of them, or check that they belong together."
        )


def resolve_axes(
    shape: Sequence[int],
    axes: str | None,
    spatial: str,
    in_channels: int,
    name: str = "image",
) -> str:
    """Say what each axis of an image is, and that a model can take it.

    Parameters
    ----------
    shape : sequence of int
        The image's shape.
    axes : str or None
        A letter out of ``TCZYX`` for each axis (either case). None guesses where only one
        reading makes sense: the model's own spatial axes, those with 3 or 4 colours last, or
        those with the model's channels first.
    spatial : {"YX", "ZYX"}
        The model's spatial axes.
    in_channels : int
        The model's channels. A one-channel model also takes RGB(A) with C last, as grey; a
        model of three channels takes a grey image as three equal ones.
    name : str
        What messages call the image.

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
    resolved = _guess_axes(shape, spatial, in_channels, name) if axes is None else axes.upper()
    _check_letters(resolved, shape, name)
    _check_spatial(resolved, spatial, name)
    _check_channels(resolved, shape, in_channels, name)
    return resolved


def _as_array(image: Any, name: str) -> NDArray[Any]:
    if not isinstance(image, (list, tuple)):
        return np.asarray(image)
    try:
        return np.asarray(image)
    except ValueError as error:
        raise ValueError(
            f"{name} must be one array, found a {type(image).__name__} of {len(image)} items of "
            "different shapes. From a multiscale image pass one level, the first is the finest."
        ) from error


def _dtype_advice(dtype: np.dtype[Any]) -> str:
    if dtype.kind == "c":
        return "Pass np.abs(image) for the magnitude of a complex image."
    return "Pass an array of a numeric dtype such as uint8, uint16 or float32."


def _check_not_empty(array: NDArray[Any], name: str) -> None:
    if array.ndim == 0:
        raise ValueError(f"{name} must be an array with axes, found the single value {array}.")
    if array.size == 0:
        raise ValueError(f"{name} must have at least one pixel, found the shape {array.shape}.")


def _whole_numbers(array: NDArray[Any], name: str) -> NDArray[np.integer[Any]]:
    bad = ~np.isfinite(array) | (array != np.floor(array)) | (np.abs(array) >= 2.0**53)
    if bad.any():
        raise ValueError(
            f"{name} must be a label image of whole numbers, found {array[bad].flat[0]} "
            f"(dtype {array.dtype}). Was an intensity or probability image passed instead?"
        )
    return array.astype(np.int64)


def _signed(array: NDArray[Any], name: str) -> NDArray[np.integer[Any]]:
    """Ids as int64: numpy turns uint64 into floats as soon as it meets signed integers."""
    if array.max() >= 2**63:
        raise ValueError(
            f"{name} must have ids below 2**63, found {array.max()}. Renumber the objects from 1."
        )
    return array.astype(np.int64)


def _guess_axes(shape: tuple[int, ...], spatial: str, in_channels: int, name: str) -> str:
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
    colour = axes.endswith("C") and found in (3, 4)  # grey is made of it, alpha is left out
    grey = "C" not in axes  # as three equal channels
    if found == in_channels or (colour and in_channels in (1, 3)) or (grey and in_channels == 3):
        return
    if found > in_channels:
        advice = "Select the channels the model was trained on, or choose another model."
    else:
        advice = "Add the missing channels along a C axis, or choose another model."
    raise ValueError(
        f"The model takes {_channels(in_channels)}, found {found} in {name} with axes {axes!r} "
        f"and shape {shape}. {advice}"
    )
