"""Tiles cover an image and blend; views can be turned back, and the means are of all of them."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_pixel_embedding.core.inference.options import AUGMENTS
from napari_pixel_embedding.core.inference.predict import predict_embedding
from napari_pixel_embedding.core.inference.tiles.plan import plan_tiles
from napari_pixel_embedding.core.inference.tiles.views import Symmetry, symmetries
from napari_pixel_embedding.core.segmentation.segment import segment


@st.composite
def plans(draw):
    """A long line, or an image or volume of a few tiles: axes do not depend on each other."""
    ndim, longest = draw(st.sampled_from([(1, 200), (2, 40), (3, 24)]))
    sides = st.lists(st.integers(1, longest), min_size=ndim, max_size=ndim)
    stride = draw(st.sampled_from([1, 4, 16] if ndim == 1 else [8, 16]))
    halo = draw(st.none() | st.lists(st.integers(0, 40), min_size=ndim, max_size=ndim))
    shape = draw(sides)
    return shape, stride, plan_tiles(shape, stride, draw(sides), halo)


@given(plans())
def test_shares_of_all_tiles_add_up_to_1_in_every_pixel(case):
    shape, _, plan = case
    total = np.zeros(plan.padded_shape)
    for origin in plan.origins:
        window = tuple(slice(o, o + t) for o, t in zip(origin, plan.tile_shape, strict=True))
        weight = plan.weight(origin)
        assert weight.shape == plan.tile_shape
        assert weight.min() > 0
        total[window] += weight
    np.testing.assert_allclose(total, 1, atol=1e-5)
    assert all(p >= n for p, n in zip(plan.padded_shape, shape, strict=True))


@given(plans())
def test_tiles_lie_on_the_grid_of_the_network(case):
    shape, stride, plan = case
    for sizes in (plan.padded_shape, plan.tile_shape, *plan.origins):
        assert all(size % stride == 0 for size in sizes)
    assert all(p < n + stride for p, n in zip(plan.padded_shape, shape, strict=True))
    assert len(set(plan.origins)) == len(plan.origins)


def test_by_hand():
    # Rows: 20 fit the grid of 4, tiles of 16 start at 0 and 4. Columns fit into one tile.
    plan = plan_tiles((20, 7), 4, (16, 16), (4, 4))
    assert plan.padded_shape == (20, 8)
    assert plan.tile_shape == (16, 8)
    assert plan.halo == (4, 2)  # half strides, no more than a quarter of the tile
    assert plan.origins == ((0, 0), (4, 0))
    # Only the overlap, rows 4 to 16, is shared; over a halo of 4 the shares meet in its middle.
    upper, lower = plan.weight((0, 0))[:, 0], plan.weight((4, 0))[:, 0]
    np.testing.assert_array_equal(upper[:4], 1)
    np.testing.assert_array_equal(lower[12:], 1)
    np.testing.assert_allclose(upper[4:] + lower[:12], 1, atol=1e-6)
    np.testing.assert_allclose(upper[4:], lower[:12][::-1], atol=1e-6)


def test_a_tile_counts_for_nothing_at_its_rim():
    plan = plan_tiles((256, 64), 4, (64, 64), (16, 16))
    inner = next(origin for origin in plan.origins if 0 < origin[0] < 192)
    share = plan.weight(inner)[:, 0]
    assert share[:8].max() < 1e-5 and share[-8:].max() < 1e-5
    np.testing.assert_allclose(share[24:40], 1, atol=1e-5)


@pytest.mark.parametrize(("side", "most"), [(128, 1.6), (256, 1.25), (1024, 1.1)])
def test_tiles_compute_few_pixels_twice(side, most):
    shape = (1552, 2080)
    plan = plan_tiles(shape, 16, (side, side))
    assert len(plan.origins) * np.prod(plan.tile_shape) / np.prod(shape) <= most


def test_an_image_smaller_than_a_tile_is_one_tile():
    plan = plan_tiles((1, 1), 16, (1024, 1024))
    assert plan.origins == ((0, 0),)
    assert plan.tile_shape == (16, 16)
    np.testing.assert_array_equal(plan.weight((0, 0)), np.ones((16, 16)))


def test_the_halo_never_eats_the_tile():
    plan = plan_tiles((512, 512), 16, (64, 64), (1000, 1000))
    assert plan.halo == (16, 16)
    assert plan.origins[1][1] == 32


@pytest.mark.parametrize(("tile", "halo"), [((64,), (8, 8)), ((64, 64), (8, 8, 8))])
def test_sizes_must_name_every_axis(tile, halo):
    with pytest.raises(ValueError, match="must name the 2 spatial axes, found"):
        plan_tiles((100, 100), 4, tile, halo)


ALL = [Symmetry(turns, mirrored) for turns in range(4) for mirrored in (False, True)]


@pytest.mark.parametrize("view", ALL, ids=str)
@pytest.mark.parametrize("shape", [(5, 7), (2, 5, 7), (3, 2, 5, 7)])
def test_what_is_turned_can_be_turned_back(view, shape):
    image = np.random.default_rng(0).random(shape)
    np.testing.assert_array_equal(view.undo(view.apply(image)), image)


@pytest.mark.parametrize("view", ALL, ids=str)
@pytest.mark.parametrize("shape", [(6, 9), (3, 6, 9)])
def test_a_direction_in_the_turned_image_points_back_to_the_same_place(view, shape):
    """The field that points from each pixel to one place does so after turning back, too."""
    ndim = len(shape)
    place = np.zeros(shape)
    place[(..., 1, 6)[-3:] if ndim == 2 else (2, 1, 6)] = 1
    there = [int(n[0]) for n in np.nonzero(view.apply(place))]
    turned = view.apply(place).shape
    toward = np.stack([t - axis for t, axis in zip(there, np.indices(turned), strict=True)])
    goal = [int(n[0]) for n in np.nonzero(place)]
    expected = np.stack([t - axis for t, axis in zip(goal, np.indices(shape), strict=True)])
    np.testing.assert_array_equal(view.undo_vectors(toward), expected)


@pytest.mark.parametrize("count", AUGMENTS)
def test_views_are_all_different_and_the_plain_one_comes_first(count):
    listed = symmetries(count)
    assert listed[0] == Symmetry()
    image = np.arange(12).reshape(3, 4)
    seen = [view.apply(image) for view in listed]
    assert len(seen) == count
    for a, b in itertools.combinations(seen, 2):
        assert a.shape != b.shape or (a != b).any()


@pytest.mark.parametrize("count", [0, 2, 16])
def test_other_numbers_are_refused(count):
    with pytest.raises(ValueError, match=f"augment must be one of 1, 4, 8, found {count}"):
        symmetries(count)


@pytest.mark.parametrize("augment", [4, 8])
@pytest.mark.parametrize(
    ("config", "shape"),
    [
        ({"coordinate_scale": 5.0}, (24, 32)),
        ({}, (24, 32)),
        ({"space": "cosine"}, (20, 21)),
        ({"axes": "ZYX", "coordinate_scale": 5.0}, (8, 16, 24)),
    ],
    ids=["coordinates", "euclidean", "cosine", "volume"],
)
def test_maps_are_the_means_of_the_views(tiny_model, full_precision, augment, config, shape):
    model = tiny_model(**config)
    image = np.random.default_rng(0).random(shape).astype(np.float32)
    plain = predict_embedding(model, image, device="cpu")
    found = predict_embedding(model, image, device="cpu", augment=augment)
    seen = [
        predict_embedding(model, view.apply(image), device="cpu") for view in symmetries(augment)
    ]
    pairs = list(zip(symmetries(augment), seen, strict=True))
    for name in ("foreground", "distance"):
        mean = np.mean([view.undo(getattr(emap, name)) for view, emap in pairs], axis=0)
        np.testing.assert_allclose(getattr(found, name), mean, atol=1e-5)
    assert np.abs(found.foreground - plain.foreground).max() > 1e-4
    shared = plain.position_channels
    np.testing.assert_array_equal(found.embedding[shared:], plain.embedding[shared:])
    if shared:
        offsets = [
            view.undo_vectors(emap.embedding[:shared] - _places(emap.shape, 5.0))
            for view, emap in pairs
        ]
        expected = np.mean(offsets, axis=0) + _places(shape, 5.0)
        np.testing.assert_allclose(found.embedding[:shared], expected, atol=1e-4)


def _places(shape, scale):
    return np.indices(shape).astype(np.float32) / scale


def test_all_views_of_a_symmetric_image_agree(tiny_model, full_precision):
    """A network averaged over all symmetries treats a turned image as the image."""
    model = tiny_model()
    image = np.random.default_rng(1).random((32, 32)).astype(np.float32)
    straight = predict_embedding(model, image, device="cpu", augment=8)
    turned = predict_embedding(model, np.rot90(image), device="cpu", augment=8)
    np.testing.assert_allclose(turned.foreground, np.rot90(straight.foreground), atol=1e-5)


def test_progress_covers_all_views(tiny_model):
    told = []
    predict_embedding(
        tiny_model(), np.random.rand(16, 16), device="cpu", augment=4, progress=told.append
    )
    assert told == sorted(told)
    assert (told[0], told[-1]) == (0, 1)
    assert {0.25, 0.5, 0.75} <= set(told)


@pytest.mark.filterwarnings("ignore:There is almost no signal")
def test_segment_passes_it_on(tiny_model):
    image = np.random.default_rng(0).random((16, 16))
    told = []
    segment(image, tiny_model(), augment=4, device="cpu", progress=told.append)
    assert told == [0, 0.25, 0.25, 0.5, 0.5, 0.75, 0.75, 1]
