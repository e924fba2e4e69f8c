"""Libraries that come with the extra ``exchange``."""

from __future__ import annotations

import importlib
from typing import Any


def needed(module: str, purpose: str) -> Any:
    """Import a library of the extra.

    Raises
    ------
    ValueError
        When it is not installed; says how to get it.
    """
    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise ValueError(
            f"{purpose} need the package {module.split('.')[0]}, found none: "
            "pip install 'napari-pixel-embedding[exchange]'"
        ) from error
