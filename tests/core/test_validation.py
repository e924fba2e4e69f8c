"""Every kind of array a user may bring, and what is said of those that do not fit."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from napari_pixel_embedding.core.validation import (
    as_numeric_image,
    check_annotation,
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
        (np.ones((2, 2), complex), r"found dtype complex128.*magnitude"),
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


CELLS = np.kron(np.arange(1, 17).reshape(4, 4), np.pad(np.ones((5, 5), int), ((0, 2), (0, 2))))
"""Sixteen objects of 25 pixels."""

SPARSE = np.where(CELLS > 12, -1, CELLS)
MANY = np.kron(np.arange(1, 401).reshape(20, 20), np.pad(np.ones((2, 2), int), ((0, 1), (0, 1))))
NOISE = np.random.default_rng(0).integers(1, 60_000, (64, 64)).astype(np.uint16)


@pytest.mark.parametrize(
    "labels",
    [
        CELLS.astype(np.uint8),
        CELLS.astype(np.float32),
        CELLS.astype(np.uint64),
        CELLS * 10**7,
        CELLS > 0,
        (CELLS > 0) * np.uint8(255),
        np.arange(256, dtype=np.uint8).repeat(4).reshape(32, 32),  # 255 objects, none in pieces
        np.where(CELLS == 16, 255, CELLS).astype(np.uint8),
    ],
)
def test_annotations_keep_their_ids(labels):
    np.testing.assert_array_equal(check_annotation(labels), labels.astype(np.int64))


@pytest.mark.parametrize("dtype", [np.int8, np.int16, np.int32, np.float32, np.float64])
def test_minus_one_is_allowed_where_pixels_may_be_unknown(dtype):
    np.testing.assert_array_equal(check_annotation(SPARSE.astype(dtype), unknown=True), SPARSE)
    with pytest.raises(ValueError, match="−1 means not corrected, and only fine-tuning"):
        check_annotation(SPARSE.astype(dtype))


@pytest.mark.parametrize("unknown", [False, True])
@pytest.mark.parametrize(
    ("labels", "message"),
    [
        (np.where(CELLS > 0, CELLS, np.nan), "whole numbers, found nan"),
        (np.where(CELLS == 1, -np.inf, CELLS), "whole numbers, found -inf"),
        (CELLS * 0.7, r"whole numbers, found 0\.7"),
        (CELLS + 1j, "complex"),
        (MANY.astype(np.int8), "found the id -128. Were there more objects than int8 can number"),
        (np.where(CELLS > 0, CELLS, -(2**31)).astype(np.int32), "Was it a NaN"),
        (np.where(CELLS > 0, CELLS, -(2**63)), "Was it a NaN"),
        (CELLS * -5, "Set negative pixels to 0"),
        (CELLS.astype(np.float32).view(np.int32), "found 1098907648. These are the bits of float"),
        (CELLS.astype(np.float32).view(np.uint32), "the bits of floating-point"),
        (CELLS.astype(np.float64).view(np.int64), "the bits of floating-point"),
        (CELLS * 10**8, "up to 999999999, found 1600000000. Renumber the objects"),
        (CELLS * 10.0**9, "up to 999999999, found 16000000000. Renumber the objects"),
        ((CELLS + 3 * 10**9).astype(np.uint32), "Renumber the objects"),
        (SPARSE.astype(np.uint8), "has the value 255, the largest of uint8, on .* % of its pixels"),
        (SPARSE.astype(np.uint16), "has the value 65535, the largest of uint16"),
        (SPARSE.astype(np.uint32), "found 4294967295. It is the largest that its type holds"),
        (NOISE, r"found \d+ ids on only 4096 pixels. Was an intensity image passed"),
        (NOISE.astype(np.float32), "Was an intensity image passed"),
    ],
)
def test_values_that_are_no_ids_are_refused_with_the_file_s_name(labels, message, unknown):
    with pytest.raises(ValueError, match=f"a.tif .*{message}"):
        check_annotation(labels, "a.tif", unknown)
