"""Compressed differences of two arrays, small enough to keep a hundred for undo."""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_pixel_embedding.core.label_regions import bounding_box

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

_LEVEL = 1
"""Compression level: the fastest; label images compress well at any level."""


@dataclass(frozen=True, eq=False)
class Patch:
    """Values of a box of an array before and after a change.

    Parameters
    ----------
    box : tuple of (int, int)
        First index and the one after the last, along each axis.
    dtype : str
        Type of the values.
    before, after : bytes
        Compressed values of the box, in C order.
    """

    box: tuple[tuple[int, int], ...]
    dtype: str
    before: bytes
    after: bytes

    @classmethod
    def between(cls, old: NDArray[Any], new: NDArray[Any]) -> Patch | None:
        """Return the difference of two arrays of one shape and type; None when they are equal.

        Examples
        --------
        >>> patch = Patch.between(np.array([1, 2, 3, 4]), np.array([1, 7, 3, 4]))
        >>> patch.box
        ((1, 2),)
        >>> patch.applied(np.zeros(4, int))
        array([0, 7, 0, 0])
        """
        if (old.shape, old.dtype) != (new.shape, new.dtype):
            raise ValueError(
                f"A patch needs arrays of one shape and type, found {old.dtype} {old.shape} "
                f"and {new.dtype} {new.shape}."
            )
        changed = old != new
        if not changed.any():
            return None
        region = bounding_box(changed)
        box = tuple((part.start, part.stop) for part in region)
        return cls(box, old.dtype.str, pack(old[region]), pack(new[region]))

    def applied(self, array: NDArray[Any]) -> NDArray[Any]:
        """Return a copy of an array with the box as it was after the change."""
        return self._with(array, self.after)

    def reverted(self, array: NDArray[Any]) -> NDArray[Any]:
        """Return a copy of an array with the box as it was before the change."""
        return self._with(array, self.before)

    def _with(self, array: NDArray[Any], values: bytes) -> NDArray[Any]:
        result = array.copy()
        region = tuple(slice(*ends) for ends in self.box)
        result[region] = unpack(values, np.dtype(self.dtype), result[region].shape)
        return result


def pack(values: NDArray[Any]) -> bytes:
    """Compress an array's values, in C order."""
    return zlib.compress(np.ascontiguousarray(values).data, _LEVEL)


def unpack(packed: bytes, dtype: np.dtype[Any], shape: Sequence[int]) -> NDArray[Any]:
    """Undo :func:`pack`, never using more memory than the array takes.

    Raises
    ------
    ValueError
        When the bytes are damaged or hold an array of another size.
    """
    size = int(np.prod(shape, dtype=np.int64)) * dtype.itemsize
    stream = zlib.decompressobj()
    try:
        content = stream.decompress(packed, size + 1)
    except zlib.error as error:
        raise ValueError(f"Expected compressed values, found damaged ones: {error}.") from error
    if len(content) != size:
        found = "more" if len(content) > size else f"{len(content):,}"
        raise ValueError(f"Expected {size:,} bytes of values, found {found}.")
    return np.frombuffer(content, dtype).reshape(shape)
