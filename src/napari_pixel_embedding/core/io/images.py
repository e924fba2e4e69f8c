"""Reading and writing images and label images, with axes and pixel size."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_pixel_embedding.core.io.array_axes import is_in_order, settle_axes
from napari_pixel_embedding.core.io.failures import UnreadableFileError, explained
from napari_pixel_embedding.core.io.files import (
    PICTURE_SUFFIXES,
    TIFF_SUFFIXES,
    check_file,
    image_name,
    open_atomically,
)
from napari_pixel_embedding.core.io.pictures import read_npy, read_picture
from napari_pixel_embedding.core.io.tiff.ome_writer import tiff_path, write_ome_tiff
from napari_pixel_embedding.core.io.tiff.reader import StoredImage, count_positions, read_tiff
from napari_pixel_embedding.core.validation import (
    as_numeric_image,
    check_annotation,
    check_label_image,
)

if TYPE_CHECKING:
    import os
    from collections.abc import Sequence

    from numpy.typing import ArrayLike, NDArray


@dataclass(frozen=True, eq=False)
class ImageData:
    """An image or label image with the metadata of its file.

    Parameters
    ----------
    data : array
        The pixels, in the machine's byte order.
    axes : str or None
        A letter out of ``TCZYX`` for each axis; None if unknown.
    scale : tuple of float, optional
        Size of a pixel along each *spatial* axis, ([Z,] Y, X), in ``units``.
    units : str, optional
        For example ``"µm"``; None for pixels or unknown.
    name : str
        The file's name without suffix; with the position where a file has several.
    notes : tuple of str
        What was dropped or skipped while reading, one sentence each.
    """

    data: NDArray[Any]
    axes: str | None = None
    scale: tuple[float, ...] | None = None
    units: str | None = None
    name: str = ""
    notes: tuple[str, ...] = ()


def read_image(
    path: str | os.PathLike[str], series: int | None = None, *, indexed: bool = False
) -> ImageData:
    """Read an image file: the finest level of a pyramid, the largest of several images.

    Parameters
    ----------
    path : path
        TIFF (also OME-TIFF, ImageJ and LSM, with axes and pixel size), PNG, JPEG, BMP, or NPY
        without pickled objects.
    series : int, optional
        Index of the position, from 0, where a file has several of equal shape. None takes the
        first that is stored in this file, with a note.
    indexed : bool
        Return palette indices instead of colours, and grey values as stored.

    Raises
    ------
    FileNotFoundError
        When there is no such file.
    ValueError
        When the file type is not supported, or the file is damaged, holds no numbers, or claims
        more of them than file or memory can hold.
    OSError
        When the system cannot read it.

    Examples
    --------
    >>> read_image("cells.tif").axes  # doctest: +SKIP
    'ZYX'
    """
    return _read(Path(path), indexed=indexed, series=series, first=series is None)[0]


def read_images(path: str | os.PathLike[str]) -> list[ImageData]:
    """Read all positions of a file, or of the OME set that it belongs to.

    Parameters
    ----------
    path : path
        As for :func:`read_image`.

    Returns
    -------
    list of ImageData
        One for each position, all of the same shape, named ``"NAME position 1"`` and so on; a
        single one has the plain name.

    Raises
    ------
    FileNotFoundError, ValueError, OSError
        As :func:`read_image` does.
    """
    return _read(Path(path))


def count_images(path: str | os.PathLike[str]) -> int:
    """Count the positions that :func:`read_images` returns, without reading pixels.

    Raises FileNotFoundError, ValueError or OSError as :func:`read_image` does.
    """
    path = Path(path)
    check_file(path)
    if path.suffix.lower() not in TIFF_SUFFIXES:
        return 1
    with explained(path):
        return count_positions(path)


def read_labels(path: str | os.PathLike[str], *, unknown: bool = False) -> ImageData:
    """Read a label image, 0 is background, from a losslessly stored file.

    Palette PNGs are read as indices. A grey image stored as RGB is read as one channel.

    Parameters
    ----------
    path : path
        TIFF, PNG, BMP or NPY.
    unknown : bool
        Whether −1 is allowed, for pixels that are not corrected.

    Raises
    ------
    FileNotFoundError
        When there is no such file.
    ValueError
        When the values are not ids, the image has colours, or the file is a JPEG, whose
        compression changes values.
    """
    path = Path(path)
    if path.suffix.lower() in (".jpg", ".jpeg"):
        raise ValueError(
            f"A label image needs a file with exact values, found the JPEG {path}. "
            "Export it again as TIFF or PNG."
        )
    image = _read(path, indexed=True, first=True)[0]
    data, axes = _one_channel(image.data, image.axes, path)
    labels = check_annotation(data, str(path), unknown)
    if axes is None:
        image = replace(image, scale=None, units=None)
    return replace(image, data=labels, axes=axes)


def write_labels(
    path: str | os.PathLike[str],
    labels: ArrayLike,
    axes: str | None = None,
    scale: Sequence[float] | None = None,
    units: str | None = None,
    description: str | None = None,
) -> None:
    """Write a label image as a compressed OME-TIFF with its pixel size.

    An existing file is replaced atomically. Equal labels give identical bytes.

    Parameters
    ----------
    path : path
        Ends in ``.tif`` or ``.tiff``; missing folders are created.
    labels : array of int, shape ([T,] [Z,] Y, X)
        Label image, 0 is background; stored as uint16 where the ids fit, else as uint32.
    axes : str, optional
        A letter out of ``TZYX`` for each axis; needed for three axes, whose first could be T or Z.
    scale : sequence of float, optional
        Size of a pixel along each spatial axis.
    units : str, optional
        Unit of ``scale``, for example ``"µm"``.
    description : str, optional
        Text that is stored with the labels.

    Raises
    ------
    ValueError
        When labels, axes, scale or units do not fit together.
    """
    array = check_label_image(labels)
    largest = int(array.max())
    if largest >= 2**32:
        raise ValueError(
            f"A label image file holds ids below {2**32}, found {largest}. "
            "Renumber the objects from 1."
        )
    dtype = np.uint16 if largest < 2**16 else np.uint32
    write_label_tiff(path, array.astype(dtype, copy=False), axes, scale, units, description)


def write_image(
    path: str | os.PathLike[str],
    image: NDArray[Any],
    axes: str | None,
    scale: Sequence[float] | None = None,
    units: str | None = None,
) -> None:
    """Write an image as a compressed TIFF, atomically.

    Every result of :func:`read_image` can be written and is read back unchanged.

    Parameters
    ----------
    path : path
        Ends in ``.tif`` or ``.tiff``; missing folders are created.
    image : array
        Three or four channels on the last axis are colours.
    axes : str or None
        A letter for each axis: ``T``, ``C`` and ``Z`` in any order, then ``YX``; or ``C`` last.
        None if unknown.
    scale : sequence of float, optional
        Size of a pixel along each spatial axis.
    units : str, optional
        Unit of ``scale``.

    Raises
    ------
    ValueError
        When image, axes, scale or units do not fit together.
    """
    image = as_numeric_image(image)
    if axes is None:
        _write_plain(path, image)
        return
    if not is_in_order(axes) or len(axes) != image.ndim:
        raise ValueError(
            f"axes must be T, C and Z in any order and then YX, or C last, with a letter for each "
            f"of the axes of the shape {image.shape}, found {axes!r}."
        )
    write_ome_tiff(path, image, axes, scale, units)


def write_label_tiff(
    path: str | os.PathLike[str],
    array: NDArray[Any],
    axes: str | None,
    scale: Sequence[float] | None,
    units: str | None,
    description: str | None = None,
) -> None:
    """Write an integer array with axes out of TZYX unchanged; for labels and corrections."""
    write_ome_tiff(path, array, label_axes(array.ndim, axes), scale, units, description)


def _write_plain(path: str | os.PathLike[str], image: NDArray[Any]) -> None:
    import tifffile

    path = tiff_path(path)
    with open_atomically(path) as file:
        tifffile.imwrite(file, image, photometric="minisblack", compression="zlib")


def _read(
    path: Path, *, indexed: bool = False, series: int | None = None, first: bool = False
) -> list[ImageData]:
    check_file(path)
    suffix = path.suffix.lower()
    with explained(path):
        if suffix in TIFF_SUFFIXES:
            stored = read_tiff(path, indexed=indexed, position=series, first=first)
        elif series:
            raise UnreadableFileError(f"series must be 0 for {path}, found {series}.")
        elif suffix in PICTURE_SUFFIXES:
            stored = [read_picture(path, indexed=indexed)]
        else:
            stored = [StoredImage(*settle_axes(read_npy(path), None)[:2])]
    name = image_name(path)
    images = []
    for image in stored:
        data = as_numeric_image(image.data, name=str(path))
        full = name if image.position is None else f"{name} position {image.position}"
        images.append(ImageData(data, image.axes, image.scale, image.units, full, image.notes))
    return images


def _one_channel(
    data: NDArray[Any], axes: str | None, path: Path
) -> tuple[NDArray[Any], str | None]:
    if axes is None or "C" not in axes:
        return data, axes
    if not axes.endswith("C"):
        return data, None  # some writers store a stack of three or four planes as colours
    first = data[..., 0]
    if (data[..., :3] != first[..., None]).any():
        raise ValueError(
            f"A label image has one id for each pixel, found the colours of an axis C in {path} "
            f"with shape {data.shape}. Export ids instead of a coloured picture."
        )
    return first, axes[:-1]


def label_axes(ndim: int, axes: str | None) -> str:
    """Return the axes of a label image: checked where given, else YX or TZYX.

    Raises
    ------
    ValueError
        Where they do not fit ``ndim`` axes, and for three axes without names.
    """
    if axes is None and ndim in (2, 4):
        return "YX" if ndim == 2 else "TZYX"
    if axes in ("YX", "ZYX", "TYX", "TZYX", "ZTYX") and len(axes) == ndim:
        return axes
    raise ValueError(
        f"axes must be YX, ZYX, TYX or TZYX with a letter for each of {ndim} axes, found {axes!r}."
    )
