import dataclasses

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_pixel_embedding.core.clustering import ClusterParams, Summary, build_cluster_index
from napari_pixel_embedding.core.clustering.kernels.tree_nodes import run_ends
from napari_pixel_embedding.core.embedding.embedding_map import EmbeddingMap
from tests.core.clustering.synthetic import make_scene, stripes


def at(params, bandwidth):
    return dataclasses.replace(params, bandwidth=float(bandwidth))


def test_curve_of_four_stripes():
    # 0, 0.7, 2.1, 4.5: the first two merge at 0.7, the third lies 1.75 from their mean, the last
    # 3.57 from that of all three, which is off the slider.
    curve = build_cluster_index(stripes(0.7, 1.4, 2.4)).stability()
    np.testing.assert_allclose(curve.bandwidths, [0.5, 0.7, 1.75], rtol=1e-6)
    assert curve.counts.tolist() == [4, 3, 2]
    assert curve.plateau == pytest.approx((1.75, 3.0))
    assert curve.auto_bandwidth == pytest.approx(2.375)


def test_curve_honours_minimum_size_and_foreground():
    emap = stripes(0.7, 1.4, 2.4)
    emap.foreground[:, :8] = 0.6
    index = build_cluster_index(emap)
    curve = index.stability(ClusterParams(foreground_threshold=0.7))
    assert curve.counts.tolist() == [3, 2]
    assert index.stability(ClusterParams(min_size=97)).counts.tolist() == [0, 1]
    assert index.stability(ClusterParams(min_size=10_000)).counts.tolist() == [0]


def test_curve_honours_the_seed_threshold():
    emap = make_scene((48, 48), 14, noise=0.3, apart=0.8, distance=True, gaps=False).emap
    index = build_cluster_index(emap)
    low, high = (index.stability(ClusterParams(seed_threshold=s)) for s in (0.05, 0.6))
    assert low.counts[-1] > high.counts[-1]


def test_without_objects_the_whole_slider_is_one_plateau():
    emap = EmbeddingMap(np.zeros((2, 8, 8), np.float32), np.zeros((8, 8), np.float32))
    curve = build_cluster_index(emap).stability()
    assert curve.counts.tolist() == [0]
    assert curve.plateau == (0.5, 3.0)


def test_plateau_begins_with_objects():
    # Nothing is large enough until the first two stripes have merged.
    index = build_cluster_index(stripes(1.9, 4.0, 4.0))
    curve = index.stability(ClusterParams(min_size=97))
    assert curve.counts.tolist() == [0, 1]
    assert curve.plateau == pytest.approx((1.9, 3.0))


def test_runs_end_where_five_percent_are_lost_or_won():
    counts = np.array([100, 96, 94, 90, 97, 0, 0])
    assert run_ends(counts, 0.05).tolist() == [2, 3, 5, 4, 5, 7, 7]


@given(
    seed=st.integers(0, 1000),
    noise=st.floats(0.05, 0.8),
    space=st.sampled_from(["euclidean", "cosine"]),
    distance=st.booleans(),
    params=st.builds(
        ClusterParams,
        min_size=st.integers(0, 120),
        foreground_threshold=st.floats(0.2, 0.9),
        seed_threshold=st.floats(0.05, 0.6),
    ),
)
@settings(max_examples=15)
def test_curve_is_the_count_at_every_bandwidth(seed, noise, space, distance, params):
    index = build_cluster_index(
        make_scene((40, 47), 11, 6, space, noise, 1.0, 1.0, seed, distance).emap
    )
    curve = index.stability(params)
    ends = np.append(curve.bandwidths[1:], curve.high)
    assert (curve.bandwidths[0], curve.high) == index.bandwidth_range
    assert np.all(np.diff(curve.counts) != 0)
    for low, high, count in zip(curve.bandwidths, ends, curve.counts, strict=True):
        assert index.count(at(params, low)) == count
        assert index.count(at(params, low + 0.99 * (high - low))) == count


@given(seed=st.integers(0, 1000), min_size=st.integers(0, 100), bandwidth=st.floats(0.5, 3.0))
@settings(max_examples=10)
def test_summary_is_that_of_the_label_image(seed, min_size, bandwidth):
    index = build_cluster_index(make_scene((40, 40), 11, noise=0.5, apart=0.8, seed=seed).emap)
    params = ClusterParams(bandwidth=bandwidth, min_size=min_size)
    labels = index.cut(params)
    sizes = np.bincount(labels[labels > 0])
    sizes = sizes[sizes > 0]
    assert index.summary(params) == Summary(sizes.size, np.median(sizes) if sizes.size else 0.0)


# Split and merge heights


def test_heights_of_four_stripes():
    index = build_cluster_index(stripes(0.7, 1.4, 2.4))
    params = ClusterParams(bandwidth=1.0)
    found, labels = index.merge_heights(params), index.cut(params)
    assert found.ids.tolist() == np.unique(labels).tolist()
    by_id = {n: (s, m) for n, s, m in zip(found.ids, found.split, found.merge, strict=True)}
    assert by_id[labels[0, 0]] == pytest.approx((0.7, 1.75))
    assert by_id[labels[0, 16]] == pytest.approx((0.0, 1.75))
    assert by_id[labels[0, 31]] == (0.0, np.inf)


def test_a_crumb_makes_no_object_doubtful():
    emap = stripes(0.7, 2.0)
    emap.foreground[:, :4] = 0  # leaves 48 pixels of the first stripe
    index = build_cluster_index(emap)
    loud, calm = (index.merge_heights(ClusterParams(min_size=size)) for size in (20, 50))
    assert sorted(loud.split) == pytest.approx([0.0, 0.7])
    assert sorted(calm.split) == [0.0, 0.0]


@given(seed=st.integers(0, 1000), space=st.sampled_from(["euclidean", "cosine"]))
@settings(max_examples=10)
def test_an_object_lives_from_its_split_to_its_merge(seed, space):
    index = build_cluster_index(make_scene((40, 40), 11, 6, space, 0.3, 1.0, 0.8, seed).emap)
    params = ClusterParams.for_space(space, min_size=10)
    low, high = index.bandwidth_range
    labels, found = index.cut(params), index.merge_heights(params)
    assert found.ids.tolist() == np.unique(labels[labels > 0]).tolist()
    assert np.all(found.split <= params.bandwidth) and np.all(found.merge > params.bandwidth)
    for n, split, merge in zip(found.ids, found.split, found.merge, strict=True):
        if split * 0.999 > low:
            parts = np.unique(index.cut(at(params, split * 0.999))[labels == n])
            assert np.count_nonzero(parts) >= 2
        if merge < high:
            around = index.cut(at(params, merge))
            around = around == around[labels == n][0]
            assert np.unique(labels[around & (labels > 0)]).size >= 2
