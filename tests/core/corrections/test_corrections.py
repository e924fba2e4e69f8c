"""Corrections never lose what the user did, whatever the clusters do under them."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from napari_pixel_embedding.core.corrections.corrections import (
    apply_corrections,
    locked_ids,
    merge,
    next_free_id,
    no_corrections,
    record_edit,
    split,
    unlock,
)

SHAPES = hnp.array_shapes(min_dims=2, max_dims=3, min_side=1, max_side=7)
INTEGERS = st.sampled_from(["uint8", ">u2", "uint16", "uint32", "int32", "int64", "uint64"])


@st.composite
def label_images(draw, shape, largest=6):
    return draw(hnp.arrays(np.dtype(draw(INTEGERS)), shape, elements=st.integers(0, largest)))


@st.composite
def cases(draw):
    """Clusters, another clustering, corrections and an edit by hand, all of one shape."""
    shape = draw(SHAPES)
    clusters, other = draw(label_images(shape)), draw(label_images(shape))
    sparse = hnp.arrays(np.int32, shape, elements=st.integers(-1, 6), fill=st.just(-1))
    brush = hnp.arrays(np.int64, shape, elements=st.integers(-1, 9), fill=st.just(-1))
    return clusters, other, draw(sparse), draw(brush)


def painted(labels, brush):
    return np.where(brush < 0, labels, brush)


@given(cases())
def test_applying_twice_changes_nothing_more(case):
    clusters, _, corrections, _ = case
    once = apply_corrections(clusters, corrections)
    np.testing.assert_array_equal(apply_corrections(once, corrections), once)


@given(cases())
def test_locked_instances_and_fixed_background_appear_exactly(case):
    clusters, _, corrections, _ = case
    labels = apply_corrections(clusters, corrections)
    for k in locked_ids(corrections):
        np.testing.assert_array_equal(labels == k, corrections == k)
    assert not labels[corrections == 0].any()


@given(cases())
def test_no_two_clusters_share_an_id_and_none_appears_from_nothing(case):
    clusters, _, corrections, _ = case
    labels = apply_corrections(clusters, corrections)
    free = (corrections == -1) & (labels > 0)
    pairs = {(int(a), int(b)) for a, b in zip(labels[free], clusters[free], strict=True)}
    assert len({a for a, _ in pairs}) == len(pairs) == len({b for _, b in pairs})
    assert all(b > 0 for _, b in pairs)


@given(cases())
def test_an_untouched_cluster_stays_whole(case):
    clusters, _, corrections, _ = case
    labels = apply_corrections(clusters, corrections)
    for k in np.setdiff1d(clusters[corrections == -1], clusters[corrections >= 0]):
        if k > 0:
            shown = np.unique(labels[clusters == k])
            assert len(shown) == 1
            np.testing.assert_array_equal(labels == shown[0], clusters == k)


@given(cases())
def test_an_edit_comes_back(case):
    clusters, _, corrections, brush = case
    before = apply_corrections(clusters, corrections)
    after = painted(before, brush)
    labels = apply_corrections(clusters, record_edit(corrections, before, after))
    changed = before != after
    np.testing.assert_array_equal(labels[changed], after[changed])
    for k in np.unique(after[changed]):
        if k > 0:
            np.testing.assert_array_equal(labels == k, after == k)


@given(cases())
def test_an_edit_survives_another_clustering(case):
    clusters, other, corrections, brush = case
    before = apply_corrections(clusters, corrections)
    after = painted(before, brush)
    labels = apply_corrections(other, record_edit(corrections, before, after))
    changed = before != after
    np.testing.assert_array_equal(labels[changed], after[changed])


@given(cases())
def test_an_edit_touches_no_other_correction(case):
    clusters, _, corrections, brush = case
    before = apply_corrections(clusters, corrections)
    after = painted(before, brush)
    noted = record_edit(corrections, before, after)
    same = (corrections >= 0) & (before == after)
    np.testing.assert_array_equal(noted[same], corrections[same])


@given(cases())
def test_arguments_are_left_alone(case):
    clusters, other, corrections, brush = case
    brush = np.maximum(brush, 0)
    arrays = (clusters, other, corrections, brush)
    copies = [a.copy() for a in arrays]
    for array in arrays:
        array.setflags(write=False)
    result = apply_corrections(clusters, corrections)
    noted = record_edit(corrections, clusters, brush)
    freed = unlock(corrections, [1, 2])
    for array, copy in zip(arrays, copies, strict=True):
        np.testing.assert_array_equal(array, copy)
        assert not any(np.shares_memory(array, new) for new in (result, noted, freed))


@given(cases())
def test_unlock_frees_these_and_keeps_the_others(case):
    _, _, corrections, _ = case
    freed = unlock(corrections, [0, 3])
    assert (freed[(corrections == 0) | (corrections == 3)] == -1).all()
    other = (corrections != 0) & (corrections != 3)
    np.testing.assert_array_equal(freed[other], corrections[other])


@given(cases())
def test_the_next_id_is_free(case):
    clusters, _, corrections, _ = case
    k = next_free_id(clusters, corrections)
    assert k > 0
    assert not (clusters == k).any()
    assert not (corrections == k).any()


@given(cases())
def test_merged_instances_become_one_and_nothing_else_changes(case):
    clusters, other, corrections, _ = case
    labels = apply_corrections(clusters, corrections)
    ids = [int(k) for k in np.unique(labels[labels > 0])[:2]]
    if len(ids) < 2:
        return
    noted = merge(corrections, labels, ids)
    region = np.isin(labels, ids)
    np.testing.assert_array_equal(apply_corrections(clusters, noted) == ids[0], region)
    np.testing.assert_array_equal(apply_corrections(other, noted) == ids[0], region)
    np.testing.assert_array_equal(noted[~region], corrections[~region])


@given(cases(), st.data())
def test_split_parts_cover_the_instance_and_hold_their_seeds(case, data):
    clusters, _, corrections, _ = case
    labels = apply_corrections(clusters, corrections)
    ids = [k for k in np.unique(labels[labels > 0]) if (labels == k).sum() > 1]
    if not ids:
        return
    pixels = [tuple(map(int, p)) for p in np.argwhere(labels == ids[0])]
    seeds = data.draw(st.lists(st.sampled_from(pixels), min_size=2, max_size=3, unique=True))
    noted = split(corrections, labels, int(ids[0]), seeds)
    parts = [int(noted[seed]) for seed in seeds]
    assert parts[0] == ids[0]
    assert len(set(parts)) == len(seeds)
    assert not np.isin(labels, parts[1:]).any()
    assert not np.isin(corrections, parts[1:]).any()
    np.testing.assert_array_equal(np.isin(noted, parts), labels == ids[0])
    outside = labels != ids[0]
    np.testing.assert_array_equal(noted[outside], corrections[outside])


def test_the_instance_that_lost_pixels_is_not_locked():
    before = np.array([[1, 1, 1, 2, 2, 2]])
    after = np.array([[1, 1, 1, 1, 2, 2]])
    noted = record_edit(no_corrections(before.shape), before, after)
    np.testing.assert_array_equal(noted, [[1, 1, 1, 1, -1, -1]])


def test_erasing_fixes_background_and_locks_nothing():
    noted = record_edit(no_corrections((1, 3)), [[1, 1, 1]], [[1, 0, 1]])
    np.testing.assert_array_equal(noted, [[-1, 0, -1]])
    assert locked_ids(noted) == []


def test_a_cluster_with_a_locked_id_gets_a_free_one():
    labels = apply_corrections([[5, 5, 6, 7, 7]], [[-1, -1, 5, -1, -1]])
    np.testing.assert_array_equal(labels, [[8, 8, 5, 7, 7]])


def test_a_rest_under_a_quarter_goes_and_a_larger_one_stays():
    clusters = np.ones((1, 8), int)
    corrections = no_corrections((1, 8))
    corrections[0, :7] = 3
    assert apply_corrections(clusters, corrections)[0, 7] == 0
    corrections[0, 6] = -1
    np.testing.assert_array_equal(apply_corrections(clusters, corrections)[0, 6:], [1, 1])


def test_slivers_beside_a_larger_piece_go_but_both_halves_of_a_cut_stay():
    clusters = np.ones((1, 12), int)
    corrections = no_corrections((1, 12))
    corrections[0, 1] = 0
    np.testing.assert_array_equal(apply_corrections(clusters, corrections)[0], [0, 0] + [1] * 10)
    corrections[0, 1], corrections[0, 5] = -1, 0
    np.testing.assert_array_equal(
        apply_corrections(clusters, corrections)[0], [1] * 5 + [0] + [1] * 6
    )


def test_ids_take_16_bits_until_they_need_more():
    corrections = np.array([[-1, 65535]])
    assert apply_corrections([[65535, 0]], corrections).tolist() == [[1, 65535]]
    assert apply_corrections([[65535, 0]], corrections).dtype == np.uint16
    assert apply_corrections([[70000, 0]], corrections).dtype == np.uint32
    assert next_free_id([[65535]]) == 1
    assert next_free_id([[1, 65534]], [[-1, 65535]]) == 2


def test_split_cuts_at_the_neck():
    yy, xx = np.mgrid[:15, :31]
    labels = ((yy - 7) ** 2 + (xx - 8) ** 2 <= 49) | ((yy - 7) ** 2 + (xx - 21) ** 2 <= 49)
    noted = split(no_corrections(labels.shape), labels.astype(int), 1, [(7, 3), (7, 27)])
    np.testing.assert_array_equal(noted[:, :13] == 1, labels[:, :13])
    np.testing.assert_array_equal(noted[:, 17:] == 2, labels[:, 17:])


def test_split_of_one_lobe_cuts_halfway():
    noted = split(no_corrections((9, 12)), np.ones((9, 12), int), 1, [(4, 2), (4, 9)])
    assert (noted[:, :6] == 1).all()
    assert (noted[:, 6:] == 2).all()


def test_split_takes_a_drawn_cut_as_it_is():
    labels = np.array([[4, 4, 4, 4]])
    noted = split(no_corrections(labels.shape), labels, 4, np.array([[2, 9, 2, 9]]))
    np.testing.assert_array_equal(noted, [[4, 5, 4, 5]])


def test_split_gives_a_loose_piece_to_the_nearest_seed():
    labels = np.array([[1, 1, 1, 0, 1]])
    noted = split(no_corrections(labels.shape), labels, 1, [(0, 0), (0, 2)])
    assert noted[0, 4] == noted[0, 2] == 2


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda c, x: split(c, x, 9, [(0, 0), (0, 1)]), "found no 9"),
        (lambda c, x: split(c, x, 1, [(0, 0)]), "two or more seeds"),
        (lambda c, x: split(c, x, 1, [(0, 0), (0, 0)]), "two or more seeds"),
        (lambda c, x: split(c, x, 1, [(0, 0), (0, 2)]), "outside it"),
        (lambda c, x: split(c, x, 1, [(0, 0), (0, 8)]), "must be a pixel within"),
        (lambda c, x: merge(c, x, [1]), "two or more instances"),
        (lambda c, x: merge(c, x, [1, 1]), "two or more instances"),
        (lambda c, x: merge(c, x, [0, 1]), "0 is background"),
        (lambda c, x: record_edit(c, x, x[:, :1]), "same shape"),
        (lambda c, x: record_edit(c, x, np.full(x.shape, 2**31)), "smaller id"),
        (lambda c, x: apply_corrections(x, c - 1), "between −1"),
        (lambda c, x: apply_corrections(x, c.astype(float)), "whole numbers"),
        (lambda c, x: apply_corrections(-x, c), "negative pixels"),
    ],
)
def test_bad_input_is_refused_in_words(call, message):
    labels = np.array([[1, 1, 2]])
    with pytest.raises(ValueError, match=message):
        call(no_corrections(labels.shape), labels)
