"""What an index says about a cut besides its label image."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


@dataclass(frozen=True)
class Summary:
    """What a cut shows, in two numbers.

    Parameters
    ----------
    count : int
        Number of objects.
    median_size : float
        Their median number of pixels; 0 where there are none.
    """

    count: int
    median_size: float


@dataclass(frozen=True, eq=False)
class MergeHeights:
    """Bandwidths between which each object of a cut is what it is.

    An object whose ``split`` or ``merge`` lies near the bandwidth in use is doubtful.

    Parameters
    ----------
    ids : array of int64, shape (N,)
        Labels of the objects, ascending.
    split : array of float64, shape (N,)
        Below this bandwidth it is two objects or more; 0 where it never splits.
    merge : array of float64, shape (N,)
        From this bandwidth on it is part of a larger object; infinity where it stays alone.
    """

    ids: NDArray[np.int64]
    split: NDArray[np.float64]
    merge: NDArray[np.float64]
