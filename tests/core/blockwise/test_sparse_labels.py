from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_pixel_embedding.core.blockwise.sparse_labels import SparseLabels

SHAPE = (700, 600)


def boxes():
    def box(parts):
        return tuple(
            slice(min(a, n - 1), min(a + k, n)) for (a, k), n in zip(parts, SHAPE, strict=True)
        )

    part = st.tuples(st.integers(0, 650), st.integers(1, 400))
    return st.tuples(part, part).map(box)


@settings(max_examples=50)
@given(writes=st.lists(st.tuples(boxes(), st.integers(-1, 5)), max_size=4), read=boxes())
def test_it_reads_like_one_large_array(writes, read):
    sparse, dense = SparseLabels(SHAPE), np.full(SHAPE, -1, np.int32)
    for box, value in writes:
        size = [part.stop - part.start for part in box]
        sparse = sparse.with_box(box, np.full(size, value, np.int32))
        dense[box] = value
    np.testing.assert_array_equal(sparse.read(read), dense[read])
    grid = [np.arange(part.start, part.stop, 7) for part in read]
    np.testing.assert_array_equal(sparse.sample(grid), dense[np.ix_(*grid)])
    assert sparse.is_empty == (dense == -1).all()


def test_only_tiles_that_hold_something_are_kept():
    sparse = SparseLabels((10**6, 10**6)).with_box(
        (slice(500, 510), slice(900_000, 900_010)), np.full((10, 10), 3, np.int32)
    )
    assert len(sparse.tiles) == 1
    assert sum(tile.size for tile in sparse.tiles.values()) <= 2**16


def test_it_is_never_written_into():
    box = (slice(0, 2), slice(0, 2))
    first = SparseLabels(SHAPE).with_box(box, np.full((2, 2), 3, np.int32))
    first.with_box(box, np.full((2, 2), 4, np.int32))
    assert (first.read(box) == 3).all()


def test_frames_are_apart():
    box = (slice(0, 2), slice(0, 2))
    sparse = SparseLabels(SHAPE).with_box(box, np.full((2, 2), 3, np.int32), frame=4)
    assert (sparse.read(box) == -1).all()
    assert (sparse.read(box, frame=4) == 3).all()


def test_volumes():
    box = (slice(6, 12), slice(100, 200), slice(3, 4))
    values = np.arange(600, dtype=np.int32).reshape(6, 100, 1)
    np.testing.assert_array_equal(
        SparseLabels((50, 300, 9)).with_box(box, values).read(box), values
    )


def test_ids_in_use_elsewhere_become_free_ones():
    box = (slice(0, 1), slice(0, 3))
    sparse = SparseLabels(SHAPE).with_box(box, np.array([[2, 3, -1]], np.int32))
    known = np.array([[-1, 3]], np.int32)
    values = np.array([[2, 3], [0, 9]], np.int32)
    result = sparse.without_clashes(values, np.pad(known, ((0, 1), (0, 0)), constant_values=-1))
    assert result.tolist() == [[10, 3], [0, 9]]
