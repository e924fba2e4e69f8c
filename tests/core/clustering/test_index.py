import dataclasses
import itertools
import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_pixel_embedding.core.clustering import ClusterParams, Summary, build_cluster_index
from napari_pixel_embedding.core.datasets.samples import load_sample
from napari_pixel_embedding.core.embedding.embedding_map import EmbeddingMap
from napari_pixel_embedding.core.inference.predict import predict_embedding
from napari_pixel_embedding.core.model.model_file import load_model
from napari_pixel_embedding.core.parameters import parameters_of
from tests.core.clustering.synthetic import f1_score, make_scene, stripes

EVERYTHING = ClusterParams(min_size=0)


def two_halves(shape=(24, 30), apart=3.0, channels=2):
    embedding = np.zeros((channels, *shape), np.float32)
    embedding[0, ..., shape[-1] // 2 :] = apart
    return EmbeddingMap(embedding, np.ones(shape, np.float32))


def chain(steps=(0.7, 1.4, 2.4)):
    return stripes(*steps)


# What the bandwidth means


def test_halves_three_apart_are_two_objects_with_a_straight_border():
    labels = build_cluster_index(two_halves()).cut()
    assert labels.dtype == np.uint16
    assert set(np.unique(labels[:, :15])) == {1}
    assert set(np.unique(labels[:, 15:])) == {2}


def test_bandwidth_merges_the_nearest_first():
    index = build_cluster_index(chain())
    counts = [index.count(ClusterParams(bandwidth=b)) for b in (0.5, 0.8, 1.5, 2.0)]
    assert counts == [4, 3, 3, 2]


def test_weighted_means_decide_the_next_merge():
    # After the first two stripes merge at 0.7 their mean is 0.35: the third is 1.75 away.
    index = build_cluster_index(chain((0.7, 1.4)))
    assert index.count(ClusterParams(bandwidth=1.74)) == 2
    assert index.count(ClusterParams(bandwidth=1.76)) == 1


def test_cosine_bandwidth_is_one_minus_cosine():
    angle = np.where(np.arange(30) < 15, 0.0, np.arccos(0.6))
    vectors = np.stack([np.cos(angle), np.sin(angle)])[:, None, :] * 7
    embedding = np.repeat(vectors, 20, axis=1).astype(np.float32)
    index = build_cluster_index(
        EmbeddingMap(embedding, np.ones((20, 30), np.float32), space="cosine")
    )
    assert index.count(ClusterParams(bandwidth=0.39)) == 2
    assert index.count(ClusterParams(bandwidth=0.41)) == 1


def test_same_vector_apart_in_space_is_two_objects():
    foreground = np.ones((20, 30), np.float32)
    foreground[:, 14:16] = 0
    emap = EmbeddingMap(np.zeros((4, 20, 30), np.float32), foreground)
    assert build_cluster_index(emap).count(ClusterParams(bandwidth=3.0)) == 2


def test_same_vector_across_another_object_is_two_objects():
    embedding = np.zeros((1, 20, 32), np.float32)
    embedding[0, :, 13:18] = 3.0
    index = build_cluster_index(EmbeddingMap(embedding, np.ones((20, 32), np.float32)))
    assert index.count(ClusterParams(bandwidth=2.0)) == 3


# Quality


@pytest.mark.parametrize("block", [1, 2])
@pytest.mark.parametrize("space", ["euclidean", "cosine"])
@pytest.mark.parametrize("distance", [False, True])
def test_recovers_touching_cells(space, distance, block):
    noise = 0.25 if space == "euclidean" else 0.1
    scene = make_scene((128, 128), 18, 8, space, noise, blur=1.0, distance=distance, gaps=False)
    labels = build_cluster_index(scene.emap, block=block).cut()
    assert f1_score(scene.labels, labels) >= 0.95
    assert f1_score(scene.labels, labels, 0.75) >= 0.85


def test_small_objects_keep_their_pixels():
    scene = make_scene((96, 96), diameter=9, noise=0.15, blur=0.6)
    labels = build_cluster_index(scene.emap).cut(EVERYTHING)
    assert f1_score(scene.labels, labels, 0.75) >= 0.95


def test_scaled_embedding_with_scaled_margin_gives_the_same_objects():
    plain = make_scene((64, 64), 14, noise=0.2, seed=4)
    scaled = make_scene((64, 64), 14, noise=0.2, seed=4, scale=1e4)
    index = build_cluster_index(scaled.emap)
    assert index.bandwidth_range == (5e3, 3e4)
    expected = build_cluster_index(plain.emap).cut()
    assert f1_score(expected, index.cut()) == 1.0


def test_anisotropic_volume():
    spacing = (4.0, 1.0, 1.0)
    scene = make_scene((8, 48, 48), 16, noise=0.15, blur=0.5, spacing=spacing, distance=True)
    for emap in (scene.emap, dataclasses.replace(scene.emap, distance=None)):
        labels = build_cluster_index(emap).cut()
        assert labels.shape == (8, 48, 48)
        assert f1_score(scene.labels, labels) >= 0.95


def test_two_slices_are_enough_for_a_volume():
    emap = two_halves((2, 24, 30))
    assert build_cluster_index(emap).count() == 2


# The distance map


def touching_discs(valley):
    """Two peaks at x = 12 and 36 with a valley between them, embeddings not apart at all."""
    x = np.abs(np.abs(np.arange(49) - 24.0) - 12) / 12
    distance = 0.8 * (1 - valley * x) * np.ones((25, 1))
    rim = np.minimum(1, (1 + np.minimum(np.arange(25), np.arange(25)[::-1])) / 8)[:, None]
    embedding = np.zeros((2, 25, 49), np.float32)
    embedding[0] = np.linspace(0, 1.2, 49)
    foreground = np.ones((25, 49), np.float32)
    return EmbeddingMap(embedding, foreground, (distance * rim).astype(np.float32))


def test_a_valley_keeps_seeds_apart_that_the_embedding_does_not():
    deep = build_cluster_index(touching_discs(valley=0.6))
    labels = deep.cut(ClusterParams(bandwidth=1.0))
    assert deep.count(ClusterParams(bandwidth=1.0)) == 2
    border = np.abs(np.diff(labels.astype(int), axis=1)).argmax(axis=1)
    assert np.all(np.abs(border - 24) <= 3)
    flat = build_cluster_index(touching_discs(valley=0.0))
    assert flat.count(ClusterParams(bandwidth=1.0)) == 1


def test_a_far_larger_bandwidth_overrules_the_valley():
    index = build_cluster_index(touching_discs(valley=0.3))
    assert index.count(ClusterParams(bandwidth=1.0)) == 2
    assert index.count(ClusterParams(bandwidth=3.0)) == 1


def test_a_seed_holds_a_drifting_object_together():
    embedding = np.zeros((2, 40, 40), np.float32)
    embedding[0] = np.linspace(0, 1.8, 40)
    distance = np.outer(np.hanning(40), np.hanning(40)).astype(np.float32) * 0.5
    emap = EmbeddingMap(embedding, np.ones((40, 40), np.float32), distance)
    assert build_cluster_index(emap).count(ClusterParams(bandwidth=0.5)) == 1
    assert (
        build_cluster_index(dataclasses.replace(emap, distance=None)).count(
            ClusterParams(bandwidth=0.5)
        )
        > 1
    )


def test_the_embedding_splits_what_one_seed_covers():
    emap = two_halves((30, 40))
    distance = np.outer(np.hanning(30), np.hanning(40)).astype(np.float32)
    index = build_cluster_index(dataclasses.replace(emap, distance=distance))
    assert index.count(ClusterParams(bandwidth=1.0)) == 2
    assert index.count(ClusterParams(bandwidth=2.0)) == 1


def test_seed_threshold_prepares_the_tree_and_is_live():
    params = ClusterParams(bandwidth=1.0, seed_threshold=0.6)
    live = build_cluster_index(touching_discs(valley=0.4))
    prepared = build_cluster_index(touching_discs(valley=0.4), seed_threshold=0.6)
    np.testing.assert_array_equal(live.cut(params), prepared.cut(params))
    assert live.count(params) == 1
    assert live.count(dataclasses.replace(params, seed_threshold=0.15)) == 2


# Parameters


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("bandwidth", 3.0),
        ("foreground_threshold", 0.7),
        ("min_size", 200),
        ("seed_threshold", 0.6),
    ],
)
def test_every_parameter_changes_the_result(name, value):
    emap = touching_discs(valley=0.4)
    foreground = np.pad(emap.foreground[2:-2], ((2, 2), (0, 0)), constant_values=0.6)
    foreground[:, :1], foreground[5:9, -14:] = 0, 0
    foreground[:, -8:-6] = 0
    index = build_cluster_index(dataclasses.replace(emap, foreground=foreground))
    before, after = index.cut(), index.cut(ClusterParams(**{name: value}))
    assert (before != after).any()


