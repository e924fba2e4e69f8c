"""Any transform that an image layer can have."""

from __future__ import annotations

import numpy as np


def random_transform(rng, ndim, planar=False):
    """Return scale, translation, rotation, shear and affine matrix, all of them drawn.

    ``planar`` transforms mix only the last two axes, which napari can show slice by slice.
    """
    mixed = 2 if planar else ndim
    rotate, shear, affine = np.eye(ndim), np.eye(ndim), np.eye(ndim + 1)
    turned, _ = np.linalg.qr(rng.normal(size=(mixed, mixed)))
    rotate[-mixed:, -mixed:] = turned
    skewed = np.triu(rng.normal(0, 0.3, (mixed, mixed)), 1)
    shear[-mixed:, -mixed:] += skewed if rng.random() < 0.5 else skewed.T
    affine[-1 - mixed : -1, -1 - mixed : -1] += rng.uniform(-0.2, 0.2, (mixed, mixed))
    affine[:-1, -1] = rng.uniform(-20, 20, ndim)
    return {
        "scale": rng.uniform(0.3, 3, ndim),
        "translate": rng.uniform(-20, 20, ndim),
        "rotate": rotate,
        "shear": shear,
        "affine": affine,
    }
