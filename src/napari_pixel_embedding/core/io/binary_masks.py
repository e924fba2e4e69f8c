"""Binary masks: detection of masks without object ids, and their connected components."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from napari_pixel_embedding.core.label_regions import connected_pieces

if TYPE_CHECKING:
    from numpy.typing import NDArray


def is_binary_mask(labels: NDArray[np.integer[Any]], axes: str | None = None) -> bool:
    """Whether one id covers several connected components, as in a binary mask.

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
    ids = np.unique(labels)
    if np.count_nonzero(ids) != 1:
        return False
    return any(len(connected_pieces(frame)[1]) > 1 for frame in _frames(labels, axes))


def connected_components(
    labels: NDArray[np.integer[Any]], axes: str | None = None
) -> NDArray[np.int32]:
    """Return connected components: each connected region of one id gets its own id, from 1.

    Pixels that touch only at a corner are not connected.

    Parameters
    ----------
    labels : array of int, shape ([T,] [Z,] Y, X)
        Mask or label image, 0 is background.
    axes : str, optional
        A letter for each axis. Frames along T are numbered one by one.

    Examples
    --------
    >>> connected_components(np.array([[255, 0, 255]]))
    array([[1, 0, 2]], dtype=int32)
    """
    frames = [connected_pieces(frame)[0].astype(np.int32) for frame in _frames(labels, axes)]
    if "T" not in (axes or ""):
        return frames[0]
    return np.stack(frames, axis=_time(axes))


def _frames(labels: NDArray[np.integer[Any]], axes: str | None) -> list[NDArray[np.integer[Any]]]:
    if "T" not in (axes or ""):
        return [labels]
    return list(np.moveaxis(labels, _time(axes), 0))


def _time(axes: str | None) -> int:
    return (axes or "").index("T")