@pytest.fixture(scope="module")
def indices():
    """A scene of hardly distinct cells, and what the bundled model sees in a bundled sample."""
    emap = make_scene((96, 96), 12, noise=0.3, apart=0.5, distance=True, gaps=False).emap
    rough = emap.distance + np.random.default_rng(0).normal(0, 0.2, emap.shape).astype(np.float32)
    emap.foreground[:5], emap.foreground[1:4, 1:4] = 0, 0.9
    image = load_sample("nuclei-large")[0].data
    sample = predict_embedding(load_model("nuclei-fluo"), image, device="cpu")
    emaps = dataclasses.replace(emap, distance=rough.clip(0, 1)), sample
    return [build_cluster_index(emap) for emap in emaps]


@pytest.mark.parametrize("which", [0, 1], ids=["scene", "sample"])
@pytest.mark.parametrize("slider", parameters_of(ClusterParams), ids=lambda slider: slider.name)
def test_every_slider_changes_the_objects(indices, which, slider):
    ends = slider.low, min(slider.high, 200)
    low, high = (ClusterParams(**{"bandwidth": 1.0, slider.name: value}) for value in ends)
    assert (indices[which].cut(low) != indices[which].cut(high)).any()


def test_foreground_threshold_is_live_in_both_directions():
    emap = two_halves()
    foreground = np.tile(np.linspace(0.2, 1.0, 24, dtype=np.float32)[:, None], 30)
    index = build_cluster_index(dataclasses.replace(emap, foreground=foreground))
    for threshold in (0.15, 0.3, 0.5, 0.81):
        labels = index.cut(ClusterParams(foreground_threshold=threshold, min_size=0))
        np.testing.assert_array_equal(labels > 0, foreground > np.float32(threshold))
        assert np.unique(labels[labels > 0]).size == 2


