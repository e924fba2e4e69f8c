"""Synthetic images of dense objects with exact label images, drawn from a random seed."""

from __future__ import annotations

from napari_pixel_embedding.core.datasets.synthetic.config import KINDS, Kind, SyntheticConfig
from napari_pixel_embedding.core.datasets.synthetic.drawing import SyntheticImage, synthetic_image

__all__ = ["KINDS", "Kind", "SyntheticConfig", "SyntheticImage", "synthetic_image"]
