"""Edits of whole objects: lock, delete, fill holes, smooth the outline.

As in :mod:`~.corrections.corrections`, edits return corrections and no function writes into its
arguments.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from napari_pixel_embedding.core.corrections.corrections import check_corrections
from napari_pixel_embedding.core.label_regions import (
    bounding_box,
    check_present,
    connected_pieces,
    contains,
)
from napari_pixel_embedding.core.validation import check_label_image, check_same_shape

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from numpy.typing import ArrayLike, NDArray

SMOOTHING = 2.0
"""Standard deviation of the Gaussian that smooths an outline, in pixels of the finest axis."""


def lock(corrections: ArrayLike, labels: ArrayLike, ids: Iterable[int]) -> NDArray[np.int32]:
    """Lock instances as they are shown.

    Parameters
    ----------
    corrections, labels : array of int, shape ([Z,] Y, X)
        Present corrections, and the label image as it is shown.
    ids : iterable of int
        Instances in ``labels``.

    Raises
    ------
    ValueError
        When an instance is not in ``labels``.

    Examples
    --------
    >>> lock([[-1, -1, -1]], [[1, 2, 2]], [2])
    array([[-1,  2,  2]], dtype=int32)
    """
    fixed, shown, members = _checked(corrections, labels, ids)
    mask = contains(shown, members)
    result = fixed.copy()
    result[mask] = shown[mask]
    return result


def delete(corrections: ArrayLike, labels: ArrayLike, ids: Iterable[int]) -> NDArray[np.int32]:
    """Make instances fixed background.

    Parameters
    ----------
    corrections, labels, ids
        As for :func:`lock`.

    Raises
    ------
    ValueError
        When an instance is not in ``labels``.

    Examples
    --------
    >>> delete([[-1, -1, -1]], [[1, 2, 2]], [2])
    array([[-1,  0,  0]], dtype=int32)
    """
    fixed, shown, members = _checked(corrections, labels, ids)
    result = fixed.copy()
    result[contains(shown, members)] = 0
    return result


def fill_holes(corrections: ArrayLike, labels: ArrayLike, id: int) -> NDArray[np.int32]:
    """Fill the holes of one instance and lock it.

    Holes are background that the instance encloses: in a volume, in all directions or within
    a plane (Y, X). Other instances inside it stay.

    Parameters
    ----------
    corrections, labels : array of int, shape ([Z,] Y, X)
        Present corrections, and the label image as it is shown.
    id : int
        The instance.

    Raises
    ------
    ValueError
        When the instance is not in ``labels`` or has no holes.

    Examples
    --------
    >>> ring = [[3, 3, 3], [3, 0, 3], [3, 3, 3]]
    >>> fill_holes([[-1] * 3] * 3, ring, 3)[1]
    array([3, 3, 3], dtype=int32)
    """
    from scipy import ndimage

    fixed, shown, _ = _checked(corrections, labels, [id])
    box = bounding_box(shown == id)
    inside = shown[box] == id
    whole = np.asarray(ndimage.binary_fill_holes(inside))
    if inside.ndim == 3:
        planes = [ndimage.binary_fill_holes(plane) for plane in inside]
        whole = whole | np.stack(planes)
    holes = whole & (shown[box] == 0)
    if not holes.any():
        raise ValueError(f"Object {id} has no holes: there is nothing to fill.")
    return _reshaped(fixed, shown, id, box, inside | holes)


def smooth(
    corrections: ArrayLike,
    labels: ArrayLike,
    id: int,
    spacing: Sequence[float] | None = None,
    sigma: float = SMOOTHING,
) -> NDArray[np.int32]:
    """Smooth the outline of one instance and lock it.

    Its largest component remains; other instances and fixed background keep their pixels.

    Parameters
    ----------
    corrections, labels : array of int, shape ([Z,] Y, X)
        Present corrections, and the label image as it is shown.
    id : int
        The instance.
    spacing : sequence of float, optional
        Size of a pixel along ([Z,] Y, X); a coarser axis is smoothed over fewer pixels.
    sigma : float
        Standard deviation of the Gaussian, in pixels of the finest axis.

    Raises
    ------
    ValueError
        When the instance is not in ``labels``, or is so thin that nothing would be left.
    """
    from scipy import ndimage

    fixed, shown, _ = _checked(corrections, labels, [id])
    box = _with_rim(bounding_box(shown == id), shown.shape)  # a blurred outline stays within it
    inside = shown[box] == id
    size = np.ones(inside.ndim) if spacing is None else np.asarray(spacing, float)
    width = sigma * size.min() / size
    soft = ndimage.gaussian_filter(inside.astype(np.float32), width, mode="nearest")
    free = inside | ((shown[box] == 0) & (fixed[box] != 0))
    whole = (soft > 0.5) & free
    if not whole.any():
        raise ValueError(f"Object {id} is too thin to smooth: nothing would be left of it.")
    pieces, _, sizes = connected_pieces(whole.astype(np.uint8))
    return _reshaped(fixed, shown, id, box, pieces == 1 + int(sizes.argmax()))


def _checked(
    corrections: ArrayLike, labels: ArrayLike, ids: Iterable[int]
) -> tuple[NDArray[np.int32], NDArray[np.integer[Any]], NDArray[np.int64]]:
    fixed, shown = check_corrections(corrections), check_label_image(labels)
    check_same_shape(shown, fixed, ("labels", "corrections"))
    members = [int(k) for k in ids]
    check_present(shown, members)
    return fixed, shown, np.array(members, np.int64)


def _reshaped(
    corrections: NDArray[np.int32],
    labels: NDArray[np.integer[Any]],
    id: int,
    box: tuple[slice, ...],
    mask: NDArray[np.bool_],
) -> NDArray[np.int32]:
    """Lock an instance with new pixels in a box; those it loses become fixed background."""
    result = corrections.copy()
    part = result[box]
    part[labels[box] == id] = 0
    part[mask] = id
    return result


def _with_rim(box: tuple[slice, ...], shape: tuple[int, ...]) -> tuple[slice, ...]:
    """Return a box with a pixel more on every side, within the image."""
    return tuple(
        slice(max(part.start - 1, 0), min(part.stop + 1, size))
        for part, size in zip(box, shape, strict=True)
    )
