"""Outlines inside the objects of a label image."""

from __future__ import annotations

import numpy as np

from napari_pixel_embedding.core.label_regions import inner_outlines


def test_objects_are_outlined_inside_also_where_they_touch():
    labels = np.zeros((6, 8), int)
    labels[1:5, 0:4], labels[1:5, 4:7] = 1, 2
    expected = np.zeros((6, 8), bool)
    expected[[1, 4], 0:7] = True  # above and below
    expected[1:5, [3, 4, 6]] = True  # where they touch, and on the right; 0 is the image's border
    np.testing.assert_array_equal(inner_outlines(labels), expected)


def test_planes_are_outlined_each_by_itself():
    labels = np.zeros((2, 5, 5), np.int32)
    labels[0, 1:4, 1:4] = 3
    found = inner_outlines(labels)
    assert not found[1].any()
    assert found[0].sum() == 8


def test_what_is_not_corrected_is_no_object():
    corrections = np.full((4, 4), -1, np.int32)
    corrections[1, 1], corrections[2, 2] = 0, 5
    assert np.argwhere(inner_outlines(corrections)).tolist() == [[2, 2]]
