import dataclasses
import itertools
import json
import math

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from napari_pixel_embedding.core.clustering import (
    ClusterParams,
    LocalBandwidth,
    build_cluster_index,
)
from tests.core.clustering.synthetic import make_scene, stripes

EVERYTHING = ClusterParams(min_size=0)
LEFT, SECOND, THIRD, RIGHT = (5, 2), (5, 10), (5, 18), (5, 26)
"""A pixel of each stripe."""


@pytest.fixture(scope="module")
def four():
    """Stripes that merge at 0.7 (first and second), 1.75 (third) and never (fourth)."""
    return build_cluster_index(stripes(0.7, 1.4, 2.4))


def groups(index, params, *local):
    """Which of the four stripes belong together."""
    row = index.cut(params, local=local)[5, [2, 10, 18, 26]].tolist()
    return "".join("abcd"[row.index(n)] for n in row)


def test_finer_and_coarser_than_the_rest(four):
    params = ClusterParams(bandwidth=1.0)
    assert groups(four, params) == "aacd"
    assert groups(four, params, LocalBandwidth(LEFT, 0.6)) == "abcd"
    assert groups(four, params, LocalBandwidth(THIRD, 2.0)) == "aaad"
    assert groups(four, params, LocalBandwidth(RIGHT, 0.6)) == "aacd"


def test_what_a_finer_object_leaves_behind_stays_whole(four):
    params = ClusterParams(bandwidth=2.0)
    assert groups(four, params) == "aaad"
    assert groups(four, params, LocalBandwidth(THIRD, 0.6)) == "aacd"
    assert groups(four, params, LocalBandwidth(LEFT, 0.6)) == "abcd"


def test_of_two_that_contradict_the_later_wins(four):
    params = ClusterParams(bandwidth=1.0)
    fine, coarse = LocalBandwidth(LEFT, 0.6), LocalBandwidth(SECOND, 2.0)
    assert groups(four, params, fine, coarse) == "aaad"
    assert groups(four, params, coarse, fine) == "abcd"


def test_a_bandwidth_above_the_slider_is_its_end(four):
    assert groups(four, ClusterParams(), LocalBandwidth(RIGHT, 1e9)) == "aacd"


def test_steps_of_the_wheel(four):
    params = ClusterParams(bandwidth=1.0)
    finer = four.next_cut(params, (), LEFT, "finer")
    assert finer == pytest.approx(0.35)  # alone from 0 to 0.7
    assert groups(four, params, LocalBandwidth(LEFT, finer)) == "abcd"
    coarser = four.next_cut(params, (), LEFT, "coarser")
    assert coarser == pytest.approx((1.75 + 3.0) / 2)
    local = (LocalBandwidth(LEFT, coarser),)
    assert groups(four, params, *local) == "aaad"
    assert four.next_cut(params, local, LEFT, "coarser") is None
    assert four.next_cut(params, local, SECOND, "finer") == pytest.approx((0.7 + 1.75) / 2)
    assert four.next_cut(params, (), RIGHT, "finer") is None


def test_a_step_that_shows_nothing_new_is_passed_over():
    emap = stripes(0.7, 1.4, 2.4)
    emap.foreground[:, 8:16] = 0.6
    index = build_cluster_index(emap)
    params = ClusterParams(bandwidth=0.5, foreground_threshold=0.8)
    assert index.next_cut(params, (), LEFT, "coarser") > 1.75


def test_there_is_no_step_on_the_background():
    emap = stripes(0.7)
    emap.foreground[:3], emap.foreground[3:6] = 0, 0.3
    index = build_cluster_index(emap)
    for point in ((0, 0), (4, 0)):
        assert index.next_cut(ClusterParams(), (), point, "finer") is None
    background = LocalBandwidth((0, 0), 0.5)
    np.testing.assert_array_equal(index.cut(local=(background,)), index.cut())
    assert index.with_local(ClusterParams(), (), background) == ()


def test_a_new_one_replaces_those_it_overrules(four):
    params = ClusterParams(bandwidth=1.0)
    fine, right = LocalBandwidth(LEFT, 0.6), LocalBandwidth(RIGHT, 0.6)
    same, wide = LocalBandwidth((2, 3), 0.5), LocalBandwidth(THIRD, 2.0)
    local = four.with_local(params, (right, fine), same)
    assert local == (right, same)
    assert four.with_local(params, local, wide) == (right, wide)
    assert four.with_local(params, (wide,), fine) == (wide, fine)


def test_count_and_heights_know_local_bandwidths(four):
    local = (LocalBandwidth(LEFT, 0.6),)
    assert four.count(ClusterParams(), local) == four.count() + 1
    found = four.merge_heights(ClusterParams(), local)
    assert found.ids.tolist() == np.unique(four.cut(local=local)).tolist()


@pytest.mark.parametrize("point", [(-1, 0), (12, 0), (0, 32), (0, 0, 0)])
def test_a_point_outside_the_image_is_refused(four, point):
    with pytest.raises(ValueError, match="point must be"):
        four.next_cut(ClusterParams(), (), point, "finer")


def test_an_unknown_direction_is_refused(four):
    with pytest.raises(ValueError, match="direction must be 'finer' or 'coarser', found 'up'"):
        four.next_cut(ClusterParams(), (), LEFT, "up")


@pytest.mark.parametrize(
    ("point", "bandwidth"),
    [((1,), 1.0), ((1, -2), 1.0), ((1, 2.5), 1.0), ((1, 2), -0.1), ((1, 2), math.nan)],
)
def test_a_bad_local_bandwidth_is_refused(point, bandwidth):
    with pytest.raises(ValueError, match=r"must be .*found"):
        LocalBandwidth(point, bandwidth)


