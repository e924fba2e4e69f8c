"""Runs: the stretches of equal id along the rows of a label image."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_pixel_embedding.core.boxes import Box


@dataclass(frozen=True, eq=False)
class Runs:
    """Runs of the objects in a slab, in the order of their pixels.

    Parameters
    ----------
    ids : array of int, shape (R,)
        Label of each run.
    z, y, start, stop : array of int64, shape (R,)
        Plane (0 in 2-D), row, first column and the one after the last, in the frame.
    first : array of int64, shape (R,)
        Number of object pixels in the runs before.
    """

    ids: NDArray[np.integer[Any]]
    z: NDArray[np.int64]
    y: NDArray[np.int64]
    start: NDArray[np.int64]
    stop: NDArray[np.int64]
    first: NDArray[np.int64]

    @property
    def length(self) -> NDArray[np.int64]:
        """Pixels of each run."""
        return self.stop - self.start


def find_runs(labels: NDArray[np.integer[Any]], box: Box) -> Runs:
    """Return the runs of the objects of a slab.

    Parameters
    ----------
    labels : array of int, shape ([Z,] Y, X)
        Slab of whole rows.
    box : tuple of slice
        Where it lies in its frame.
    """
    width = labels.shape[-1]
    rows = labels.reshape(-1, width)
    new = np.ones(rows.shape, bool)
    np.not_equal(rows[:, 1:], rows[:, :-1], out=new[:, 1:])
    starts = np.flatnonzero(new)
    ids = rows.ravel()[starts]
    length = np.diff(starts, append=rows.size)
    kept = np.flatnonzero(ids)
    starts, ids, length = starts[kept], ids[kept], length[kept]
    row, column = np.divmod(starts, width)
    z, y = np.divmod(row, labels.shape[-2])
    planes = box[0].start if labels.ndim == 3 else 0
    first = np.cumsum(length) - length
    return Runs(ids, z + planes, y + box[-2].start, column, column + length, first)
