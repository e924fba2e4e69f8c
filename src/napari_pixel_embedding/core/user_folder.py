"""Where a user's unfinished work is kept between two starts of the program."""

from __future__ import annotations

import os
import sys
from pathlib import Path

_NAME = "napari-pixel-embedding"
VARIABLE = "NAPARI_PIXEL_EMBEDDING_HOME"
"""Environment variable that names another folder."""


def user_folder() -> Path:
    """Folder of this program's own files, in the place that the system has for them.

    The folder need not exist yet. The environment variable ``NAPARI_PIXEL_EMBEDDING_HOME`` names
    another one.
    """
    if chosen := os.environ.get(VARIABLE):
        return Path(chosen).expanduser()
    return _data_folder() / _NAME


def _data_folder() -> Path:
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local")
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Application Support"
    return Path(os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share")
