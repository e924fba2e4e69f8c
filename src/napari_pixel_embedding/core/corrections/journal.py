"""Journal of corrections: an append-only file, written after every change, that survives a crash.

A journal is a sequence of records, each preceded by its length and checksum: a head that names the
image, then the changes. A record is flushed to disk before the next one is written; a record that
a crash truncated is ignored. From time to time the journal is replaced atomically by one that
holds only the present state.
"""

from __future__ import annotations

import hashlib
import json
import math
import os
import struct
import uuid
import zlib
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, BinaryIO, Literal

import numpy as np
from pydantic import Field

from napari_pixel_embedding.core.corrections.corrections import (
    NOT_CORRECTED,
    check_corrections,
    no_corrections,
)
from napari_pixel_embedding.core.corrections.patch import Patch, unpack
from napari_pixel_embedding.core.io.failures import available_memory
from napari_pixel_embedding.core.io.files import open_atomically, open_regular
from napari_pixel_embedding.core.parameters import configuration

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

SUFFIX = ".corrections"
FOLDER = "corrections"
"""Folder of the journals within the user's folder."""

_MAGIC = b"pixel-embedding corrections 1\n"
_FRAME = struct.Struct("<II")
_SIZE = struct.Struct("<I")
_TYPE = np.dtype("<i4")
_LONGEST = 1 << 30
_REWRITE = 1 << 20
"""Appended bytes, beyond four times those of the state, after which a journal is rewritten."""

_NAME_LENGTH = 60
_PATCHES = 16
_PATCH = 32


@dataclass(frozen=True, eq=False)
class SavedAnnotations:
    """Corrections and notes of one image.

    Parameters
    ----------
    name : str
        Name of the image.
    key : str
        Its :func:`image_key`.
    corrections : array of int32, shape ([T,] [Z,] Y, X), optional
        None when nothing was corrected.
    notes : dict
        Other values to keep, which JSON can hold.
    """

    name: str
    key: str
    corrections: NDArray[np.int32] | None = None
    notes: dict[str, Any] = field(default_factory=dict)


def image_key(data: Any, name: str = "", place: str = "") -> str:
    """Return a hash of an image's pixels: 16 hexadecimal digits.

    Of arrays in memory all pixels are hashed, so that a file may be renamed and moved. Of others
    (dask, zarr) a few small regions and the name are.

    Parameters
    ----------
    data : array_like
        Anything with a shape and a type.
    name : str
        Name of the image.
    place : str
        Any text that names a part of the image; empty for the whole.

    Examples
    --------
    >>> image_key(np.zeros((2, 3))) == image_key(np.zeros((3, 2)))
    False
    """
    digest = hashlib.sha256(f"{tuple(data.shape)} {np.dtype(data.dtype).str}".encode())
    if isinstance(data, np.ndarray):
        for part in data if data.ndim > 2 else [data]:
            digest.update(np.ascontiguousarray(part).tobytes())
    else:
        digest.update(name.encode())
        for region in _regions(data.shape):
            digest.update(np.ascontiguousarray(np.asarray(data[region])).tobytes())
    digest.update(place.encode())
    return digest.hexdigest()[:16]


def _regions(shape: Sequence[int]) -> Iterator[tuple[slice, ...]]:
    """Choose a few small random regions of an image, always the same for one shape."""
    rng = np.random.default_rng(list(shape))
    for _ in range(_PATCHES):
        yield tuple(
            slice(start, start + (_PATCH if axis >= len(shape) - 2 else 1))
            for axis, size in enumerate(shape)
            for start in [int(rng.integers(max(size - _PATCH, 1)))]
        )