def test_a_weak_object_appears_at_a_low_threshold_only():
    foreground = np.zeros((30, 60), np.float32)
    foreground[5:25, 5:25], foreground[5:25, 35:55] = 0.9, 0.3
    emap = EmbeddingMap(np.zeros((2, 30, 60), np.float32), foreground)
    index = build_cluster_index(emap)
    assert index.count(ClusterParams(foreground_threshold=0.5)) == 1
    assert index.count(ClusterParams(foreground_threshold=0.2)) == 2


def test_min_size_counts_the_pixels_that_are_shown():
    index = build_cluster_index(two_halves((10, 20)))
    assert index.count(ClusterParams(min_size=100)) == 2
    assert index.count(ClusterParams(min_size=101)) == 0
    assert not index.cut(ClusterParams(min_size=101)).any()


@pytest.mark.parametrize(("bandwidth", "same"), [(0.0, 0.5), (1e9, 3.0)])
def test_bandwidth_out_of_range_is_clamped_and_says_so(bandwidth, same):
    index = build_cluster_index(chain())
    with pytest.warns(UserWarning, match=r"bandwidth .* clamped to"):
        labels = index.cut(ClusterParams(bandwidth=bandwidth))
    np.testing.assert_array_equal(labels, index.cut(ClusterParams(bandwidth=same)))


# Properties along the slider


@given(
    seed=st.integers(0, 1000),
    noise=st.floats(0.05, 0.8),
    space=st.sampled_from(["euclidean", "cosine"]),
    distance=st.booleans(),
    shape=st.sampled_from([(40, 47), (5, 24, 22)]),
)
@settings(max_examples=12)
def test_cuts_are_nested_and_ids_stable(seed, noise, space, distance, shape):
    scene = make_scene(shape, 11, 6, space, noise, 1.0, 1.5, seed, distance)
    index = build_cluster_index(scene.emap)
    low, high = index.bandwidth_range
    cuts = []
    for bandwidth in np.linspace(low, high, 9):
        cuts.append(index.cut(ClusterParams(bandwidth=bandwidth, min_size=0)).ravel())
    for fine, coarse in itertools.pairwise(cuts):
        pairs = np.unique(np.stack([fine, coarse]), axis=1)
        assert np.unique(pairs[0]).size == pairs.shape[1], "a part lies in two objects"
        assert set(coarse) <= set(fine), "an id appeared from nowhere"


