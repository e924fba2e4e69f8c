"""Whatever the embedding: nothing fails, and the labels cover exactly what is foreground."""

import dataclasses

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_pixel_embedding.core.clustering import ClusterParams, build_cluster_index
from napari_pixel_embedding.core.embedding.embedding_map import EmbeddingMap
from tests.core.clustering.synthetic import make_scene

BAD = [np.nan, np.inf, -np.inf]

shapes = st.one_of(
    st.tuples(st.integers(1, 19), st.integers(1, 23)),
    st.tuples(st.integers(1, 4), st.integers(1, 9), st.integers(1, 9)),
)


@st.composite
def embedding_maps(draw):
    """Noise in patches, with pixels that are not finite and vectors that are zero."""
    shape, channels = draw(shapes), draw(st.integers(1, 5))
    rng = np.random.default_rng(draw(st.integers(0, 10_000)))
    noise, dtype = draw(st.sampled_from([0.0, 0.1, 5.0])), draw(st.sampled_from(["f2", "f4"]))
    patch = sum(np.indices(shape)) // 5
    embedding = rng.normal(0, 2, (channels, patch.max() + 1))[:, patch]
    embedding += noise * rng.normal(size=embedding.shape)
    foreground = rng.choice([0.05, 0.3, 0.7, 1.0], shape)
    distance = rng.random(shape) if draw(st.booleans()) else None
    share = draw(st.sampled_from([0.0, 0.1, 1.0]))
    for array in (embedding[0], embedding[-1], foreground, distance):
        if array is not None:
            where = rng.random(shape) < share / 2
            array[where] = rng.choice(BAD, np.count_nonzero(where))
    embedding[:, rng.random(shape) < share / 4] = 0
    spacing = draw(st.sampled_from([(1.0,) * len(shape), (3.5, 1.0, 0.5)[-len(shape) :]]))
    return EmbeddingMap(
        embedding.astype(dtype),
        foreground.astype(np.float32),
        None if distance is None else distance.astype(np.float32),
        space=draw(st.sampled_from(["euclidean", "cosine"])),
        spacing=spacing,
    )


@given(
    emap=embedding_maps(),
    block=st.sampled_from([None, 1, 2, 3]),
    bandwidth=st.floats(0.0, 1.0),
    threshold=st.sampled_from([0.2, 0.5, 0.8]),
    seed_threshold=st.floats(0.05, 0.6),
)
@settings(max_examples=120)
def test_labels_cover_the_foreground_that_is_finite(
    emap, block, bandwidth, threshold, seed_threshold
):
    index = build_cluster_index(emap, block=block)
    low, high = index.bandwidth_range
    params = ClusterParams(low + bandwidth * (high - low), threshold, 0, seed_threshold)
    labels = index.cut(params)
    vectors = np.asarray(emap.embedding, np.float32)
    expected = np.isfinite(vectors).all(axis=0) & (emap.foreground > np.float32(threshold))
    expected &= np.isfinite(emap.foreground)
    if emap.space == "cosine":
        expected &= (vectors != 0).any(axis=0)
    np.testing.assert_array_equal(labels > 0, expected)
    assert index.count(params) == np.unique(labels[labels > 0]).size
    curve = index.stability(params)
    assert low <= curve.auto_bandwidth <= high


@given(power=st.integers(-40, 40), seed=st.integers(0, 100), distance=st.booleans())
@settings(max_examples=15)
def test_the_unit_of_the_embedding_does_not_matter(power, seed, distance):
    plain = make_scene((40, 40), 12, noise=0.3, apart=1.0, seed=seed, distance=distance).emap
    unit = 2.0**power
    scaled = dataclasses.replace(
        plain,
        embedding=plain.embedding * np.float32(unit),
        delta_var=plain.delta_var * unit,
        delta_dist=plain.delta_dist * unit,
    )
    expected, found = build_cluster_index(plain), build_cluster_index(scaled)
    for bandwidth in (0.6, 1.0, 2.2):
        np.testing.assert_array_equal(
            found.cut(ClusterParams(bandwidth=bandwidth * unit)),
            expected.cut(ClusterParams(bandwidth=bandwidth)),
        )


@given(emap=embedding_maps(), bandwidth=st.floats(0.0, 1.0))
@settings(max_examples=40)
def test_a_cut_is_the_same_each_time_and_for_each_layout(emap, bandwidth):
    low, high = build_cluster_index(emap).bandwidth_range
    params = ClusterParams(bandwidth=low + bandwidth * (high - low))
    other = dataclasses.replace(emap, embedding=np.asfortranarray(emap.embedding))
    first, second = (build_cluster_index(e).cut(params) for e in (emap, other))
    np.testing.assert_array_equal(first, second)
