import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from napari_pixel_embedding.core.corrections.corrections import apply_corrections, no_corrections
from napari_pixel_embedding.core.corrections.object_edits import (
    SMOOTHING,
    delete,
    fill_holes,
    lock,
    smooth,
)

LABELS = np.array([[1, 1, 0, 2], [1, 0, 0, 2], [1, 1, 0, 2]])


def test_locking_fixes_what_is_shown_and_nothing_else():
    fixed = lock(no_corrections(LABELS.shape), LABELS, [2])
    np.testing.assert_array_equal(fixed, np.where(LABELS == 2, 2, -1))


def test_a_deleted_object_is_background_under_every_clustering():
    fixed = delete(no_corrections(LABELS.shape), LABELS, [1])
    other = np.full(LABELS.shape, 5)
    assert not apply_corrections(other, fixed)[LABELS == 1].any()
    assert (fixed[LABELS != 1] == -1).all()


def ring(shape=(7, 7)):
    labels = np.zeros(shape, int)
    labels[..., 1:6, 1:6] = 3
    labels[..., 3, 3] = 0
    return labels


def test_holes_are_filled_but_not_with_other_objects():
    labels = ring()
    labels[2, 2] = 9
    fixed = fill_holes(no_corrections(labels.shape), labels, 3)
    assert fixed[3, 3] == 3
    assert fixed[2, 2] == -1
    assert fixed[0, 0] == -1
    assert (fixed[labels == 3] == 3).all()


def test_a_hole_that_other_objects_close_is_none():
    labels = ring()
    labels[3, 4:6] = 7
    with pytest.raises(ValueError, match="no holes"):
        fill_holes(no_corrections(labels.shape), labels, 3)


def test_a_hole_through_a_stack_is_filled_plane_by_plane():
    labels = ring((4, 7, 7))
    assert (fill_holes(no_corrections(labels.shape), labels, 3)[:, 3, 3] == 3).all()


def test_nothing_to_fill_is_said():
    with pytest.raises(ValueError, match="no holes"):
        fill_holes(no_corrections(LABELS.shape), LABELS, 2)


def rough_disc():
    grid = np.indices((41, 41)) - 20
    labels = (np.hypot(*grid) <= 12).astype(int) * 5
    labels[20, 33:40] = 5  # a whisker
    labels[19:22, 8:11] = 0  # a notch
    return labels


def test_smoothing_takes_whiskers_and_notches():
    labels = rough_disc()
    fixed = smooth(no_corrections(labels.shape), labels, 5)
    assert fixed[20, 38] == 0
    assert fixed[20, 10] == 5
    disc = np.hypot(*(np.indices((41, 41)) - 20)) <= 12
    assert np.count_nonzero((fixed == 5) != disc) <= 12  # pixels of some 450


def test_smoothing_keeps_off_other_objects_and_fixed_background():
    labels = rough_disc()
    labels[20, 8:10] = 6
    corrections = no_corrections(labels.shape)
    corrections[19, 8:11] = 0
    fixed = smooth(corrections, labels, 5)
    np.testing.assert_array_equal(fixed[20, 8:10], -1)
    np.testing.assert_array_equal(fixed[19, 8:11], 0)


def test_smoothing_does_not_depend_on_what_lies_around():
    """Only the object's own box is looked at: as good as the whole image."""
    labels = rough_disc()
    soft = gaussian_filter((labels == 5).astype(np.float32), SMOOTHING, mode="nearest")
    fixed = smooth(no_corrections(labels.shape), labels, 5)
    np.testing.assert_array_equal(fixed == 5, soft > 0.5)


def test_a_coarse_axis_is_smoothed_over_fewer_pixels():
    labels = np.zeros((9, 21, 21), int)
    labels[3:6, 4:17, 4:17] = 5
    with pytest.raises(ValueError, match="too thin"):
        smooth(no_corrections(labels.shape), labels, 5, sigma=4)
    fixed = smooth(no_corrections(labels.shape), labels, 5, spacing=(10, 1, 1), sigma=4)
    assert (fixed[3:6, 10, 10] == 5).all()


@pytest.mark.parametrize("edit", [fill_holes, smooth, lambda c, x, k: lock(c, x, [k])])
def test_an_object_that_is_not_there_is_refused_and_nothing_is_written_into(edit):
    corrections, labels = no_corrections(LABELS.shape), LABELS.copy()
    with pytest.raises(ValueError, match="found no 7"):
        edit(corrections, labels, 7)
    np.testing.assert_array_equal(labels, LABELS)
    assert (corrections == -1).all()


@pytest.mark.parametrize("turned", [False, True])
def test_of_two_pieces_the_larger_remains(turned):
    labels = np.zeros((24, 40), int)
    labels[2:8, 2:8] = 5  # the small one comes first in one of the two
    labels[6:22, 16:38] = 5
    labels[7, 8:16] = 5  # a bridge that smoothing takes
    labels = labels[::-1, ::-1].copy() if turned else labels
    fixed = smooth(no_corrections(labels.shape), labels, 5)
    middle = (9, 12) if turned else (14, 27)
    corner = (19, 35) if turned else (4, 4)
    assert fixed[middle] == 5 and fixed[corner] == 0
