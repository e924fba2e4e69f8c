"""Length units and pixel sizes; invalid or missing values are dropped with a note."""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

UNITS = {"nm": 1e-9, "µm": 1e-6, "mm": 1e-3, "cm": 1e-2, "m": 1.0}
"""Supported length units of a pixel size, in metres."""

_CONVERTED = {
    "fm": 1e-15,
    "pm": 1e-12,
    "Å": 1e-10,
    "dm": 1e-1,
    "dam": 10.0,
    "hm": 100.0,
    "km": 1e3,
    "thou": 2.54e-5,
    "in": 0.0254,
    "ft": 0.3048,
    "yd": 0.9144,
    "mi": 1609.344,
    "pt": 0.0254 / 72,
}
"""Other length units of OME, in metres; sizes in them are converted to µm."""

_NAMES = {
    "nm": ("nanometer", "nanometers", "nanometre", "nanometres"),
    "µm": (
        *("um", "μm", "âµm", "micron", "microns", "µ", "μ"),
        *("micrometer", "micrometers", "micrometre", "micrometres"),
    ),
    "mm": ("millimeter", "millimeters", "millimetre", "millimetres"),
    "cm": ("centimeter", "centimeters", "centimetre", "centimetres"),
    "m": ("meter", "meters", "metre", "metres"),
    "pixel": ("pixels", "px", ""),
    "pm": ("picometer", "picometers", "picometre", "picometres"),
    "Å": ("å", "angstrom", "angstroms", "ångström", "ångstrom"),
    "km": ("kilometer", "kilometers", "kilometre", "kilometres"),
    "in": ("inch", "inches", '"'),
    "ft": ("foot", "feet"),
    "yd": ("yard", "yards"),
    "mi": ("mile", "miles"),
}


_ESCAPED = re.compile(r"\\u([0-9a-fA-F]{4})")
"""Escape sequence that ImageJ writes for non-ASCII letters."""


class PixelSize(NamedTuple):
    """Size of a pixel along the spatial axes, its unit, and notes on what was dropped."""

    scale: tuple[float, ...] | None = None
    units: str | None = None
    notes: tuple[str, ...] = ()


def unit_symbol(name: str) -> str:
    """Return the symbol of a unit in a common spelling; others are returned unchanged.

    Examples
    --------
    >>> unit_symbol("micron")
    'µm'
    """
    name = _ESCAPED.sub(lambda found: chr(int(found[1], 16)), name.strip()).replace("Âµ", "µ")
    for symbol, others in _NAMES.items():
        if name == symbol or name.lower() in others:
            return symbol
    return name


def parse_number(text: object) -> float | None:
    """Parse a number, also with a decimal comma; None for anything but a finite number.

    Examples
    --------
    >>> parse_number("0,25")
    0.25
    """
    try:
        number = float(str(text).strip().replace(",", "."))
    except ValueError:
        return None
    return number if math.isfinite(number) else None


def pixel_size(axes: str, sizes: Mapping[str, object], units: Mapping[str, str]) -> PixelSize:
    """Return the pixel size from a file's values for each axis.

    Parameters
    ----------
    axes : str
        The image's axes; those out of ``ZYX`` have a size.
    sizes : mapping of str to object
        Size along each axis as stored: a number or any text.
    units : mapping of str to str
        Unit of each size, in any spelling.

    Returns
    -------
    PixelSize
        In the unit of X, or in µm where that is none of :data:`UNITS`. A size that is missing or
        not positive is taken from another axis, with a note. Without a scale, with a note, where
        no size along X or Y is usable or a unit is not a length.
    """
    spatial = [letter for letter in axes if letter in "ZYX"]
    given = {letter: sizes[letter] for letter in spatial if letter in sizes}
    parsed = {letter: parse_number(value) for letter, value in given.items()}
    usable = {letter: size for letter, size in parsed.items() if size is not None and size > 0}
    notes = _refused({letter: value for letter, value in given.items() if letter not in usable})
    if "X" not in usable and "Y" not in usable:
        return PixelSize(notes=tuple(notes))
    converted, unit, refusal = _in_one_unit(usable, units)
    if refusal:
        return PixelSize(notes=(*notes, refusal))
    if any(not 0 < size < math.inf for size in converted.values()):
        return PixelSize(notes=(*notes, "The pixel size is out of all range and was dropped."))
    notes += _fill(converted, spatial)
    return PixelSize(tuple(converted[letter] for letter in spatial), unit, tuple(notes))


def usable_scale(axes: str, scale: Sequence[float] | None, units: str | None) -> PixelSize:
    """Convert any scale to one that can be written to a file.

    Parameters
    ----------
    axes : str
        The image's axes.
    scale : sequence of float, optional
        Size of a pixel along each spatial axis among ``axes``, as set by a viewer or file.
    units : str, optional
        Unit of ``scale`` in any spelling.

    Returns
    -------
    PixelSize
        As :func:`~.images.write_labels` and :func:`~.images.write_image` take it.

    Examples
    --------
    >>> usable_scale("YX", (2.0, 2.0), "angstrom").scale
    (0.0002, 0.0002)
    """
    if scale is None:
        return PixelSize()
    spatial = [letter for letter in axes if letter in "ZYX"]
    if len(scale) != len(spatial):
        note = f"The pixel size {tuple(scale)} does not fit the axes {axes} and was dropped."
        return PixelSize(notes=(note,))
    sizes = dict(zip(spatial, scale, strict=True))
    return pixel_size(axes, sizes, dict.fromkeys(spatial, units or "pixel"))


def _in_one_unit(
    sizes: Mapping[str, float], units: Mapping[str, str]
) -> tuple[dict[str, float], str | None, str]:
    """Return sizes in one unit, the unit (None for pixels), and the reason if there are none."""
    symbols = {letter: unit_symbol(units.get(letter, "pixel")) for letter in sizes}
    found = set(symbols.values())
    if found == {"pixel"}:
        return dict(sizes), None, ""
    metres = UNITS | _CONVERTED
    unknown = found - set(metres)
    if unknown:
        return {}, None, f"The pixel size in {_listed(unknown)} is no length and was dropped."
    wanted = symbols.get("X", symbols.get("Y", ""))
    unit = wanted if wanted in UNITS else "µm"
    converted = {
        letter: _converted(size, metres[symbols[letter]], UNITS[unit])
        for letter, size in sizes.items()
    }
    return converted, unit, ""


def _converted(size: float, unit: float, wanted: float) -> float:
    """Convert a size to another unit, without rounding errors of the division."""
    return size if unit == wanted else float(f"{size * unit / wanted:.12g}")


def _refused(values: Mapping[str, object]) -> list[str]:
    """Return notes on invalid sizes."""
    if not values:
        return []
    found = ", ".join(f"{letter} {str(value)!r}" for letter, value in values.items())
    return [f"A pixel size must be a positive number, found {found}: it was dropped."]


def _fill(sizes: dict[str, float], spatial: Iterable[str]) -> list[str]:
    """Fill missing sizes with that of X or Y; return notes on them."""
    other = sizes.get("X", sizes.get("Y", 1.0))
    missing = [letter for letter in spatial if letter not in sizes]
    sizes.update(dict.fromkeys(missing, other))
    return [
        f"No pixel size along {letter} is known; it is taken as {other:g}." for letter in missing
    ]


def _listed(names: Iterable[str]) -> str:
    return " and ".join(repr(name) for name in sorted(names))
