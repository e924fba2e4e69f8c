"""Statistics of a cut: object count, median size, bandwidths of merges and splits."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


@dataclass(frozen=True)
class Summary:
    """Object count and median object size of a cut.

    Parameters
    ----------
    count : int
        Number of objects.
    median_size : float
        Median number of pixels of an object; 0 without objects.
    """

    count: int
    median_size: float


@dataclass(frozen=True, eq=False)
class MergeHeights:
    """Bandwidths at which each object of a cut splits and merges.

    An object whose ``split`` or ``merge`` lies near the bandwidth in use is uncertain.

    Parameters
    ----------
    ids : array of int64, shape (N,)
        Labels of the objects, ascending.
    split : array of float64, shape (N,)
        Bandwidth below which the object splits; 0 where it never does.
    merge : array of float64, shape (N,)
        Bandwidth from which it is part of a larger object; infinity where it never is.
    """

    ids: NDArray[np.int64]
    split: NDArray[np.float64]
    merge: NDArray[np.float64]
