"""Masks that do not tell their objects apart are recognised and can be split."""

import numpy as np

from napari_pixel_embedding.core.io.binary_masks import connected_components, is_binary_mask

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
