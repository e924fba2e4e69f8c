"""Libraries that come with extras of the package."""

from __future__ import annotations

import importlib
from typing import Any


def needed(module: str, purpose: str, extra: str = "exchange") -> Any:
    """Import a library of an extra.

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
            f"pip install 'napari-pixel-embedding[{extra}]'"
        ) from error
