"""Units and pixel sizes of any kind are converted, or dropped with a remark."""

import numpy as np
import pytest

from napari_pixel_embedding.core.io.units import (
    parse_number,
    pixel_size,
    unit_symbol,
    usable_scale,
)


@pytest.mark.parametrize(
    ("name", "symbol"),
    [
        ("micron", "µm"),
        (" um ", "µm"),
        ("\u03bcm", "µm"),
        ("Âµm", "µm"),
        ("\\u00B5m", "µm"),
        ("\\u00c5", "Å"),
        ("\u212b", "Å"),
        ("inches", "in"),
        ("Pixels", "pixel"),
        ("parsec", "parsec"),
    ],
)
def test_common_spellings_of_units(name, symbol):
    assert unit_symbol(name) == symbol


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("0,25", 0.25),
        (" 3 ", 3.0),
        (2, 2.0),
        ("", None),
        ("x", None),
        ("nan", None),
        ("1e999", None),
    ],
)
def test_numbers_of_any_spelling(text, number):
    assert parse_number(text) == number


@pytest.mark.parametrize(
    ("unit", "micrometres"),
    [
        *(("Å", 1e-4), ("angstrom", 1e-4), ("pm", 1e-6), ("in", 25_400.0), ("inch", 25_400.0)),
        *(("ft", 304_800.0), ("km", 1e9), ("thou", 25.4)),
    ],
)
def test_lengths_become_micrometres(unit, micrometres):
    size = pixel_size("YX", {"Y": 2, "X": "1"}, {"Y": unit, "X": unit})
    np.testing.assert_allclose(size.scale, (2 * micrometres, micrometres), rtol=1e-12)
    assert (size.units, size.notes) == ("µm", ())


@pytest.mark.parametrize("unit", ["nm", "µm", "mm", "cm", "m"])
def test_common_units_stay(unit):
    assert pixel_size("YX", {"Y": 2, "X": 1}, dict.fromkeys("YX", unit))[:2] == ((2.0, 1.0), unit)


def test_units_that_differ_are_brought_to_that_of_x():
    units = {"Z": "cm", "Y": "Å", "X": "nm"}
    size = pixel_size("CZYX", {"Z": 1e-4, "Y": 1000, "X": 50}, units)
    assert size == ((1000.0, 100.0, 50.0), "nm", ())


@pytest.mark.parametrize("unit", ["reference frame", "parsec", "pixel"])
def test_a_unit_that_is_no_length_beside_one_that_is_drops_the_scale(unit):
    size = pixel_size("YX", {"Y": 1, "X": 1}, {"Y": unit, "X": "µm"})
    assert size.scale is None
    assert "no length" in size.notes[0] and repr(unit) in size.notes[0]


def test_sizes_in_pixels_stay_without_a_unit():
    assert pixel_size("ZYX", {"Z": 3, "Y": 1, "X": 1}, {}) == ((3.0, 1.0, 1.0), None, ())


@pytest.mark.parametrize("bad", ["NaN", 0, -0.5, "", "abc", "inf", None])
def test_a_bad_size_is_taken_from_the_other_axis_with_a_remark(bad):
    size = pixel_size("ZYX", {"Z": bad, "Y": 0.5, "X": bad}, dict.fromkeys("ZYX", "µm"))
    assert size[:2] == ((0.5, 0.5, 0.5), "µm")
    assert f"found Z {str(bad)!r}, X {str(bad)!r}" in size.notes[0]
    assert len(size.notes) == 3


def test_no_usable_size_along_x_or_y_gives_no_scale():
    size = pixel_size("ZYX", {"Z": 2, "Y": 0, "X": "NaN"}, {})
    assert size[:2] == (None, None)
    assert "found Y '0', X 'NaN'" in size.notes[0]
    assert pixel_size("ZYX", {}, {}) == (None, None, ())


def test_sizes_out_of_all_range_are_dropped():
    size = pixel_size("YX", {"Y": 1e300, "X": 1e300}, dict.fromkeys("YX", "km"))
    assert size.scale is None
    assert "out of all range" in size.notes[0]


def test_any_scale_is_made_writable():
    assert usable_scale("TYX", (1, 2), "micron") == ((1.0, 2.0), "µm", ())
    assert usable_scale("YX", None, "parsec") == (None, None, ())
    assert "does not fit the axes ZYX" in usable_scale("ZYX", (1, 2), None).notes[0]
    assert "no length" in usable_scale("YX", (1, 2), "parsec").notes[0]