def test_a_recipe_keeps_it_as_plain_numbers():
    local = LocalBandwidth(np.array([3, 4]), np.float32(0.5))
    assert LocalBandwidth(**json.loads(json.dumps(dataclasses.asdict(local)))) == local


# Properties


def nested(fine, coarse):
    pairs = np.unique(np.stack([fine.ravel(), coarse.ravel()]), axis=1)
    return np.unique(pairs[0]).size == pairs.shape[1]


@st.composite
def cases(draw):
    """An index, parameters that hide no object, and points on the foreground."""
    space = draw(st.sampled_from(["euclidean", "cosine"]))
    shape = draw(st.sampled_from([(33, 40), (4, 20, 22)]))
    seed, distance = draw(st.integers(0, 100)), draw(st.booleans())
    scene = make_scene(shape, 10, 6, space, 0.4, 1.0, 1.0, seed, distance)
    places = np.argwhere(scene.emap.foreground > 0.5)
    assume(len(places) > 0)
    index = build_cluster_index(scene.emap)
    bandwidth = st.floats(*index.bandwidth_range)
    point = st.sampled_from([tuple(map(int, place)) for place in places])
    local = draw(st.lists(st.builds(LocalBandwidth, point, bandwidth), min_size=1, max_size=4))
    return index, ClusterParams(bandwidth=draw(bandwidth), min_size=0), tuple(local)


@given(case=cases())
@settings(max_examples=25)
def test_the_object_under_the_point_is_that_of_its_bandwidth_and_others_stay(case):
    index, params, local = case
    before, after = index.cut(params, local=local[:-1]), index.cut(params, local=local)
    point, own = local[-1].point, dataclasses.replace(params, bandwidth=local[-1].bandwidth)
    alone = index.cut(own)
    np.testing.assert_array_equal(after == after[point], alone == alone[point])
    touched = np.isin(before, np.unique(before[alone == alone[point]]))
    np.testing.assert_array_equal(after[~touched], before[~touched])
    assert set(np.unique(after[touched])).isdisjoint(np.unique(before[~touched]))
    np.testing.assert_array_equal(after > 0, before > 0)


@given(case=cases(), data=st.data())
@settings(max_examples=15)
def test_cuts_are_nested_in_the_bandwidth_of_all_and_in_that_of_one(case, data):
    index, params, local = case
    low, high = index.bandwidth_range
    steps = np.linspace(low, high, 7)
    cuts = [index.cut(dataclasses.replace(params, bandwidth=b), local=local) for b in steps]
    assert all(nested(*pair) for pair in itertools.pairwise(cuts))
    last = [*(dataclasses.replace(local[-1], bandwidth=b) for b in steps)]
    cuts = [index.cut(params, local=(*local[:-1], one)) for one in last]
    under = [cut == cut[local[-1].point] for cut in cuts]
    assert all(np.all(coarse[fine]) for fine, coarse in itertools.pairwise(under))


@given(case=cases(), direction=st.sampled_from(["finer", "coarser"]), size=st.integers(0, 40))
@settings(max_examples=25)
def test_every_step_changes_the_object_and_an_end_is_reached(case, direction, size):
    index, params, local = case
    params, point = dataclasses.replace(params, min_size=size), local[0].point
    labels = index.cut(params, local=local)
    for _ in range(500):
        bandwidth = index.next_cut(params, local, point, direction)
        if bandwidth is None:
            break
        local = index.with_local(params, local, LocalBandwidth(point, bandwidth))
        before, labels = labels, index.cut(params, local=local)
        old = (before == before[point]) & (before[point] > 0)
        new = (labels == labels[point]) & (labels[point] > 0)
        assert np.any(old != new)
        if old.any() and new.any():
            assert np.all(old[new] if direction == "finer" else new[old])
    assert bandwidth is None


# ---------------------------------------------------------------------------- pairs of pixels


def test_the_bandwidth_at_which_two_pixels_become_one_object_is_exact(four):
    params = ClusterParams()
    assert four.merging_bandwidth(params, LEFT, LEFT) == 0.0
    assert four.merging_bandwidth(params, LEFT, RIGHT) == math.inf
    for other, expected in ((SECOND, 0.7), (THIRD, 1.75)):
        found = four.merging_bandwidth(params, LEFT, other)
        assert found == pytest.approx(expected, abs=0.01)
        assert found == four.merging_bandwidth(params, other, LEFT)
        for step, joined in ((1e-3, True), (-1e-3, False)):
            cut = four.cut(dataclasses.replace(EVERYTHING, bandwidth=found + step))
            assert (cut[LEFT] == cut[other]) == joined


@settings(max_examples=25)
@given(st.integers(0, 3), st.data())
def test_merging_bandwidths_of_any_pair_agree_with_the_cut(seed, data):
    scene = make_scene((48, 48), seed=seed)
    index = build_cluster_index(scene.emap)
    pixel = st.tuples(st.integers(0, 47), st.integers(0, 47))
    first, second = data.draw(pixel), data.draw(pixel)
    bandwidth = data.draw(st.floats(*index.bandwidth_range))
    params = ClusterParams(bandwidth=bandwidth, min_size=0, foreground_threshold=0.1)
    cut = index.cut(params)
    assume(cut[first] and cut[second])
    joined = index.merging_bandwidth(params, first, second) <= bandwidth
    assert joined == (cut[first] == cut[second])


def test_background_never_merges(four):
    emap = stripes(0.7)
    emap.foreground[:, :6] = 0
    index = build_cluster_index(emap)
    assert index.merging_bandwidth(ClusterParams(), (5, 2), (5, 10)) == math.inf
    with pytest.raises(ValueError, match="index of a pixel"):
        index.merging_bandwidth(ClusterParams(), (5, 2), (5, 999))
