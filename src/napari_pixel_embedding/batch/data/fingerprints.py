"""Fingerprints: whether an image is still the one that a run began with."""

from __future__ import annotations

import hashlib
import os
from itertools import islice, product
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from napari_pixel_embedding.batch.data.images import ImageOnDisk

_PLACES = 3
_SIDE = 64
_MOST_FILES = 20_000


def pixels_fingerprint(image: ImageOnDisk) -> str:
    """Return a hash of shape, type, axes and pixel size, and of pixels here and there."""
    shape = tuple(image.data.shape)
    said = f"{shape} {np.dtype(image.data.dtype)} {image.axes} {image.size[:2]}"
    digest = hashlib.sha256(said.encode())
    starts = [np.linspace(0, max(n - _SIDE, 0), _PLACES, dtype=int)[: max(n, 1)] for n in shape]
    for place in product(*[np.unique(along).tolist() for along in starts]):
        box = tuple(
            slice(at, at + (_SIDE if n > _SIDE else n)) for at, n in zip(place, shape, strict=True)
        )
        digest.update(np.ascontiguousarray(image.data[box]).tobytes())
    return digest.hexdigest()[:32]


def files_fingerprint(path: Path) -> str:
    """Return a hash of the sizes and times of change of a file, or of a folder's first files.

    It sees a pixel that was changed anywhere in the file; copying keeps it only where times are
    kept (``cp -p``).
    """
    digest = hashlib.sha256()
    for name, size, changed in islice(_stats(path, ""), _MOST_FILES):
        digest.update(f"{name} {size} {changed}\n".encode("utf-8", "surrogateescape"))
    return digest.hexdigest()[:32]


def _stats(path: Path, prefix: str) -> Iterator[tuple[str, int, int]]:
    if not path.is_dir():
        found = path.stat()
        yield prefix, found.st_size, found.st_mtime_ns
        return
    entries = sorted(os.scandir(path), key=lambda one: one.name)
    for entry in entries:
        if entry.name == "labels":  # what a run itself writes
            continue
        yield from _stats(path / entry.name, f"{prefix}/{entry.name}")
