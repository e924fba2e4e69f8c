"""Distances and means inside kernels.

numba caches a kernel by its own file, and these are compiled into their callers: after a change
here, delete ``__pycache__``.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_pixel_embedding.core.clustering.kernels.jit import jit

Array = NDArray[Any]
Real = float | np.floating[Any]


@jit
def squared(vector: Array, mean: Array) -> Real:
    """Return the squared distance of two vectors."""
    total: Real = np.float32(0.0)
    for k in range(vector.size):
        step = vector[k] - mean[k]
        total += step * step
    return total


@jit
def row_squared(vectors: Array, i: int, mean: Array) -> Real:
    """Return the squared distance of row ``i`` to a vector; a view of the row doubles the time."""
    total: Real = np.float32(0.0)
    for k in range(mean.size):
        step = vectors[i, k] - mean[k]
        total += step * step
    return total


@jit
def rows_squared(vectors: Array, i: int, others: Array, j: int) -> Real:
    """Return the squared distance of row ``i`` of one array to row ``j`` of another."""
    total: Real = np.float32(0.0)
    for k in range(vectors.shape[1]):
        step = vectors[i, k] - others[j, k]
        total += step * step
    return total


@jit
def set_mean(total: Array, weight: Real, cosine: bool, mean: Array) -> None:
    """Write the mean of vectors that sum to ``total``; its direction under cosine."""
    size = weight
    if cosine:
        size = np.sqrt((total * total).sum())
    for k in range(mean.size):
        mean[k] = total[k] / size if size > 0 else 0.0
