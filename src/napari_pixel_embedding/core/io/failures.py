"""Errors while reading files: readable messages, and size checks before memory is allocated."""

from __future__ import annotations

import errno
import math
import re
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

_MOST_EXPANSION = 40_000
"""Largest expansion of a compressed byte: zstd stores 128 KiB of zeros in four bytes."""

_FROM_THE_FILE = (None, errno.EINVAL)
"""errno of an OSError raised by a decoder; other values come from the system."""


class UnreadableFileError(ValueError):
    """A file cannot be read; the message says why in a full sentence."""


@contextmanager
def explained(path: Path) -> Iterator[None]:
    """Turn any exception of a decoder into a ValueError or OSError that names the file.

    Decoders raise errors of every kind on damaged files, RecursionError, struct.error and
    MemoryError among them.
    """
    try:
        yield
    except UnreadableFileError:
        raise
    except MemoryError as error:
        raise ValueError(
            f"{path} needs more memory than is free. Close other programs, or crop the image."
        ) from error
    except Exception as error:
        if isinstance(error, OSError) and error.errno not in _FROM_THE_FILE:
            raise
        raise ValueError(_sentence(path, error)) from error


@contextmanager
def explained_part(path: Path) -> Iterator[None]:
    """Do as :func:`explained`, while a part is read; MemoryError stays: a smaller part may fit."""
    try:
        yield
    except MemoryError:
        raise
    except Exception:
        with explained(path):
            raise


def check_size(path: Path, shape: Sequence[int], itemsize: int, stored: int) -> None:
    """Reject an image that is larger than its file or the free memory can hold.

    Checked before allocation: a short file can claim any size.

    Parameters
    ----------
    path : path
    shape : sequence of int
    itemsize : int
        Bytes per value.
    stored : int
        Size of the file, or of all files of the image, in bytes.

    Raises
    ------
    ValueError
    """
    claimed = math.prod(shape) * itemsize
    size = " × ".join(map(str, shape))
    if claimed > _MOST_EXPANSION * stored:
        raise UnreadableFileError(
            f"{path} claims an image of {size} pixels ({_bytes(claimed)}), more than a file of "
            f"{_bytes(stored)} can hold. The file is damaged; export it again."
        )
    free = available_memory()
    if claimed > free:
        raise UnreadableFileError(
            f"{path} holds an image of {size} pixels, which takes {_bytes(claimed)} of memory, and "
            f"{_bytes(free)} are free. Crop the image, or close other programs."
        )


def available_memory() -> int:
    """Return the memory available without swapping, in bytes."""
    import psutil

    return int(psutil.virtual_memory().available)


def _sentence(path: Path, error: Exception) -> str:
    if _names(error) & {"DecompressionBombError"}:
        return (
            f"{path} claims more pixels than Pillow reads from {path.suffix[1:].upper()} files. "
            "Save it as TIFF, or export it again if it is a small image."
        )
    codec = _missing_codec(str(error))
    if codec is not None:
        return (
            f"{path} is compressed with {codec}, which cannot be read here. Install or update the "
            "package imagecodecs, or save the image without compression; it is not damaged."
        )
    reason = str(error).strip().strip("'\".") or type(error).__name__
    return (
        f"{path} could not be read as {path.suffix[1:].upper()}: {reason}. The file is damaged or "
        "of another kind; open and export it again where it was made."
    )


def _names(error: BaseException | None) -> set[str]:
    """Return the type names of an error and of its causes."""
    names = set()
    while error is not None:
        names.add(type(error).__name__)
        error = error.__cause__
    return names


def _missing_codec(message: str) -> str | None:
    """Return the compression or predictor that a tifffile message reports as unsupported."""
    if re.fullmatch(
        r"\W*COMPRESSION\.\w+: \d+\W*", message
    ):  # tifffile knows no more than its name
        return message.split(".")[1].split(":")[0]
    if not re.search(r"imagecodecs|not supported|not implemented|not a known COMPRESSION", message):
        return None
    found = re.search(r"<?(?:COMPRESSION|PREDICTOR)\.(\w+)|^(\d+) is not a known", message)
    return next(filter(None, found.groups())) if found else None


def _bytes(count: int) -> str:
    for unit in ("bytes", "kB", "MB", "GB", "TB"):
        if count < 1000 or unit == "TB":
            break
        count //= 1000
    return f"{count} {unit}"
