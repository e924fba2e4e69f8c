"""Masks without an id for each object: how they are told, and their connected components."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from napari_pixel_embedding.core.label_regions import connected_pieces

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

_PIECE = 0.05
"""Share of an id's largest piece from which another piece counts: stray pixels do not."""

_SEVERAL, _MANY = 2, 4
"""Pieces per id from which an image counts as a mask, on its own and beside label images."""

_CLASSES = 20
"""Ids from which a mask is rather an image of intensities than one of classes."""

_FULL, _OVERFULL = 250, 1.05
"""Ids from which an 8-bit image may have too few, and its pieces per id where it has."""


class UnseparatedObjects(ValueError):
    """One id covers several pieces, as in a binary mask, and nobody said what they are.

    Parameters
    ----------
    found : str
        What was found, in a sentence without advice; kept as an attribute.
    """

    def __init__(self, found: str) -> None:
        self.found = found
        super().__init__(
            f"{found} Pass split_masks=True to make every piece an object, or split_masks=False "
            "to take the ids as they are."
        )


class Pieces(NamedTuple):
    """Number of ids and of their separate pieces, summed over frames; whether 8 bits are full."""

    ids: int
    pieces: int
    full: bool = False

    def per_id(self, at_least: float) -> bool:
        """Whether there are so many pieces for each id."""
        return self.ids > 0 and self.pieces >= at_least * self.ids

    @property
    def overflown(self) -> bool:
        """Whether ids were used twice, because 8 bits hold only 255."""
        return self.full and self.per_id(_OVERFULL)


def count_pieces(labels: NDArray[np.integer[Any]], axes: str | None = None) -> Pieces:
    """Count the ids of a label image and their separate pieces.

    Pixels that touch at a corner belong together, and pieces below a twentieth of the largest one
    of their id do not count.

    Parameters
    ----------
    labels : array of int, shape ([T,] [Z,] Y, X)
        Label image, 0 is background; negative values count as background.
    axes : str, optional
        A letter for each axis. Frames along T are counted one by one.

    Examples
    --------
    >>> count_pieces(np.array([[255, 0, 255, 0, 7]]))
    Pieces(ids=2, pieces=3, full=False)
    """
    counts = [_count(frame) for frame in _frames(labels, axes)]
    full = labels.dtype == np.uint8 and any(ids >= _FULL for ids, _ in counts)
    return Pieces(sum(ids for ids, _ in counts), sum(pieces for _, pieces in counts), full)


def is_binary_mask(labels: NDArray[np.integer[Any]], axes: str | None = None) -> bool:
    """Whether ids cover several separate pieces each, as in a binary mask or one of classes.

    Parameters
    ----------
    labels : array of int, shape ([T,] [Z,] Y, X)
        Label image, 0 is background.
    axes : str, optional
        A letter for each axis. Frames along T are checked one by one.

    Examples
    --------
    >>> is_binary_mask(np.array([[255, 0, 255]]))
    True
    >>> is_binary_mask(np.array([[1, 0, 2]]))
    False
    """
    return count_pieces(labels, axes).per_id(_SEVERAL)


def unseparated(counts: Sequence[tuple[str, Pieces]]) -> str:
    """Say which of several label images do not tell their objects apart; "" when all do.

    Where no image has objects with ids of their own, two pieces per id are enough: the images are
    masks. Beside label images it takes four, as objects may be cut by others.

    Parameters
    ----------
    counts : sequence of (str, Pieces)
        Name of each image, and its :func:`count_pieces`.

    Examples
    --------
    >>> unseparated([("a.tif", Pieces(30, 31)), ("b.tif", Pieces(1, 2))])
    ''
    """
    told = any(one.ids > 1 and not one.per_id(_SEVERAL) for _, one in counts)
    limit = _MANY if told else _SEVERAL
    found = [(name, one) for name, one in counts if one.per_id(limit) or one.overflown]
    if not found:
        return ""
    name, first = found[0]
    number = "one id" if first.ids == 1 else f"{first.ids} ids"
    files = f" ({len(found)} of {len(counts)} files are like this)" if counts[1:] else ""
    return f"{name} has {number} in {first.pieces} separate pieces{files}: {_guess(first)}?"


def _guess(pieces: Pieces) -> str:
    if pieces.overflown:
        return "more objects than 8 bits can number"
    if pieces.ids >= _CLASSES:
        return "an image of intensities"
    return "a binary mask" if pieces.ids == 1 else "a mask of classes"


def check_separated(counts: Sequence[tuple[str, Pieces]]) -> None:
    """Raise UnseparatedObjects where :func:`unseparated` finds something."""
    if found := unseparated(counts):
        raise UnseparatedObjects(found)


def connected_components(
    labels: NDArray[np.integer[Any]], axes: str | None = None
) -> NDArray[np.int32]:
    """Return connected components: each connected region of one id gets its own id, from 1.

    Pixels that touch only at a corner are not connected.

    Parameters
    ----------
    labels : array of int, shape ([T,] [Z,] Y, X)
        Mask or label image, 0 is background; negative values stay.
    axes : str, optional
        A letter for each axis. Frames along T are numbered one by one.

    Examples
    --------
    >>> connected_components(np.array([[255, 0, 255]]))
    array([[1, 0, 2]], dtype=int32)
    """
    frames = [_components(frame) for frame in _frames(labels, axes)]
    if "T" not in (axes or ""):
        return frames[0]
    return np.stack(frames, axis=_time(axes))


def _components(frame: NDArray[np.integer[Any]]) -> NDArray[np.int32]:
    pieces, _, _ = connected_pieces(np.maximum(frame, 0))
    return np.where(frame < 0, frame, pieces).astype(np.int32)


def _count(frame: NDArray[np.integer[Any]]) -> tuple[int, int]:
    _, owner, sizes = connected_pieces(np.maximum(frame, 0), connectivity=frame.ndim)
    ids, index = np.unique(owner, return_inverse=True)
    largest = np.zeros(len(ids))
    np.maximum.at(largest, index, sizes)
    return len(ids), int(np.count_nonzero(sizes >= _PIECE * largest[index]))


def _frames(labels: NDArray[np.integer[Any]], axes: str | None) -> list[NDArray[np.integer[Any]]]:
    if "T" not in (axes or ""):
        return [labels]
    return list(np.moveaxis(labels, _time(axes), 0))


def _time(axes: str | None) -> int:
    return (axes or "").index("T")
