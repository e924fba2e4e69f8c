"""Drawn features: four pairs of touching balls with a vector each, and nothing around them."""

from __future__ import annotations

import numpy as np

COUNT = 8


def drawn_features(shape=(96, 96), dim=6, noise=0.05, unit=1.0, seed=0):
    """Return a label image, and features (C, [Z,] Y, X)."""
    rng = np.random.default_rng(seed)
    labels, at = np.zeros(shape, np.int32), np.indices(shape)
    radius = shape[-1] // 10 + 1
    for number in range(COUNT):
        middle = [n // 2 for n in shape]
        middle[-2] = (2 * (number // 2) + 1) * shape[-2] // 8
        middle[-1] = shape[-1] // 3 + (number % 2) * (2 * radius - 2)
        distance = sum((a - m) ** 2 for a, m in zip(at, middle, strict=True))
        labels[(distance <= radius**2) & (labels == 0)] = number + 1
    vectors = rng.normal(size=(COUNT + 1, dim))
    vectors[0] = 0
    features = vectors[labels] + rng.normal(size=(*shape, dim)) * noise
    return labels, np.moveaxis(features, -1, 0) * unit


def same_objects(found, expected):
    """Whether two label images divide the pixels alike; ids may differ."""
    pairs = np.unique(np.stack([found.ravel(), expected.ravel()]), axis=1)
    one_to_one = len(np.unique(pairs[0])) == len(np.unique(pairs[1])) == pairs.shape[1]
    return one_to_one and [0, 0] in pairs.T.tolist()
