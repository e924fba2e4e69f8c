import numpy as np
import pytest

from napari_pixel_embedding.core.clustering import ClusterParams, MergeHeights
from napari_pixel_embedding.core.corrections.uncertainty import ambiguity

PARAMS = ClusterParams(bandwidth=1.0)


def heights(*rows):
    ids, split, merge = zip(*rows, strict=True)
    return MergeHeights(np.array(ids), np.array(split, float), np.array(merge, float))


@pytest.fixture
def labels():
    """Four objects of 20 pixels, away from the border."""
    array = np.zeros((7, 18), int)
    for k in range(4):
        array[1:-1, 4 * k + 1 : 4 * k + 5] = 10 * (k + 1)
    return array


SURE = heights((10, 0.1, 3.0), (20, 0.1, 3.0), (30, 0.1, 3.0), (40, 0.1, 3.0))


def test_a_height_near_the_bandwidth_is_doubtful(labels):
    near = heights((10, 0.1, 1.02), (20, 0.1, 3.0), (30, 0.97, 3.0), (40, 0.1, 1.4))
    found = ambiguity(labels, np.ones(labels.shape), near, PARAMS)
    order = found.ids[np.argsort(-found.score)]
    assert order.tolist() == [10, 30, 40, 20]
    assert found.reason[0] == "would merge at 1.02"
    assert found.reason[2] == "would split below 0.97"
    assert found.score.min() > 0
    assert found.score.max() < 1


def test_weak_foreground_and_odd_size_are_doubtful(labels):
    foreground = np.ones(labels.shape)
    foreground[labels == 20] = 0.6
    labels[2:][labels[2:] == 40] = 0
    found = ambiguity(labels, foreground, SURE, PARAMS)
    assert set(found.ids[np.argsort(-found.score)][:2]) == {20, 40}
    assert found.reason[1] == "weak foreground, 0.60"
    assert found.reason[3] == "0.2 × the usual size"


def test_boxes_say_where_objects_lie(labels):
    found = ambiguity(labels, np.ones(labels.shape), SURE, PARAMS)
    assert found.boxes[2].tolist() == [[1, 9], [6, 13]]


def test_objects_that_the_cut_does_not_know_count_as_well(labels):
    labels[3, 3] = 2**30
    found = ambiguity(labels, np.ones(labels.shape), SURE, PARAMS)
    assert found.ids.tolist() == [10, 20, 30, 40, 2**30]
    assert found.score[-1] == found.score.max()


def test_no_objects_no_doubts():
    found = ambiguity(np.zeros((3, 3), int), np.ones((3, 3)), SURE, PARAMS)
    assert (found.ids.size, found.reason) == (0, ())
