"""Append-only logs of results: nothing that was written is lost, whoever is killed when.

Every process writes to a file of its own, a record after the other, each flushed to the disk. Of a
killed process only the last record can be torn; its checksum tells. There is a file for each
process, not for each record: a million results are a few files.
"""

from __future__ import annotations

import os
import struct
import uuid
import zlib
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

_HEADER = struct.Struct("<4sqqqQI")
"""Mark, key, two counts, bytes of the payload, and its checksum; then the header's own."""
_CHECK = struct.Struct("<I")
_MARK = b"nper"
_SIZE = _HEADER.size + _CHECK.size
FAILED = -1
"""First count of a record that says why there is no result; its payload is the reason."""
_ENTRY = np.dtype(
    [("file", "<i4"), ("length", "<u4"), ("offset", "<u8"), ("own", "<i4"), ("all", "<u4")]
)
_MISSING = -1


class Record(NamedTuple):
    """A result: whose it is, two counts of what it holds, and the rest as bytes."""

    key: int
    own: int
    all: int
    payload: bytes


class RecordWriter:
    """Appends records to a file that no other process writes to.

    Parameters
    ----------
    folder : Path
        Must exist, on a disk that all processes share.
    name : str
        Beginning of the file's name: what the records are of.
    """

    def __init__(self, folder: Path, name: str) -> None:
        self._file: BinaryIO = (folder / f"{name}-{uuid.uuid4().hex}.log").open("xb")

    def write(self, record: Record) -> None:
        """Append a record and wait until the disk has it."""
        check = zlib.crc32(record.payload)
        size = len(record.payload)
        header = _HEADER.pack(_MARK, record.key, record.own, record.all, size, check)
        self._file.write(header + _CHECK.pack(zlib.crc32(header)) + record.payload)
        self._file.flush()
        os.fsync(self._file.fileno())

    def close(self) -> None:
        """Close the file; one without a record is removed."""
        empty = self._file.tell() == 0
        self._file.close()
        if empty:
            with suppress(OSError):
                Path(self._file.name).unlink()


@dataclass(frozen=True, eq=False)
class RecordIndex:
    """Where the record of each key is: 24 bytes a key.

    Parameters
    ----------
    files : tuple of Path
    entries : structured array, shape (N,)
    """

    files: tuple[Path, ...]
    entries: NDArray[np.void]

    @property
    def done(self) -> NDArray[np.bool_]:
        """Keys with a result."""
        found: NDArray[np.bool_] = (self.entries["file"] >= 0) & (self.entries["own"] >= 0)
        return found

    @property
    def failed(self) -> NDArray[np.bool_]:
        """Keys without a result that have a reason."""
        found: NDArray[np.bool_] = (self.entries["file"] >= 0) & (self.entries["own"] == FAILED)
        return found

    def own(self) -> NDArray[np.uint64]:
        """Return the first count of each key; 0 without a result."""
        return np.where(self.done, self.entries["own"], 0).astype(np.uint64)

    def all(self) -> NDArray[np.uint64]:
        """Return the second count of each key; 0 without a result."""
        return np.where(self.done, self.entries["all"], 0).astype(np.uint64)

    def payload(self, key: int) -> bytes:
        """Read the payload of a key.

        Raises
        ------
        LookupError
            When the key has no record.
        ValueError
            When the file was changed since it was written.
        """
        entry = self.entries[key]
        if entry["file"] < 0:
            raise LookupError(f"there is no record {key}.")
        path = self.files[int(entry["file"])]
        with path.open("rb") as file:
            file.seek(int(entry["offset"]))
            found = _read_header(file)
            content = file.read(int(entry["length"]))
        if found is None or found.key != key or zlib.crc32(content) != found.check:
            raise ValueError(f"the record {key} in {path} is damaged: delete the file and resume.")
        return content

    def save(self, path: Path) -> None:
        """Write the index to two files, from which :meth:`load` maps it."""
        names = "\n".join(file.name for file in self.files)
        temporary = path.with_suffix(f".{uuid.uuid4().hex}.tmp")
        with temporary.open("wb") as file:
            np.save(file, self.entries, allow_pickle=False)
        path.with_suffix(".names").write_text(names, encoding="utf-8")
        os.replace(temporary, path)

    @classmethod
    def load(cls, path: Path) -> RecordIndex:
        """Map an index that :meth:`save` has written; a worker needs little memory for it."""
        names = path.with_suffix(".names").read_text(encoding="utf-8").splitlines()
        entries = np.load(path, mmap_mode="r", allow_pickle=False)
        return cls(tuple(path.parent / name for name in names), entries)


class _Header(NamedTuple):
    key: int
    own: int
    all: int
    size: int
    check: int


def read_index(folder: Path, name: str, count: int) -> RecordIndex:
    """Look through the logs of a folder; a result counts before a failure.

    Parameters
    ----------
    folder : Path
    name : str
        As in :class:`RecordWriter`.
    count : int
        Keys are 0 … count − 1; others are passed over.
    """
    entries = np.zeros(count, _ENTRY)
    entries["file"] = _MISSING
    files = tuple(sorted(folder.glob(f"{name}-*.log")))
    for number, path in enumerate(files):
        for offset, found in _headers(path):
            if not 0 <= found.key < count:
                continue
            known = entries[found.key]
            if known["file"] == _MISSING or known["own"] == FAILED:
                place = (number, found.size, offset, found.own, found.all)
                entries[found.key] = place
    return RecordIndex(files, entries)


def _headers(path: Path) -> Iterator[tuple[int, _Header]]:
    """Yield the offset and the header of every record that is whole."""
    size = path.stat().st_size
    with path.open("rb") as file:
        offset = 0
        while True:
            file.seek(offset)
            found = _read_header(file)
            if found is None or offset + _SIZE + found.size > size:
                return
            end = offset + _SIZE + found.size
            if end == size and zlib.crc32(file.read(found.size)) != found.check:
                return  # the one that a killed process was at
            yield offset, found
            offset = end


def _read_header(file: BinaryIO) -> _Header | None:
    raw = file.read(_SIZE)
    if len(raw) < _SIZE or zlib.crc32(raw[: _HEADER.size]) != _CHECK.unpack(raw[_HEADER.size :])[0]:
        return None
    mark, key, own, every, size, check = _HEADER.unpack(raw[: _HEADER.size])
    return _Header(key, own, every, size, check) if mark == _MARK else None
