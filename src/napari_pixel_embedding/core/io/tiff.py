"""What a TIFF file says about its axes and pixel size: OME, ImageJ and plain dialects."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from numpy.typing import NDArray
    from tifffile import TiffFile

UNITS = {"nm": 1e-9, "µm": 1e-6, "mm": 1e-3, "cm": 1e-2, "m": 1.0}
"""Length units and their size in metres."""

_NAMES = {
    "nm": ("nanometer", "nanometers", "nanometre", "nanometres"),
    "µm": ("um", "μm", "micron", "microns", "micrometer", "micrometers", "micrometre"),
    "mm": ("millimeter", "millimeters", "millimetre", "millimetres"),
    "cm": ("centimeter", "centimeters", "centimetre", "centimetres"),
    "m": ("meter", "meters", "metre", "metres"),
    "pixel": ("pixels", "px", ""),
}


def unit_symbol(name: str) -> str:
    """Symbol of a unit written in one of its common ways; others are returned as they are.

    Examples
    --------
    >>> unit_symbol("micron")
    'µm'
    """
    name = name.strip().replace("\\u00B5", "µ").replace("\\u00b5", "µ")
    for symbol, others in _NAMES.items():
        if name == symbol or name.lower() in others:
            return symbol
    return name


def read_tiff(
    path: Path,
) -> tuple[NDArray[Any], str | None, tuple[float, ...] | None, str | None]:
    """Read the first series of a TIFF file at its full resolution.

    Returns
    -------
    data : array
    axes : str or None
        Letters out of TCZYX, None when the file does not tell.
    scale : tuple of float, or None
        Size of a pixel along each of the axes Z, Y, X that there are.
    units : str or None
    """
    import tifffile

    with tifffile.TiffFile(path) as file:
        if not file.series:
            raise ValueError("it holds no image")
        series = file.series[0]
        data = np.asarray(series.asarray())
        axes = _known_axes(series.axes)
        sizes, units = _pixel_size(file)
    if axes is None or not sizes:
        return data, axes, None, None
    scale = tuple(sizes.get(letter, 1.0) for letter in axes if letter in "ZYX")
    return data, axes, scale, units


def _known_axes(axes: str) -> str | None:
    axes = axes.upper().replace("S", "C")
    known = set(axes) <= set("TCZYX") and len(set(axes)) == len(axes)
    return axes if known else None


def _pixel_size(file: TiffFile) -> tuple[dict[str, float], str | None]:
    """Pixel size along Z, Y, X where known; a printer's resolution (dpi) does not count."""
    if file.ome_metadata:
        return _ome_pixel_size(file.ome_metadata)
    if file.imagej_metadata:
        return _imagej_pixel_size(file, file.imagej_metadata)
    if file.lsm_metadata:
        sizes = {a: file.lsm_metadata.get(f"VoxelSize{a}", 0) * 1e6 for a in "ZYX"}
        return {a: s for a, s in sizes.items() if s > 0}, "µm"
    return {}, None


def _ome_pixel_size(xml: str) -> tuple[dict[str, float], str | None]:
    pixels = ElementTree.fromstring(xml).find(".//{*}Pixels")
    if pixels is None:
        return {}, None
    sizes, units = {}, {}
    for letter in "ZYX":
        size = float(pixels.get(f"PhysicalSize{letter}", "nan"))
        if np.isfinite(size) and size > 0:
            sizes[letter] = size
            units[letter] = unit_symbol(pixels.get(f"PhysicalSize{letter}Unit", "µm"))
    return _in_one_unit(sizes, units)


def _in_one_unit(
    sizes: dict[str, float], units: dict[str, str]
) -> tuple[dict[str, float], str | None]:
    if not sizes:
        return {}, None
    unit = units.get("X", next(iter(units.values())))
    if any(other != unit for other in units.values()):
        if any(other not in UNITS for other in units.values()):
            return {}, None
        factor = {letter: UNITS[other] / UNITS[unit] for letter, other in units.items()}
        sizes = {letter: size * factor[letter] for letter, size in sizes.items()}
    return sizes, None if unit == "pixel" else unit


def _imagej_pixel_size(
    file: TiffFile, metadata: Mapping[str, Any]
) -> tuple[dict[str, float], str | None]:
    unit = unit_symbol(str(metadata.get("unit", "pixel")))
    if unit == "inch":
        return {}, None
    sizes = {"Z": float(metadata.get("spacing", 1.0))}
    tags = file.pages.first.tags
    for letter in "YX":
        pixels, length = tags.valueof(f"{letter}Resolution", default=(1, 1))
        sizes[letter] = length / pixels if pixels > 0 and length > 0 else 1.0
    if unit == "pixel" and set(sizes.values()) == {1.0}:
        return {}, None
    sizes["Z"] = abs(sizes["Z"]) or 1.0
    return sizes, None if unit == "pixel" else unit
