"""What a model is sure of fills in what nobody has corrected, and nothing else."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_array_equal

from napari_pixel_embedding.core.clustering import ClusterParams
from napari_pixel_embedding.core.embedding.embedding_map import EmbeddingMap
from napari_pixel_embedding.core.fine_tuning.pseudo_labels import with_pseudo_labels

PARAMS = ClusterParams(bandwidth=1.0, min_size=4)


def answer(labels, foreground=0.9, background=0.05):
    """An embedding map in which every object of a label image lies for itself."""
    embedding = np.stack([5.0 * labels, np.zeros(labels.shape)]).astype(np.float32)
    seen = np.where(labels > 0, foreground, background).astype(np.float32)
    return EmbeddingMap(embedding, seen, None, "euclidean", 0.5, 1.5)


@pytest.fixture
def squares():
    """Four squares of 8 x 8 pixels."""
    labels = np.zeros((24, 24), np.int32)
    for k, (y, x) in enumerate([(2, 2), (2, 14), (14, 2), (14, 14)], start=1):
        labels[y : y + 8, x : x + 8] = k
    return labels


def test_objects_and_background_are_filled_in(squares):
    corrections = np.where(squares == 1, 7, -1)
    target = with_pseudo_labels(corrections, answer(squares), squares, PARAMS)
    assert_array_equal(target == 0, squares == 0)
    assert_array_equal(target == 7, squares == 1)
    for k in (2, 3, 4):
        (found,) = np.unique(target[squares == k])
        assert found > 7
    assert len(np.unique(target)) == 5


def test_what_is_corrected_stays(squares):
    corrections = np.full(squares.shape, -1)
    corrections[2:10, 2:7] = 3  # half of what the model takes for one object
    corrections[14:22, 14:22] = 0  # what the model takes for an object
    target = with_pseudo_labels(corrections, answer(squares), squares, PARAMS)
    assert_array_equal(target[corrections >= 0], corrections[corrections >= 0])
    assert (target[2:10, 7:10] == -3).all(), "the rest of a claimed object is of no known one"


def test_a_found_object_that_reaches_over_a_corrected_one_is_left_out(squares):
    corrections = np.full(squares.shape, -1)
    corrections[2:10, 2:9] = 3  # the model's object has one column more, and a usual size
    target = with_pseudo_labels(corrections, answer(squares), squares, PARAMS)
    assert (target[2:10, 9] == -3).all()
    assert (target[squares > 1] > 3).all(), "what touches no correction is filled in"


@pytest.mark.parametrize(
    ("foreground", "background", "expected"),
    [(0.9, 0.05, {0, 1}), (0.6, 0.05, {0}), (0.9, 0.4, {1}), (0.6, 0.4, set())],
)
def test_only_what_is_sure_counts(squares, foreground, background, expected):
    corrections = np.where(squares == 1, 1, -1)
    target = with_pseudo_labels(
        corrections, answer(squares, foreground, background), squares, PARAMS
    )
    filled = target[corrections == -1]
    assert {int(k > 0) for k in filled if k >= 0} == expected


def test_objects_of_an_unusual_size_are_not_believed():
    labels = np.zeros((40, 40), np.int32)
    labels[2:10, 2:10], labels[2:10, 20:28] = 1, 2
    labels[20:38, 20:38], labels[30:33, 2:5] = 3, 4
    target = with_pseudo_labels(np.where(labels == 1, 1, -1), answer(labels), labels, PARAMS)
    assert (target[labels == 2] > 1).all()
    assert (target[labels == 3] == -3).all(), "large: perhaps several"
    assert (target[labels == 4] == 0).all(), "smaller than any object: background"


def test_objects_count_only_where_both_views_find_them(squares):
    again = np.where(squares == 2, 0, squares)
    again[14:22, 10:14] = 3  # half as large again: an IoU of 2/3
    again[14:15, 14:22] = 0  # a row short: an IoU of 7/8
    target = with_pseudo_labels(np.where(squares == 1, 1, -1), answer(squares), again, PARAMS)
    for k in (2, 3):
        assert (target[squares == k] == -3).all(), "foreground, but of no known object"
    (found,) = np.unique(target[squares == 4])
    assert found > 1


@settings(max_examples=25)
@given(st.integers(0, 2**31 - 1))
def test_corrections_are_never_changed(seed):
    rng = np.random.default_rng(seed)
    labels = np.kron(rng.integers(0, 9, (5, 5)), np.ones((4, 4), int)).astype(np.int32)
    corrections = rng.integers(-1, 3, labels.shape).astype(np.int32)
    corrections[0, 0] = 1
    target = with_pseudo_labels(corrections, answer(labels), labels, PARAMS)
    assert target.dtype == np.int32
    assert_array_equal(target[corrections >= 0], corrections[corrections >= 0])
    assert set(np.unique(target[corrections < 0])) <= {-3, -2, 0, *range(3, 99)}
