import imageio.v3 as iio
import numpy as np
import pytest
from skimage.segmentation import find_boundaries

from napari_pixel_embedding.core.exchange.contours import (
    color_of,
    contours,
    write_contour_picture,
)
from tests.core.exchange.readers import hard_labels


def test_contours_are_the_inner_boundaries_of_scikit_image():
    labels = hard_labels((30, 25))
    framed = np.pad(labels, 1)  # there too, the image's border is a border of objects
    theirs = find_boundaries(framed, connectivity=1, mode="inner")[1:-1, 1:-1]
    assert np.array_equal(contours(labels) > 0, theirs)
    assert np.array_equal(contours(labels), labels * theirs)


def test_planes_are_taken_apart():
    labels = hard_labels((2, 3, 12, 10))
    assert np.array_equal(contours(labels)[1, 2], contours(labels[1, 2]))


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
def test_an_overlay_shows_the_image_and_colored_contours(tmp_path, dtype):
    labels = np.zeros((20, 20), int)
    labels[5:15, 5:15] = 7
    image = np.linspace(0, 200, 400).reshape(20, 20).astype(dtype)
    write_contour_picture(tmp_path / "a.png", labels, image)
    picture = iio.imread(tmp_path / "a.png")
    line = contours(labels) > 0
    assert (picture[line] == color_of(np.array([7]))).all()
    grey = picture[~line]
    assert (grey == grey[:, :1]).all()
    assert grey[0, 0] == 0
    assert grey[-1, 0] == 255


def test_colors_of_8_bits_are_left_alone_and_fractions_are_stretched(tmp_path):
    rgb = np.random.default_rng(0).integers(0, 255, (4, 4, 3)).astype(np.uint8)
    write_contour_picture(tmp_path / "a.png", np.zeros((4, 4), int), rgb)
    assert np.array_equal(iio.imread(tmp_path / "a.png"), rgb)
    write_contour_picture(tmp_path / "a.png", np.zeros((4, 4), int), np.full((4, 4), np.nan))
    assert iio.imread(tmp_path / "a.png").max() == 0


def test_neighbouring_ids_differ_in_color():
    colors = color_of(np.arange(1, 200)).astype(int)
    assert np.abs(np.diff(colors, axis=0)).sum(axis=1).min() > 100
    assert colors.max(axis=1).min() == 255
