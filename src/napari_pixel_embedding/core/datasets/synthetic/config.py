"""Configuration of synthetic images."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from napari_pixel_embedding.core.parameters import configuration

Kind = Literal["ellipses", "rosette", "filaments", "bacteria"]
KINDS: tuple[Kind, ...] = ("ellipses", "rosette", "filaments", "bacteria")
"""Touching ellipses such as nuclei; leaves around plant centres; filaments; rods in colonies."""


@configuration
class SyntheticConfig:
    """Size and density of the objects; noise, blur and uneven light of their image.

    ``color`` draws red, green and blue: green leaves on soil, stained ellipses and rods, green
    filaments.
    """

    diameter: float = Field(
        default=24.0,
        ge=4,
        le=500,
        title="Diameter (pixels)",
        description="Diameter of a disc, or a ball, as large as a typical object.",
    )
    density: float = Field(
        default=0.7,
        ge=0.05,
        le=1,
        title="Density",
        description="Share of the image that objects may lie in.",
        json_schema_extra={"step": 0.05},
    )
    noise: float = Field(
        default=0.06,
        ge=0,
        le=1,
        title="Noise",
        description="Standard deviation at full brightness, which is 1.",
        json_schema_extra={"step": 0.01},
    )
    blur: float = Field(
        default=1.0,
        ge=0,
        le=20,
        title="Blur (pixels)",
        description="Width of the Gaussian blur.",
        json_schema_extra={"step": 0.5},
    )
    uneven: float = Field(
        default=0.3,
        ge=0,
        le=0.9,
        title="Uneven light",
        description="Share of the light that is lost in the darkest corner.",
    )
    color: bool = False
