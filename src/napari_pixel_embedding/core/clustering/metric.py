"""Distances and means inside kernels.

numba caches a kernel by the text of its own file, and these are compiled into their callers: after
a change here, delete ``__pycache__``.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_pixel_embedding.core.clustering.jit import jit

Array = NDArray[Any]
Real = float | np.floating[Any]


@jit
def squared(vector: Array, mean: Array) -> Real:
    """Squared distance of two vectors."""
    total: Real = np.float32(0.0)
    for k in range(vector.size):
        step = vector[k] - mean[k]
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
