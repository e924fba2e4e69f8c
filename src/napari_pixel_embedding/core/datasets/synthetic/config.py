"""What a user may choose about a drawn image."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from napari_pixel_embedding.core.parameters import check_ranges, describe

Kind = Literal["ellipses", "rosette", "filaments", "bacteria"]
KINDS: tuple[Kind, ...] = ("ellipses", "rosette", "filaments", "bacteria")
"""Touching ellipses such as nuclei; leaves around plant centres; threads; rods in colonies."""


@dataclass(frozen=True)
class SyntheticConfig:
    """Size of the objects, and how their image is spoilt.

    ``color`` asks for red, green and blue: green leaves on soil, stained ellipses and rods,
    green threads.
    """

    diameter: float = field(
        default=24.0,
        metadata=describe(
            "Diameter (pixels)",
            4.0,
            500.0,
            "Diameter of a disc, or a ball, as large as a typical object.",
        ),
    )
    density: float = field(
        default=0.7,
        metadata=describe(
            "Density", 0.05, 1.0, "Share of the image that objects may lie in.", step=0.05
        ),
    )
    noise: float = field(
        default=0.06,
        metadata=describe(
            "Noise", 0.0, 1.0, "Standard deviation at full brightness, which is 1.", step=0.01
        ),
    )
    blur: float = field(
        default=1.0,
        metadata=describe("Blur (pixels)", 0.0, 20.0, "Width of the Gaussian blur.", step=0.5),
    )
    uneven: float = field(
        default=0.3,
        metadata=describe(
            "Uneven light", 0.0, 0.9, "Share of the light that is lost in the darkest corner."
        ),
    )
    color: bool = False

    def __post_init__(self) -> None:
        check_ranges(self)
