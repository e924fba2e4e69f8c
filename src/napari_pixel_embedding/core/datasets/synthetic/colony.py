"""Colonies of rods that grow, divide and push each other apart, as bacteria do on agar.

Every cell is a capsule of one width. In each round cells grow and those that are long enough
divide; then overlapping ones are pushed apart at their nearest points, which also turns them. What
comes of it is packed as real microcolonies are: side by side, in patches of one direction.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numba import njit

if TYPE_CHECKING:
    from numpy.typing import NDArray

GROWTH = 1.07
"""Factor by which cells grow in a round."""
PUSHES = 6
"""Times that overlapping cells are pushed apart in a round."""
SETTLING = 60
"""Times that they are pushed apart in the end."""


def grow_colony(
    count: int, width: float, length: float, rng: np.random.Generator, founders: int = 1
) -> NDArray[np.float64]:
    """Grow a colony around the origin until it has ``count`` cells.

    Parameters
    ----------
    count : int
        Cells to grow.
    width, length : float
        Width of a cell, and the length at which cells divide, in pixels; single cells divide at 0.8
        to 1.25 times that.
    rng : numpy.random.Generator
    founders : int
        Cells to begin with, apart from each other.

    Returns
    -------
    array, shape (N, 4)
        Y, X, direction in radians and length of each cell, its ends included.
    """
    cells = np.zeros((founders, 4))
    cells[:, :2] = rng.normal(0, 1.5 * length * np.sqrt(founders - 1), (founders, 2))
    cells[:, 2] = rng.uniform(0, np.pi, founders)
    cells[:, 3] = rng.uniform(0.5, 1.0, founders) * length
    limits = length * rng.uniform(0.8, 1.25, founders)
    while len(cells) < count:
        cells[:, 3] *= GROWTH * np.exp(rng.normal(0, 0.02, len(cells)))
        cells, limits = _divide(cells, limits, width, length, rng)
        _push_apart(cells, width, PUSHES)
    _push_apart(cells, width, SETTLING)
    return cells


def _divide(
    cells: NDArray[Any], limits: NDArray[Any], width: float, length: float, rng: np.random.Generator
) -> tuple[NDArray[Any], NDArray[Any]]:
    """Split the cells that have reached their limit into two halves, one behind the other."""
    due = cells[:, 3] > limits
    mothers = cells[due]
    half = np.maximum(mothers[:, 3] / 2, width)
    along = np.stack([np.sin(mothers[:, 2]), np.cos(mothers[:, 2])], axis=1)
    daughters = []
    for side in (-1, 1):
        turn = mothers[:, 2] + rng.normal(0, 0.08, len(mothers))
        centre = mothers[:, :2] + side * 0.5 * half[:, None] * along
        daughters.append(np.column_stack([centre, turn, half]))
    new = np.concatenate([cells[~due], *daughters])
    fresh = length * rng.uniform(0.8, 1.25, 2 * len(mothers))
    return new, np.concatenate([limits[~due], fresh])


@njit(cache=True)
def _nearest(
    first: NDArray[Any], a: float, second: NDArray[Any], b: float
) -> tuple[float, float]:  # pragma: no cover - compiled
    """Positions along two segments, from −a to a and −b to b, where they are nearest."""
    ay, ax, by, bx = np.sin(first[2]), np.cos(first[2]), np.sin(second[2]), np.cos(second[2])
    dy, dx = second[0] - first[0], second[1] - first[1]
    mixed = ay * by + ax * bx
    on_first, on_second = dy * ay + dx * ax, dy * by + dx * bx
    across = 1 - mixed * mixed
    s = 0.0 if across < 1e-6 else (on_first - mixed * on_second) / across
    s = min(max(s, -a), a)
    t = min(max(mixed * s - on_second, -b), b)
    s = min(max(mixed * t + on_first, -a), a)
    return s, t


@njit(cache=True)
def _push_apart(cells: NDArray[Any], width: float, times: int) -> None:  # pragma: no cover
    """Move and turn overlapping cells in place."""
    n = len(cells)
    for _ in range(times):
        for i in range(n):
            for j in range(i + 1, n):
                reach = 0.5 * (cells[i, 3] + cells[j, 3])
                dy, dx = cells[j, 0] - cells[i, 0], cells[j, 1] - cells[i, 1]
                if dy * dy + dx * dx > reach * reach:
                    continue
                a = max(0.5 * (cells[i, 3] - width), 0.0)
                b = max(0.5 * (cells[j, 3] - width), 0.0)
                s, t = _nearest(cells[i], a, cells[j], b)
                gy = dy + t * np.sin(cells[j, 2]) - s * np.sin(cells[i, 2])
                gx = dx + t * np.cos(cells[j, 2]) - s * np.cos(cells[i, 2])
                gap = np.sqrt(gy * gy + gx * gx)
                if gap >= width:
                    continue
                if gap < 1e-9:
                    gy, gx, gap = 1e-3, 1e-3 * (i - j), 1e-3 * np.sqrt(1.0 + (i - j) ** 2)
                push = 0.25 * (width - gap) / gap
                for cell, place, sign in ((i, s, -1.0), (j, t, 1.0)):
                    py, px = sign * push * gy, sign * push * gx
                    cells[cell, 0] += py
                    cells[cell, 1] += px
                    lever = place * (py * np.cos(cells[cell, 2]) - px * np.sin(cells[cell, 2]))
                    cells[cell, 2] += 6 * lever / (cells[cell, 3] * cells[cell, 3])
