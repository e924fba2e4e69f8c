"""Small TIFF files of every kind, as microscopes, programs and accidents write them."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import numpy as np
import pytest
import tifffile

if TYPE_CHECKING:
    from pathlib import Path

GREY = (np.arange(20 * 30).reshape(20, 30) % 251).astype(np.uint8)
DEEP = GREY.astype(np.uint16) * 200

_HEAD = '<?xml version="1.0" encoding="UTF-8"?><OME xmlns="http://x.org/OME" UUID="urn:uuid:0">'
_PIXELS = (
    '<Image ID="Image:0"><Pixels ID="Pixels:0" DimensionOrder="XYZCT" Type="uint16" SizeX="30" '
    'SizeY="20" SizeZ="1" SizeC="1" SizeT="{frames}" PhysicalSizeX="0.5" PhysicalSizeY="0.5">'
    "{data}</Pixels></Image>"
)


def write(path: Path, *args, **kwargs) -> Path:
    """Write with tifffile; grey unless told otherwise."""
    kwargs.setdefault("photometric", "minisblack")
    tifffile.imwrite(path, *args, **kwargs)
    return path


def write_pages(path: Path, *pages: np.ndarray, **kwargs) -> Path:
    """Write pages one by one, without metadata."""
    with tifffile.TiffWriter(path) as file:
        for page in pages:
            photometric = "rgb" if page.ndim == 3 else "minisblack"
            file.write(page, metadata=None, photometric=photometric, **kwargs)
    return path


def write_ome(path: Path, edit=lambda xml: xml, unit: str = "µm", **sizes) -> Path:
    """Write a stack of three planes with a pixel size, and edit its OME-XML."""
    sizes = {"Z": 2.0, "Y": 0.5, "X": 0.5} | sizes
    metadata = {"axes": "ZYX"}
    for letter, size in sizes.items():
        metadata |= {f"PhysicalSize{letter}": size, f"PhysicalSize{letter}Unit": unit}
    write(path, np.stack([DEEP, DEEP + 1, DEEP + 2]), metadata=metadata, ome=True)
    with tifffile.TiffFile(path) as file:
        xml = file.pages.first.description
    tifffile.tiffcomment(path, edit(xml).encode())
    return path


def plane(frame: int, name: str, uuid: str) -> str:
    """One plane of an OME set in a file of its own."""
    return (
        f'<TiffData FirstT="{frame}" IFD="0" PlaneCount="1">'
        f'<UUID FileName="{name}">urn:uuid:{uuid}</UUID></TiffData>'
    )


def ome_xml(data: str, frames: int) -> str:
    return _HEAD + _PIXELS.format(frames=frames, data=data) + "</OME>"


def write_described(path: Path, array: np.ndarray, xml: str) -> Path:
    """Write an array with a description as it is."""
    return write(path, array, description=xml.encode(), metadata=None)


def write_set(folder: Path, names: list[str], present: list[str] | None = None) -> Path:
    """Write an OME set of one frame a file, all of them or those ``present``; the first path."""
    xml = ome_xml("".join(plane(i, name, str(i)) for i, name in enumerate(names)), len(names))
    for i, name in enumerate(names):
        if present is None or name in present:
            own = xml.replace('UUID="urn:uuid:0"', f'UUID="urn:uuid:{i}"')
            write_described(folder / name, DEEP + i, own)
    return folder / names[0]


def set_tag(path: Path, tag: int, value: int) -> Path:
    """Change the number in a tag of the first page."""
    with tifffile.TiffFile(path, mode="r+") as file:
        file.pages.first.tags[tag].overwrite(value)
    return path


def make_pipe(path: Path) -> None:
    """Make a pipe, which blocks whoever opens it, where the system has such files."""
    if not hasattr(os, "mkfifo"):
        pytest.skip("this system has no pipes among its files")
    os.mkfifo(path)
