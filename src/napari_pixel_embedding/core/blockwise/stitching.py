"""Stitching: which objects of two overlapping windows are the same.

Each window is clustered separately, and an object at the seam is found in both. The overlap of
their superpixels is counted once; every cut then only sums the counts by object.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

SAME = 0.5
"""Intersection over union from which two objects are the same."""

SAME_CUT_OFF = 0.8
"""Share of the smaller object, when its window cuts it off, from which two are the same."""


@dataclass(frozen=True, eq=False)
class Contacts:
    """Superpixels of two windows that share pixels.

    Parameters
    ----------
    first, second : array of int, shape (N,)
        Number of a superpixel plus one in the first and in the second window; 0 is background.
    pixels : array of int64, shape (N,)
        Number of pixels they share.
    """

    first: NDArray[np.integer[Any]]
    second: NDArray[np.integer[Any]]
    pixels: NDArray[np.int64]

    @classmethod
    def of(cls, first: NDArray[np.integer[Any]], second: NDArray[np.integer[Any]]) -> Contacts:
        """Count the contacts in two superpixel images of the same pixels.

        Examples
        --------
        >>> contacts = Contacts.of(np.array([[1, 1, 2]]), np.array([[0, 3, 3]]))
        >>> contacts.first.tolist(), contacts.second.tolist(), contacts.pixels.tolist()
        ([1, 1, 2], [0, 3, 3], [1, 1, 1])
        """
        some = (first > 0) | (second > 0)
        count = int(second.max(initial=0)) + 1
        keys = first[some].astype(np.int64) * count + second[some]
        found, pixels = np.unique(keys, return_counts=True)
        return cls(found // count, found % count, pixels)


@dataclass(frozen=True, eq=False)
class Overlaps:
    """Pairs of objects of two windows that share pixels, and how far they agree.

    Parameters
    ----------
    pairs : array of int64, shape (N, 2)
        Ids in the first and in the second window.
    iou : array of float64, shape (N,)
        Intersection over union, within the pixels that are compared.
    same : array of bool, shape (N,)
        Whether they are the same object.
    """

    pairs: NDArray[np.int64]
    iou: NDArray[np.float64]
    same: NDArray[np.bool_]


def overlaps(
    contacts: Contacts,
    lookups: tuple[NDArray[Any], NDArray[Any]],
    cut_off: tuple[NDArray[Any], NDArray[Any]],
) -> Overlaps:
    """Compare the objects of two windows.

    Two are the same from an intersection over union of :data:`SAME`; or when a window's border
    cuts the smaller one off and :data:`SAME_CUT_OFF` of it lies in the other.

    Parameters
    ----------
    contacts : Contacts
        Contacts of the two windows.
    lookups : (array, array)
        Object id of each superpixel, for each window.
    cut_off : (array, array)
        Ids of the objects that the window's border cuts off, for each window.
    """
    first, second = lookups[0][contacts.first], lookups[1][contacts.second]
    a, at_a = np.unique(first, return_inverse=True)
    b, at_b = np.unique(second, return_inverse=True)
    shared = coo_array((contacts.pixels, (at_a, at_b)), (a.size, b.size)).tocsr().tocoo()
    row, column = shared.row, shared.col
    size_a = np.bincount(at_a, contacts.pixels, a.size)[row]
    size_b = np.bincount(at_b, contacts.pixels, b.size)[column]
    iou = shared.data / (size_a + size_b - shared.data)
    rest_of_b = np.isin(a, cut_off[0])[row] & (size_a <= size_b)
    rest_of_a = np.isin(b, cut_off[1])[column] & (size_b <= size_a)
    inside = shared.data >= SAME_CUT_OFF * np.minimum(size_a, size_b)
    same = (iou >= SAME) | (rest_of_a | rest_of_b) & inside
    objects = (a[row] > 0) & (b[column] > 0)
    pairs = np.stack([a[row], b[column]], axis=1).astype(np.int64)
    return Overlaps(pairs[objects], iou[objects], same[objects])


def same_objects(
    contacts: Contacts,
    lookups: tuple[NDArray[Any], NDArray[Any]],
    cut_off: tuple[NDArray[Any], NDArray[Any]],
) -> NDArray[np.int64]:
    """Return the pairs of :func:`overlaps` that are the same: ids in the two windows, (N, 2)."""
    found = overlaps(contacts, lookups, cut_off)
    return found.pairs[found.same]


def joined(pairs: Sequence[NDArray[np.int64]]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return new ids for linked ids: the smallest of each connected group.

    Parameters
    ----------
    pairs : sequence of array of int64, shape (N, 2)
        Ids that are the same object.

    Returns
    -------
    ids, names : array of int64, shape (M,)
        Ids in increasing order, and their new ids.

    Examples
    --------
    >>> ids, names = joined([np.array([[7, 3], [9, 7]])])
    >>> ids.tolist(), names.tolist()
    ([3, 7, 9], [3, 3, 3])
    """
    edges = np.concatenate([np.zeros((0, 2), np.int64), *pairs])
    ids, at = np.unique(edges, return_inverse=True)
    at = at.reshape(edges.shape)
    links = coo_array((np.ones(len(at), bool), (at[:, 0], at[:, 1])), (ids.size, ids.size))
    count, group = connected_components(links, directed=False)
    smallest = np.full(count, np.iinfo(np.int64).max)
    np.minimum.at(smallest, group, ids)
    return ids, smallest[group]


def renamed(lookup: NDArray[Any], ids: NDArray[np.int64], names: NDArray[np.int64]) -> NDArray[Any]:
    """Return a look-up table in which each of ``ids`` is replaced by its entry in ``names``."""
    if ids.size == 0:
        return lookup
    at = np.minimum(np.searchsorted(ids, lookup), ids.size - 1)
    return np.where(ids[at] == lookup, names[at], lookup).astype(lookup.dtype)
