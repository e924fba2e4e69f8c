"""Tiles cover an image, lie on the network's grid, and their shares add up to 1."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_pixel_embedding.core.inference.tiling import plan_tiles


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
@settings(deadline=None)
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
@settings(deadline=None)
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
    assert plan.halo == (4, 0)
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
