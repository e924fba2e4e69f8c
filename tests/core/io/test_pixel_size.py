"""The pixel size of a file: odd units and numbers are converted or dropped, never the pixels."""

import numpy as np
import pytest
import tifffile

from napari_pixel_embedding.core.io.images import read_image, write_labels
from tests.core.io.tiff_files import DEEP, GREY, write, write_ome

STACK = np.stack([DEEP, DEEP + 1, DEEP + 2])


@pytest.mark.parametrize(
    ("unit", "scale", "units"),
    [
        ("Å", (2e-4, 5e-5, 5e-5), "µm"),
        ("inch", (50_800.0, 12_700.0, 12_700.0), "µm"),
        ("ft", (609_600.0, 152_400.0, 152_400.0), "µm"),
        ("pm", (2e-6, 5e-7, 5e-7), "µm"),
        ("km", (2e9, 5e8, 5e8), "µm"),
        ("nm", (2.0, 0.5, 0.5), "nm"),
        ("pixel", (2.0, 0.5, 0.5), None),
    ],
)
def test_units_of_ome(tmp_path, unit, scale, units):
    path = write_ome(tmp_path / "a.ome.tif", lambda xml: xml.replace('"µm"', f'"{unit}"'))
    image = read_image(path)
    np.testing.assert_array_equal(image.data, STACK)
    assert (image.axes, image.scale, image.units, image.notes) == ("ZYX", scale, units, ())


@pytest.mark.parametrize("unit", ["reference frame", "parsec"])
def test_a_unit_that_is_no_length_drops_the_scale_with_a_remark(tmp_path, unit):
    path = write_ome(tmp_path / "a.ome.tif", lambda xml: xml.replace('"µm"', f'"{unit}"'))
    image = read_image(path)
    np.testing.assert_array_equal(image.data, STACK)
    assert (image.axes, image.scale, image.units) == ("ZYX", None, None)
    assert image.notes == (f"The pixel size in '{unit}' is no length and was dropped.",)


def test_decimal_commas(tmp_path):
    path = write_ome(tmp_path / "a.ome.tif", lambda xml: xml.replace('"0.5"', '"0,5"'))
    assert read_image(path).scale == (2.0, 0.5, 0.5)
    assert read_image(path).notes == ()


@pytest.mark.parametrize("size", ["NaN", "0", "-0.5", "", "abc", "1e999"])
def test_sizes_that_are_none_are_dropped_with_a_remark(tmp_path, size):
    path = write_ome(tmp_path / "a.ome.tif", lambda xml: xml.replace('"0.5"', f'"{size}"'))
    image = read_image(path)
    np.testing.assert_array_equal(image.data, STACK)
    assert (image.axes, image.scale) == ("ZYX", None)
    assert f"found Y '{size}', X '{size}'" in image.notes[0]


def test_a_bad_distance_of_planes_keeps_the_size_along_rows(tmp_path):
    image = read_image(write_ome(tmp_path / "a.ome.tif", Z=0))
    assert (image.scale, image.units) == ((0.5, 0.5, 0.5), "µm")
    assert len(image.notes) == 2


def write_imagej(path, spacing, unit, resolution=(2, 2)):
    metadata = {"axes": "ZYX", "spacing": spacing, "unit": unit}
    return write(path, STACK, imagej=True, resolution=resolution, metadata=metadata)


@pytest.mark.parametrize(
    ("spacing", "unit", "scale", "count"),
    [
        ("0,75", "um", (0.75, 0.5, 0.5), 0),
        (-3, "micron", (3.0, 0.5, 0.5), 0),
        ("NaN", "um", (0.5, 0.5, 0.5), 2),
        (0, "um", (0.5, 0.5, 0.5), 2),
        (3, "\\u00C5", (3e-4, 5e-5, 5e-5), 0),
        (3, "inch", None, 1),
        (3, "furlong", None, 1),
    ],
)
def test_sizes_of_imagej(tmp_path, spacing, unit, scale, count):
    image = read_image(write_imagej(tmp_path / "a.tif", spacing, unit))
    np.testing.assert_array_equal(image.data, STACK)
    assert (image.axes, image.scale, image.units) == ("ZYX", scale, "µm" if scale else None)
    assert len(image.notes) == count


def test_metadata_that_breaks_the_reader_is_dropped(tmp_path):
    path = write_imagej(tmp_path / "a.tif", 3, "um")
    with tifffile.TiffFile(path, mode="r+") as file:
        file.pages.first.tags["XResolution"].overwrite((0, 0))
    assert read_image(path).scale == (3.0, 0.5, 1.0)


def test_whatever_was_read_can_be_written(tmp_path):
    for unit in ("Å", "inch", "km", "reference frame", "nm"):
        path = write_ome(tmp_path / "a.ome.tif", lambda xml, u=unit: xml.replace('"µm"', f'"{u}"'))
        image = read_image(path)
        write_labels(tmp_path / "b.tif", image.data, image.axes, image.scale, image.units)
        back = read_image(tmp_path / "b.tif")
        assert (back.axes, back.scale, back.units) == (image.axes, image.scale, image.units)


def test_plain_files_have_no_size(tmp_path):
    image = read_image(write(tmp_path / "a.tif", GREY, resolution=(300, 300)))
    assert (image.scale, image.notes) == (None, ())
