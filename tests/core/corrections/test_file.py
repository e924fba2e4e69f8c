"""Corrections come back from a file as they were, or the earlier file stays."""

import imageio.v3 as iio
import numpy as np
import pytest
from PIL import Image

from napari_pixel_embedding.core.corrections.file import load_corrections, save_corrections
from napari_pixel_embedding.core.inference.layout import Layout
from napari_pixel_embedding.core.io.binary_masks import UnseparatedObjects

CELLS = np.kron(np.arange(1, 10).reshape(3, 3), np.pad(np.ones((4, 4), int), 1))
AS_CELLS = Layout("YX", CELLS.shape, "YX")


def test_saved_corrections_come_back(tmp_path):
    corrections = np.array([[[-1, 0, 70000], [2, -1, -1]]], dtype=np.int32)
    path = tmp_path / "Zellkörper" / "korrektur-é.tif"
    save_corrections(path, corrections, scale=(2.0, 0.5, 0.5), units="µm")
    loaded = load_corrections(path, Layout("ZYX", corrections.shape, "ZYX"))
    np.testing.assert_array_equal(loaded, corrections)
    assert loaded.dtype == np.int32
    with pytest.raises(ValueError, match="must have the image's shape"):
        load_corrections(path, Layout("YX", (3, 2), "YX"))


def test_a_failed_save_keeps_the_earlier_file(tmp_path, monkeypatch):
    path = tmp_path / "corrections.tif"
    first = np.array([[-1, 4]], dtype=np.int32)
    save_corrections(path, first)

    def fail(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", fail)
    with pytest.raises(OSError, match="No space left"):
        save_corrections(path, np.array([[9, 9]], dtype=np.int32))
    np.testing.assert_array_equal(load_corrections(path), first)
    assert [p.name for p in tmp_path.iterdir()] == ["corrections.tif"]


def test_a_file_of_something_else_is_no_correction(tmp_path):
    np.save(tmp_path / "image.npy", np.array([[0.5, 1.0]]))
    with pytest.raises(ValueError, match="whole numbers"):
        load_corrections(tmp_path / "image.npy")


def test_label_images_of_other_programs_are_corrections(tmp_path):
    palette = Image.fromarray(CELLS.astype(np.uint8))
    palette.putpalette(np.random.default_rng(0).integers(0, 256, 768).tolist())
    palette.save(tmp_path / "palette.png")
    iio.imwrite(tmp_path / "grey.png", np.stack([CELLS.astype(np.uint8)] * 3, axis=-1))
    np.save(tmp_path / "float.npy", np.where(CELLS > 6, -1, CELLS).astype(np.float32))
    for name in ("palette.png", "grey.png"):
        np.testing.assert_array_equal(load_corrections(tmp_path / name, AS_CELLS), CELLS)
    sparse = load_corrections(tmp_path / "float.npy")
    assert (sparse.dtype, sparse.min(), sparse.max()) == (np.int32, -1, 6)


def test_coloured_pictures_are_no_corrections(tmp_path):
    iio.imwrite(tmp_path / "c.png", np.stack([CELLS, CELLS * 2, CELLS], -1).astype(np.uint8))
    with pytest.raises(ValueError, match=r"found the colours of an axis C in .*c\.png"):
        load_corrections(tmp_path / "c.png", AS_CELLS)


def test_binary_masks_are_split_or_kept_as_asked(tmp_path):
    path = tmp_path / "mask.npy"
    np.save(path, np.where(CELLS > 6, -1, CELLS > 0).astype(np.int16))
    with pytest.raises(UnseparatedObjects, match=r"mask\.npy has one id in 6 separate pieces"):
        load_corrections(path)
    split = load_corrections(path, split_masks=True)
    assert np.unique(split).tolist() == [-1, 0, 1, 2, 3, 4, 5, 6]
    assert load_corrections(path, split_masks=False).max() == 1


def test_frames_are_looked_at_one_by_one(tmp_path):
    film = np.zeros((2, 9, 9), np.uint8)
    film[0, :3, :3] = film[1, 5:, 5:] = 4
    np.save(tmp_path / "film.npy", film)
    assert load_corrections(tmp_path / "film.npy", Layout("TYX", film.shape, "YX")).max() == 4
    with pytest.raises(UnseparatedObjects):
        load_corrections(tmp_path / "film.npy", Layout("ZYX", film.shape, "ZYX"))


def test_more_objects_than_8_bits_can_number_are_asked_about(tmp_path):
    cells = np.kron(np.arange(1, 325).reshape(18, 18), [[1, 0], [0, 0]]).astype(np.uint8)
    np.save(tmp_path / "cells.npy", cells)
    with pytest.raises(UnseparatedObjects, match="more objects than 8 bits can number"):
        load_corrections(tmp_path / "cells.npy")
    assert load_corrections(tmp_path / "cells.npy", split_masks=True).max() == 323
