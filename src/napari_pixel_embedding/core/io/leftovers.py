"""Temporary files and folders of processes that were killed: removed when the program starts.

Whatever ends normally removes its own. What is left is recognised by name, place and age: nothing
younger than two days is touched, because another window may still work with it.
"""

from __future__ import annotations

import re
import shutil
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

from napari_pixel_embedding.core.io.user_folder import user_folder

if TYPE_CHECKING:
    from collections.abc import Iterator

PREFIX = "pixel-embedding-"
"""Beginning of the names of our folders among the system's temporary files."""
AGE_S = 2 * 24 * 3600.0
"""Age of the newest file of a leftover."""
_UNFINISHED_FILE = re.compile(r"\.[0-9a-f]{32}\.tmp")
_UNFINISHED_FOLDER = re.compile(r"\.\d{8}-\d{6}-[0-9a-f]{8}")


def sweep_leftovers(now: float | None = None) -> list[Path]:
    """Remove what killed processes of this program have left; return what was removed.

    Files that were to replace another one, and folders of fine-tunings that were never completed,
    in the user's folder; our folders among the system's temporary files. What cannot be removed
    stays.

    Parameters
    ----------
    now : float, optional
        Time to compare with, in seconds since 1970; the present by default.
    """
    now = time.time() if now is None else now
    removed = []
    for path in (*_unfinished(), *Path(tempfile.gettempdir()).glob(f"{PREFIX}*")):
        if now - _newest(path) > AGE_S and _remove(path):
            removed.append(path)
    return removed


def _unfinished() -> Iterator[Path]:
    """Yield unfinished files and folders of the user's folder, and of the folders in it."""
    home = user_folder()
    for path in (*home.glob(".*"), *home.glob("*/.*")):
        pattern = _UNFINISHED_FOLDER if path.is_dir() else _UNFINISHED_FILE
        if pattern.fullmatch(path.name) and not path.is_symlink():
            yield path


def _newest(path: Path) -> float:
    """Return when a file, or anything in a folder, was changed last; the future if unknown."""
    try:
        inside = path.rglob("*") if path.is_dir() and not path.is_symlink() else ()
        return max(float(each.lstat().st_mtime) for each in (path, *inside))
    except OSError:
        return float("inf")


def _remove(path: Path) -> bool:
    try:
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink()
    except OSError:
        return False
    return True
