"""Models inside BioImage.IO packages: the ``.safetensors`` file in a ``.zip`` file.

Only a package that this program has written holds one. Nothing else in it is read, nothing is
executed, and no name in it becomes a path.
"""

from __future__ import annotations

import stat
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from napari_pixel_embedding.core.io.files import open_regular
from napari_pixel_embedding.core.model.config import ModelFileError

if TYPE_CHECKING:
    import os

SUFFIX = ".zip"
MAX_MODEL_BYTES = 2**30
"""Largest model file that is unpacked."""
_MOST_ENTRIES = 1000
_MOST_COMPRESSED = 200
"""Largest ratio of an entry's size to its compressed size: weights hardly shrink."""
_CHUNK = 2**20


def is_package(path: str | os.PathLike[str]) -> bool:
    """Whether a path is that of a package, by its suffix."""
    return Path(path).suffix.lower() == SUFFIX


def unpack_model(path: str | os.PathLike[str], folder: str | os.PathLike[str]) -> Path:
    """Write the model file of a package into a folder, under the package's name.

    The content is not checked here: the caller opens it as any model file.

    Raises
    ------
    ModelFileError
        When it is no zip file, holds no model file or several, or has links, unsafe names,
        passwords or sizes that no package has.
    """
    source = Path(path)
    target = Path(folder) / f"{source.stem}.safetensors"
    try:
        with (
            open_regular(source) as file,
            zipfile.ZipFile(file) as archive,
            target.open("xb") as out,
        ):
            entry = _model_entry(source, archive.infolist())
            with archive.open(entry) as packed:
                _copy(source, packed, out, entry.file_size)
    except (zipfile.BadZipFile, EOFError, NotImplementedError, RuntimeError) as error:
        raise _refused(source, f"is damaged or no zip file: {error}") from error
    except ValueError as error:  # a pipe, a device, a folder
        raise _refused(source, f"is no zip file: {error}") from error
    except OSError as error:
        raise _refused(source, f"cannot be read: {error.strerror or error}") from error
    return target


def _model_entry(source: Path, entries: list[zipfile.ZipInfo]) -> zipfile.ZipInfo:
    if len(entries) > _MOST_ENTRIES:
        raise _refused(source, f"holds {len(entries)} files, at most {_MOST_ENTRIES} are looked at")
    for entry in entries:
        _check_entry(source, entry)
    found = [entry for entry in entries if entry.filename.endswith(".safetensors")]
    if len(found) != 1:
        names = ", ".join(entry.filename[:60] for entry in entries[:8]) or "nothing"
        raise ModelFileError(
            f"{source.name} holds {len(found) or 'no'} model files of this plugin: expected one "
            f".safetensors file, found {names}. Choose a package that this plugin has exported; of "
            "another program's, unpack the .onnx file and declare what its channels mean."
        )
    return found[0]


def _check_entry(source: Path, entry: zipfile.ZipInfo) -> None:
    name = entry.filename
    parts = name.replace("\\", "/").split("/")
    mode = entry.external_attr >> 16
    if name.startswith(("/", "\\")) or ".." in parts or ":" in parts[0]:
        raise _refused(source, f"holds a file outside of its folder, {name[:60]!r}")
    if stat.S_ISLNK(mode):
        raise _refused(source, f"holds a link, {name[:60]!r}")
    if entry.flag_bits & 1:
        raise _refused(source, "is protected by a password")
    if entry.file_size > MAX_MODEL_BYTES:
        raise _refused(
            source, f"holds a file of {entry.file_size} bytes, at most {MAX_MODEL_BYTES} are read"
        )
    if entry.file_size > _MOST_COMPRESSED * max(entry.compress_size, 1):
        raise _refused(source, f"holds a file that swells out of proportion, {name[:60]!r}")


def _copy(source: Path, packed: object, out: BinaryIO, size: int) -> None:
    """Copy an entry, but no more than it said it is."""
    left = size
    while chunk := packed.read(min(_CHUNK, left + 1)):  # type: ignore[attr-defined]
        left -= len(chunk)
        if left < 0:
            raise _refused(source, "holds more than it says")
        out.write(chunk)


def _refused(source: Path, reason: str) -> ModelFileError:
    return ModelFileError(f"{source.name} {reason}. Download or copy it again, or choose another.")
