"""The list of a TIFF file's pages, followed before a reader follows it."""

from __future__ import annotations

import os
import struct
from typing import TYPE_CHECKING, NamedTuple

from napari_pixel_embedding.core.io.failures import UnreadableFileError
from napari_pixel_embedding.core.io.files import open_regular

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path
    from typing import BinaryIO

_MOST_PAGES = 2_000_000
_MOST_TAGS = 4096
"""Tags of a page beyond which tifffile takes the list for damaged and ends it."""


class _Layout(NamedTuple):
    """How a directory is written: a number of tags, the tags, and the place of the next one."""

    number: struct.Struct
    tag_size: int
    place: struct.Struct
    first: int
    """Where the file says the place of the first directory."""


def check_page_list(path: Path) -> None:
    """Raise when the list of pages has no end, or cannot be meant.

    Each page says where the next one is. Where one names an earlier page, tifffile would go round
    for ever; where their directories overlap, a small file has as many as one likes. Other damage
    is left to the reader.

    Raises
    ------
    UnreadableFileError
        When the list goes in a circle, its pages overlap, or there are more than two million.
    """
    with open_regular(path) as file:
        size = os.fstat(file.fileno()).st_size
        seen: set[int] = set()
        taken = 0
        for place, length in _directories(file, size):
            taken += length
            if place in seen or taken > size or len(seen) > _MOST_PAGES:
                raise UnreadableFileError(
                    f"{path} could not be read as TIFF: the list of its pages has no end. The file "
                    "is damaged; copy it again, or export it anew."
                )
            seen.add(place)


def _directories(file: BinaryIO, size: int) -> Iterator[tuple[int, int]]:
    """Yield where each directory of the chain is, and how many bytes it takes."""
    layout = _layout_of(file.read(8))
    if layout is None:
        return
    number, tag_size, next_place, at = layout
    while at + next_place.size <= size:
        file.seek(at)
        (place,) = next_place.unpack(file.read(next_place.size))
        if not 0 < place <= size - number.size:
            return
        file.seek(place)
        (tags,) = number.unpack(file.read(number.size))
        if tags > _MOST_TAGS:
            return
        at = place + number.size + tags * tag_size
        if at + next_place.size <= size:
            yield place, at + next_place.size - place


def _layout_of(head: bytes) -> _Layout | None:
    """Tell classic from big TIFF; None for other files."""
    order = {b"II": "<", b"MM": ">", b"EP": "<"}.get(head[:2])
    if order is None or len(head) < 8:
        return None
    if struct.unpack_from(order + "H", head, 2) == (43,):
        return _Layout(struct.Struct(order + "Q"), 20, struct.Struct(order + "Q"), 8)
    return _Layout(struct.Struct(order + "H"), 12, struct.Struct(order + "I"), 4)
