"""Reading PNG, JPEG, BMP and NPY files, with size checks before memory is allocated."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_pixel_embedding.core.io.failures import UnreadableFileError, check_size
from napari_pixel_embedding.core.io.files import open_regular
from napari_pixel_embedding.core.io.tiff.reader import StoredImage

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

_READ_AS = {"CMYK": "RGB", "YCbCr": "RGB", "LA": "L", "La": "L", "LAB": "RGB", "HSV": "RGB"}
"""Modes of Pillow that are converted, and their targets."""


def read_picture(path: Path, *, indexed: bool) -> StoredImage:
    """Read the first image of a PNG, JPEG or BMP file.

    Parameters
    ----------
    path : path
    indexed : bool
        Return palette indices instead of colours.
    """
    with warnings.catch_warnings():  # Pillow warns about large images; check_size decides
        warnings.simplefilter("ignore")
        return _read_picture(path, indexed)


def _read_picture(path: Path, indexed: bool) -> StoredImage:
    import imageio.v3 as iio

    properties = iio.improps(path, plugin="pillow", index=0)
    check_size(path, properties.shape, properties.dtype.itemsize, path.stat().st_size)
    stored = str(iio.immeta(path, plugin="pillow", index=0).get("mode"))
    convert = _READ_AS | ({"P": "P", "PA": "P"} if indexed else {"PA": "RGBA"})
    data = iio.imread(path, plugin="pillow", index=0, mode=convert.get(stored))
    return StoredImage(data, "YX" if data.ndim == 2 else "YXC")


def read_npy(path: Path) -> NDArray[Any]:
    """Read one array; pickled objects are rejected.

    Raises
    ------
    ValueError
        Also when the header claims more numbers than the file holds.
    """
    with open_regular(path) as file:
        _check_header(path, file)
        file.seek(0)
        data = np.load(file, allow_pickle=False)
        if not isinstance(data, np.ndarray):
            data.close()
            raise ValueError("expected one array, found an archive of several")
    return data


def _check_header(path: Path, file: Any) -> None:
    magic = file.read(len(np.lib.format.MAGIC_PREFIX))
    if magic != np.lib.format.MAGIC_PREFIX:
        return  # np.load raises the error
    file.seek(0)
    version = np.lib.format.read_magic(file)
    readers = {
        (1, 0): np.lib.format.read_array_header_1_0,
        (2, 0): np.lib.format.read_array_header_2_0,
    }
    shape, _, dtype = readers.get(version, np.lib.format.read_array_header_2_0)(file)
    if dtype.hasobject:
        return  # np.load rejects it
    size = path.stat().st_size
    count = int(np.prod([int(n) for n in shape], dtype=object)) * dtype.itemsize
    if any(n < 0 for n in shape) or count > size - file.tell():
        raise UnreadableFileError(
            f"{path} claims an array of shape {shape} and type {dtype}, more than its {size} bytes "
            "hold. The file is damaged or was not copied whole."
        )
    check_size(path, shape, dtype.itemsize, size)
