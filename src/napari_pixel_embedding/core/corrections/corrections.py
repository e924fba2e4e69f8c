"""Corrections of a user, kept apart from the clusters so that they survive a new clustering.

Corrections are one sparse int32 label image: −1 is not corrected, 0 fixed background, k > 0 the
locked instance k. The same array is overlaid on every new clustering, saved, and used as the
target of fine-tuning, where −1 is ignored. No function here writes into its arguments.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from napari_pixel_embedding.core.label_regions import (
    bounding_box,
    check_present,
    compact,
    connected_pieces,
    contains,
    free_ids,
    grow_from,
    seed_markers,
)
from napari_pixel_embedding.core.validation import check_label_image, check_same_shape

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from numpy.typing import ArrayLike, NDArray

NOT_CORRECTED = -1
"""Value of a pixel that follows the clusters."""

KEPT_SHARE = 0.25
"""Share of a cluster, and of its largest component, below which remains of it are removed."""

_LARGEST_ID = int(np.iinfo(np.int32).max)


def no_corrections(shape: Sequence[int]) -> NDArray[np.int32]:
    """Return the corrections of an uncorrected image: −1 everywhere.

    Examples
    --------
    >>> no_corrections((1, 3))
    array([[-1, -1, -1]], dtype=int32)
    """
    return np.full(tuple(shape), NOT_CORRECTED, dtype=np.int32)


def record_edit(corrections: ArrayLike, before: ArrayLike, after: ArrayLike) -> NDArray[np.int32]:
    """Record what a brush stroke, a fill or an undo changed in the labels.

    Every changed pixel is fixed to its new value. An instance that *gained* pixels is locked
    whole, as it is in ``after``. An instance that only lost pixels is not locked: its remaining
    pixels still follow the clusters.

    Parameters
    ----------
    corrections : array of int, shape ([Z,] Y, X)
        Present corrections.
    before, after : array of int, shape ([Z,] Y, X)
        The label image before and after the edit; 0 is background.

    Returns
    -------
    array of int32, shape ([Z,] Y, X)

    Raises
    ------
    ValueError
        When shapes differ or an array is not a label image.

    Examples
    --------
    >>> record_edit([[-1, -1, -1, -1]], before=[[1, 1, 2, 2]], after=[[1, 1, 1, 2]])
    array([[ 1,  1,  1, -1]], dtype=int32)
    """
    fixed = check_corrections(corrections)
    old, new = _labels_like(before, fixed, "before"), _labels_like(after, fixed, "after")
    changed = old != new
    values = new[changed]
    if values.size and int(values.max()) > _LARGEST_ID:
        raise ValueError(
            f"Corrected instances have ids up to {_LARGEST_ID}, found {values.max()}. "
            "Choose a smaller id."
        )
    result = fixed.copy()
    result[changed] = values
    gained = np.unique(values[values > 0])
    if gained.size:
        whole = contains(new, gained)
        result[whole] = new[whole]
    return result


def apply_corrections(clusters: ArrayLike, corrections: ArrayLike) -> NDArray[Any]:
    """Overlay corrections on clusters: the label image to show, save and measure.

    Locked instances and fixed background appear exactly as recorded. A cluster with the id of a
    locked instance gets a free one. A cluster that lost pixels to corrections is removed when
    less than a quarter of it is left; otherwise its largest connected component stays, and other
    components of at least a quarter of that one, so that no slivers surround a correction.

    Parameters
    ----------
    clusters : array of int, shape ([Z,] Y, X)
        Label image of a clustering, 0 is background.
    corrections : array of int, shape ([Z,] Y, X)

    Returns
    -------
    array of uint16 or uint32, shape ([Z,] Y, X)
        A new label image; uint32 only when ids need it.

    Raises
    ------
    ValueError
        When shapes differ or an array is not a label image.

    Examples
    --------
    >>> apply_corrections([[1, 1, 2, 2]], [[-1, -1, 1, 1]])
    array([[2, 2, 1, 1]], dtype=uint16)
    """
    fixed = check_corrections(corrections)
    labels = _labels_like(clusters, fixed, "clusters")
    corrected = fixed != NOT_CORRECTED
    if not corrected.any():
        return compact(labels)
    locked = np.unique(fixed[corrected])
    locked = locked[locked > 0]
    result = _without_rests(labels, corrected)
    result = _renamed(result, locked)
    result = result.astype(np.promote_types(result.dtype, np.uint32), copy=False)
    result[corrected] = fixed[corrected]
    return compact(result)


def locked_ids(corrections: ArrayLike) -> list[int]:
    """Return the ids of the locked instances, in increasing order.

    Examples
    --------
    >>> locked_ids([[-1, 0, 7, 3]])
    [3, 7]
    """
    fixed = check_corrections(corrections)
    return [int(k) for k in np.unique(fixed[fixed > 0])]


def next_free_id(labels: ArrayLike, corrections: ArrayLike | None = None) -> int:
    """Return an id for a new instance that neither the labels nor the corrections use.

    It is the largest id plus one, or the smallest gap where that would need more than 16 bits.

    Examples
    --------
    >>> next_free_id([[0, 2]], [[-1, 7]])
    8
    """
    array = check_label_image(labels)
    used = np.unique(array)
    if corrections is not None:
        used = np.union1d(used.astype(np.int64), locked_ids(corrections))
    return int(free_ids(used, 1)[0])


def merge(corrections: ArrayLike, labels: ArrayLike, ids: Iterable[int]) -> NDArray[np.int32]:
    """Lock several instances as one, under the first of their ids.

    Parameters
    ----------
    corrections, labels : array of int, shape ([Z,] Y, X)
        Present corrections, and the label image as it is shown.
    ids : iterable of int
        At least two instances in ``labels``.

    Raises
    ------
    ValueError
        When there are fewer than two ids or one is not in ``labels``.

    Examples
    --------
    >>> merge([[-1, -1, -1]], [[1, 2, 3]], [2, 1])
    array([[ 2,  2, -1]], dtype=int32)
    """
    fixed = check_corrections(corrections)
    shown = _labels_like(labels, fixed, "labels")
    members = list(dict.fromkeys(int(k) for k in ids))
    if len(members) < 2:
        raise ValueError(
            f"Merging needs two or more instances, found the ids {members}. Pick another one."
        )
    check_present(shown, members)
    result = fixed.copy()
    result[np.isin(shown, members) | np.isin(fixed, members)] = members[0]
    return result


def split(
    corrections: ArrayLike,
    labels: ArrayLike,
    id: int,
    seeds: Sequence[Sequence[int]] | NDArray[Any],
) -> NDArray[np.int32]:
    """Split one instance into a part for each seed and lock the parts.

    Seeds in different lobes are separated at the neck between them (watershed of the distance to
    the border), seeds in one lobe halfway. The first seed's part keeps the id, the others get
    free ones.

    Parameters
    ----------
    corrections, labels : array of int, shape ([Z,] Y, X)
        Present corrections, and the label image as it is shown.
    id : int
        The instance to split.
    seeds : sequence of pixel positions ([z,] y, x), or array of int, shape ([Z,] Y, X)
        Two or more pixels of the instance; or a label image of the seeds, whose smallest id is
        the first. One that covers the instance defines the parts exactly.

    Raises
    ------
    ValueError
        When the instance does not exist, a seed lies outside it, or fewer than two seeds are left.

    Examples
    --------
    >>> split([[-1] * 5], [[4, 4, 4, 4, 0]], 4, [(0, 0), (0, 3)])
    array([[ 4,  4,  5,  5, -1]], dtype=int32)
    """
    fixed = check_corrections(corrections)
    shown = _labels_like(labels, fixed, "labels")
    check_present(shown, [int(id)])
    inside = shown == id
    markers = seed_markers(inside, seeds, int(id))
    box = bounding_box(inside)
    return lock_parts(fixed, shown, int(id), box, grow_from(markers[box], inside[box]))


def lock_parts(
    corrections: NDArray[np.int32],
    labels: NDArray[np.integer[Any]],
    id: int,
    box: tuple[slice, ...],
    parts: NDArray[np.integer[Any]],
) -> NDArray[np.int32]:
    """Lock the parts 1, 2, … of an instance: the first keeps the id, the others get free ones."""
    inside = labels[box] == id
    used = np.union1d(np.unique(labels).astype(np.int64), locked_ids(corrections))
    names = np.concatenate([[0, id], free_ids(used, int(parts.max()) - 1)])
    result = corrections.copy()
    result[box][inside] = names[parts[inside]]
    return result


def unlock(corrections: ArrayLike, ids: Iterable[int]) -> NDArray[np.int32]:
    """Let instances follow the clusters again; the id 0 frees fixed background.

    Ids that are not locked are ignored.

    Examples
    --------
    >>> unlock([[0, 7, 3]], [7])
    array([[ 0, -1,  3]], dtype=int32)
    """
    fixed = check_corrections(corrections)
    result = fixed.copy()
    result[np.isin(fixed, [int(k) for k in ids])] = NOT_CORRECTED
    return result


def check_corrections(corrections: ArrayLike, name: str = "corrections") -> NDArray[np.int32]:
    """Return corrections as int32, without a copy where they are int32 already.

    Raises
    ------
    ValueError
        When they are not whole numbers from −1 to 2³¹ − 1.
    """
    array = np.asarray(corrections)
    if array.dtype.kind not in "iu" or array.ndim == 0 or array.size == 0:
        raise ValueError(
            f"{name} must be an array of whole numbers (−1 not corrected, 0 background, k locked "
            f"instance), found dtype {array.dtype} and shape {array.shape}."
        )
    low, high = int(array.min()), int(array.max())
    if low < NOT_CORRECTED or high > _LARGEST_ID:
        raise ValueError(
            f"{name} must lie between −1 (not corrected) and {_LARGEST_ID}, found {low} to {high}."
        )
    return array.astype(np.int32, copy=False)


def _labels_like(
    labels: ArrayLike, corrections: NDArray[np.int32], name: str
) -> NDArray[np.integer[Any]]:
    array = check_label_image(labels, name)
    check_same_shape(array, corrections, (name, "corrections"))
    return array


def _without_rests(
    labels: NDArray[np.integer[Any]], corrected: NDArray[np.bool_]
) -> NDArray[np.integer[Any]]:
    """Return the clusters on uncorrected pixels, without small remains of corrected ones."""
    result = labels * ~corrected
    touched = np.unique(labels[corrected])
    touched = touched[touched > 0]
    members = contains(labels, touched)
    rest = members & ~corrected
    if not rest.any():
        return result
    whole = np.bincount(np.searchsorted(touched, labels[members]), minlength=len(touched))
    box = bounding_box(rest)
    pieces, owner, sizes = connected_pieces((result * rest)[box])
    keep = _kept_pieces(np.searchsorted(touched, owner), sizes, whole)
    part = result[box]
    part[(pieces > 0) & ~np.concatenate([[True], keep])[pieces]] = 0
    return result


def _kept_pieces(
    owner: NDArray[np.intp], sizes: NDArray[np.int64], whole: NDArray[np.int64]
) -> NDArray[np.bool_]:
    """Return which components stay; ``owner`` is their cluster, ``whole`` the clusters' sizes."""
    left = np.bincount(owner, weights=sizes, minlength=len(whole))
    largest = np.zeros(len(whole))
    np.maximum.at(largest, owner, sizes)
    enough = left >= KEPT_SHARE * whole
    return enough[owner] & (sizes >= KEPT_SHARE * largest[owner])


def _renamed(
    labels: NDArray[np.integer[Any]], locked: NDArray[np.int32]
) -> NDArray[np.integer[Any]]:
    """Give free ids to clusters with the id of a locked instance."""
    renamed = contains(labels, locked)
    clash = np.unique(labels[renamed])
    if clash.size == 0:
        return labels
    used = np.union1d(np.unique(labels).astype(np.int64), locked)
    names = free_ids(used, len(clash))
    result = labels.astype(np.int64)
    result[renamed] = names[np.searchsorted(clash, labels[renamed])]
    return result
