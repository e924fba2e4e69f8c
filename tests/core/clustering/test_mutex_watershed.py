"""Mutex watershed: right objects, labels on foreground alone, parameters that act, clear errors."""

import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from napari_pixel_embedding.core.clustering import ClusterParams, build_cluster_index
from napari_pixel_embedding.core.clustering.mutex_watershed import mutex_watershed, neighbourhood
from napari_pixel_embedding.core.embedding.embedding_map import EmbeddingMap
from napari_pixel_embedding.core.segmentation.segment import METHODS, cluster
from tests.core.clustering.synthetic import f1_score, make_scene, stripes
from tests.core.clustering.test_edge_cases import embedding_maps

pytest.importorskip("bioimage_cpp")


def count(emap, **changes):
    return int(mutex_watershed(emap, ClusterParams(**{"min_size": 0, **changes})).max())


@pytest.mark.parametrize(
    ("scene", "bandwidth"),
    [
        ({}, 1.0),
        ({"scale": 100.0}, 100.0),
        ({"space": "cosine", "noise": 0.03}, 0.3),
        ({"shape": (20, 48, 48), "diameter": 14, "spacing": (2.0, 1.0, 1.0)}, 1.0),
    ],
    ids=["euclidean", "scaled", "cosine", "volume"],
)
@pytest.mark.parametrize("seed", [0, 1])
def test_objects_are_found(scene, bandwidth, seed):
    made = make_scene(seed=seed, **scene)
    labels = mutex_watershed(made.emap, ClusterParams(bandwidth=bandwidth, min_size=10))
    assert f1_score(made.labels, labels) >= 0.95


def test_it_agrees_with_the_index_on_clear_objects():
    scene = make_scene(seed=3)
    params = ClusterParams(bandwidth=1.5)
    found = mutex_watershed(scene.emap, params)
    assert f1_score(build_cluster_index(scene.emap).cut(params), found) >= 0.95


@given(emap=embedding_maps(), bandwidth=st.floats(0.01, 1.0))
@settings(max_examples=80)
def test_labels_cover_the_foreground_that_is_finite(emap, bandwidth):
    labels = mutex_watershed(emap, ClusterParams(bandwidth=bandwidth, min_size=0))
    inside = np.isfinite(emap.embedding).all(axis=0) & (emap.foreground > 0.5)
    if emap.space == "cosine":
        inside &= (emap.embedding != 0).any(axis=0)
    np.testing.assert_array_equal(labels > 0, inside)
    for number, box in enumerate(ndimage.find_objects(labels), start=1):
        assert ndimage.label(labels[box] == number)[1] == 1


def test_the_bandwidth_says_from_which_distance_on_objects_are_apart():
    emap = stripes(1.0, 2.0, width=14)
    assert [count(emap, bandwidth=b) for b in (0.9, 1.9, 3.1)] == [3, 2, 1]


def test_foreground_and_minimum_size_act():
    scene = make_scene(seed=0)
    few = mutex_watershed(scene.emap, ClusterParams(foreground_threshold=0.9))
    usual = mutex_watershed(scene.emap, ClusterParams())
    assert 0 < np.count_nonzero(few) < np.count_nonzero(usual)
    sizes = np.bincount(mutex_watershed(scene.emap, ClusterParams(min_size=190)).ravel())[1:]
    assert sizes.min() >= 190
    assert sizes.size < usual.max()


def test_ids_have_no_gaps():
    labels = mutex_watershed(make_scene(seed=2).emap, ClusterParams(min_size=100))
    assert labels.dtype == np.uint16
    np.testing.assert_array_equal(np.unique(labels), np.arange(labels.max() + 1))


def test_the_default_bandwidth_is_that_of_the_space():
    scene = make_scene(seed=1, scale=100.0)
    by_hand = mutex_watershed(scene.emap, ClusterParams(bandwidth=100.0))
    np.testing.assert_array_equal(mutex_watershed(scene.emap), by_hand)


def test_nothing_is_written_into():
    emap = make_scene(seed=0).emap
    before = emap.embedding.copy()
    mutex_watershed(emap)
    np.testing.assert_array_equal(emap.embedding, before)


def test_no_foreground_gives_no_objects():
    emap = EmbeddingMap(np.zeros((2, 9, 9), np.float32), np.zeros((9, 9), np.float32))
    assert not mutex_watershed(emap).any()


def test_a_bandwidth_of_nothing_is_refused():
    with pytest.raises(ValueError, match="bandwidth must be above 0"):
        mutex_watershed(stripes(1.0), ClusterParams(bandwidth=0))


def test_reach_along_z_follows_the_spacing():
    near, far = neighbourhood((64, 64, 64), (3.0, 1.0, 1.0))
    assert near == [(-1, 0, 0), (0, -1, 0), (0, 0, -1)]
    assert far[:5] == [(-3, 0, 0), (0, -9, 0), (0, 0, -9), (0, -9, -9), (0, -9, 9)]
    assert (-9, 0, 0) in far


def test_a_missing_library_is_named_with_the_way_to_get_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "bioimage_cpp", None)
    with pytest.raises(ValueError, match=r"bioimage-cpp, found none: .*\[mutex\]"):
        mutex_watershed(stripes(1.0))


def test_methods_are_called_by_their_names():
    emap, params = make_scene(seed=0).emap, ClusterParams(bandwidth=1.2, min_size=30)
    found = {method: cluster(emap, params, method) for method in METHODS}
    np.testing.assert_array_equal(found["mean_shift"], build_cluster_index(emap).cut(params))
    np.testing.assert_array_equal(found["mutex"], mutex_watershed(emap, params))


def test_another_method_is_refused():
    with pytest.raises(
        ValueError, match="method must be one of mean_shift, mutex, found 'watershed'"
    ):
        cluster(make_scene(shape=(16, 16)).emap, ClusterParams(), "watershed")
