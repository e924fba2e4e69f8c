"""Pairs are all checked before anything is done with one, and named."""

import numpy as np
import pytest
import tifffile

from napari_pixel_embedding.core.datasets.pair_checks import read_labelled_images
from napari_pixel_embedding.core.datasets.pairs import find_pairs
from napari_pixel_embedding.core.io.binary_masks import UnseparatedObjects
from napari_pixel_embedding.core.model.config import ModelConfig

CELLS = np.kron(np.arange(1, 10).reshape(3, 3), np.pad(np.ones((4, 4), int), 1)).astype(np.uint16)


@pytest.fixture
def write(tmp_path):
    """Write a pair; return those written so far."""
    for kind in ("images", "masks"):
        (tmp_path / kind).mkdir()

    def add(name, mask, image=None, **metadata):
        image = np.zeros(CELLS.shape, np.uint8) if image is None else image
        tifffile.imwrite(tmp_path / "images" / f"{name}.tif", image, **metadata)
        tifffile.imwrite(tmp_path / "masks" / f"{name}.tif", mask, **metadata)
        return find_pairs(tmp_path)

    return add


def test_pairs_are_read_with_the_axes_of_their_masks(write):
    film = {"ome": True, "metadata": {"axes": "TYX"}}
    write("a", CELLS.astype(np.float32))
    write("b", CELLS, np.zeros((*CELLS.shape, 3), np.uint8))
    pairs = write("c", np.stack([CELLS] * 2), np.zeros((2, *CELLS.shape), np.uint8), **film)
    read = read_labelled_images(pairs, ModelConfig())
    assert [one.layout.label_axes for one in read] == ["YX", "YX", "TYX"]
    np.testing.assert_array_equal(read[0].labels, CELLS)


def test_every_pair_that_cannot_be_used_is_named(write):
    write("a", CELLS)
    write("b", CELLS[:5])
    write("c", CELLS.T[:, :7])
    write("d", CELLS * 0.5)
    for name in "efgh":
        pairs = write(name, CELLS[None, :2])
    with pytest.raises(ValueError, match="7 of 8 pairs cannot be used") as raised:
        read_labelled_images(pairs, ModelConfig())
    said = str(raised.value)
    assert "b.tif: its mask has other pixels, (5, 18), than the image, (18, 18); c.tif: its" in said
    assert "d.tif: masks/d.tif must be a label image of whole numbers, found 0.5" in said
    assert "f.tif: its mask has other pixels, (2, 18)" in said
    assert said.endswith("; and 2 more. Repair these files, or leave them out.")


def test_masks_are_split_or_kept_as_asked(write):
    pairs = write("a", (CELLS > 0).astype(np.uint8))
    with pytest.raises(UnseparatedObjects, match=r"a\.tif has one id in 9 separate pieces"):
        read_labelled_images(pairs, ModelConfig())
    split, kept = (read_labelled_images(pairs, ModelConfig(), how)[0] for how in (True, False))
    assert len(np.unique(split.labels)) == 10
    assert len(np.unique(kept.labels)) == 2


def test_frames_of_a_film_are_split_one_by_one(write):
    one = np.zeros((2, 18, 18), np.uint8)
    one[0, 2:6, 2:6] = one[1, 9:14, 9:14] = 7
    film = {"ome": True, "metadata": {"axes": "TYX"}}
    pairs = write("a", one, np.zeros(one.shape, np.uint8), **film)
    assert read_labelled_images(pairs, ModelConfig())[0].labels.max() == 7
    split = read_labelled_images(pairs, ModelConfig(), True)[0].labels
    assert split.max(axis=(1, 2)).tolist() == [1, 1]


def test_unknown_pixels_stay_unknown(write):
    pairs = write("a", np.where(CELLS > 6, -1, CELLS > 0).astype(np.int16))
    (read,) = read_labelled_images(pairs, ModelConfig(), True, unknown=True)
    assert np.unique(read.labels).tolist() == [-1, 0, 1, 2, 3, 4, 5, 6]
    with pytest.raises(ValueError, match=r"a\.tif .* found the id -1"):
        read_labelled_images(pairs, ModelConfig(), True)
