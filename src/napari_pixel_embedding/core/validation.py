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
    labels: ArrayLike | Any,
    name: str = "labels",
    ndim: int | None = None,
    *,
    unknown: bool = False,
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
    unknown : bool
        Whether −1 is allowed, for pixels that are not corrected.

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
            "Take a single frame or plane, without a channel axis."
        )
    ids = _whole_numbers(array, name) if array.dtype.kind == "f" else array
    if ids.dtype.kind == "i":
        _check_lowest(int(ids.min()), array.dtype, name, -1 if unknown else 0)
    return _signed(ids, name) if ids.dtype == np.uint64 else ids


LARGEST_ID = 10**9 - 1
"""Largest id in a file of annotations: beyond it stand numbers that were no ids."""


_MANY_IDS = 1000
"""Ids from which objects of fewer than two pixels on average are taken for intensities."""


def check_annotation(
    labels: ArrayLike | Any, name: str = "labels", unknown: bool = False
) -> NDArray[np.integer[Any]]:
    """Return an annotated label image after checking that its values can be ids.

    Beyond :func:`check_label_image`, it refuses what other programs leave in files: ids that
    passed the end of their type, bits of floating-point numbers, and intensities.

    Parameters
    ----------
    labels : array_like
        0 is background; floats are accepted when every value is a whole number.
    name : str
        Name in error messages.
    unknown : bool
        Whether −1 is allowed, for pixels that are not corrected.

    Raises
    ------
    ValueError
        When a value is no id.

    Examples
    --------
    >>> check_annotation([[-1.0, 7.0]], unknown=True)
    array([[-1,  7]])
    """
    ids = check_label_image(labels, name, unknown=unknown)
    _check_largest(ids, name)
    _check_end_of_type(ids, name)
    _check_sizes(ids, name)
    return ids


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
        return "Take the magnitude of a complex image first."
    return "Convert it to numbers, such as uint8, uint16 or float32."


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


def _check_lowest(low: int, stored: np.dtype[Any], name: str, lowest: int) -> None:
    if low >= lowest:
        return
    expected = "0 for background" + (", −1 for not corrected" if lowest else "")
    if low == -1:
        advice = "−1 means not corrected, and only fine-tuning takes it: set these pixels to 0."
    elif low <= -(2**31):
        advice = "Was it a NaN? Set such pixels to 0 and export the label image again."
    elif stored.kind == "i" and stored.itemsize <= 2:
        advice = (
            f"Were there more objects than {stored} can number, {np.iinfo(stored).max}? "
            "Export the label image again with 32 bits."
        )
    else:
        advice = "Set negative pixels to 0 first."
    raise ValueError(
        f"{name} must be a label image with ids from 1 and {expected}, found the id {low}. {advice}"
    )


def _check_largest(ids: NDArray[Any], name: str) -> None:
    top = int(ids.max())
    if top <= LARGEST_ID:
        return
    if _are_bits_of_floats(ids[ids > 0]):
        advice = (
            "These are the bits of floating-point numbers: convert the values, for example with "
            "astype, and export the label image again."
        )
    elif top in (2**31 - 1, 2**32 - 1, 2**63 - 1):
        advice = (
            "It is the largest that its type holds: a negative number that was stored without its "
            "sign, or an infinite one? Export the label image again."
        )
    else:
        advice = "Renumber the objects from 1."
    raise ValueError(f"{name} must have ids up to {LARGEST_ID}, found {top}. {advice}")


def _are_bits_of_floats(ids: NDArray[Any]) -> bool:
    """Whether ids, read as float32 or float64, are all whole numbers from 1."""
    wide = int(ids.max()) >= 2**32
    bits = ids.astype(np.uint64) if wide else ids.astype(np.uint32)
    values: NDArray[Any] = bits.view(np.float64 if wide else np.float32)
    return bool(((values >= 1) & (values < 2**24) & (values == np.floor(values))).all())


def _check_end_of_type(ids: NDArray[Any], name: str) -> None:
    """Refuse −1, or another mark, that was stored as the largest value of an unsigned type."""
    if ids.dtype.kind != "u" or ids.dtype.itemsize > 2:
        return
    end = int(np.iinfo(ids.dtype).max)
    marked = ids == end
    if not marked.any() or (ids == end - 1).any() or not ((ids > 0) & ~marked).any():
        return
    if marked.mean() > 0.5 or _several_pieces(marked):
        raise ValueError(
            f"{name} has the value {end}, the largest of {ids.dtype}, on "
            f"{100 * marked.mean():.3g} % of its pixels beside other ids: −1 that was stored "
            "without its sign, a mark for pixels to ignore, or an intensity image? "
            "In corrections such pixels are −1, stored as int16 or int32; in masks set them to 0."
        )


def _several_pieces(mask: NDArray[np.bool_]) -> bool:
    from scipy import ndimage

    _, count = ndimage.label(mask, np.ones((3,) * mask.ndim))
    return bool(count > 1)


def _check_sizes(ids: NDArray[Any], name: str) -> None:
    """Refuse an image with nearly as many values as pixels."""
    inside = ids[ids > 0]
    if inside.size < _MANY_IDS:
        return
    small = int(inside.max()) <= max(inside.size, 2**16)
    sizes = np.bincount(inside) if small else np.unique(inside, return_counts=True)[1]
    count = int(np.count_nonzero(sizes))
    if count >= _MANY_IDS and inside.size < 2 * count:
        raise ValueError(
            f"{name} must be a label image, found {count} ids on only {inside.size} pixels. "
            "Was an intensity image passed instead?"
        )
