"""User data folder, where unfinished work is stored between sessions."""

from __future__ import annotations

import os
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from platformdirs import user_data_path

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
    return user_data_path(_NAME, appauthor=False)


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
