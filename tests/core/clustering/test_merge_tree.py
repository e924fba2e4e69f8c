"""Merges of a few regions whose heights can be computed by hand."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

from napari_pixel_embedding.core.clustering.merge_tree import Regions, link

NO_SEEDS = np.zeros(5, np.float32)
SEEDS = np.array([0.5, 0.1, 0.5, 2.0, 1.5], np.float32)
"""Threshold, softness, hold, slope and limit."""


def heights(means, edges, saddle, valley=None, valleys=NO_SEEDS, near=None, span=None):
    """Heights of the merges of regions of one pixel and one channel, with peaks of 1."""
    count = len(means)
    regions = Regions(
        np.array(means, np.float32)[:, None],
        np.ones(count, np.float32),
        np.ones(count, np.float32),
        np.array(edges, np.int32),
        np.array(saddle, np.float32),
        np.array(valley or [0.0] * len(edges), np.float32),
        None if near is None else np.array(near, np.float32),
        None if near is None else np.array(span or [1] * len(near), np.float32),
    )
    return link(regions, np.float32(100), False, valleys).heights


@pytest.mark.parametrize(("saddle", "height"), [(0.5, 2.0), (3.0, 3.0)])
def test_regions_merge_at_the_farther_of_their_means_and_their_saddle(saddle, height):
    assert_allclose(heights([0, 2], [[0, 1]], [saddle]), [height])


@pytest.mark.parametrize("saddle", [[0.5, 20.0, 0.1], [0.5, 0.1, 20.0]])
def test_of_two_ways_to_a_neighbour_the_nearer_saddle_counts(saddle):
    # 0 and 1 merge at 1; their mean lies 9.5 from the third region
    assert_allclose(heights([0, 1, 10], [[0, 1], [0, 2], [1, 2]], saddle), [1, 9.5])


@pytest.mark.parametrize("valley", [[1.0, 0.2, 1.0], [1.0, 1.0, 0.2]])
def test_of_two_ways_to_a_neighbour_the_shallower_valley_counts(valley):
    # without a valley only half of the distance between two means counts
    edges = [[0, 1], [0, 2], [1, 2]]
    assert_allclose(heights([0, 1, 10], edges, [0.0] * 3, valley, SEEDS), [0.5, 4.75])


def test_a_valley_adds_to_the_height():
    # (1 − 0.2) / (1 + 0.1) is 1.45 thresholds deep: 0.45 too deep, and 2 for each threshold
    found = heights([0, 1], [[0, 1]], [0.0], [0.2], SEEDS)
    assert_allclose(found, [1 + 2 * (0.8 / 1.1 / 0.5 - 1)], rtol=1e-5)
    assert_allclose(heights([0, 1], [[0, 1]], [0.0], [-1.0], SEEDS), [2.5])  # the limit


def test_parts_of_a_drifting_object_merge_where_they_touch():
    means, edges, saddles = [0, 1, 2, 3], [[0, 1], [1, 2], [2, 3]], [0.0] * 3
    assert_allclose(heights(means, edges, saddles), [1, 1, 2])  # pairs first, then their means
    assert_allclose(heights(means, edges, saddles, near=[1, 0.5, 1]), [0.5, 1, 1])


@pytest.mark.parametrize(("span", "height"), [([1, 1, 1], 6.0), ([1, 3, 1], 4.5)])
def test_of_two_ways_to_a_neighbour_all_contacts_count_alike(span, height):
    """0 and 1 merge at 1; then they have contacts at 3 and 9 with the third."""
    edges = [[0, 1], [0, 2], [1, 2]]
    assert_allclose(heights([0, 1, 10], edges, [0.0] * 3, near=[1, 3, 9], span=span), [1, height])


def test_one_leak_between_two_long_objects_does_not_join_them():
    """Two rows of four parts side by side; at one place the rows are as near as parts of a row."""
    along = [[0, 1], [1, 2], [2, 3], [4, 5], [5, 6], [6, 7]]
    across = [[0, 4], [1, 5], [2, 6], [3, 7]]
    near = [1.0, 1.1, 1.2] * 2 + [5.0, 1.3, 5.0, 5.0]
    found = heights([0.0] * 8, along + across, [0.0] * 10, near=near)
    assert_allclose(found, [1, 1, 1.1, 1.1, 1.2, 1.2, 16.3 / 4])
