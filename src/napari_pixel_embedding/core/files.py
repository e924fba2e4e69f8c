"""Finding image files, pairing them with their masks, and replacing files safely."""

from __future__ import annotations

import csv
import os
import unicodedata
import uuid
from collections import Counter
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

TIFF_SUFFIXES = (".tif", ".tiff", ".lsm")
PICTURE_SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp")
IMAGE_SUFFIXES = (*TIFF_SUFFIXES, *PICTURE_SUFFIXES, ".npy")
"""Endings of the files that :func:`read_image` reads, in lower case."""


class Pair(NamedTuple):
    """The files of an image and of its label image."""

    image: Path
    mask: Path


class Matches(NamedTuple):
    """What is in a folder of images and one of masks: pairs by name, and what is left over."""

    pairs: list[Pair]
    images_alone: list[Path]
    masks_alone: list[Path]


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


def find_pairs(folder: str | os.PathLike[str]) -> list[Pair]:
    """Images and their label images in ``<folder>/images/NAME.*`` and ``<folder>/masks/NAME.*``.

    Parameters
    ----------
    folder : path
        The folder that holds ``images`` and ``masks``.

    Returns
    -------
    list of Pair
        Sorted by name.

    Raises
    ------
    FileNotFoundError
        When one of the folders does not exist.
    ValueError
        When an image has no mask, a mask no image, or a name is used twice.
    """
    found, folder = match_pairs(folder), Path(folder)
    _check_partners(found.images_alone, found, f"a mask in {folder / 'masks'}")
    _check_partners(found.masks_alone, found, f"an image in {folder / 'images'}")
    return found.pairs


def match_pairs(folder: str | os.PathLike[str]) -> Matches:
    """Find pairs as :func:`find_pairs` does, and what has no partner beside them.

    Raises
    ------
    FileNotFoundError
        When one of the folders does not exist.
    ValueError
        When a name is used twice, or a folder holds no image.
    """
    folder = Path(folder)
    _check_dataset_folder(folder)
    images = _by_name(_images_at(folder / "images"), folder / "images")
    masks = _by_name(_images_at(folder / "masks"), folder / "masks")
    return Matches(
        [Pair(images[name], masks[name]) for name in sorted(images.keys() & masks.keys())],
        [images[name] for name in sorted(images.keys() - masks.keys())],
        [masks[name] for name in sorted(masks.keys() - images.keys())],
    )


def names_where(table: str | os.PathLike[str], where: Mapping[str, str]) -> list[str]:
    """Names in the rows of a CSV table whose columns have the given values.

    Parameters
    ----------
    table : path
        A CSV file with a column ``name``.
    where : mapping
        Wanted value of each column, such as ``{"type": "fluo"}``.
    """
    with Path(table).open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    columns = set(rows[0]) if rows else set()
    if missing := sorted({"name", *where} - columns):
        raise ValueError(
            f"expected the columns {', '.join(missing)} in {table}, "
            f"found {', '.join(sorted(columns)) or 'none'}."
        )
    return [row["name"] for row in rows if all(row[key] == value for key, value in where.items())]


def check_file(path: Path) -> None:
    """Raise when ``path`` is no file of a kind that can be read."""
    if path.is_dir():
        raise ValueError(f"Expected an image file, found the folder {path}.")
    if not path.exists():
        raise FileNotFoundError(f"There is no file {path}. Check its name and folder.")
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


def _check_dataset_folder(folder: Path) -> None:
    missing = [name for name in ("images", "masks") if not (folder / name).is_dir()]
    if not missing:
        return
    advice = "Put the images in 'images' and label images of the same names in 'masks'."
    if folder.is_dir():
        inside = sorted(p.name for p in folder.iterdir() if (p / "images").is_dir())
        if inside:
            advice = f"Choose one of its folders that have both: {', '.join(inside)}."
    raise FileNotFoundError(
        f"Expected the folders 'images' and 'masks' in {folder}, found no "
        f"{' and no '.join(map(repr, missing))}. {advice}"
    )


def image_name(path: Path) -> str:
    """Name without its ending, in one spelling of accents (systems store them differently)."""
    stem = path.stem
    if path.suffix.lower() in TIFF_SUFFIXES and stem.lower().endswith(".ome"):
        stem = stem[:-4]
    return unicodedata.normalize("NFC", stem)


def _by_name(files: Sequence[Path], folder: Path) -> dict[str, Path]:
    twice = [name for name, count in Counter(map(image_name, files)).items() if count > 1]
    if twice:
        raise ValueError(
            f"Expected one file for each name in {folder}, found several named {_some(twice)}. "
            "Remove the copies."
        )
    return {image_name(file): file for file in files}


def _check_partners(lonely: Sequence[Path], found: Matches, wanted: str) -> None:
    if lonely:
        count = len(found.pairs) + len(lonely)
        raise ValueError(
            f"Expected {wanted} of the same name for each of {count} files, found none for "
            f"{_some([path.name for path in lonely])}. Add the missing files or move these out of "
            "the folder."
        )


def _some(names: Sequence[str], limit: int = 5) -> str:
    more = f" and {len(names) - limit} more" if len(names) > limit else ""
    return ", ".join(names[:limit]) + more
