import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from napari_pixel_embedding.core.exchange.rings import outlines
from napari_pixel_embedding.core.label_frames import label_frames


def found_in(labels, **options):
    return list(outlines(label_frames(np.asarray(labels))[0], **options))


def test_a_pixel_is_a_square_from_its_corner():
    (outline,) = found_in([[0, 0, 0], [0, 0, 9]])
    assert outline.label == 9
    assert sorted(map(tuple, outline.polygons[0][0])) == [(2, 1), (2, 2), (3, 1), (3, 2)]


def test_straight_edges_have_no_corners_between():
    (outline,) = found_in(np.ones((3, 50), int))
    assert len(outline.polygons[0][0]) == 4


def test_holes_follow_their_outer_ring():
    labels = np.ones((5, 9), int)
    labels[1:3, 1:3] = labels[2:4, 5:8] = 0
    (outline,) = found_in(labels)
    assert [len(polygon) for polygon in outline.polygons] == [3]
    assert [shapely.Polygon(ring).area for ring in outline.polygons[0]] == [45, 4, 6]


def test_a_ring_that_closes_at_a_corner_is_a_hole():
    """Not an outer ring that touches itself, which QuPath and others refuse."""
    (outline,) = found_in([[1, 1, 1], [1, 0, 1], [1, 1, 0]])
    (polygon,) = outline.polygons
    assert len(polygon) == 2
    assert shapely.Polygon(polygon[0], polygon[1:]).is_valid


@settings(max_examples=150, deadline=None)
@given(
    arrays(np.int64, (6, 7), elements=st.sampled_from([0, 1, 2, 2**40])),
    st.sampled_from([7, 20, 10**6]),
)
def test_polygons_are_valid_and_cover_exactly_their_pixels(labels, window):
    rows, columns = np.indices(labels.shape) + 0.5
    seen = np.zeros(labels.shape, np.int64)
    for outline in found_in(labels, window_pixels=window):
        pieces = [shapely.Polygon(rings[0], rings[1:]) for rings in outline.polygons]
        whole = shapely.MultiPolygon(pieces)
        assert whole.is_valid, shapely.is_valid_reason(whole)
        inside = shapely.contains_xy(whole, columns, rows)
        assert whole.area == inside.sum()
        assert (seen[inside] == 0).all()
        seen[inside] = outline.label
    assert np.array_equal(seen, labels)


@pytest.mark.parametrize("window", [1, 30, 10**6])
def test_objects_come_once_in_whatever_windows_they_are_read(window):
    labels = np.zeros((20, 10), int)
    labels[2:15, 1:4], labels[1:3, 6:8], labels[16:, 5:] = 5, 6, 5
    assert sorted(o.label for o in found_in(labels, window_pixels=window)) == [5, 6]
