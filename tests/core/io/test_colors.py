"""Palettes, inverted greys and planes of colours are brought to what they show."""

import numpy as np
import pytest
from PIL import Image

from napari_pixel_embedding.core.io.images import read_image, read_labels
from tests.core.io.tiff_files import DEEP, GREY, write

PALETTE = np.random.default_rng(0).integers(0, 2**16, (3, 256)).astype(np.uint16)


@pytest.mark.parametrize("count", [3, 4])
def test_colours_stored_plane_by_plane(tmp_path, count):
    planes = np.stack([GREY, GREY // 2, GREY // 3, GREY // 4][:count])
    extra = {"extrasamples": ["unassalpha"]} if count == 4 else {}
    options = {"photometric": "rgb", "planarconfig": "separate", "metadata": None}
    image = read_image(write(tmp_path / "a.tif", planes, **options, **extra))
    assert image.axes == "YXC"
    np.testing.assert_array_equal(image.data, np.moveaxis(planes, 0, -1))


@pytest.mark.parametrize("count", [2, 5])
def test_channels_that_are_no_colours_stay_in_front(tmp_path, count):
    planes = np.stack([DEEP + i for i in range(count)])
    options = {"planarconfig": "separate", "metadata": None}
    image = read_image(write(tmp_path / "a.tif", planes, **options))
    assert image.axes == "CYX"
    np.testing.assert_array_equal(image.data, planes)


@pytest.mark.parametrize(
    ("stored", "shown"),
    [
        (GREY, 255 - GREY),
        (DEEP, 65_535 - DEEP),
        (GREY > 100, GREY <= 100),
        (GREY.astype(np.float32), GREY.max() - GREY.astype(np.float32)),
    ],
)
def test_white_is_zero_becomes_bright_is_large(tmp_path, stored, shown):
    path = write(tmp_path / "a.tif", stored, photometric="miniswhite", metadata=None)
    np.testing.assert_array_equal(read_image(path).data, shown)
    np.testing.assert_array_equal(read_image(path, indexed=True).data, stored)


def test_ids_are_not_inverted(tmp_path):
    path = write(tmp_path / "a.tif", GREY, photometric="miniswhite", metadata=None)
    np.testing.assert_array_equal(read_labels(path).data, GREY)


def test_a_palette_gives_colours_for_images_and_ids_for_labels(tmp_path):
    options = {"photometric": "palette", "colormap": PALETTE, "metadata": None}
    path = write(tmp_path / "a.tif", GREY, **options)
    image = read_image(path)
    assert image.axes == "YXC"
    np.testing.assert_array_equal(image.data, (PALETTE >> 8).T[GREY])
    assert image.data.dtype == np.uint8
    np.testing.assert_array_equal(read_image(path, indexed=True).data, GREY)
    np.testing.assert_array_equal(read_labels(path).data, GREY)


def test_a_palette_for_a_stack(tmp_path):
    options = {"photometric": "palette", "colormap": PALETTE, "metadata": {"axes": "ZYX"}}
    image = read_image(write(tmp_path / "a.tif", np.stack([GREY, GREY + 1]), **options))
    assert (image.axes, image.data.shape) == ("ZYXC", (2, *GREY.shape, 3))
    np.testing.assert_array_equal(image.data[1], (PALETTE >> 8).T[GREY + 1])


def test_a_palette_of_greys_is_grey(tmp_path):
    greys = np.repeat(np.arange(255, -1, -1, dtype=np.uint16)[None] << 8, 3, axis=0)
    options = {"photometric": "palette", "colormap": greys, "metadata": None}
    image = read_image(write(tmp_path / "a.tif", GREY, **options))
    assert image.axes == "YX"
    np.testing.assert_array_equal(image.data, 255 - GREY)


def test_ink_becomes_light(tmp_path):
    Image.new("CMYK", (5, 4), (0, 255, 51, 0)).save(tmp_path / "a.tif")
    image = read_image(tmp_path / "a.tif")
    assert (image.axes, image.data.shape) == ("YXC", (4, 5, 3))
    assert image.data[0, 0].tolist() == [255, 0, 204]
