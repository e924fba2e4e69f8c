"""Which images a path stands for: one image, a folder, a plate, a file of several series."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_pixel_embedding.batch.data.images import SLIDE_SUFFIXES
from napari_pixel_embedding.core.exchange.extras import needed
from napari_pixel_embedding.core.exchange.ome_zarr_reader import attributes_of, is_zarr
from napari_pixel_embedding.core.io.files import IMAGE_SUFFIXES, image_name

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_OWN = re.compile(r".*_labels(\.ome)?\.(tiff?|zarr)$", re.I)
"""Names of label images that this program writes."""


@dataclass(frozen=True)
class DataSetImage:
    """One image of a data set.

    Parameters
    ----------
    path : Path
        File or zarr group.
    name : str
        Unlike all others of the data set; labels are named after it.
    """

    path: Path
    name: str


def list_data_set(path: Path, *, recursive: bool = False) -> list[DataSetImage]:
    """Return the images of a file, a folder, an OME-Zarr image, plate or series of images.

    Parameters
    ----------
    path : Path
    recursive : bool
        Whether the images of subfolders belong to a folder.

    Raises
    ------
    FileNotFoundError
        When there is no such path.
    ValueError
        When it holds no image.
    """
    if not path.exists():
        raise FileNotFoundError(f"There is no file or folder {path}. Check its name.")
    found = _named(sorted(_images_at(path, recursive)), path)
    if not found:
        endings = " ".join((*IMAGE_SUFFIXES, *SLIDE_SUFFIXES, ".zarr"))
        raise ValueError(f"Expected images in {path}, found none ending in one of {endings}.")
    return found


def _images_at(path: Path, recursive: bool) -> Iterator[Path]:
    if is_zarr(path):
        yield from _images_of_zarr(path)
        return
    if not path.is_dir():
        if path.suffix.lower() not in (*IMAGE_SUFFIXES, *SLIDE_SUFFIXES):
            raise ValueError(f"Expected an image or a folder, found {path.name!r}.")
        yield path
        return
    for one in path.iterdir():
        if one.name.startswith(".") or _OWN.match(one.name):
            continue
        if is_zarr(one):
            yield from _images_of_zarr(one)
        elif one.is_dir():
            yield from _images_at(one, recursive) if recursive else ()
        elif one.is_file() and one.suffix.lower() in (*IMAGE_SUFFIXES, *SLIDE_SUFFIXES):
            yield one


def _images_of_zarr(path: Path) -> Iterator[Path]:
    """Yield the fields of a plate, the series of a converted file, or the image itself."""
    zarr = needed("zarr", "OME-Zarr files", "batch")
    found = zarr.open(path, mode="r")
    if isinstance(found, zarr.Array):
        yield path
        return
    attributes = attributes_of(found)
    if "plate" in attributes:
        yield from _fields(found, attributes["plate"], path)
    elif "multiscales" in attributes:
        yield path
    elif "bioformats2raw.layout" in attributes:
        yield from (path / name for name in _series(found))
    elif "well" in attributes:
        yield from (_inside(path, one["path"]) for one in attributes["well"]["images"])


def _fields(plate: Any, described: Mapping[str, Any], path: Path) -> Iterator[Path]:
    for well in described["wells"]:
        place = _inside(path, well["path"])
        images = attributes_of(plate[well["path"]])["well"]["images"]
        yield from (_inside(place, one["path"]) for one in images)


def _series(group: Any) -> list[str]:
    if "OME" in group:
        listed = attributes_of(group["OME"]).get("series")
        if listed:
            return [str(name) for name in listed]
    return sorted((name for name in group.group_keys() if name.isdigit()), key=int)


def _inside(folder: Path, name: str) -> Path:
    """Return a path within a folder.

    Raises ValueError for one that leads out of it: metadata may come from anybody.
    """
    path = folder / name
    if not path.resolve().is_relative_to(folder.resolve()):
        raise ValueError(f"{folder} names an image outside of it, {name!r}: it is not opened.")
    return path


def _named(paths: list[Path], root: Path) -> list[DataSetImage]:
    """Name images after their place below the root, without endings where that is clear."""
    names = [_name(path, root) for path in paths]
    clear = {name: names.count(name) == 1 for name in names}
    return [
        DataSetImage(path, name if clear[name] else f"{name}_{path.suffix.lstrip('.')}")
        for path, name in zip(paths, names, strict=True)
    ]


def _name(path: Path, root: Path) -> str:
    if path == root:
        return _plain(root.name)
    parts = list(path.relative_to(root).parts)
    if is_zarr(root):
        parts.insert(0, _plain(root.name))
    return "_".join(_plain(part) for part in parts)


def _plain(name: str) -> str:
    for ending in (".zarr", ".ome"):
        name = name.removesuffix(ending)
    known = (*IMAGE_SUFFIXES, *SLIDE_SUFFIXES)
    return image_name(Path(name)) if Path(name).suffix.lower() in known else name