class Journal:
    """Writer of one image's journal; each writer has a file of its own.

    Parameters
    ----------
    folder : path
        Folder of the file; created when it does not exist.
    name, key : str
        As in :class:`SavedAnnotations`.
    path : Path, optional
        An existing journal of this image to go on with, in ``folder``; the first write replaces
        its content. By default, a new file.
    """

    def __init__(
        self, folder: str | os.PathLike[str], name: str, key: str, path: Path | None = None
    ) -> None:
        self._name, self._key = name, key
        stem = "".join(c if c.isalnum() or c in "-_." else "_" for c in name)[:_NAME_LENGTH]
        new = f"{stem}-{key}-{uuid.uuid4().hex[:8]}{SUFFIX}"
        self.path = Path(folder) / new if path is None else path
        self._written: SavedAnnotations | None = None
        self._own, self._appended = 0, 0

    def write(self, corrections: NDArray[np.int32] | None, notes: dict[str, Any]) -> None:
        """Write the present state; it is flushed to disk when this returns.

        No file is made for a state without corrections.

        Parameters
        ----------
        corrections, notes
            As in :class:`SavedAnnotations`; neither is written into.

        Raises
        ------
        OSError
            When the disk is full or the folder cannot be written. The file still holds the
            previous state, and the next call rewrites it.
        """
        saved = SavedAnnotations(self._name, self._key, corrections, notes)
        last, self._written = self._written, None  # restored only on success
        if corrections is None and not self.path.exists():
            return
        if self._fits(last, corrections):
            self._append(_changes(last, saved))
        else:
            self._rewrite(saved)
        self._written = saved

    def _fits(self, last: SavedAnnotations | None, corrections: NDArray[np.int32] | None) -> bool:
        """Return whether the change can be appended to the file."""
        if last is None or last.corrections is None or corrections is None:
            return False
        short = self._appended <= _REWRITE + 4 * self._own
        return short and last.corrections.shape == corrections.shape and self.path.exists()

    def _rewrite(self, saved: SavedAnnotations) -> None:
        content = _MAGIC + b"".join(_state(saved))
        with open_atomically(self.path) as file:
            file.write(content)
        self._own, self._appended = len(content), 0

    def _append(self, records: list[bytes]) -> None:
        content = b"".join(records)
        if not content:
            return
        with self.path.open("r+b") as file:
            file.seek(0, os.SEEK_END)
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        self._appended += len(content)


def read_journal(
    path: str | os.PathLike[str], shape: Sequence[int] | None = None
) -> SavedAnnotations:
    """Read the last state of a journal; a truncated last record is ignored.

    Parameters
    ----------
    path : path
        A file of :class:`Journal`.
    shape : sequence of int, optional
        Expected shape of the image's labels.

    Raises
    ------
    OSError
        When there is no such file, or it must not be read.
    ValueError
        When it is not a regular file or not a journal, is damaged, or belongs to labels of another
        shape.
    """
    with open_regular(path) as file:
        if file.read(len(_MAGIC)) != _MAGIC:
            raise ValueError(f"Expected a journal of corrections, found something else in {path}.")
        with _damage_named(path):
            records = _records(file)
            head = _Head(**next(records)[0])
        _check_shape(head.shape, shape, path)
        with _damage_named(path):
            return _replayed(head, records)


@contextmanager
def _damage_named(path: Any) -> Iterator[None]:
    """Turn any exception of hostile or damaged records into a ValueError that names the file."""
    try:
        yield
    except OSError:
        raise
    except Exception as error:
        raise ValueError(
            f"Expected a journal of corrections, found a damaged one in {path}."
        ) from error


def _check_shape(found: tuple[int, ...] | None, shape: Sequence[int] | None, path: Any) -> None:
    if shape is not None and found is not None and found != tuple(shape):
        raise ValueError(
            f"Corrections must have the image's shape {tuple(shape)}, found {found} in "
            f"{path}. Open the image they were made on."
        )


# -------------------------------------------------------------------------------------- records


@configuration
class _Head:
    """First record: the image, and the shape of its corrections if there are any."""

    kind: Literal["head"]
    name: str
    key: str
    shape: tuple[Annotated[int, Field(ge=1)], ...] | None


