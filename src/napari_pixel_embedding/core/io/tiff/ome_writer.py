"""Writing arrays as OME-TIFF, with axes, pixel size and a supported dtype."""

from __future__ import annotations

import hashlib
import uuid
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_pixel_embedding.core.io.files import open_atomically
from napari_pixel_embedding.core.io.units import UNITS, unit_symbol, usable_scale

if TYPE_CHECKING:
    import os
    from collections.abc import Sequence

    from numpy.typing import NDArray

_COLORS = (3, 4)


def write_ome_tiff(
    path: str | os.PathLike[str],
    array: NDArray[Any],
    axes: str,
    scale: Sequence[float] | None,
    units: str | None,
    description: str | None = None,
) -> None:
    """Write an array as a compressed OME-TIFF, atomically.

    Parameters
    ----------
    path : path
        Ends in ``.tif`` or ``.tiff``; missing folders are created.
    array : array
        Equal arrays give identical files.
    axes : str
        ``T``, ``C`` and ``Z`` in any order, then ``YX``; or ``C`` last for colours.
    scale : sequence of float, optional
        Size of a pixel along each spatial axis.
    units : str, optional
        Unit of ``scale``.
    description : str, optional
        Text that is stored with the image, read by :func:`~.reader.stored_description`.

    Raises
    ------
    ValueError
        When scale or units do not fit the axes.
    """
    import tifffile

    path = tiff_path(path)
    array = np.ascontiguousarray(_stored_type(array))
    samples = axes.endswith("C")
    metadata: dict[str, Any] = {
        "axes": axes[:-1] + "S" if samples else axes,
        **_ome_scale(axes, scale, units),
    }
    digest = hashlib.blake2b(array.data, digest_size=16).digest()
    metadata["UUID"] = str(uuid.UUID(bytes=digest))
    if description is not None:
        metadata["Description"] = description
    colored = samples and array.shape[-1] in _COLORS
    with open_atomically(path) as file:
        tifffile.imwrite(
            file,
            array,
            ome=True,
            photometric="rgb" if colored else "minisblack",
            planarconfig="contig" if samples else None,
            compression="zlib",
            metadata=metadata,
        )


def tiff_path(path: str | os.PathLike[str]) -> Path:
    """Return the path of a file to write; ValueError if it does not end in .tif or .tiff."""
    path = Path(path)
    if path.suffix.lower() not in (".tif", ".tiff"):
        raise ValueError(
            f"Images and label images are written as TIFF, found the name {path.name!r}. "
            "End it in .tif or .tiff."
        )
    return path


def _stored_type(array: NDArray[Any]) -> NDArray[Any]:
    """Convert to a dtype of OME without changing values: 64-bit ones to 32 bits or floats."""
    if array.dtype.kind == "b":
        return array.astype(np.uint8)
    if array.dtype == np.float16:
        return array.astype(np.float32)
    if array.dtype.kind not in "iu" or array.dtype.itemsize < 8:
        return array
    for dtype in (np.uint32, np.int32):
        info = np.iinfo(dtype)
        if info.min <= array.min() and array.max() <= info.max:
            return array.astype(dtype)
    if max(abs(int(array.min())), abs(int(array.max()))) <= 2**53:
        return array.astype(np.float64)
    raise ValueError(
        f"An image file holds whole numbers up to 2**53, found {array.max()}. "
        "Save the array as .npy."
    )


def _ome_scale(axes: str, scale: Sequence[float] | None, units: str | None) -> dict[str, Any]:
    if scale is None:
        return {}
    spatial = "".join(letter for letter in axes if letter in "ZYX")
    sizes = tuple(float(size) for size in scale)
    if len(sizes) != len(spatial) or not all(np.isfinite(s) and s > 0 for s in sizes):
        raise ValueError(
            f"scale must have a positive size for each of the axes {spatial}, found {sizes}."
        )
    settled = usable_scale(axes, sizes, units)
    if settled.scale is None:
        raise ValueError(f"units must be one of {', '.join(UNITS)} or pixel, found {units!r}.")
    symbol = settled.units or "pixel"
    metadata: dict[str, Any] = {}
    for letter, size in zip(spatial, settled.scale, strict=True):
        metadata[f"PhysicalSize{letter}"] = size
        metadata[f"PhysicalSize{letter}Unit"] = unit_symbol(symbol)
    return metadata
