"""Images and label images in and out of files, with their axes and pixel size."""

from __future__ import annotations

import hashlib
import uuid
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_pixel_embedding.core.io.files import (
    PICTURE_SUFFIXES,
    TIFF_SUFFIXES,
    check_file,
    image_name,
    open_atomically,
)
from napari_pixel_embedding.core.io.tiff import UNITS, read_tiff, unit_symbol
from napari_pixel_embedding.core.validation import as_numeric_image, check_label_image

if TYPE_CHECKING:
    import os
    from collections.abc import Sequence

    from numpy.typing import ArrayLike, NDArray


@dataclass(frozen=True, eq=False)
class ImageData:
    """An image or label image as its file describes it.

    Parameters
    ----------
    data : array
        The pixels, in the machine's byte order.
    axes : str or None
        A letter out of ``TCZYX`` for each axis; None where the file does not tell.
    scale : tuple of float, optional
        Size of a pixel along each *spatial* axis, ([Z,] Y, X), in ``units``.
    units : str, optional
        For example ``"µm"``; None for pixels or not known.
    name : str
        The file's name without its ending.
    """

    data: NDArray[Any]
    axes: str | None = None
    scale: tuple[float, ...] | None = None
    units: str | None = None
    name: str = ""


def read_image(path: str | os.PathLike[str], *, indexed: bool = False) -> ImageData:
    """Read an image file.

    Parameters
    ----------
    path : path
        TIFF (also OME-TIFF, ImageJ and LSM, with axes and pixel size), PNG, JPEG, BMP, or NPY
        without pickled objects.
    indexed : bool
        Give the indices of a PNG in indexed colours instead of its colours.

    Raises
    ------
    FileNotFoundError
        When there is no such file.
    ValueError
        When it is not of a known kind, is damaged, or holds no numbers.

    Examples
    --------
    >>> read_image("cells.tif").axes  # doctest: +SKIP
    'ZYX'
    """
    return _read(Path(path), indexed=indexed)


def read_labels(path: str | os.PathLike[str]) -> ImageData:
    """Read a label image, 0 is background, from any file that keeps exact values.

    Indexed-colour PNGs give their indices. A grey image stored as RGB is read as one channel.

    Parameters
    ----------
    path : path
        TIFF, PNG, BMP or NPY.

    Raises
    ------
    FileNotFoundError
        When there is no such file.
    ValueError
        When the values are no ids, the image is in colours, or the file is a JPEG, whose
        compression changes ids.
    """
    path = Path(path)
    if path.suffix.lower() in (".jpg", ".jpeg"):
        raise ValueError(
            f"A label image needs a file with exact values, found the JPEG {path}. "
            "Export it again as TIFF or PNG."
        )
    image = _read(path, indexed=True)
    data, axes = _one_channel(image.data, image.axes, path)
    labels = check_label_image(data, name=str(path))
    return ImageData(labels, axes, image.scale, image.units, image.name)


