"""OME-TIFF sets of several files: their members, and checks before other files are opened."""

from __future__ import annotations

import math
import os
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from xml.etree import ElementTree

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

_MOST_PLANES = 2_000_000
"""Largest plausible number of planes: tifffile allocates memory for each one claimed."""


@dataclass(frozen=True)
class OmeSet:
    """The usable part of a file's OME-XML.

    Parameters
    ----------
    xml : str or None
        The XML without files that must not or cannot be opened; None if it is unusable.
    members : tuple of Path
        Other existing files of the set.
    missing : tuple of str
        Names of files of the set that are missing in the folder.
    notes : tuple of str
        What was skipped, in sentences.
    """

    xml: str | None = None
    members: tuple[Path, ...] = ()
    missing: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


def inspect_ome(description: str, path: Path) -> OmeSet:
    """Check the OME-XML of a file before another file is opened because of it.

    Parameters
    ----------
    description : str
        The file's image description.
    path : path
        The file. Only regular files in its own folder may be members.
    """
    text = description.strip(" \t\r\n\0")
    if "<OME" not in text[:2000]:
        return OmeSet()
    try:
        root = ElementTree.fromstring(text)
        _check_counts(root)
    except (ElementTree.ParseError, ValueError, RecursionError) as error:
        note = f"The OME-XML cannot be used ({error}): axes and pixel size are not known."
        return OmeSet(notes=(note,))
    elsewhere = root.find("{*}BinaryOnly")
    if elsewhere is not None:
        note = (
            "The OME-XML is in another file, which was not read: axes and pixel size are not known."
        )
        member = _member(path, elsewhere.get("MetadataFile", ""))
        return OmeSet(members=(member,) if member else (), notes=(note,))
    return _usable(root, text, path)


def set_members(path: str | os.PathLike[str]) -> tuple[Path, ...]:
    """Return the other files of an OME-TIFF file's set; empty for a single file.

    Examples
    --------
    >>> set_members("cells.png")
    ()
    """
    import tifffile

    path = Path(path)
    if path.suffix.lower() not in (".tif", ".tiff") or not _is_regular(path):
        return ()
    try:
        with tifffile.TiffFile(path) as file:
            return inspect_ome(file.pages.first.description, path).members
    except Exception:  # a damaged file has no members; reading it raises the error
        return ()


def one_per_set(paths: Iterable[str | os.PathLike[str]]) -> dict[Path, tuple[Path, ...]]:
    """Group the files of each OME set under the first of them.

    A file that another set names, without belonging to it by its own metadata, stays: copies and
    renamed files keep the names of others.

    Returns
    -------
    dict of Path to tuple of Path
        The files to read, each with those of ``paths`` that are read together with it.
    """
    groups: dict[Path, list[Path]] = {}
    firsts: dict[Path, tuple[Path, set[Path]]] = {}  # by the real path, with the real members
    for path in dict.fromkeys(map(Path, paths)):
        real, members = path.resolve(), {one.resolve() for one in set_members(path)}
        known = [firsts[one] for one in members if one in firsts]
        first = next((one for one, others in known if real in others), None)
        if first is not None:
            groups[first].append(path)
            continue
        groups[path] = []
        firsts[real] = path, members
    return {first: tuple(others) for first, others in groups.items()}


def _check_counts(root: ElementTree.Element) -> None:
    """Reject numbers of planes that would make the reader run out of memory."""
    for pixels in root.iterfind("{*}Image/{*}Pixels"):
        counts = [int(pixels.get(f"Size{letter}", 0)) for letter in "TCZ"]
        claims = [
            int(data.get(name, 0))
            for data in pixels.iterfind("{*}TiffData")
            for name in ("IFD", "PlaneCount", "NumPlanes", "FirstT", "FirstC", "FirstZ")
        ]
        if min(counts) < 1 or max(math.prod(counts), *claims, 0) > _MOST_PLANES:
            raise ValueError(f"it claims {' × '.join(map(str, counts))} planes")


def _usable(root: ElementTree.Element, text: str, path: Path) -> OmeSet:
    own = root.get("UUID")
    members: dict[Path, None] = {}
    missing: dict[str, None] = {}
    refused: dict[str, None] = {}
    kept = 0
    foreign = []
    for pixels, data, uuid in _references(root):
        name = uuid.get("FileName")
        if (own is not None and uuid.text == own) or name in (None, "", path.name):
            kept += 1
            if not name:
                data.remove(uuid)
        elif (member := _member(path, name)) is not None:
            members[member] = None
            kept += 1
        else:
            gone = _is_plain(name) and not os.path.lexists(path.parent / name)
            (missing if gone else refused)[name] = None
            foreign.append((pixels, data, uuid))
    if not foreign:
        return OmeSet(text if not members else _text(root), tuple(members))
    if not kept and len({*missing, *refused}) == 1:  # a single file that was renamed
        for _, data, uuid in foreign:
            data.remove(uuid)
        return OmeSet(_text(root))
    for pixels, data, _ in foreign:
        pixels.remove(data)
    return OmeSet(_text(root), tuple(members), tuple(missing), tuple(_set_notes(missing, refused)))


def _references(
    root: ElementTree.Element,
) -> Iterator[tuple[ElementTree.Element, ElementTree.Element, ElementTree.Element]]:
    for pixels in list(root.iterfind("{*}Image/{*}Pixels")):
        for data in list(pixels.iterfind("{*}TiffData")):
            for uuid in list(data.iterfind("{*}UUID")):
                yield pixels, data, uuid


def _set_notes(missing: Iterable[str], refused: Iterable[str]) -> Iterator[str]:
    missing, refused = list(missing), list(refused)
    if missing:
        yield (
            f"Files of the OME set are missing: {listed(missing)}. Only complete frames were read; "
            "put the files beside it for the others."
        )
    if refused:
        yield (
            f"The OME-XML names files outside the image's folder, or no regular ones, which are "
            f"not opened: {listed(refused)}."
        )


def listed(names: list[str], most: int = 5) -> str:
    """Return names as a comma-separated text, the first ``most`` of many."""
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more


def _member(path: Path, name: str) -> Path | None:
    member = path.parent / name
    inside = _is_plain(name) and member.resolve().parent == path.parent.resolve()
    return member if inside and _is_regular(member) else None


def _is_plain(name: str) -> bool:
    """Whether a name contains no folder, in the path syntax of any system."""
    return not set(name) & set("/\\:\0") and name not in ("", ".", "..")


def _is_regular(path: Path) -> bool:
    try:
        return stat.S_ISREG(os.stat(path).st_mode)
    except (OSError, ValueError):
        return False


def _text(root: ElementTree.Element) -> str:
    return ElementTree.tostring(root, encoding="unicode")
