"""The stability curve: the number of objects at each bandwidth, and its widest plateau."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from napari_pixel_embedding.core.clustering.params import bandwidth_to_radius, radius_to_bandwidth

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_pixel_embedding.core.clustering.tree_cut import TreeCut
    from napari_pixel_embedding.core.embedding.embedding_map import Space


TOLERANCE = 0.05
"""Relative change of the number of objects that a plateau allows.

Of the variants tried (absolute or relative widths; tolerances of 0, 0.02, 0.05 and 0.1; arithmetic
or geometric middles), this one with the absolute width and the arithmetic middle gave the best
average precision on real nuclei, above that of any fixed bandwidth.
"""


@dataclass(frozen=True, eq=False)
class StabilityCurve:
    """Number of objects at every bandwidth, as an exact step function.

    Parameters
    ----------
    bandwidths : array of float64, shape (K,)
        Where the number changes, ascending; the first is the lowest bandwidth of the index.
    counts : array of int64, shape (K,)
        Number of objects from each of these bandwidths up to the next; the last holds up to
        ``high``.
    high : float
        Highest bandwidth of the index.
    plateau : tuple of float
        Lower and upper end of the longest interval in which the number stays within five percent
        of that at the lower end.
    """

    bandwidths: NDArray[np.float64]
    counts: NDArray[np.int64]
    high: float
    plateau: tuple[float, float]

    @property
    def auto_bandwidth(self) -> float:
        """Middle of the plateau."""
        return sum(self.plateau) / 2


def stability_curve(levels: TreeCut, limits: tuple[float, float], space: Space) -> StabilityCurve:
    """Count the objects of a merge tree at every bandwidth.

    Parameters
    ----------
    levels : TreeCut
        The merges and the sizes of their nodes.
    limits : tuple of float
        Lowest and highest bandwidth.
    space : {"euclidean", "cosine"}
        How vectors are compared, which decides the bandwidth of a radius.

    Returns
    -------
    StabilityCurve
        The counts and their widest plateau.
    """
    low, high = (np.float32(bandwidth_to_radius(limit, space)) for limit in limits)
    tree, shown = levels.tree, levels.sizes >= levels.smallest
    births = np.maximum(tree.node_heights()[shown], low)
    deaths = np.maximum(tree.parent_heights()[shown], low)
    steps, place = np.unique(np.concatenate([[low], births, deaths]), return_inverse=True)
    change = np.concatenate([[0], np.ones(births.size), -np.ones(deaths.size)])
    counts = np.cumsum(np.bincount(place, weights=change)).astype(np.int64)
    first = (np.diff(counts, prepend=-1) != 0) & (steps <= high)
    bandwidths = np.array([radius_to_bandwidth(r, space) for r in steps[first]])
    bandwidths[0] = limits[0]
    plateau = _widest(bandwidths, counts[first], limits[1])
    return StabilityCurve(bandwidths, counts[first], limits[1], plateau)


def _widest(
    bandwidths: NDArray[np.float64], counts: NDArray[np.int64], high: float
) -> tuple[float, float]:
    """Return the ends of the longest interval in which the count stays near its first value."""
    from napari_pixel_embedding.core.clustering.kernels.tree_nodes import run_ends

    ends = np.append(bandwidths, high)[run_ends(counts, TOLERANCE)]
    k = int(np.argmax((ends - bandwidths) * (counts > 0)))
    return float(bandwidths[k]), float(ends[k])
