import dataclasses

import numpy as np
import pytest

from napari_pixel_embedding.core.clustering import ClusterParams, build_cluster_index
from napari_pixel_embedding.core.embedding.embedding_map import EmbeddingMap
from tests.core.clustering.exact_mean_shift import exact_mean_shift
from tests.core.clustering.synthetic import f1_score, make_scene


def test_two_stripes_merge_at_their_distance():
    embedding = np.zeros((1, 10, 20), np.float32)
    embedding[0, :, 10:] = 1.5
    emap = EmbeddingMap(embedding, np.ones((10, 20), np.float32))
    apart = exact_mean_shift(emap, ClusterParams(bandwidth=1.4))
    np.testing.assert_array_equal(np.unique(apart[:, :10]).size, 1)
    assert np.unique(apart).size == 2
    assert np.unique(exact_mean_shift(emap, ClusterParams(bandwidth=1.6))).size == 1


def test_background_small_and_broken_pixels_are_zero():
    foreground = np.zeros((12, 12), np.float32)
    foreground[1:7, 1:7], foreground[9:11, 9:11] = 1, 1
    embedding = np.zeros((2, 12, 12), np.float32)
    embedding[0, 3, 3] = np.nan
    labels = exact_mean_shift(EmbeddingMap(embedding, foreground), ClusterParams(min_size=5))
    expected = np.zeros((12, 12), bool)
    expected[1:7, 1:7] = True
    expected[3, 3] = False
    np.testing.assert_array_equal(labels > 0, expected)


@pytest.mark.parametrize(
    ("space", "noise", "bandwidths"),
    [("euclidean", 0.2, (1.0, 1.5, 2.0)), ("cosine", 0.1, (0.2, 0.3, 0.4))],
)
@pytest.mark.parametrize("seed", [11, 12])
def test_index_agrees_with_exact_mean_shift(space, noise, bandwidths, seed):
    scene = make_scene((96, 96), 16, 8, space, noise, blur=1.0, seed=seed)
    index = build_cluster_index(scene.emap)
    for bandwidth in bandwidths:
        params = ClusterParams(bandwidth=bandwidth)
        exact = exact_mean_shift(scene.emap, params)
        assert f1_score(exact, index.cut(params)) >= 0.95
        assert f1_score(scene.labels, exact) >= 0.9


def test_index_agrees_with_exact_mean_shift_in_a_volume():
    scene = make_scene((10, 32, 32), 12, 6, noise=0.2, blur=0.6, seed=5)
    params = ClusterParams(bandwidth=1.0)
    exact = exact_mean_shift(scene.emap, params)
    assert f1_score(exact, build_cluster_index(scene.emap).cut(params)) >= 0.95


def test_objects_that_are_only_partly_apart_split_and_merge_alike():
    scene = make_scene((80, 80), 18, 2, noise=0.08, blur=0.5, apart=0.9, seed=2, gaps=False)
    index = build_cluster_index(scene.emap)
    found = []
    for bandwidth in (1.0, 1.5, 2.0):
        params = ClusterParams(bandwidth=bandwidth)
        exact = exact_mean_shift(scene.emap, params)
        found.append(np.unique(exact).size)
        assert abs(index.count(params) - np.unique(exact[exact > 0]).size) <= 0.2 * found[-1]
    assert found[-1] < found[0], "the scene must not be too easy"


def test_empty_foreground():
    emap = make_scene((20, 20), 10).emap
    empty = dataclasses.replace(emap, foreground=np.zeros((20, 20), np.float32))
    assert not exact_mean_shift(empty, ClusterParams()).any()