@configuration
class _Box:
    """Record of a box of corrections that replaces what was there; its values follow."""

    kind: Literal["box"]
    box: tuple[tuple[int, int], ...]

    def region(self, shape: Sequence[int]) -> tuple[slice, ...]:
        """Return the box as an index of an array, in which it must lie."""
        inside = all(0 <= a < b <= n for (a, b), n in zip(self.box, shape, strict=True))
        if not inside:
            raise ValueError(f"Expected a box within {tuple(shape)}, found {self.box}.")
        return tuple(slice(*ends) for ends in self.box)


@configuration
class _Notes:
    """Record of the notes that hold from here on."""

    kind: Literal["notes"]
    notes: dict[str, Any]


def _state(saved: SavedAnnotations) -> list[bytes]:
    """Return the records of a whole state, head first."""
    fixed = saved.corrections
    shape = None if fixed is None else fixed.shape
    head = _record({"kind": "head", "name": saved.name, "key": saved.key, "shape": shape})
    whole = [] if fixed is None else _box_record(no_corrections(fixed.shape), fixed)
    return [head, *whole, _record({"kind": "notes", "notes": saved.notes})]


def _changes(old: SavedAnnotations | None, new: SavedAnnotations) -> list[bytes]:
    """Return the records of the change from one state to the next."""
    if old is None or old.corrections is None or new.corrections is None:
        return _state(new)
    notes = [] if old.notes == new.notes else [_record({"kind": "notes", "notes": new.notes})]
    if old.corrections is new.corrections:
        return notes
    return [*_box_record(old.corrections, new.corrections), *notes]


def _box_record(old: NDArray[np.int32], new: NDArray[np.int32]) -> list[bytes]:
    patch = Patch.between(old.astype(_TYPE, copy=False), new.astype(_TYPE, copy=False))
    return [] if patch is None else [_record({"kind": "box", "box": patch.box}, patch.after)]


def _record(digest: dict[str, Any], content: bytes = b"") -> bytes:
    text = json.dumps(digest).encode()
    body = _SIZE.pack(len(text)) + text + content
    return _FRAME.pack(len(body), zlib.crc32(body)) + body


def _records(file: BinaryIO) -> Iterator[tuple[dict[str, Any], bytes]]:
    """Iterate over the records, up to the first that is truncated or damaged."""
    while True:
        frame = file.read(_FRAME.size)
        if len(frame) < _FRAME.size:
            return
        length, checksum = _FRAME.unpack(frame)
        left = os.fstat(file.fileno()).st_size - file.tell()
        if not _SIZE.size <= length <= min(left, _LONGEST):
            return  # checked before memory is taken for it
        body = file.read(length)
        if len(body) < length or zlib.crc32(body) != checksum:
            return
        end = _SIZE.size + _SIZE.unpack_from(body)[0]
        yield json.loads(body[_SIZE.size : end]), body[end:]


def _replayed(head: _Head, records: Iterator[tuple[dict[str, Any], bytes]]) -> SavedAnnotations:
    notes: dict[str, Any] = {}
    fixed = None if head.shape is None else _blank(head.shape)
    for digest, content in records:
        if digest["kind"] == "notes":
            notes = _Notes(**digest).notes
        elif fixed is not None:
            region = _Box(**digest).region(fixed.shape)
            fixed[region] = unpack(content, _TYPE, fixed[region].shape)
    if fixed is not None and (check_corrections(fixed) == NOT_CORRECTED).all():
        fixed = None
    return SavedAnnotations(head.name, head.key, fixed, notes)


def _blank(shape: tuple[int, ...]) -> NDArray[np.int32]:
    """Return empty corrections, unless a damaged head claims more than the memory holds."""
    if math.prod(shape) * _TYPE.itemsize > available_memory():
        raise ValueError(f"Expected corrections that fit into memory, found the shape {shape}.")
    return no_corrections(shape)
