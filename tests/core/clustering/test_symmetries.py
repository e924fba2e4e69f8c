"""What must not matter: how an image lies, and in which order the components of a vector stand."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_pixel_embedding.core.clustering import ClusterParams, build_cluster_index
from tests.core.clustering.synthetic import make_scene

TURNS = {
    "left to right": lambda a: a[..., ::-1],
    "upside down": lambda a: a[..., ::-1, :],
    "a quarter turn": lambda a: np.rot90(a, axes=(-2, -1)),
    "half a turn": lambda a: np.rot90(a, 2, axes=(-2, -1)),
    "mirrored and turned": lambda a: np.swapaxes(a, -2, -1),
}


def agreement(a, b):
    """Share of the object pixels that lie in pieces which both agree on."""
    pairs, counts = np.unique(np.stack([a.ravel(), b.ravel()]), axis=1, return_counts=True)
    best_a = np.zeros(int(a.max()) + 1, int)
    best_b = np.zeros(int(b.max()) + 1, int)
    np.maximum.at(best_a, pairs[0], counts)
    np.maximum.at(best_b, pairs[1], counts)
    same = (counts == best_a[pairs[0]]) & (counts == best_b[pairs[1]])
    objects = (pairs > 0).all(axis=0)
    return counts[same & objects].sum() / max(np.count_nonzero(a), 1)


def turned(emap, turn):
    parts = {"embedding": turn(emap.embedding), "foreground": turn(emap.foreground)}
    if emap.distance is not None:
        parts["distance"] = turn(emap.distance)
    return replace(emap, **{name: np.ascontiguousarray(a) for name, a in parts.items()})


def part_of_the_slider(index, along):
    low, high = index.bandwidth_range
    return ClusterParams(bandwidth=low + along * (high - low), min_size=0)


cases = given(
    seed=st.integers(0, 1000),
    space=st.sampled_from(["euclidean", "cosine"]),
    distance=st.booleans(),
    along=st.floats(0.1, 0.9),
)


@pytest.mark.parametrize("name", TURNS)
@cases
@settings(max_examples=5)
def test_a_turned_image_has_the_same_objects_turned(name, seed, space, distance, along):
    """Ties are broken in raster order, so a few pixels between objects may go to the other side."""
    scene = make_scene((44, 51), 11, 6, space, 0.1, 1.0, 1.5, seed, distance)
    index = build_cluster_index(scene.emap)
    params = part_of_the_slider(index, along)
    plain = index.cut(params)
    found = build_cluster_index(turned(scene.emap, TURNS[name])).cut(params)
    expected = TURNS[name](plain)
    assert ((found > 0) == (expected > 0)).all()
    assert agreement(expected, found) >= 0.97


@cases
@settings(max_examples=10)
def test_the_order_of_the_components_does_not_matter(seed, space, distance, along):
    scene = make_scene((44, 51), 11, 6, space, 0.1, 1.0, 1.5, seed, distance)
    index = build_cluster_index(scene.emap)
    params = part_of_the_slider(index, along)
    order = np.random.default_rng(seed).permutation(scene.emap.embedding.shape[0])
    mixed = replace(scene.emap, embedding=np.ascontiguousarray(scene.emap.embedding[order]))
    plain = index.cut(params)
    assert agreement(plain, build_cluster_index(mixed).cut(params)) >= 0.99
