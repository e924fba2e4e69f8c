"""Every kind of array a user may bring, and what is said of those that do not fit."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from napari_pixel_embedding.core.validation import (
    as_numeric_image,
    check_label_image,
    check_same_shape,
)

NUMERIC = ["bool", "uint8", ">u2", "uint16", "int32", ">i4", "uint64", "float16", ">f4", "float64"]


class Lazy:
    """Stands for a dask or zarr array: no ndarray, but can be read into one."""

    def __init__(self, array):
        self.array, self.shape, self.dtype = array, array.shape, array.dtype

    def __array__(self, dtype=None, copy=None):
        return self.array


@given(st.sampled_from(NUMERIC).flatmap(lambda d: hnp.arrays(d, hnp.array_shapes(max_side=5))))
def test_numeric_images_keep_their_values(array):
    for given_array in (array, Lazy(array), np.asfortranarray(array), np.repeat(array, 2, 0)[::2]):
        image = as_numeric_image(given_array)
        np.testing.assert_array_equal(image, array)
        assert image.dtype.isnative
        assert image.dtype.kind in "uif"


def test_an_array_that_fits_is_not_copied():
    image = np.zeros((3, 4), np.uint16)
    assert as_numeric_image(image) is image or np.shares_memory(as_numeric_image(image), image)


def test_long_floats_become_doubles():
    assert as_numeric_image(np.ones((2, 2), np.longdouble)).dtype == np.float64


@pytest.mark.parametrize(
    ("image", "message"),
    [
        (np.ones((2, 2), complex), r"found dtype complex128.*np\.abs"),
        (np.array([["a"]]), "found dtype <U1"),
        (np.array([[None]]), "found dtype object"),
        (np.zeros((0, 4)), r"at least one pixel, found the shape \(0, 4\)"),
        (np.float32(3), "single value 3.0"),
        ([np.zeros((4, 4)), np.zeros((2, 2))], "multiscale image pass one level"),
    ],
)
def test_what_is_no_image_is_refused_in_words(image, message):
    with pytest.raises(ValueError, match=message):
        as_numeric_image(image)


@given(st.sampled_from([d for d in NUMERIC if "f" not in d]), st.integers(0, 1))
def test_label_images_of_every_dtype_are_whole_numbers(dtype, value):
    labels = check_label_image(np.full((2, 3), value, dtype), ndim=2)
    assert labels.dtype.kind in "ui"
    assert (labels == value).all()


def test_uint64_ids_do_not_turn_into_floats():
    labels = check_label_image(np.array([[2**62 + 1]], np.uint64))
    assert labels.dtype == np.int64
    assert labels[0, 0] == 2**62 + 1


@pytest.mark.parametrize(
    ("labels", "ndim", "message"),
    [
        ([[0.0, 0.5]], None, r"found 0\.5 \(dtype float64\)"),
        ([[0.0, np.nan]], None, "found nan"),
        ([[0.0, np.inf]], None, "found inf"),
        ([[0, -3]], None, "found the id -3"),
        (np.full((1, 1), 2**63, np.uint64), None, r"below 2\*\*63"),
        (np.zeros((2, 2, 3), int), 2, r"must have 2 axes, found 3 with shape \(2, 2, 3\)"),
    ],
)
def test_what_is_no_label_image_is_refused_in_words(labels, ndim, message):
    with pytest.raises(ValueError, match=f"my labels.*{message}"):
        check_label_image(labels, "my labels", ndim)


def test_other_shapes_are_refused():
    check_same_shape(np.zeros((2, 3)), np.ones((2, 3)))
    with pytest.raises(ValueError, match=r"image and mask .* found \(2, 3\) and \(3, 2\)"):
        check_same_shape(np.zeros((2, 3)), np.zeros((3, 2)), ("image", "mask"))
