"""A patch leads from one array to another and back, whatever they are."""

import tracemalloc

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from napari_pixel_embedding.core.corrections.patch import Patch, pack, unpack

SHAPES = hnp.array_shapes(min_dims=1, max_dims=4, min_side=1, max_side=5)
PAIRS = SHAPES.flatmap(
    lambda shape: st.tuples(*[hnp.arrays(np.int32, shape, elements=st.integers(-1, 3))] * 2)
)


@given(PAIRS)
def test_there_and_back(pair):
    old, new = pair
    patch = Patch.between(old, new)
    if patch is None:
        np.testing.assert_array_equal(old, new)
        return
    kept = old.copy()
    np.testing.assert_array_equal(patch.applied(old), new)
    np.testing.assert_array_equal(patch.reverted(new), old)
    np.testing.assert_array_equal(old, kept)


@given(PAIRS)
def test_outside_the_box_nothing_is_touched(pair):
    old, new = pair
    patch = Patch.between(old, new)
    if patch is not None:
        other = np.full(old.shape, 9, np.int32)
        inside = np.zeros(old.shape, bool)
        inside[tuple(slice(*ends) for ends in patch.box)] = True
        assert (patch.applied(other)[~inside] == 9).all()
        assert inside[old != new].all()


def test_a_stroke_on_a_large_image_is_small():
    old = np.full((2000, 2000), -1, np.int32)
    new = old.copy()
    new[100:140, 50:90] = 7
    patch = Patch.between(old, new)
    assert len(patch.before) + len(patch.after) < 500


def test_arrays_that_do_not_fit_are_refused():
    with pytest.raises(ValueError, match="one shape and type"):
        Patch.between(np.zeros(3), np.zeros(4))


@pytest.mark.parametrize("packed", [b"", b"nonsense", pack(np.zeros(5)), pack(np.zeros(1))])
def test_other_bytes_than_the_array_are_refused(packed):
    with pytest.raises(ValueError, match="Expected"):
        unpack(packed, np.dtype(float), (2,))


@pytest.mark.parametrize("size", [0, 10])
def test_a_bomb_is_not_unpacked(size):
    bomb = pack(np.zeros(50_000_000, np.uint8))
    tracemalloc.start()
    with pytest.raises(ValueError, match="found more"):
        unpack(bomb, np.dtype(np.uint8), (size,))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 1_000_000
