"""Presets of the three systems and named network sizes; importing this does not load torch."""

from __future__ import annotations

import math
from typing import Any, Literal, get_args

from napari_pixel_embedding.core.model.config import ModelConfig

Preset = Literal["euclidean", "cosine", "wnet"]
NetworkSize = Literal["tiny", "small", "base", "large"]

PRESETS: tuple[Preset, ...] = get_args(Preset)
"""Names of the systems, see :func:`model_config_for`."""

NETWORK_SIZES: dict[NetworkSize, tuple[int, int]] = {
    "tiny": (8, 3),
    "small": (8, 4),
    "base": (16, 4),
    "large": (24, 4),
}
"""Base width and depth of a U-Net by name: about 0.1, 0.5, 2 and 4 million weights in 2-D."""

_KINDS: dict[Preset, dict[str, Any]] = {
    "euclidean": {"architecture": "unet", "space": "euclidean"},
    "cosine": {"architecture": "unet", "space": "cosine"},
    "wnet": {"architecture": "wnet", "space": "cosine"},
}


def model_config_for(preset: Preset, size: NetworkSize = "base", **changes: Any) -> ModelConfig:
    """Return the configuration of a new model of one of the three systems.

    Parameters
    ----------
    preset : {"euclidean", "cosine", "wnet"}
        Euclidean discriminative embedding (De Brabandere et al., 2017), cosine embedding with
        local constraints (Chen et al., 2019), or the latter on distance features (Wu et al.,
        2020).
    size : {"tiny", "small", "base", "large"}
        See :data:`NETWORK_SIZES`. The W-Net's two U-Nets are narrower, so that together they have
        about as many weights as the U-Net of the same name.
    **changes
        Other fields of :class:`ModelConfig`; ``base_width`` and ``depth`` override the size.

    Raises
    ------
    ValueError
        When there is no such system or size.

    Examples
    --------
    >>> model_config_for("cosine", "small").base_width
    8
    """
    if preset not in _KINDS:
        raise ValueError(f"preset must be one of {', '.join(_KINDS)}, found {preset!r}.")
    if size not in NETWORK_SIZES:
        raise ValueError(f"size must be one of {', '.join(NETWORK_SIZES)}, found {size!r}.")
    width, depth = NETWORK_SIZES[size]
    if preset == "wnet":
        width = round(width / math.sqrt(2))
    return ModelConfig(**{"base_width": width, "depth": depth, **_KINDS[preset], **changes})