def test_a_merged_object_keeps_the_id_of_its_heaviest_part():
    embedding = np.zeros((1, 10, 40), np.float32)
    embedding[0, :, 12:] = 0.8
    index = build_cluster_index(EmbeddingMap(embedding, np.ones((10, 40), np.float32)))
    fine, coarse = (index.cut(ClusterParams(bandwidth=b)) for b in (0.5, 1.0))
    assert set(np.unique(coarse)) == {fine[0, -1]}
    assert fine[0, 0] != fine[0, -1]


def test_labels_lie_inside_the_foreground_and_cover_it_without_minimum_size():
    scene = make_scene((60, 61), 12, noise=0.6, seed=3)
    labels = build_cluster_index(scene.emap).cut(EVERYTHING)
    np.testing.assert_array_equal(labels > 0, scene.emap.foreground > 0.5)


def test_counts_agree_with_cuts():
    index = build_cluster_index(make_scene((64, 64), 12, noise=0.1, apart=0.4).emap)
    bandwidths = np.linspace(0.5, 3.0, 7)
    cuts = [index.cut(ClusterParams(bandwidth=b)) for b in bandwidths]
    expected = [np.unique(cut[cut > 0]).size for cut in cuts]
    assert [index.count(ClusterParams(bandwidth=b)) for b in bandwidths] == expected
    assert len(set(expected)) > 2


def test_same_input_same_labels():
    emap = make_scene((50, 50), 12, noise=0.4, distance=True).emap
    first, second = build_cluster_index(emap).cut(), build_cluster_index(emap).cut()
    np.testing.assert_array_equal(first, second)


# Buffers, types and calls


