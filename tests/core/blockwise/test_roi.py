from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_pixel_embedding.core.blockwise.roi import (
    ROI,
    Crop,
    choose_roi,
    count_pixels,
    margin,
    pixel_bytes,
    read_box,
    sees,
)
from napari_pixel_embedding.core.model.config import ModelConfig

SIDES = st.integers(1, 5000)
ENDS = st.tuples(st.floats(-6000, 6000), st.floats(0, 6000)).map(lambda p: (p[0], p[0] + p[1]))


@settings(max_examples=200)
@given(
    shape=st.tuples(SIDES, SIDES),
    view=st.none() | st.tuples(ENDS, ENDS),
    most=st.integers(256, 10**6),
    levels=st.integers(1, 4),
)
def test_a_field_lies_in_its_level_on_the_grid_and_within_the_limit(shape, view, most, levels):
    shapes = [tuple(max(n >> k, 1) for n in shape) for k in range(levels)]
    roi = choose_roi("YX", shapes, view, most, stride=16)
    size = shapes[roi.level]
    assert all(0 <= a and a + n <= m for a, n, m in zip(roi.start, roi.shape, size, strict=True))
    assert all(a % 16 == 0 for a in roi.start)
    assert min(roi.shape) >= 1
    assert np.prod(roi.shape) <= most * 1.1 + 2 * max(roi.shape)  # rounded to pixels


def test_the_view_is_the_field_where_it_fits():
    roi = choose_roi("YX", [(9000, 9000)], ((1000, 2600), (3000, 4000)), 2048**2)
    assert (roi.level, roi.start, roi.shape) == (0, (1000, 3000), (1600, 1000))


def test_of_a_view_that_is_too_large_the_middle_is_taken():
    roi = choose_roi("YX", [(9000, 9000)], ((0, 9000), (4000, 5000)), 1000 * 2000)
    assert roi.shape == pytest.approx((2000, 1000), abs=1)
    assert roi.start == pytest.approx((3500, 4000), abs=1)


def test_the_finest_level_that_fits_is_taken():
    shapes = [(8000, 8000), (4000, 4000), (2000, 2000), (1000, 1000)]
    everything = ((0, 8000), (0, 8000))
    assert choose_roi("YX", shapes, everything, 2048**2).level == 2
    assert choose_roi("YX", shapes, ((0, 2000), (0, 2000)), 2048**2).level == 0
    assert choose_roi("YX", shapes, everything, 100).level == 3


def test_a_view_of_a_few_pixels_is_widened_around_its_middle():
    roi = choose_roi("YX", [(9000, 9000)], ((2000, 2010), (10, 20)), 2048**2)
    assert roi.shape == (512, 512)
    assert roi.start == (1749, 0)


@pytest.mark.parametrize("view", [None, ((-900, -10), (0, 100)), ((0, 100), (9000, 9900))])
def test_nothing_in_view_stands_for_the_middle(view):
    assert not sees("YX", (9000, 9000), view)
    roi = choose_roi("YX", [(9000, 9000)], view, 2048**2)
    assert [a + n / 2 for a, n in zip(roi.start, roi.shape, strict=True)] == [4500, 4500]


def test_a_slice_of_a_stack_brings_its_neighbours():
    view = ((70, 71), (0, 600), (0, 600))
    roi = choose_roi("ZYX", [(200, 3000, 3000)], view, 2**24)
    assert (roi.start[0], roi.shape) == (54, (32, 600, 600))


def test_a_time_lapse_begins_with_one_frame():
    view = ((7, 8), (0, 1), (0, 600), (0, 600))
    roi = choose_roi("TCYX", [(9, 2, 3000, 3000)], view, 2**22)
    assert (roi.frame, roi.shape) == (7, (600, 600))
    late = choose_roi("TYX", [(9, 3000, 3000)], ((50, 51), (0, 9), (0, 9)), 2**22)
    assert late.frame == 8


@settings(max_examples=100)
@given(
    factor=st.floats(1, 9),
    start=st.integers(0, 100),
    point=st.tuples(st.integers(0, 19), st.integers(0, 29)),
)
def test_points_find_back_from_the_finest_level(factor, start, point):
    roi = ROI(1, (factor, factor), (start, start), (20, 30))
    assert roi.from_finest(roi.to_finest(point)) == point
    assert roi.from_finest(tuple(part.stop + 9 for part in roi.finest_box)) is None


def test_a_field_knows_what_it_covers():
    roi = ROI(1, (2.0, 4.0), (10, 20), (5, 6))
    assert roi.finest_box == (slice(20, 30), slice(80, 104))
    rows, columns = roi.finest_grid((1000, 1000))
    assert rows.tolist() == [21, 23, 25, 27, 29]
    assert columns[0] == 82


def test_reading_takes_one_frame_and_all_channels():
    data = np.arange(2 * 3 * 4 * 5).reshape(2, 3, 4, 5)
    part = read_box(data, "TCYX", (slice(1, 3), slice(2, 5)), frame=1)
    np.testing.assert_array_equal(part, data[1:, :, 1:3, 2:5])


def test_a_crop_is_read_when_it_is_asked_for():
    data = np.arange(60).reshape(3, 4, 5)
    crop = Crop(data, (slice(1, 2), slice(None), slice(2, 9)))
    assert (crop.shape, crop.ndim, crop.dtype) == ((1, 4, 3), 3, data.dtype)
    np.testing.assert_array_equal(np.asarray(crop), data[1:2, :, 2:])


def test_pixels_are_counted_without_channels():
    assert count_pixels("TCYX", (2, 3, 4, 5)) == 40
    assert count_pixels("YXC", (4, 5, 3)) == 20


def test_a_larger_embedding_takes_more_memory():
    small, large = (pixel_bytes(ModelConfig(embedding_dim=n)) for n in (8, 16))
    assert 100 < small < large < 400


def test_a_model_that_shrinks_the_image_needs_to_see_more_of_it():
    own = ModelConfig(object_diameter=20)
    shrunk = ModelConfig(object_diameter=20, image_diameter=80)
    assert (margin(own), margin(shrunk)) == (64, 256)
    assert margin(ModelConfig()) == 64
