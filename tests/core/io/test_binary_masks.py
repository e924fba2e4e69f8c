"""Masks that do not tell their objects apart are recognised and can be split."""

import numpy as np
import pytest

from napari_pixel_embedding.core.io.binary_masks import (
    Pieces,
    UnseparatedObjects,
    check_separated,
    connected_components,
    count_pieces,
    is_binary_mask,
    unseparated,
)

PIECES = np.array([[9, 0, 9], [9, 0, 0], [0, 9, 9]])


def test_one_id_in_several_pieces_is_a_mask():
    assert is_binary_mask(PIECES)
    assert not is_binary_mask(PIECES * [[1, 1, 2]])
    assert not is_binary_mask(PIECES[:2, :1])
    assert not is_binary_mask(np.zeros((2, 2), int))


def test_frames_are_looked_at_one_by_one():
    moving = np.array([[[1, 0, 0]], [[0, 0, 1]]])
    assert not is_binary_mask(moving, "TYX")
    assert is_binary_mask(moving, "ZYX")
    assert is_binary_mask(PIECES[None], "TYX")


def test_each_piece_gets_an_id_and_corners_do_not_connect():
    split = connected_components(PIECES)
    assert split.tolist() == [[1, 0, 2], [1, 0, 0], [0, 3, 3]]
    assert split.dtype == np.int32


def test_frames_are_numbered_one_by_one():
    stack = np.stack([PIECES, PIECES[::-1]], axis=1)[None]  # Z, Y, T, X
    split = connected_components(stack, "ZYTX")
    assert split.shape == stack.shape
    assert split[0, :, 0].tolist() == connected_components(PIECES).tolist()
    assert split[0, :, 1].tolist() == [[0, 1, 1], [2, 0, 0], [2, 0, 3]]


def test_stray_pixels_and_corners_are_no_pieces():
    labels = np.zeros((20, 20), int)
    labels[2:8, 2:8] = labels[8:14, 8:14] = 3  # they touch at a corner
    labels[18, 1] = 3
    assert count_pieces(labels) == Pieces(1, 1)
    labels[16:19, 0:3] = 3
    assert count_pieces(labels) == Pieces(1, 2)


def test_classes_are_masks_and_negative_values_are_background():
    classes = np.array([[1, 0, 1, 0, 2, 0, 2, -1, 2]])
    assert count_pieces(classes) == Pieces(2, 5)
    assert is_binary_mask(classes)
    assert connected_components(classes).tolist() == [[1, 0, 2, 0, 3, 0, 4, -1, 5]]


def test_ids_that_were_used_twice_in_8_bits_are_told():
    cells = np.kron(np.arange(1, 325).reshape(18, 18), [[1, 0], [0, 0]])
    wrapped = count_pieces(cells.astype(np.uint8))
    assert (wrapped.full, wrapped.overflown) == (True, True)
    assert "more objects than 8 bits can number" in unseparated([("a.tif", wrapped)])
    assert unseparated([("a.tif", count_pieces(cells))]) == ""
    assert unseparated([("a.tif", count_pieces(cells[:28].astype(np.uint8)))]) == ""


MASK, ONE, CUT, CELLS = Pieces(1, 16), Pieces(1, 1), Pieces(1, 2), Pieces(30, 31)


@pytest.mark.parametrize(
    ("counts", "named"),
    [
        ([MASK], "one id in 16 separate pieces: a binary mask?"),
        ([ONE, CUT], "one id in 2 separate pieces (1 of 2 files are like this)"),
        ([MASK, ONE, MASK], "(2 of 3 files are like this)"),
        ([CELLS, MASK], "(1 of 2 files are like this)"),
        ([Pieces(3, 20)], "3 ids in 20 separate pieces: a mask of classes?"),
        ([Pieces(200, 900)], "200 ids in 900 separate pieces: an image of intensities?"),
        ([CELLS, CUT], ""),
        ([ONE, ONE], ""),
        ([Pieces(0, 0)], ""),
        ([], ""),
    ],
)
def test_the_other_files_tell_whether_one_id_in_pieces_is_a_mask(counts, named):
    found = unseparated([(f"m{n}.tif", one) for n, one in enumerate(counts)])
    assert named in found
    assert bool(found) == bool(named)


def test_the_error_says_what_to_pass():
    check_separated([("a.tif", ONE)])
    with pytest.raises(UnseparatedObjects, match=r"a\.tif .* Pass split_masks=True") as raised:
        check_separated([("a.tif", MASK)])
    assert raised.value.found == "a.tif has one id in 16 separate pieces: a binary mask?"
