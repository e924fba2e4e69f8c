"""A mosaic of blocks shows what one index of the whole would."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_pixel_embedding.core.blockwise.block_plan import (
    Block,
    Layout,
    plan_blocks,
)
from napari_pixel_embedding.core.blockwise.mosaic import FIRST_ID, Mosaic
from napari_pixel_embedding.core.blockwise.sparse_labels import SparseLabels
from napari_pixel_embedding.core.clustering import (
    ClusterParams,
    LocalBandwidth,
    build_cluster_index,
)
from napari_pixel_embedding.core.embedding.embedding_map import EmbeddingMap
from tests.core.clustering.synthetic import f1_score, make_scene

LAYOUT = Layout((64, 64), reach=24, margin=0)


def everything(shape):
    return tuple(slice(0, n) for n in shape)


def mosaic_of(emap, blocks):
    mosaic = Mosaic(emap.shape)
    for block in blocks:
        mosaic = mosaic.with_block(block, build_cluster_index(emap.crop(block.window), block=1))
    return mosaic


@cache
def tiled(seed=0, shape=(150, 170), **options):
    """A scene, its index in one piece, and its mosaic."""
    scene = make_scene(shape, seed=seed, distance=True, **options)
    layout = LAYOUT if len(shape) == 2 else Layout((16, 32, 32), reach=20, margin=0)
    mosaic = mosaic_of(scene.emap, plan_blocks(shape, 1, layout))
    return scene, build_cluster_index(scene.emap, block=1), mosaic


# ------------------------------------------------------------------------------ against one pass


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("bandwidth", [1.0, 1.5, 2.0])
def test_a_mosaic_agrees_with_one_pass(seed, bandwidth):
    _, whole, mosaic = tiled(seed)
    params = ClusterParams(bandwidth=bandwidth)
    cut = mosaic.cut(params)
    labels = cut.read(0, everything(whole.shape))
    assert f1_score(whole.cut(params), labels) >= 0.995
    assert cut.count() == np.count_nonzero(np.unique(labels))


def test_touching_objects_without_gaps():
    _, whole, mosaic = tiled(5, gaps=False)
    labels = mosaic.cut(ClusterParams()).read(0, everything(whole.shape))
    assert f1_score(whole.cut(ClusterParams()), labels) >= 0.995


def test_volumes():
    _, whole, mosaic = tiled(1, shape=(24, 48, 48), diameter=12)
    labels = mosaic.cut(ClusterParams()).read(0, everything(whole.shape))
    assert f1_score(whole.cut(ClusterParams()), labels) >= 0.995


@settings(max_examples=25)
@given(
    order=st.permutations(range(9)),
    bandwidth=st.floats(0.8, 2.5),
    threshold=st.floats(0.2, 0.8),
    size=st.integers(0, 60),
)
def test_the_order_of_blocks_does_not_matter(order, bandwidth, threshold, size):
    scene, _, mosaic = tiled(2)
    shuffled = mosaic_of(scene.emap, [mosaic.blocks[n] for n in order])
    params = ClusterParams(bandwidth, threshold, size)
    a, b = (m.cut(params).read(0, everything(scene.emap.shape)) for m in (mosaic, shuffled))
    np.testing.assert_array_equal(a > 0, b > 0)
    pairs = np.unique(np.stack([a.ravel(), b.ravel()]), axis=1)
    assert len(np.unique(pairs[0])) == len(np.unique(pairs[1])) == pairs.shape[1]


def one_long_object(length=400):
    emap = EmbeddingMap(np.zeros((1, 20, length), np.float32), np.ones((20, length), np.float32))
    return mosaic_of(emap, plan_blocks((20, length), 1, LAYOUT)), emap


def test_an_object_larger_than_a_window_stays_one():
    mosaic, emap = one_long_object()
    cut = mosaic.cut(ClusterParams())
    assert cut.count() == 1
    assert np.unique(cut.read(0, everything(emap.shape))).tolist() == [FIRST_ID + 1]


def test_objects_that_only_touch_at_a_seam_stay_apart():
    embedding = np.zeros((1, 20, 128), np.float32)
    embedding[:, :, 64:] = 9.0  # right where one core ends
    emap = EmbeddingMap(embedding, np.ones((20, 128), np.float32))
    cut = mosaic_of(emap, plan_blocks((20, 128), 1, LAYOUT)).cut(ClusterParams())
    left, right = cut.read(0, everything(emap.shape))[0, [63, 64]]
    assert cut.count() == 2
    assert left != right


# ------------------------------------------------------------------------------------ ids


def test_ids_stay_when_blocks_come_and_go():
    scene, _, mosaic = tiled(3)
    params, box = ClusterParams(), everything(scene.emap.shape)
    labels = mosaic.cut(params).read(0, box)
    first, last = mosaic.blocks[0], mosaic.blocks[-1]
    fewer = mosaic.only(mosaic.blocks[1:])
    np.testing.assert_array_equal(fewer.cut(params).read(0, box)[last.core], labels[last.core])
    assert not fewer.cut(params).read(0, box)[first.core].any()
    again = fewer.with_block(first, build_cluster_index(scene.emap.crop(first.window), block=1))
    assert again.missing(mosaic.blocks) == []
    assert f1_score(labels, again.cut(params).read(0, box)) == 1.0


def test_empty_blocks_have_places_of_their_own():
    empty = EmbeddingMap(np.zeros((1, 20, 200), np.float32), np.zeros((20, 200), np.float32))
    cut = mosaic_of(empty, plan_blocks((20, 200), 1, LAYOUT)).cut(ClusterParams())
    assert cut.count() == 0
    assert not cut.read(0, everything(empty.shape)).any()


def test_a_field_gives_its_ids_to_what_lies_across_its_border():
    scene, whole, mosaic = tiled(4)
    box = (slice(30, 100), slice(40, 120))
    roi = build_cluster_index(scene.emap.crop(box), block=1)
    params = ClusterParams()
    joined = mosaic.with_roi((Block(0, box, box, box), roi))
    around = joined.cut(params).read(0, everything(whole.shape))
    inside, outside = roi.cut(params)[0], around[29, 40:120]
    truth = whole.cut(params)
    same = (truth[30, 40:120] == truth[29, 40:120]) & (truth[30, 40:120] > 0)
    both = same & (inside > 0) & (outside > 0)
    assert np.count_nonzero(both) > 20
    assert np.mean(inside[both] == outside[both]) > 0.9
    assert joined.with_roi(None).seams == mosaic.seams


# ---------------------------------------------------------------------------- single objects


def test_a_bandwidth_of_its_own_reaches_every_window_that_holds_the_object():
    step = np.repeat([0.0, 1.5], 20).astype(np.float32)  # one object from bandwidth 1.5 on
    embedding = np.zeros((1, 20, 128), np.float32)
    embedding[:, :, 44:84] = step
    foreground = np.zeros((20, 128), np.float32)
    foreground[:, 44:84] = 1
    emap = EmbeddingMap(embedding, foreground)
    mosaic = mosaic_of(emap, plan_blocks((20, 128), 1, LAYOUT))
    params = ClusterParams(bandwidth=2.0)
    assert mosaic.cut(params).count() == 1
    assert mosaic.cut(params, [(0, LocalBandwidth((10, 64), 1.0))]).count() == 2
    assert mosaic.cut(params, [(1, LocalBandwidth((10, 64), 1.0))]).count() == 1  # another frame
    assert mosaic.cut(params, [(0, LocalBandwidth((10, 2), 1.0))]).count() == 1  # no object


# ------------------------------------------------------------------------------------ reading


@settings(max_examples=40)
@given(
    start=st.tuples(st.integers(0, 120), st.integers(0, 140)),
    size=st.tuples(st.integers(1, 60), st.integers(1, 60)),
    steps=st.tuples(st.integers(1, 9), st.integers(1, 9)),
)
def test_any_part_at_any_step_is_that_of_the_whole(start, size, steps):
    _, whole, mosaic = tiled(0)
    shape = whole.shape
    fixed = np.full((20, 30), -1)
    fixed[5:15, 5:25] = 7
    fixed[0] = 0
    corrections = SparseLabels(shape).with_box((slice(50, 70), slice(60, 90)), fixed)
    cut = replace(
        mosaic.cut(ClusterParams()),
        corrections=corrections,
        hole=(0, (slice(20, 55), slice(90, 130))),
    )
    box = tuple(slice(a, min(a + n, m)) for a, n, m in zip(start, size, shape, strict=True))
    part = tuple(slice(b.start, b.stop, k) for b, k in zip(box, steps, strict=True))
    expected = cut.read(0, everything(shape))[part]
    np.testing.assert_array_equal(cut.read(0, box, steps), expected)


def test_corrections_lie_over_clusters_and_the_hole_over_both():
    _, whole, mosaic = tiled(0)
    fixed = np.full((10, 10), 7)
    fixed[:, :5] = 0
    box = (slice(50, 60), slice(60, 70))
    cut = replace(
        mosaic.cut(ClusterParams()), corrections=SparseLabels(whole.shape).with_box(box, fixed)
    )
    np.testing.assert_array_equal(cut.read(0, box), fixed)
    assert not replace(cut, hole=(0, box)).read(0, box).any()
    np.testing.assert_array_equal(replace(cut, hole=(1, box)).read(0, box), fixed)


# ------------------------------------------------------------------------------------ plans


def test_seams_of_other_frames_are_none():
    emap = EmbeddingMap(np.zeros((1, 20, 40), np.float32), np.ones((20, 40), np.float32))
    mosaic = mosaic_of(emap, plan_blocks((20, 40), 2, LAYOUT))
    assert mosaic.seams == ()
    assert mosaic.cut(ClusterParams()).count() == 2
