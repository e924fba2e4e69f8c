"""Images and label images in OME-Zarr, read part by part."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_pixel_embedding.core.exchange.extras import needed
from napari_pixel_embedding.core.io.failures import explained, explained_part
from napari_pixel_embedding.core.io.units import PixelSize, pixel_size

if TYPE_CHECKING:
    import os
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

_MARKS = ("zarr.json", ".zgroup", ".zattrs", ".zarray")
_OLD_AXES = "TCZYX"
"""Axes of OME-Zarr 0.1 and 0.2, which does not name them."""


@dataclass(frozen=True, eq=False)
class StoredLabels:
    """A label image that is read when a part is asked for.

    Parameters
    ----------
    labels : array_like, shape ([T,] [Z,] Y, X)
    axes : str, optional
        A letter for each axis; None for a plain array.
    size : PixelSize
    """

    labels: Any
    axes: str | None
    size: PixelSize


def is_zarr(path: str | os.PathLike[str]) -> bool:
    """Whether a path is a zarr group or array, or looks like one that is missing."""
    path = Path(path)
    return path.suffix.lower() == ".zarr" or any((path / mark).is_file() for mark in _MARKS)


def read_ome_zarr_labels(path: str | os.PathLike[str]) -> StoredLabels:
    """Open a label image of OME-Zarr 0.1 to 0.5, or a plain zarr array, at its finest level.

    Parameters
    ----------
    path : path
        The label image; or an image with one label image beside it, which is taken.

    Raises
    ------
    FileNotFoundError
        When there is nothing.
    ValueError
        When it holds no label image, or several, or zarr is not installed.
    """
    path = Path(path)
    found, zarr = _opened(path)
    if isinstance(found, zarr.Array):
        return StoredLabels(StoredArray(_checked(found, path), path), None, PixelSize())
    attributes = attributes_of(found)
    if "image-label" not in attributes:
        found = _inner(found, _only_labels(found, attributes, path), path)
        attributes = attributes_of(found)
    stored = _read_level(found, attributes, path, 0)
    return StoredLabels(_checked(stored.data, path), stored.axes, stored.size)


@dataclass(frozen=True, eq=False)
class StoredLevel:
    """One level of a stored image, which is read when a part is asked for.

    Parameters
    ----------
    data : array_like
        Without axes of length one other than Y and X.
    axes : str, optional
        A letter for each axis; None for a plain array.
    size : PixelSize
    levels : int
        Levels of the pyramid.
    """

    data: Any
    axes: str | None
    size: PixelSize
    levels: int = 1


def read_ome_zarr_image(path: str | os.PathLike[str], level: int = 0) -> StoredLevel:
    """Open a level of an image of OME-Zarr 0.1 to 0.5, or a plain zarr array.

    Raises
    ------
    FileNotFoundError
        When there is nothing.
    ValueError
        When it is no image, has no such level, or zarr is not installed.
    """
    path = Path(path)
    found, zarr = _opened(path)
    if isinstance(found, zarr.Array):
        _check_level(level, 1, path)
        return StoredLevel(StoredArray(_usable(found, path), path), None, PixelSize())
    return _read_level(found, attributes_of(found), path, level)


def read_label_pyramid(
    path: str | os.PathLike[str],
) -> tuple[tuple[Any, ...], str | None, PixelSize]:
    """Open all levels of a label image, the finest first; return axes and pixel size too.

    Axes of length one stay. Raises as :func:`read_ome_zarr_labels` does.
    """
    path = Path(path)
    stored = read_ome_zarr_labels(path)
    found, zarr = _opened(path)
    if isinstance(found, zarr.Array):
        return (found,), None, stored.size
    attributes = attributes_of(found)
    if "image-label" not in attributes:
        found = _inner(found, _only_labels(found, attributes, path), path)
        attributes = attributes_of(found)
    datasets = attributes["multiscales"][0]["datasets"]
    return tuple(found[level["path"]] for level in datasets), stored.axes, stored.size


def _opened(path: Path) -> tuple[Any, Any]:
    zarr = needed("zarr", "OME-Zarr files")
    if not path.exists():
        raise FileNotFoundError(f"There is no {path}. Check the path.")
    if not any((path / mark).is_file() for mark in _MARKS):
        raise ValueError(f"Expected a zarr group or array, found none in {path}.")
    with explained(path):
        return zarr.open(path, mode="r"), zarr


def attributes_of(group: Any) -> Mapping[str, Any]:
    """Return what a group says of itself, in any version of OME-Zarr."""
    stored = dict(group.attrs)
    attributes: Mapping[str, Any] = stored.get("ome", stored)  # since 0.5 under "ome"
    return attributes


def _inner(group: Any, name: str, path: Path) -> Any:
    with explained(path):
        return group[name]


def _only_labels(group: Any, attributes: Mapping[str, Any], path: Path) -> str:
    """Return where in a group its only label image is."""
    prefix, names = "", attributes.get("labels")
    if names is None and "labels" in group:
        prefix, names = "labels/", attributes_of(group["labels"]).get("labels", ())
    if not names:
        raise ValueError(
            f"Expected a label image, found none in {path}. Give the path of the label image, such "
            f"as {path / 'labels' / 'objects'}."
        )
    if len(names) > 1:
        raise ValueError(
            f"Expected one label image in {path}, found {', '.join(sorted(names))}. Give the path "
            f"of one, such as {path / (prefix + min(names))}."
        )
    return f"{prefix}{names[0]}"


def _read_level(group: Any, attributes: Mapping[str, Any], path: Path, number: int) -> StoredLevel:
    multiscales = attributes.get("multiscales") or ()
    if not multiscales:
        raise ValueError(f"Expected a pyramid in {path}, found no multiscales.")
    pyramid = multiscales[0]
    with explained(path):
        count = len(pyramid["datasets"])
    _check_level(number, count, path)
    with explained(path):
        level = pyramid["datasets"][number]
        array = _usable(group[level["path"]], path)
        axes = pyramid.get("axes") or list(_OLD_AXES[-array.ndim :])
        named = [a if isinstance(a, str) else a["name"] for a in axes]
        letters = "".join(name[0].upper() for name in named)
        units = {x: _unit(a) for x, a in zip(letters, axes, strict=True)}
        steps = [*level.get("coordinateTransformations", ()), *_of_all_levels(pyramid)]
        sizes = np.ones(array.ndim)
        for step in steps:
            if step.get("type") == "scale":
                sizes = sizes * np.asarray(step["scale"], float)
        kept = "".join(a for a, n in zip(letters, array.shape, strict=True) if a in "YX" or n > 1)
        lazy = StoredArray(array, path, [a in kept for a in letters])
        known = dict(zip(letters, sizes.tolist(), strict=True)) if steps else {}
        size = pixel_size(kept, known, units)
        plain = size.units is None and all(n == 1 for n in size.scale or ())
        return StoredLevel(lazy, kept, PixelSize() if plain else size, len(pyramid["datasets"]))


def _check_level(number: int, count: int, path: Path) -> None:
    if not 0 <= number < count:
        raise ValueError(f"level must be from 0 to {count - 1} for {path}, found {number}.")


def _unit(axis: Any) -> str:
    return "pixel" if isinstance(axis, str) else axis.get("unit") or "pixel"


def _of_all_levels(pyramid: Mapping[str, Any]) -> Sequence[Mapping[str, Any]]:
    return pyramid.get("coordinateTransformations") or ()


def _usable(array: Any, path: Path) -> Any:
    if 0 in (*array.chunks, *(getattr(array, "shards", None) or ())):
        raise ValueError(f"Expected chunks of one pixel or more, found none in {path}.")
    return array


def _checked(array: Any, path: Path) -> Any:
    _usable(array, path)
    if array.dtype.kind not in "iub":
        raise ValueError(f"A label image holds whole numbers, found {array.dtype} in {path}.")
    return array


class StoredArray:
    """A stored array whose parts are read when they are asked for.

    Damaged parts raise a ValueError or OSError that names the path, whatever their decoder says.

    Parameters
    ----------
    array : zarr.Array, or another that is read part by part
    path : Path
        Named in errors.
    kept : sequence of bool, optional
        The axes that are shown; the others have a length of one. By default all.
    """

    def __init__(self, array: Any, path: Path, kept: Sequence[bool] | None = None) -> None:
        self._array, self._path = array, path
        self._kept = (True,) * array.ndim if kept is None else tuple(kept)
        self.dtype = array.dtype
        self.shape = self._of(array.shape)
        self.chunks = self._of(array.chunks)
        self.ndim = len(self.shape)

    def _of(self, values: Sequence[int]) -> tuple[int, ...]:
        return tuple(value for value, kept in zip(values, self._kept, strict=True) if kept)

    def __getitem__(self, key: Any) -> NDArray[Any]:
        keys = iter(key if isinstance(key, tuple) else (key,))
        place = tuple(next(keys, slice(None)) if kept else 0 for kept in self._kept)
        with explained_part(self._path):
            return np.asarray(self._array[place])

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray[Any]:
        return np.asarray(self[()], dtype=dtype)

    def close(self) -> None:
        """Close the file, where the array is of one."""
        close = getattr(self._array, "close", None)
        if close is not None:
            close()
