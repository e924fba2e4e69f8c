"""How a large image is divided into blocks."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_pixel_embedding.core.blockwise.block_plan import (
    Layout,
    nearest_first,
    plan_blocks,
    plan_layout,
)
from napari_pixel_embedding.core.boxes import grown


@settings(max_examples=60)
@given(
    shape=st.lists(st.integers(1, 90), min_size=2, max_size=3),
    side=st.integers(8, 40),
    frames=st.integers(1, 3),
)
def test_cores_tile_the_image_and_windows_hold_their_surroundings(shape, side, frames):
    layout = Layout((side,) * len(shape), reach=5, margin=3)
    covered = np.zeros((frames, *shape), int)
    for block in plan_blocks(shape, frames, layout):
        covered[(block.frame, *block.core)] += 1
        assert block.window == grown(block.core, 5, shape)
        assert block.padded == grown(block.core, 8, shape)
        assert all(part.start % side == 0 for part in block.core)
    assert (covered == 1).all()


def test_blocks_are_made_from_the_view_outwards():
    blocks = plan_blocks((300, 300), 2, Layout((100, 100), 10, 10))
    ordered = nearest_first(blocks, 1, (150, 150))
    assert ordered[0].core == (slice(100, 200), slice(100, 200))
    assert [block.frame for block in ordered] == [1] * 9 + [0] * 9


def test_blocks_are_as_large_as_memory_allows():
    sides = [plan_layout(2, 16, 20.0, 64, most).side[0] for most in (10**8, 2 * 10**6, 1)]
    assert sides == [2048, 1024, 256]
    assert plan_layout(3, 16, 20.0, 64, 10**9).side == (64, 512, 512)
