"""User data folder, where unfinished work is stored between sessions."""

from __future__ import annotations

import os
import sys
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

_NAME = "napari-pixel-embedding"
VARIABLE = "NAPARI_PIXEL_EMBEDDING_HOME"
"""Environment variable that overrides the folder."""


def user_folder() -> Path:
    """Return the user data folder of this program, in the system's standard place.

    It may not exist yet. The environment variable ``NAPARI_PIXEL_EMBEDDING_HOME`` overrides it.
    """
    if chosen := os.environ.get(VARIABLE):
        return Path(chosen).expanduser()
    return _data_folder() / _NAME


@contextmanager
def temporary_user_folder() -> Iterator[Path]:
    """Store unfinished work in a temporary folder, removed when the block ends.

    For work that is not kept, such as that of a demonstration.
    """
    before = os.environ.get(VARIABLE)
    with TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        os.environ[VARIABLE] = folder
        try:
            yield Path(folder)
        finally:
            os.environ.pop(VARIABLE)
            if before is not None:
                os.environ[VARIABLE] = before


def _data_folder() -> Path:
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local")
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Application Support"
    return Path(os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share")
