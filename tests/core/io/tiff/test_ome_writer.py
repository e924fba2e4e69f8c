"""Whatever was read can be written, with axes, scale and units, and comes back."""

import numpy as np
import pytest

from napari_pixel_embedding.core.io.images import read_image, read_labels, write_image, write_labels

SHAPES = {
    "YX": (5, 6),
    "ZYX": (3, 5, 6),
    "TYX": (3, 5, 6),
    "CYX": (3, 5, 6),
    "YXC": (5, 6, 3),
    "TZCYX": (2, 3, 4, 5, 6),
    "ZTYX": (2, 3, 5, 6),
    "CTZYX": (2, 3, 4, 5, 6),
    "ZYXC": (3, 5, 6, 3),
    "TZYXC": (2, 3, 5, 6, 4),
    "TYXC": (2, 5, 6, 5),
}
SCALE = (2.0, 1 / 3, 0.7)


@pytest.mark.parametrize("axes", SHAPES)
@pytest.mark.parametrize("dtype", ["u1", "i2", "f4"])
def test_images_come_back(tmp_path, axes, dtype):
    shape = SHAPES[axes]
    data = (np.arange(np.prod(shape)) % 200).reshape(shape).astype(dtype)
    scale = SCALE[-len([letter for letter in axes if letter in "ZYX"]) :]
    write_image(tmp_path / "a.tif", data, axes, scale, "nm")
    back = read_image(tmp_path / "a.tif")
    np.testing.assert_array_equal(back.data, data)
    assert back.data.dtype == dtype
    assert (back.axes, back.scale, back.units, back.notes) == (axes, scale, "nm", ())


@pytest.mark.parametrize(
    ("dtype", "stored"),
    [("i8", "u4"), ("u8", "u4"), ("f2", "f4"), ("?", "u1"), ("f8", "f8"), (">u2", "u2")],
)
def test_types_that_the_format_lacks_are_widened(tmp_path, dtype, stored):
    data = np.arange(6).reshape(2, 3).astype(dtype)
    write_image(tmp_path / "a.tif", data, "YX")
    back = read_image(tmp_path / "a.tif").data
    assert back.dtype == stored
    np.testing.assert_array_equal(back, data)


def test_large_whole_numbers_are_kept_or_refused(tmp_path):
    for value in (-(2**31), 2**40, -(2**40)):
        write_image(tmp_path / "a.tif", np.array([[value, 3]]), "YX")
        assert read_image(tmp_path / "a.tif").data.tolist() == [[value, 3]]
    with pytest.raises(ValueError, match="Save the array as"):
        write_image(tmp_path / "a.tif", np.array([[2**60 + 1, 3]]), "YX")


def test_axes_that_are_not_known_are_written(tmp_path):
    data = np.arange(60, dtype=np.uint16).reshape(3, 4, 5)
    write_image(tmp_path / "a.tif", data, None)
    back = read_image(tmp_path / "a.tif")
    np.testing.assert_array_equal(back.data, data)
    assert back.axes is None


@pytest.mark.parametrize("axes", ["XY", "TYX", "", "IYX"])
def test_axes_that_do_not_fit_are_refused(tmp_path, axes):
    with pytest.raises(ValueError, match="axes must be T, C and Z in any order"):
        write_image(tmp_path / "a.tif", np.zeros((2, 3)), axes)
    assert not list(tmp_path.iterdir())


def test_labels_with_planes_before_frames(tmp_path):
    labels = np.arange(2 * 3 * 4 * 5).reshape(2, 3, 4, 5)
    write_labels(tmp_path / "a.tif", labels, "ZTYX", (2, 1, 1), "angstrom")
    back = read_labels(tmp_path / "a.tif")
    np.testing.assert_array_equal(back.data, labels)
    assert (back.axes, back.scale, back.units) == ("ZTYX", (2e-4, 1e-4, 1e-4), "µm")
