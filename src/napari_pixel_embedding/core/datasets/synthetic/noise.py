"""Smooth random fields, which deform outlines, group objects and make the light uneven."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import ArrayLike, NDArray


def smooth_field(
    shape: Sequence[int], scale: ArrayLike, rng: np.random.Generator
) -> NDArray[np.float32]:
    """Return smooth random values of mean 0 and deviation 1, correlated over ``scale`` pixels.

    ``scale`` is one number, or one along each axis.
    """
    scales = np.broadcast_to(np.maximum(scale, 1.0), len(shape)).tolist()
    weights = [
        _spline_weights(size, along, rng.uniform())
        for size, along in zip(shape, scales, strict=True)
    ]
    field = rng.standard_normal([w.shape[1] for w in weights]).astype(np.float32)
    for axis, weight in enumerate(weights):
        field = np.moveaxis(np.tensordot(weight, field, axes=(1, axis)), 0, axis)
    spread = float(field.std())
    return np.ascontiguousarray((field - field.mean()) / max(spread, 1e-6))


def _spline_weights(size: int, scale: float, phase: float) -> NDArray[np.float32]:
    """Return weights (pixels, knots) of a cubic B-spline with a knot every ``scale`` pixels."""
    position = np.arange(size) / scale + phase
    knots = np.arange(int(position[-1]) + 4)
    away = np.abs(position[:, None] + 1 - knots)
    near = 2 / 3 - away**2 + away**3 / 2
    far = np.clip(2 - away, 0, None) ** 3 / 6
    return np.where(away < 1, near, far).astype(np.float32)
