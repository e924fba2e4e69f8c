"""Nuclei in fluorescence, shown as a section of stained tissue.

There are far more annotated images in fluorescence than of tissue, and a nucleus has the same
outline in both. Its brightness is taken for the amount of haematoxylin, tissue is drawn around it
in eosin, and what the stains absorb adds up (Ruifrok & Johnston, Anal. Quant. Cytol. Histol. 23,
291–299, 2001).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from napari_pixel_embedding.core.datasets.synthetic.noise import smooth_field

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Plane = NDArray[np.float32]

_CELLS = (4.0, 10.0, 30.0)
"""Sizes in pixels of what tissue is made of, from fibres to folds."""


def as_section(nuclei: NDArray[Any], seed: int) -> NDArray[np.uint8]:
    """Show an image of bright nuclei (Y, X) as one of tissue in colours (Y, X, 3).

    Parameters
    ----------
    nuclei : array, shape (Y, X)
        Of any range; its brightest percentile is stained most.
    seed : int
        Of the tissue and its stains.
    """
    from skimage.color import rgb_from_hed

    rng = np.random.default_rng(seed)
    stained = _scaled(nuclei)
    tissue = _tissue(nuclei.shape, rng)
    strength, tint, around = rng.uniform((0.7, 0.0, 0.05), (2.2, 0.25, 0.6))
    eosin = around * (0.15 + tissue) * (1 - rng.uniform(0, 0.4) * stained)
    amounts = np.stack([strength * stained + tint * tissue, eosin, np.zeros_like(eosin)], -1)
    turned = rgb_from_hed * np.exp(rng.normal(0, 0.1, rgb_from_hed.shape))
    seen: Plane = np.exp(-amounts @ turned)
    return (255 * seen.clip(0, 1)).round().astype(np.uint8)


def _scaled(nuclei: NDArray[Any]) -> Plane:
    low, high = np.percentile(nuclei, (1.0, 99.8))
    scaled: Plane = ((nuclei - low) / max(high - low, 1e-6)).clip(0, 1).astype(np.float32)
    return scaled


def _tissue(shape: tuple[int, ...], rng: np.random.Generator) -> Plane:
    """Draw how much there is of it at each pixel, about 0 to 1: fibres, folds and gaps."""
    gaps = 1 / (1 + np.exp(-12 * (_texture(shape, rng) - rng.uniform(0.8, 1.4))))
    there: Plane = (_texture(shape, rng) * (1 - gaps)).astype(np.float32)
    return there


def _texture(shape: tuple[int, ...], rng: np.random.Generator) -> Plane:
    """Draw noise of several scales, longer one way than the other."""
    total = np.zeros(shape, np.float32)
    for cell in _CELLS:
        total += rng.uniform(0.3, 1.0) * smooth_field(shape, cell * rng.uniform(0.7, 2.5, 2), rng)
    return (0.5 + 0.25 * total).clip(0, 1.2)
