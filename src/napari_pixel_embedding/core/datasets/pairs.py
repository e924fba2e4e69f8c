"""Pairs of image files and mask files of the same name."""

from __future__ import annotations

import csv
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    import os
    from collections.abc import Mapping, Sequence
from napari_pixel_embedding.core.io.files import image_name, list_images


class Pair(NamedTuple):
    """The files of an image and of its label image."""

    image: Path
    mask: Path


class Matches(NamedTuple):
    """Pairs of the same name in a folder of images and one of masks, and files without partner."""

    pairs: list[Pair]
    images_alone: list[Path]
    masks_alone: list[Path]


def find_pairs(folder: str | os.PathLike[str]) -> list[Pair]:
    """Find image pairs in ``<folder>/images/NAME.*`` and ``<folder>/masks/NAME.*``.

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
    """Find pairs as :func:`find_pairs` does, and files without a partner.

    Raises
    ------
    FileNotFoundError
        When one of the folders does not exist.
    ValueError
        When a name is used twice, or a folder holds no image.
    """
    folder = Path(folder)
    _check_dataset_folder(folder)
    images = _by_name(list_images(folder / "images"), folder / "images")
    masks = _by_name(list_images(folder / "masks"), folder / "masks")
    return Matches(
        [Pair(images[name], masks[name]) for name in sorted(images.keys() & masks.keys())],
        [images[name] for name in sorted(images.keys() - masks.keys())],
        [masks[name] for name in sorted(masks.keys() - images.keys())],
    )


def names_where(table: str | os.PathLike[str], where: Mapping[str, str]) -> list[str]:
    """Return the names in the rows of a CSV table whose columns have the given values.

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
