"""Checks of the shape and dtype of images and label images, with their error messages."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray


def as_numeric_image(image: ArrayLike | Any, name: str = "image") -> NDArray[Any]:
    """Return an image as a numpy array of real numbers in the machine's byte order.

    Dask, zarr and other lazy arrays are read through ``np.asarray``. NaN and Inf are kept:
    the normalisation ignores them. A copy is made only when the type has to change.

    Parameters
    ----------
    image : array_like
        Booleans (become uint8 0 and 1), integers or floats (wider than float64 become float64).
    name : str
        Name in error messages.

    Returns
    -------
    array
        At least one axis and one pixel.

    Raises
    ------
    ValueError
        For complex numbers, objects, text, a multiscale list, and an empty array.

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
        Booleans become one object; floats are accepted when every value is a whole number.
    name : str
        Name in error messages.
    ndim : int, optional
        Required number of axes.

    Returns
    -------
    array of integers
        In the machine's byte order; ids need not be consecutive.

    Raises
    ------
    ValueError
        For fractions, NaN, negative ids, and another number of axes.

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
    """Raise ValueError when two arrays differ in shape.

    Examples
    --------
    >>> check_same_shape(np.zeros((2, 3)), np.zeros((2, 3)))
    """
    if a.shape != b.shape:
        raise ValueError(
            f"{names[0]} and {names[1]} must have the same shape, found {a.shape} and "
            f"{b.shape}. Crop or resample one of them, or check that they belong together."
        )


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
    """Return ids as int64: numpy turns uint64 mixed with signed integers into floats."""
    if array.max() >= 2**63:
        raise ValueError(
            f"{name} must have ids below 2**63, found {array.max()}. Renumber the objects from 1."
        )
    return array.astype(np.int64)
