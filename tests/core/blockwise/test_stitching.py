from __future__ import annotations

import numpy as np

from napari_pixel_embedding.core.blockwise.stitching import Contacts, joined, renamed, same_objects


def same(first, second, cut_off=((), ())):
    """Pairs of ids in two label images of the same pixels, each a region of its own."""
    first, second = np.array(first), np.array(second)
    lookups = tuple(np.arange(int(a.max()) + 1) for a in (first, second))
    pairs = same_objects(Contacts.of(first, second), lookups, tuple(map(np.array, cut_off)))
    return list(map(tuple, pairs.tolist()))


def test_half_of_the_union_makes_one_object():
    assert same([[1, 1, 1, 0]], [[0, 2, 2, 2]]) == [(1, 2)]  # 2 of 4 pixels
    assert same([[1, 1, 1, 0, 0]], [[0, 0, 2, 2, 2]]) == []  # 1 of 5


def test_a_piece_that_its_window_cuts_off_joins_what_holds_it():
    first, second = [[1, 0, 0, 0, 0]], [[2, 2, 2, 2, 2]]
    assert same(first, second) == []
    assert same(first, second, ([1], ())) == [(1, 2)]
    assert same(first, second, ((), [2])) == []  # the larger one misses nothing here
    assert same([[1, 1, 0, 0, 0]], [[0, 2, 2, 2, 2]], ([1], ())) == []  # only half of it
    assert same(second, first, ([2], ())) == []
    assert same(second, first, ((), [1])) == [(2, 1)]


def test_four_fifths_of_a_piece_are_enough():
    piece, whole = [[1, 1, 1, 1, 1, 0, 0, 0, 0, 0]], [[0, 2, 2, 2, 2, 2, 2, 2, 2, 2]]
    assert same(piece, whole, ([1], ())) == [(1, 2)]
    assert same([[1, 1, 1, 1, 0, 0, 0, 0, 0, 0]], whole, ([1], ())) == []  # three quarters


def test_background_joins_nothing():
    assert same([[0, 0, 1]], [[1, 1, 0]], ([1], [1])) == []
    assert same([[0]], [[0]]) == []


def test_regions_of_one_object_count_together():
    first, second = np.array([[1, 1, 2, 2]]), np.array([[1, 1, 1, 1]])
    apart, whole = np.array([0, 5, 6]), np.array([0, 5, 5])
    contacts, other = Contacts.of(first, second), np.array([0, 9])
    nothing = (np.zeros(0, int), np.zeros(0, int))
    assert same_objects(contacts, (whole, other), nothing).tolist() == [[5, 9]]
    assert same_objects(contacts, (apart, other), nothing).tolist() == [[5, 9], [6, 9]]
    hidden = np.array([0, 0, 6])  # the first region was removed: half of the union is left
    assert same_objects(contacts, (hidden, other), nothing).tolist() == [[6, 9]]


def test_chains_take_the_smallest_id():
    ids, names = joined([np.array([[8, 4], [4, 6]]), np.array([[20, 30]])])
    assert dict(zip(ids.tolist(), names.tolist(), strict=True)) == {
        4: 4,
        6: 4,
        8: 4,
        20: 20,
        30: 20,
    }


def test_without_pairs_nothing_is_renamed():
    ids, names = joined([])
    table = np.array([0, 3, 9], np.uint32)
    assert renamed(table, ids, names) is table


def test_only_ids_with_a_partner_are_renamed():
    table = np.array([0, 3, 9, 12], np.uint32)
    result = renamed(table, np.array([3, 12]), np.array([1, 3]))
    assert result.tolist() == [0, 1, 9, 3]
    assert result.dtype == np.uint32
