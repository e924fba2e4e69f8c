"""Journal of corrections: an append-only file, written after every change, that survives a crash.

A journal is a sequence of records, each preceded by its length and checksum: a head that names the
image, then the changes. A record is flushed to disk before the next one is written; a record that
a crash truncated is ignored. From time to time the journal is replaced atomically by one that
holds only the present state.
"""

from __future__ import annotations

import hashlib
import json
import os
import struct
import uuid
import zlib
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

import numpy as np

from napari_pixel_embedding.core.corrections.corrections import NOT_CORRECTED, no_corrections
from napari_pixel_embedding.core.corrections.patch import Patch, unpack
from napari_pixel_embedding.core.io.files import open_atomically

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

SUFFIX = ".corrections"
FOLDER = "corrections"
"""Folder of the journals within the user's folder."""

KEPT = 5
"""Number of journals kept of one image."""

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
    """

    def __init__(self, folder: str | os.PathLike[str], name: str, key: str) -> None:
        self._name, self._key = name, key
        stem = "".join(c if c.isalnum() or c in "-_." else "_" for c in name)[:_NAME_LENGTH]
        self.path = Path(folder) / f"{stem}-{key}-{uuid.uuid4().hex[:8]}{SUFFIX}"
        self._written: SavedAnnotations | None = None
        self._own, self._appended = 0, 0

    def write(self, corrections: NDArray[np.int32] | None, notes: dict[str, Any]) -> None:
        """Write the present state; it is flushed to disk when this returns.

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
    FileNotFoundError
        When there is no such file.
    ValueError
        When it is not a journal, is damaged, or belongs to labels of another shape.
    """
    with Path(path).open("rb") as file:
        if file.read(len(_MAGIC)) != _MAGIC:
            raise ValueError(f"Expected a journal of corrections, found something else in {path}.")
        try:
            records = _records(file)
            head = next(records)[0]
            _check_shape(head["shape"], shape, path)
            return _replayed(head, records)
        except (StopIteration, KeyError, TypeError, json.JSONDecodeError, struct.error) as error:
            raise ValueError(
                f"Expected a journal of corrections, found a damaged one in {path}."
            ) from error


def _check_shape(found: Any, shape: Sequence[int] | None, path: Any) -> None:
    if shape is not None and found is not None and tuple(found) != tuple(shape):
        raise ValueError(
            f"Corrections must have the image's shape {tuple(shape)}, found {tuple(found)} in "
            f"{path}. Open the image they were made on."
        )


def journals_of(folder: str | os.PathLike[str], key: str) -> list[Path]:
    """Return the journals of one image in a folder, newest first; [] without the folder."""
    try:
        found = [(p.stat().st_mtime_ns, p) for p in Path(folder).glob(f"*-{key}-????????{SUFFIX}")]
    except OSError:
        return []
    return [path for _, path in sorted(found, reverse=True)]


def newest_annotations(
    folder: str | os.PathLike[str], key: str, shape: Sequence[int] | None = None
) -> tuple[Path, SavedAnnotations] | None:
    """Read the newest journal of an image; damaged ones are skipped.

    Returns
    -------
    (Path, SavedAnnotations) or None
        None when there is no journal, or the newest holds no corrections.
    """
    for path in journals_of(folder, key):
        try:
            saved = read_journal(path, shape)
        except (OSError, ValueError):
            continue
        return (path, saved) if saved.corrections is not None else None
    return None


def drop_old(folder: str | os.PathLike[str], key: str, kept: int = KEPT) -> None:
    """Remove all but the newest journals of an image."""
    for path in journals_of(folder, key)[kept:]:
        path.unlink(missing_ok=True)


# -------------------------------------------------------------------------------------- records


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
        body = file.read(min(length, _LONGEST))
        if len(body) < max(length, _SIZE.size) or zlib.crc32(body) != checksum:
            return
        end = _SIZE.size + _SIZE.unpack_from(body)[0]
        yield json.loads(body[_SIZE.size : end]), body[end:]


def _replayed(
    head: dict[str, Any], records: Iterator[tuple[dict[str, Any], bytes]]
) -> SavedAnnotations:
    shape = head["shape"]
    notes: dict[str, Any] = {}
    fixed = None if shape is None else no_corrections(shape)
    for digest, content in records:
        if digest["kind"] == "notes":
            notes = digest["notes"]
        elif fixed is not None:
            region = tuple(slice(*ends) for ends in digest["box"])
            fixed[region] = unpack(content, _TYPE, fixed[region].shape)
    if fixed is not None and (fixed == NOT_CORRECTED).all():
        fixed = None
    return SavedAnnotations(head["name"], head["key"], fixed, notes)
