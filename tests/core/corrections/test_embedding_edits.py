"""Split, cut and grow by the embedding: against scenes whose answer is known."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_pixel_embedding.core.corrections.corrections import no_corrections, split
from napari_pixel_embedding.core.corrections.embedding_edits import (
    add_object,
    cut_along,
    grow_like,
    split_by_embedding,
)
from napari_pixel_embedding.core.embedding.embedding_map import EmbeddingMap


def scene(true, noise=0.1, space="euclidean", foreground=None):
    """An embedding in which every object of ``true`` has a vector of its own, 3 apart."""
    rng = np.random.default_rng(0)
    dim = int(true.max()) + 1
    vectors = 3 * np.eye(dim, dtype=np.float32)[true]
    embedding = np.moveaxis(vectors, -1, 0) + rng.normal(0, noise, (dim, *true.shape))
    foreground = (true > 0).astype(np.float32) if foreground is None else foreground
    return EmbeddingMap(embedding.astype(np.float32), foreground, space=space)


@pytest.fixture
def two():
    """Two objects that the shape does not tell apart: a bar, one third and two thirds."""
    true = np.zeros((12, 40), int)
    true[2:10, 2:14], true[2:10, 14:38] = 1, 2
    return true


@pytest.mark.parametrize("space", ["euclidean", "cosine"])
def test_a_split_follows_the_embedding_not_the_shape(two, space):
    merged = (two > 0) * 4
    seeds = [(3, 3), (8, 30)]
    fixed = split_by_embedding(no_corrections(two.shape), merged, 4, seeds, scene(two, 0.1, space))
    np.testing.assert_array_equal(fixed == 4, two == 1)
    np.testing.assert_array_equal(fixed == 5, two == 2)
    assert (fixed[two == 0] == -1).all()
    by_shape = split(no_corrections(two.shape), merged, 4, seeds)
    assert np.count_nonzero(by_shape != fixed) > 20


def test_many_seeds_and_strokes():
    true = np.repeat(np.arange(1, 5), 10)[None].repeat(8, axis=0)
    merged = np.full(true.shape, 2)
    points = [(4, 5), (4, 15), (4, 25), (4, 35)]
    strokes = np.zeros(true.shape, int)
    for k, (y, x) in enumerate(points, start=1):
        strokes[y, x - 3 : x + 3] = k
    for seeds in (points, strokes):
        fixed = split_by_embedding(no_corrections(true.shape), merged, 2, seeds, scene(true))
        assert len(np.unique(fixed)) == 4
        for k in range(1, 5):
            assert len(np.unique(fixed[true == k])) == 1
        assert fixed[4, 5] == 2


def test_equal_vectors_are_split_by_the_shape(two):
    one = (two > 0).astype(int)
    seeds = [(5, 4), (5, 35)]
    fixed = split_by_embedding(no_corrections(two.shape), one, 1, seeds, scene(one))
    np.testing.assert_array_equal(fixed, split(no_corrections(two.shape), one, 1, seeds))


def test_parts_are_connected_and_hold_their_seed_also_in_noise(two):
    merged = (two > 0).astype(int)
    fixed = split_by_embedding(
        no_corrections(two.shape), merged, 1, [(3, 3), (8, 30)], scene(two, noise=1.5)
    )
    from skimage.measure import label

    for id, seed in ((1, (3, 3)), (2, (8, 30))):
        assert fixed[seed] == id
        assert label(fixed == id, connectivity=1).max() == 1
    np.testing.assert_array_equal(fixed > 0, merged > 0)


def test_a_volume_is_split(two):
    true = np.stack([two] * 3)
    merged = (true > 0).astype(int)
    fixed = split_by_embedding(
        no_corrections(true.shape), merged, 1, [(0, 3, 3), (2, 8, 30)], scene(true)
    )
    np.testing.assert_array_equal(fixed == 1, true == 1)


def test_vectors_that_are_not_finite_do_no_harm(two):
    emap = scene(two)
    emap.embedding[:, 4, ::3] = np.nan
    merged = (two > 0).astype(int)
    fixed = split_by_embedding(no_corrections(two.shape), merged, 1, [(4, 3), (8, 30)], emap)
    assert np.count_nonzero((fixed == 1) != (two == 1)) <= 16
    np.testing.assert_array_equal(fixed > 0, merged > 0)


def test_seeds_that_are_no_seeds_are_refused(two):
    merged, emap = (two > 0).astype(int), scene(two)
    with pytest.raises(ValueError, match="outside it"):
        split_by_embedding(no_corrections(two.shape), merged, 1, [(3, 3), (0, 0)], emap)
    with pytest.raises(ValueError, match="two or more seeds"):
        split_by_embedding(no_corrections(two.shape), merged, 1, [(3, 3), (3, 3)], emap)


# ---------------------------------------------------------------------------------------- lines


def test_a_line_cuts_where_it_is_drawn():
    labels = np.full((10, 30), 6)
    fixed = cut_along(no_corrections(labels.shape), labels, 6, [(-3, 9), (14, 9)])
    assert set(np.unique(fixed[:, :9])) == {7}
    assert set(np.unique(fixed[:, 10:])) == {6}  # the larger part keeps the id
    assert not (fixed == -1).any()


@given(st.integers(2, 26), st.integers(2, 26))
def test_any_line_across_gives_two_connected_parts(top, bottom):
    from skimage.measure import label

    labels = np.ones((10, 30), int)
    fixed = cut_along(no_corrections(labels.shape), labels, 1, [(-1, top), (10, bottom)])
    ids = np.unique(fixed)
    assert ids.tolist() == [1, 2]
    assert all(label(fixed == k, connectivity=1).max() == 1 for k in ids)


def test_a_line_in_one_plane_cuts_the_volume():
    labels = np.ones((5, 10, 12), int)
    fixed = cut_along(no_corrections(labels.shape), labels, 1, [(2, -1, 4), (2, 11, 4)])
    assert np.unique(fixed[:, :, :4]).tolist() == [2]
    assert np.unique(fixed[:, :, 5:]).tolist() == [1]


def test_a_line_that_does_not_cross_is_refused():
    labels = np.ones((10, 30), int)
    with pytest.raises(ValueError, match="from one side to the other"):
        cut_along(no_corrections(labels.shape), labels, 1, [(-1, 9), (4, 9)])


# -------------------------------------------------------------------------------------- growing


def discs():
    """A bright and a faint disc; only the bright one was found."""
    grid = np.indices((120, 160))
    near, far = np.hypot(*(grid - [[[30]], [[30]]])), np.hypot(*(grid - [[[70]], [[90]]]))
    true = np.where(near <= 10, 1, np.where(far <= 45, 2, 0))
    return true, np.where(true == 1, 1, np.where(true == 2, 0.3, 0.02)).astype(np.float32)


def test_one_click_finds_a_faint_object_however_large():
    true, foreground = discs()
    emap = scene(true, foreground=foreground)
    shown = np.where(true == 1, 1, 0)
    box, mask = grow_like(emap, shown, (70, 90), 1.0)
    fixed = add_object(no_corrections(true.shape), shown, box, mask)
    np.testing.assert_array_equal(fixed == 2, true == 2)
    assert (fixed[true != 2] == -1).all()


def test_how_like_sets_how_far_it_grows():
    ramp = np.linspace(0, 10, 101, dtype=np.float32)[None, None].repeat(11, axis=1)
    emap = EmbeddingMap(ramp, np.ones((11, 101), np.float32))
    empty = np.zeros((11, 101), int)
    sizes = [grow_like(emap, empty, (5, 50), b)[1].sum() for b in (0.0, 1.04, 2.04)]
    assert sizes == [11, 11 * 21, 11 * 41]


def test_other_objects_and_fixed_background_are_left_alone_but_holes_are_filled():
    true = np.ones((20, 20), int)
    emap = scene(true)
    emap.embedding[:, 5, 5] = 100
    shown = np.zeros((20, 20), int)
    shown[:, 15:] = 3
    corrections = no_corrections(shown.shape)
    corrections[12:, :] = 0
    box, mask = grow_like(emap, shown, (3, 3), 1.0, corrections)
    whole = np.zeros(shown.shape, bool)
    whole[box] = mask
    expected = np.zeros(shown.shape, bool)
    expected[:12, :15] = True
    np.testing.assert_array_equal(whole, expected)
    box, mask = grow_like(emap, shown, (15, 3), 1.0, corrections)
    assert mask.sum() == 20 * 15  # on fixed background, the user takes it back


def test_growing_on_an_object_or_beside_the_image_is_refused():
    emap = scene(np.ones((5, 5), int))
    with pytest.raises(ValueError, match="the object 3 already"):
        grow_like(emap, np.full((5, 5), 3), (2, 2), 1.0)
    with pytest.raises(ValueError, match="within"):
        grow_like(emap, np.zeros((5, 5), int), (9, 9), 1.0)
