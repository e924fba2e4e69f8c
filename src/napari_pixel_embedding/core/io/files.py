"""Finding image files, pairing them with their masks, and replacing files safely."""

from __future__ import annotations

import os
import stat
import unicodedata
import uuid
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

TIFF_SUFFIXES = (".tif", ".tiff", ".lsm")
PICTURE_SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp")
IMAGE_SUFFIXES = (*TIFF_SUFFIXES, *PICTURE_SUFFIXES, ".npy")
"""Endings of the files that :func:`read_image` reads, in lower case."""

_KINDS = (
    (stat.S_ISDIR, "folder"),
    (stat.S_ISFIFO, "pipe"),
    (stat.S_ISCHR, "device"),
    (stat.S_ISBLK, "device"),
    (stat.S_ISSOCK, "socket"),
)
"""What a path may lead to instead of a regular file: opening a pipe waits without end."""


@contextmanager
def open_atomically(path: str | os.PathLike[str]) -> Iterator[BinaryIO]:
    """Open a file for writing that takes the place of ``path`` only when all went well.

    Bytes go to a temporary file beside it, are flushed to the disk, and then renamed. After
    an error, or a loss of power, the earlier file is still there.
    """
    target = Path(os.path.realpath(path))
    target.parent.mkdir(parents=True, exist_ok=True)
    temporary = target.parent / f".{uuid.uuid4().hex}.tmp"
    try:
        with temporary.open("xb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, target)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    _sync_folder(target.parent)


def list_images(
    paths: str | os.PathLike[str] | Sequence[str | os.PathLike[str]],
) -> list[Path]:
    """Image files of a folder (not of its subfolders), a file, or several of both.

    Parameters
    ----------
    paths : path or sequence of paths
        Hidden files and files of other kinds in a folder are left out.

    Returns
    -------
    list of Path
        A folder's files are sorted by name.

    Raises
    ------
    FileNotFoundError
        When a path does not exist.
    ValueError
        When a file is not of a known kind, or a folder has no image.
    """
    if isinstance(paths, (str, os.PathLike)):
        paths = [paths]
    if not paths:
        raise ValueError("Expected at least one image file or folder, found none.")
    return [image for path in paths for image in _images_at(Path(path))]


def check_file(path: Path) -> None:
    """Raise when ``path`` is no regular file of a kind that can be read; it is not opened."""
    try:
        mode = path.stat().st_mode
    except (FileNotFoundError, NotADirectoryError):
        message = f"There is no file {path}. Check its name and folder."
        raise FileNotFoundError(message) from None
    if not stat.S_ISREG(mode):
        kind = next((name for is_kind, name in _KINDS if is_kind(mode)), "special file")
        raise ValueError(f"Expected an image file, found the {kind} {path}.")
    if path.suffix.lower() not in IMAGE_SUFFIXES:
        raise ValueError(
            f"Expected a file ending in one of {' '.join(IMAGE_SUFFIXES)}, found {path.name!r}. "
            "Convert it to TIFF first."
        )


def _sync_folder(folder: Path) -> None:
    """Make a rename last; systems that cannot open folders do it by themselves."""
    if os.name != "posix":
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _images_at(path: Path) -> list[Path]:
    if not path.is_dir():
        check_file(path)
        return [path]
    images = sorted(
        file
        for file in path.iterdir()
        if file.suffix.lower() in IMAGE_SUFFIXES
        and not file.name.startswith(".")
        and file.is_file()
    )
    if not images:
        raise ValueError(
            f"Expected images in {path}, found none ending in one of {' '.join(IMAGE_SUFFIXES)}."
        )
    return images


def image_name(path: Path) -> str:
    """Name without its ending, in one spelling of accents (systems store them differently)."""
    stem = path.stem
    if path.suffix.lower() in TIFF_SUFFIXES and stem.lower().endswith(".ome"):
        stem = stem[:-4]
    return unicodedata.normalize("NFC", stem)
