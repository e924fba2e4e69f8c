"""Listing and checking image files, and writing files atomically."""

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
MICROSCOPE_SUFFIXES = (".czi", ".nd2", ".lif", ".oib", ".oif", ".ims", ".vsi", ".zvi")
"""Endings of microscopes' own formats, which other programs export."""
IMAGE_SUFFIXES = (*TIFF_SUFFIXES, *PICTURE_SUFFIXES, ".npy")
"""Suffixes of the files that :func:`read_image` reads, in lower case."""

_KINDS = (
    (stat.S_ISDIR, "folder"),
    (stat.S_ISFIFO, "pipe"),
    (stat.S_ISCHR, "device"),
    (stat.S_ISBLK, "device"),
    (stat.S_ISSOCK, "socket"),
)
"""Kinds of paths that are not regular files and are not opened: a pipe would block forever."""


@contextmanager
def open_atomically(path: str | os.PathLike[str]) -> Iterator[BinaryIO]:
    """Open a file for writing that replaces ``path`` only if no error occurs.

    The data is written to a temporary file in the same folder, flushed to disk, and renamed. After
    an error or a power loss the earlier file is intact.
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
    *,
    recursive: bool = False,
) -> list[Path]:
    """Return the image files of a folder, a file, or several of both.

    Parameters
    ----------
    paths : path or sequence of paths
        Hidden files and files of other kinds in a folder are left out.
    recursive : bool
        Whether the files of subfolders belong to a folder.

    Returns
    -------
    list of Path
        A folder's files are sorted by name.

    Raises
    ------
    FileNotFoundError
        When a path does not exist.
    ValueError
        When a file type is not supported, or a folder has no image.
    """
    if isinstance(paths, (str, os.PathLike)):
        paths = [paths]
    if not paths:
        raise ValueError("Expected at least one image file or folder, found none.")
    return [image for path in paths for image in _images_at(Path(path), recursive)]


def passed_over(
    paths: str | os.PathLike[str] | Sequence[str | os.PathLike[str]], *, recursive: bool = False
) -> list[str]:
    """Say in a sentence each what :func:`list_images` leaves out: subfolders, microscope formats.

    Examples
    --------
    >>> passed_over([])
    []
    """
    paths = [paths] if isinstance(paths, (str, os.PathLike)) else paths
    notes = []
    for folder in (Path(path) for path in paths if Path(path).is_dir()):
        entries = sorted(folder.rglob("*") if recursive else folder.iterdir())
        entries = [one for one in entries if not one.name.startswith(".")]
        inner = [one.name for one in entries if one.is_dir()]
        if inner and not recursive:
            notes.append(f"{folder}: passed over the subfolders {_listed(inner)} (--recursive).")
        foreign = [one.name for one in entries if one.suffix.lower() in MICROSCOPE_SUFFIXES]
        if foreign:
            notes.append(
                f"{folder}: passed over {_listed(foreign)}; export them as OME-TIFF, or open them "
                "in napari with a reader plugin."
            )
    return notes


def _listed(names: Sequence[str]) -> str:
    more = f" and {len(names) - 3} more" if len(names) > 3 else ""
    return ", ".join(names[:3]) + more


def check_file(path: Path) -> None:
    """Raise when ``path`` is not a regular file of a supported type; it is not opened."""
    try:
        mode = path.stat().st_mode
    except (FileNotFoundError, NotADirectoryError):
        message = f"There is no file {path}. Check its name and folder."
        raise FileNotFoundError(message) from None
    if not stat.S_ISREG(mode):
        raise ValueError(f"Expected an image file, found the {_kind(mode)} {path}.")
    if path.suffix.lower() not in IMAGE_SUFFIXES:
        raise ValueError(
            f"Expected a file ending in one of {' '.join(IMAGE_SUFFIXES)}, found {path.name!r}. "
            "Convert it to TIFF first."
        )


def open_regular(path: str | os.PathLike[str]) -> BinaryIO:
    """Open a regular file for reading; never blocks on a pipe, and opens no device.

    Raises
    ------
    OSError
        When there is no such file, or it must not be read.
    ValueError
        When it is a folder, a pipe, a device or a socket; links are followed.
    """
    _check_regular(os.stat(path).st_mode, path)
    flags = sum(getattr(os, name, 0) for name in ("O_NONBLOCK", "O_BINARY", "O_CLOEXEC"))
    handle = os.open(path, os.O_RDONLY | flags)
    try:
        _check_regular(os.fstat(handle).st_mode, path)  # it may have been exchanged
        return os.fdopen(handle, "rb")
    except BaseException:
        os.close(handle)
        raise


def read_whole(path: str | os.PathLike[str], most: int) -> bytes:
    """Read a small regular file: a recipe, a request, a declaration.

    Raises
    ------
    OSError
        When there is no such file, or it must not be read.
    ValueError
        When it is no regular file, or has more than ``most`` bytes, so that nobody's memory is
        filled by a file that is something else.
    """
    with open_regular(path) as file:
        content = file.read(most + 1)
    if len(content) > most:
        raise ValueError(
            f"Expected a file of at most {most:,} bytes, found more in {os.fspath(path)}: it is "
            "something else."
        )
    return content


def _check_regular(mode: int, path: str | os.PathLike[str]) -> None:
    if not stat.S_ISREG(mode):
        raise ValueError(f"Expected a file, found the {_kind(mode)} {os.fspath(path)}.")


def _kind(mode: int) -> str:
    return next((name for is_kind, name in _KINDS if is_kind(mode)), "special file")


def _sync_folder(folder: Path) -> None:
    """Flush a rename to disk; not needed on systems that cannot open folders."""
    if os.name != "posix":
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _images_at(path: Path, recursive: bool) -> list[Path]:
    if not path.is_dir():
        check_file(path)
        return [path]
    images = sorted(
        file
        for file in (path.rglob("*") if recursive else path.iterdir())
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
    """Return the name without suffix, in one Unicode normal form (systems differ in accents)."""
    stem = path.stem
    if path.suffix.lower() in TIFF_SUFFIXES and stem.lower().endswith(".ome"):
        stem = stem[:-4]
    return unicodedata.normalize("NFC", stem)
