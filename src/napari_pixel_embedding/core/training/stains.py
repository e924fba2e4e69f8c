"""Augmentation of stained tissue in the space of its stains.

Absorbances of stains add up, so an image is taken apart into amounts of haematoxylin, eosin and
DAB (Ruifrok & Johnston, Anal. Quant. Cytol. Histol. 23, 291–299, 2001), which are varied and put
together again; so networks see slides of laboratories that stain otherwise (Tellez et al., Medical
Image Analysis 58, 101544, 2019).
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

import numpy as np
import torch

if TYPE_CHECKING:
    from torch import Tensor

_ALONE = 0.3
"""Share of the varied crops that show haematoxylin alone."""
_LEAST = 0.02
"""Brightness that counts as black, below which absorbance has no meaning."""


def vary_stains(image: Tensor, rng: np.random.Generator) -> Tensor:
    """Vary amounts and colours of the stains of an image (3, Y, X), 0 black and 1 white."""
    mixing, taken_apart = _matrices()
    absorbance = -torch.log(image.clamp(_LEAST, 1.0))
    amounts = torch.einsum("sc,cyx->syx", taken_apart, absorbance)
    if rng.random() < _ALONE:
        return _alone(amounts[0], rng)
    gain = torch.from_numpy(np.exp(rng.normal(0, 0.35, (3, 1, 1)))).float()
    offset = torch.from_numpy(rng.normal(0, 0.04, (3, 1, 1))).float()
    turned = mixing * torch.from_numpy(np.exp(rng.normal(0, 0.15, (3, 3)))).float()
    seen = torch.exp(-torch.einsum("cs,syx->cyx", turned, amounts * gain + offset))
    return seen.clamp(0, 1.2)


def _alone(amount: Tensor, rng: np.random.Generator) -> Tensor:
    """Show the amount of one stain as grey, on a dark or on a bright background."""
    low, high = torch.quantile(amount.flatten()[::7], torch.tensor([0.01, 0.998]))
    grey: Tensor = ((amount - low) / (high - low).clamp(min=1e-3)).clamp(0, 1.2)
    grey = grey if rng.random() < 0.6 else 1 - grey
    return grey.expand(3, -1, -1).clone()


@cache
def _matrices() -> tuple[Tensor, Tensor]:
    """Return the stains' absorbances in red, green and blue (3, 3), a column each; its inverse."""
    from skimage.color import rgb_from_hed

    mixing = np.asarray(rgb_from_hed, np.float64).T
    return torch.from_numpy(mixing).float(), torch.from_numpy(np.linalg.inv(mixing)).float()