def test_cut_writes_into_out_and_nothing_else():
    scene = make_scene((40, 40), 12, distance=True)
    before = [a.copy() for a in (scene.emap.embedding, scene.emap.foreground, scene.emap.distance)]
    index = build_cluster_index(scene.emap)
    out = np.full(index.shape, 77, index.dtype)
    assert index.cut(out=out) is out
    np.testing.assert_array_equal(out, index.cut())
    after = (scene.emap.embedding, scene.emap.foreground, scene.emap.distance)
    for a, b in zip(before, after, strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize(
    "out",
    [
        np.empty((24, 30), np.int64),
        np.empty((24, 31), np.uint16),
        np.empty((30, 24), np.uint16).T,
        np.empty((24, 30), np.uint8),
    ],
)
def test_out_that_does_not_fit_is_refused(out):
    with pytest.raises(ValueError, match=r"out must be .*found"):
        build_cluster_index(two_halves()).cut(out=out)


@pytest.mark.parametrize("block", [0, -1, 1.5])
def test_bad_block_is_refused(block):
    with pytest.raises(ValueError, match="block must be"):
        build_cluster_index(two_halves(), block=block)


def test_half_precision_and_views_are_read():
    emap = two_halves()
    half = dataclasses.replace(
        emap,
        embedding=emap.embedding.astype(np.float16)[:, ::-1, ::-1],
        foreground=emap.foreground.astype(np.float16).T.copy().T,
    )
    assert build_cluster_index(half).count() == 2


def test_progress_rises_to_one_and_can_stop():
    seen = []
    build_cluster_index(two_halves(), progress=seen.append)
    assert seen == sorted(seen) and seen[-1] == 1.0

    def stop(fraction):
        raise InterruptedError

    with pytest.raises(InterruptedError):
        build_cluster_index(two_halves(), progress=stop)


def test_more_objects_than_16_bits_hold():
    foreground = np.zeros((520, 520), np.float32)
    foreground[::2, ::2] = 1
    index = build_cluster_index(EmbeddingMap(np.zeros((1, 520, 520), np.float32), foreground))
    labels = index.cut(EVERYTHING)
    assert labels.dtype == np.uint32
    assert index.count(EVERYTHING) == 260 * 260 == np.unique(labels[labels > 0]).size


# Edge cases


@pytest.mark.parametrize("space", ["euclidean", "cosine"])
@pytest.mark.parametrize("distance", [False, True])
@pytest.mark.parametrize("block", [1, 2])
def test_constant_image_is_one_object(space, distance, block):
    ones = np.ones((21, 33), np.float32)
    emap = EmbeddingMap(np.ones((3, 21, 33), np.float32), ones, ones if distance else None, space)
    labels = build_cluster_index(emap, block=block).cut()
    assert set(np.unique(labels)) == {1}


@pytest.mark.parametrize("value", [0.0, np.nan])
@pytest.mark.parametrize("shape", [(16, 17), (3, 8, 9)])
def test_no_foreground_no_objects(value, shape):
    foreground = np.full(shape, value, np.float32)
    emap = EmbeddingMap(np.zeros((4, *shape), np.float32), foreground, foreground)
    index = build_cluster_index(emap)
    assert index.count() == 0
    assert index.summary() == Summary(0, 0.0)
    assert not index.cut().any()


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("block", [1, 2])
def test_pixels_that_are_not_finite_are_background(value, block):
    emap = two_halves()
    emap.embedding[1, 3:6, 4:8] = value
    emap.foreground[20, 20] = value
    bad = np.zeros(emap.shape, bool)
    bad[3:6, 4:8] = bad[20, 20] = True
    labels = build_cluster_index(emap, block=block).cut()
    np.testing.assert_array_equal(labels == 0, bad)
    assert np.unique(labels[labels > 0]).size == 2


def test_distance_that_is_not_finite_counts_as_zero():
    emap = two_halves()
    index = build_cluster_index(
        dataclasses.replace(emap, distance=np.full(emap.shape, np.nan, np.float32))
    )
    assert index.count() == 2


def test_zero_vectors_have_no_direction():
    embedding = np.ones((3, 20, 20), np.float32)
    embedding[:, :5] = 0
    emap = EmbeddingMap(embedding, np.ones((20, 20), np.float32), space="cosine")
    labels = build_cluster_index(emap).cut()
    np.testing.assert_array_equal(labels > 0, np.arange(20)[:, None] >= 5 * np.ones((1, 20)))


def test_one_channel():
    assert build_cluster_index(two_halves(channels=1)).count() == 2


@pytest.mark.parametrize("shape", [(1, 1), (1, 40), (40, 1), (1, 1, 1), (1, 1, 40), (7, 1, 3)])
@pytest.mark.parametrize("block", [1, 2, 3])
def test_tiny_and_thin_images(shape, block):
    ones = np.ones(shape, np.float32)
    emap = EmbeddingMap(np.ones((2, *shape), np.float32), ones, ones)
    assert build_cluster_index(emap, block=block).count(EVERYTHING) == 1


@pytest.mark.parametrize("width", [1, 2])
def test_thin_objects_are_kept(width):
    foreground = np.zeros((40, 40), np.float32)
    foreground[5 : 5 + width, 2:38] = 1
    foreground[20:30, 10:30] = 1
    rng = np.random.default_rng(0)
    embedding = rng.normal(0, 0.05, (4, 40, 40)).astype(np.float32)
    labels = build_cluster_index(EmbeddingMap(embedding, foreground)).cut()
    np.testing.assert_array_equal(labels > 0, foreground > 0)
    assert np.unique(labels).size == 3


def test_three_pixels_wide_object_between_two_others():
    embedding = np.zeros((2, 30, 41), np.float32)
    embedding[0, :, 19:22] = 3
    embedding[1, :, 22:] = 3
    index = build_cluster_index(EmbeddingMap(embedding, np.ones((30, 41), np.float32)))
    assert index.count() == 3


@given(shape=st.tuples(st.integers(1, 9), st.integers(1, 23)), block=st.integers(1, 4))
@settings(max_examples=25)
def test_odd_sizes_cover_every_pixel(shape, block):
    rng = np.random.default_rng(shape[0])
    embedding = rng.normal(size=(3, *shape)).astype(np.float32)
    emap = EmbeddingMap(embedding, np.ones(shape, np.float32), rng.random(shape))
    assert build_cluster_index(emap, block=block).cut(EVERYTHING).all()


def test_pure_noise_ends_without_objects():
    rng = np.random.default_rng(1)
    noise = rng.normal(0, 20, (8, 96, 96)).astype(np.float32)
    index = build_cluster_index(EmbeddingMap(noise, np.ones((96, 96), np.float32)))
    assert index.count(ClusterParams(bandwidth=0.5)) <= 2


def test_a_call_within_the_range_is_silent():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        build_cluster_index(chain()).cut(ClusterParams(bandwidth=3.0))


def test_a_part_is_read_as_it_is_in_the_whole():
    index = build_cluster_index(make_scene((48, 48), 12).emap)
    params = ClusterParams(bandwidth=1.0, foreground_threshold=0.5, min_size=0)
    part = (slice(5, 40, 2), slice(3, 31))
    read = index.read(index.lookup(params), 0.5, part)
    assert read.any() and not read.all()
    np.testing.assert_array_equal(read, index.cut(params)[part])
