"""How a network is run on an image."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

AUGMENTS = {1: "off", 4: "flips", 8: "flips and quarter turns"}
"""How many times the network may look at an image, and how."""


@dataclass(frozen=True)
class PredictOptions:
    """How a network is run on an image, whatever the image is.

    Parameters
    ----------
    device : str
        "auto", "cpu", "cuda" or "mps".
    diameter : float, optional
        Typical diameter of the image's objects in its pixels along Y and X; see
        :func:`~.object_scale.image_diameter` for what counts without it.
    tile_shape, halo : sequence of int, optional
        Pixels of a tile along the spatial axes, and of its overlap on each side.
    augment : {1, 4, 8}
        How many times the network looks at the image, see :data:`AUGMENTS`.
    """

    device: str = "auto"
    diameter: float | None = None
    tile_shape: Sequence[int] | None = None
    halo: Sequence[int] | None = None
    augment: int = 1
