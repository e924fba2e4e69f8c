"""Of several images in a file the largest is read, complete frames only, and the rest is said."""

import numpy as np
import pytest
import tifffile
from PIL import Image

from napari_pixel_embedding.core.io.images import read_image, read_images
from napari_pixel_embedding.core.io.tiff.reader import open_series
from tests.core.io.tiff_files import (
    DEEP,
    GREY,
    ome_xml,
    set_tag,
    write,
    write_described,
    write_pages,
)

SMALL, SMALLER = GREY[::2, ::2].copy(), GREY[::4, ::4].copy()


@pytest.mark.parametrize(
    ("pages", "expected", "note"),
    [
        ((SMALLER, DEEP), DEEP, "20 × 30) was read; passed over: 5 × 8."),
        ((SMALLER, SMALL, GREY), GREY, "passed over: 5 × 8, 10 × 15."),
        ((GREY, SMALL, SMALLER), GREY, None),
        ((np.stack([GREY] * 3, 2), DEEP), DEEP, "passed over: 20 × 30 × 3."),
        ((np.stack([SMALL] * 3, 2), DEEP, DEEP), np.stack([DEEP] * 2), "passed over: 10 × 15 × 3."),
    ],
)
def test_the_largest_image_is_read(tmp_path, pages, expected, note):
    image = read_image(write_pages(tmp_path / "a.tif", *pages))
    np.testing.assert_array_equal(image.data, expected)
    assert len(image.notes) == (note is not None)
    assert note is None or note in image.notes[0]


def test_pages_marked_as_small_copies_or_masks_are_passed_over(tmp_path):
    with tifffile.TiffWriter(tmp_path / "a.tif") as file:
        large = np.zeros((50, 61), np.uint8)
        for array, kind in ((large, 1), (large > 0, 4), (GREY, 0)):
            file.write(array, subfiletype=kind, metadata=None, photometric="minisblack")
    image = read_image(tmp_path / "a.tif")
    np.testing.assert_array_equal(image.data, GREY)
    assert "passed over: 50 × 61, 50 × 61" in image.notes[0]


def test_the_finest_level_of_a_pyramid(tmp_path):
    with tifffile.TiffWriter(tmp_path / "a.ome.tif") as file:
        metadata = {"axes": "YX", "PhysicalSizeX": 0.5, "PhysicalSizeY": 0.5}
        file.write(DEEP, subifds=1, photometric="minisblack", metadata=metadata)
        file.write(DEEP[::2, ::2].copy(), subfiletype=1, photometric="minisblack")
    image = read_image(tmp_path / "a.ome.tif")
    np.testing.assert_array_equal(image.data, DEEP)
    assert (image.scale, image.notes) == ((0.5, 0.5), ())


def test_a_pyramid_stored_smallest_first_in_sub_pages(tmp_path):
    with tifffile.TiffWriter(tmp_path / "a.ome.tif") as file:
        metadata = {"axes": "YX"}
        file.write(DEEP[::2, ::2].copy(), subifds=1, photometric="minisblack", metadata=metadata)
        file.write(DEEP, photometric="minisblack")
    np.testing.assert_array_equal(read_image(tmp_path / "a.ome.tif").data, DEEP)


def test_images_named_as_a_thumbnail_are_passed_over(tmp_path):
    with tifffile.TiffWriter(tmp_path / "a.ome.tif") as file:
        for array, name, size in ((np.zeros((40, 60)), "Thumbnail", 9.0), (DEEP, "Cells", 0.5)):
            metadata = {"axes": "YX", "Name": name, "PhysicalSizeX": size, "PhysicalSizeY": size}
            file.write(array.astype(np.uint16), photometric="minisblack", metadata=metadata)
    image = read_image(tmp_path / "a.ome.tif")
    np.testing.assert_array_equal(image.data, DEEP)
    assert image.scale == (0.5, 0.5)
    assert "passed over: Thumbnail (40 × 60)." in image.notes[0]
    assert len(read_images(tmp_path / "a.ome.tif")) == 1


def test_frames_of_a_stopped_recording_are_no_empty_images(tmp_path):
    xml = ome_xml('<TiffData IFD="0" PlaneCount="5"/>', 5)
    image = read_image(write_described(tmp_path / "a.ome.tif", np.stack([DEEP, DEEP + 1]), xml))
    assert image.axes == "TYX"
    np.testing.assert_array_equal(image.data, [DEEP, DEEP + 1])
    assert image.notes == (
        "3 of 5 planes are missing: only the 2 of 5 along T that are complete were read.",
    )


def test_a_frame_with_one_channel_missing_is_left_out(tmp_path):
    data = '<Channel ID="1"/><Channel ID="2"/><TiffData IFD="0" PlaneCount="3"/>'
    xml = ome_xml(data, 3).replace('SizeC="1"', 'SizeC="2"').replace("XYZCT", "XYCZT")
    stack = np.stack([DEEP, DEEP + 1, DEEP + 2])
    image = read_image(write_described(tmp_path / "a.ome.tif", stack, xml))
    assert image.axes == "CYX"
    np.testing.assert_array_equal(image.data, stack[:2])
    assert "only the 1 of 3 along T" in image.notes[0]


@pytest.mark.parametrize("code", [2, 3, 4, 32771])
@pytest.mark.parametrize("pixels", [DEEP, GREY, np.stack([GREY] * 3, 2)])
@pytest.mark.parametrize("read", [read_image, open_series])
def test_fax_compression_is_for_black_and_white_alone(tmp_path, code, pixels, read):
    """The decoder would write beyond the end of its memory."""
    photometric = "rgb" if pixels.ndim == 3 else "minisblack"
    path = write(tmp_path / "a.tif", pixels, photometric=photometric, metadata=None)
    set_tag(path, 259, code)
    with pytest.raises(ValueError, match="CCITT"):
        read(path)


@pytest.mark.parametrize("name", ["group3", "group4", "tiff_ccitt"])
def test_masks_of_a_fax_are_read(tmp_path, name):
    mask = DEEP > 20_000
    Image.fromarray(mask).save(tmp_path / "a.tif", compression=name)
    assert np.array_equal(read_image(tmp_path / "a.tif").data > 0, mask)