def write_labels(
    path: str | os.PathLike[str],
    labels: ArrayLike,
    axes: str | None = None,
    scale: Sequence[float] | None = None,
    units: str | None = None,
) -> None:
    """Write a label image as a compressed OME-TIFF that other programs read with its pixel size.

    The file appears complete or not at all: an earlier one is replaced in one step. The same
    labels give the same bytes.

    Parameters
    ----------
    path : path
        Ends in ``.tif`` or ``.tiff``; missing folders are made.
    labels : array of int, shape ([T,] [Z,] Y, X)
        Label image, 0 is background; stored as uint16 where ids fit, else as uint32.
    axes : str, optional
        A letter out of ``TZYX`` for each axis; needed for three axes, where it could be T or Z.
    scale : sequence of float, optional
        Size of a pixel along each spatial axis.
    units : str, optional
        Unit of ``scale``, for example ``"µm"``.

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
    write_label_tiff(path, array.astype(dtype, copy=False), axes, scale, units)


def write_image(path: str | os.PathLike[str], image: NDArray[Any], axes: str) -> None:
    """Write an image as a compressed TIFF, complete or not at all.

    Parameters
    ----------
    path : path
        Ends in ``.tif`` or ``.tiff``; missing folders are made.
    image : array
        Colours come last and are red, green and blue.
    axes : {"YX", "ZYX", "YXC"}
        A letter for each axis.

    Raises
    ------
    ValueError
        When image and axes do not fit together.
    """
    import tifffile

    path = _tiff_path(path)
    if axes != "YXC":
        write_label_tiff(path, image, axes, None, None)
        return
    if image.ndim != 3 or image.shape[-1] != 3:
        raise ValueError(f"Expected the shape (Y, X, 3) for axes YXC, found {image.shape}.")
    with open_atomically(path) as file:
        tifffile.imwrite(file, image, photometric="rgb", compression="zlib")


def write_label_tiff(
    path: str | os.PathLike[str],
    array: NDArray[Any],
    axes: str | None,
    scale: Sequence[float] | None,
    units: str | None,
) -> None:
    """Write an array with axes out of TZYX as it is; the part that corrections and images share."""
    import tifffile

    path = _tiff_path(path)
    axes = _label_axes(array.ndim, axes)
    metadata: dict[str, Any] = {"axes": axes, **_ome_scale(axes, scale, units)}
    array = np.ascontiguousarray(array)
    metadata["UUID"] = str(uuid.UUID(bytes=hashlib.blake2b(array.data, digest_size=16).digest()))
    with open_atomically(path) as file:
        tifffile.imwrite(
            file,
            array,
            ome=True,
            photometric="minisblack",
            compression="zlib",
            metadata=metadata,
        )


def _read(path: Path, *, indexed: bool) -> ImageData:
    check_file(path)
    suffix = path.suffix.lower()
    try:
        if suffix in TIFF_SUFFIXES:
            data, axes, scale, units = read_tiff(path)
        elif suffix in PICTURE_SUFFIXES:
            data, axes, scale, units = *_read_picture(path, indexed), None, None
        else:
            data, axes, scale, units = _read_npy(path), None, None, None
    except (MemoryError, PermissionError):
        raise
    except Exception as error:  # decoders raise errors of every kind on damaged files
        raise ValueError(
            f"{path} could not be read as {suffix[1:].upper()}: {error}. "
            "The file is damaged or of another kind; open and export it again where it was made."
        ) from error
    data = as_numeric_image(data, name=str(path))
    if data.ndim == 2:
        axes = "YX"
    return ImageData(data, axes, scale, units, image_name(path))


def _read_picture(path: Path, indexed: bool) -> tuple[NDArray[Any], str]:
    import imageio.v3 as iio

    stored = iio.immeta(path, plugin="pillow").get("mode")
    convert = {"CMYK": "RGB", "YCbCr": "RGB", "LA": "L", "P": "P" if indexed else None}
    data = iio.imread(path, plugin="pillow", index=0, mode=convert.get(str(stored)))
    return data, "YX" if data.ndim == 2 else "YXC"


def _read_npy(path: Path) -> NDArray[Any]:
    data = np.load(path, allow_pickle=False)
    if not isinstance(data, np.ndarray):
        data.close()
        raise ValueError("expected one array, found an archive of several")
    return data


def _one_channel(
    data: NDArray[Any], axes: str | None, path: Path
) -> tuple[NDArray[Any], str | None]:
    if axes is None or "C" not in axes:
        return data, axes
    if not axes.endswith("C"):
        return data, None  # a stack of three or four planes looks like colours to some writers
    first = data[..., 0]
    if (data[..., :3] != first[..., None]).any():
        raise ValueError(
            f"A label image has one id for each pixel, found the colours of an axis C in {path} "
            f"with shape {data.shape}. Export ids instead of a coloured picture."
        )
    return first, axes[:-1]


def _tiff_path(path: str | os.PathLike[str]) -> Path:
    path = Path(path)
    if path.suffix.lower() not in (".tif", ".tiff"):
        raise ValueError(
            f"Label images are written as TIFF, found the name {path.name!r}. "
            "End it in .tif or .tiff."
        )
    return path


def _label_axes(ndim: int, axes: str | None) -> str:
    if axes is None and ndim in (2, 4):
        return "YX" if ndim == 2 else "TZYX"
    if axes in ("YX", "ZYX", "TYX", "TZYX") and len(axes) == ndim:
        return axes
    raise ValueError(
        f"axes must be YX, ZYX, TYX or TZYX with a letter for each of {ndim} axes, found {axes!r}."
    )


def _ome_scale(axes: str, scale: Sequence[float] | None, units: str | None) -> dict[str, Any]:
    if scale is None:
        return {}
    spatial = axes.replace("T", "")
    sizes = tuple(float(size) for size in scale)
    if len(sizes) != len(spatial) or not all(np.isfinite(s) and s > 0 for s in sizes):
        raise ValueError(
            f"scale must have a positive size for each of the axes {spatial}, found {sizes}."
        )
    symbol = "pixel" if units is None else unit_symbol(units)
    if symbol not in (*UNITS, "pixel"):
        raise ValueError(f"units must be one of {', '.join(UNITS)} or pixel, found {units!r}.")
    metadata: dict[str, Any] = {}
    for letter, size in zip(spatial, sizes, strict=True):
        metadata[f"PhysicalSize{letter}"] = size
        metadata[f"PhysicalSize{letter}Unit"] = symbol
    return metadata
