"""Where a user's unfinished work is kept between two starts of the program."""

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
"""Environment variable that names another folder."""


def user_folder() -> Path:
    """Folder of this program's own files, in the place that the system has for them.

    The folder need not exist yet. The environment variable ``NAPARI_PIXEL_EMBEDDING_HOME`` names
    another one.
    """
    if chosen := os.environ.get(VARIABLE):
        return Path(chosen).expanduser()
    return _data_folder() / _NAME


@contextmanager
def temporary_user_folder() -> Iterator[Path]:
    """Keep unfinished work in a folder that goes when the block ends.

    For work that nobody will ask for again, such as what a demonstration paints.
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
