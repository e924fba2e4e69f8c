"""Length units and the pixel size of an image: odd or missing values never cost the pixels."""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

UNITS = {"nm": 1e-9, "µm": 1e-6, "mm": 1e-3, "cm": 1e-2, "m": 1.0}
"""Length units that a pixel size is given in, and their size in metres."""

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
"""Other length units of OME, in metres; sizes in them are brought to µm."""

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
"""A letter as ImageJ writes those beyond ASCII."""


class PixelSize(NamedTuple):
    """Size of a pixel along the spatial axes, its unit, and what was dropped, in sentences."""

    scale: tuple[float, ...] | None = None
    units: str | None = None
    notes: tuple[str, ...] = ()


def unit_symbol(name: str) -> str:
    """Symbol of a unit written in one of its common ways; others are returned as they are.

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
    """Read a number, also with a decimal comma; None for what is no finite number.

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
    """Settle the size of a pixel from what a file says of each axis.

    Parameters
    ----------
    axes : str
        The image's axes; those out of ``ZYX`` have a size.
    sizes : mapping of str to object
        Size along each axis as it is stored: a number or text of any kind.
    units : mapping of str to str
        Unit of each size, in any spelling.

    Returns
    -------
    PixelSize
        In the unit of X, in µm where that is none of :data:`UNITS`. A size that is missing or
        no positive number is taken from another axis, and a note says so. No scale, with a
        note, where no size along X or Y can be used or a unit is no length.
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
    """Bring any scale to one that a file can be written with, before work is spent on it.

    Parameters
    ----------
    axes : str
        The image's axes.
    scale : sequence of float, optional
        Size of a pixel along each spatial axis among ``axes``, as a viewer or file gives it.
    units : str, optional
        Unit of ``scale`` in any spelling.

    Returns
    -------
    PixelSize
        What :func:`~.images.write_labels` and :func:`~.images.write_image` take.

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
    """Sizes in one unit, that unit (None for pixels), and why there are none."""
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
    """Size in another unit, without the dust of the division."""
    return size if unit == wanted else float(f"{size * unit / wanted:.12g}")


def _refused(values: Mapping[str, object]) -> list[str]:
    """Say which sizes are no sizes."""
    if not values:
        return []
    found = ", ".join(f"{letter} {str(value)!r}" for letter, value in values.items())
    return [f"A pixel size must be a positive number, found {found}: it was dropped."]


def _fill(sizes: dict[str, float], spatial: Iterable[str]) -> list[str]:
    """Give the axes without a size that of X or Y; returns what to say about it."""
    other = sizes.get("X", sizes.get("Y", 1.0))
    missing = [letter for letter in spatial if letter not in sizes]
    sizes.update(dict.fromkeys(missing, other))
    return [
        f"No pixel size along {letter} is known; it is taken as {other:g}." for letter in missing
    ]


def _listed(names: Iterable[str]) -> str:
    return " and ".join(repr(name) for name in sorted(names))
