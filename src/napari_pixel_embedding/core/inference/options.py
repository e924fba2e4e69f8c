"""Inference options: device, object diameter, tiles and test-time augmentation."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

AUGMENTS = {1: "off", 4: "flips", 8: "flips and quarter turns"}
"""Numbers of views for test-time augmentation."""


@dataclass(frozen=True)
class PredictOptions:
    """Inference options that do not depend on the image's axes.

    Parameters
    ----------
    device : str
        "auto", "cpu", "cuda" or "mps".
    diameter : float, optional
        Typical diameter of the image's objects in its pixels along Y and X; see
        :func:`~.object_scale.image_diameter` for the default.
    tile_shape, halo : sequence of int, optional
        Pixels of a tile along the spatial axes, and of its overlap on each side.
    tile : int, optional
        Largest side of a tile along Y and X, where no ``tile_shape`` is given.
    augment : {1, 4, 8}
        Number of views averaged, see :data:`AUGMENTS`.
    """

    device: str = "auto"
    diameter: float | None = None
    tile_shape: Sequence[int] | None = None
    halo: Sequence[int] | None = None
    augment: int = 1
    tile: int | None = None
