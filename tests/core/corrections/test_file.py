"""Corrections come back from a file as they were, or the earlier file stays."""

import numpy as np
import pytest

from napari_pixel_embedding.core.corrections.file import load_corrections, save_corrections


def test_saved_corrections_come_back(tmp_path):
    corrections = np.array([[[-1, 0, 70000], [2, -1, -1]]], dtype=np.int32)
    path = tmp_path / "Zellkörper" / "korrektur-é.tif"
    save_corrections(path, corrections, scale=(2.0, 0.5, 0.5), units="µm")
    loaded = load_corrections(path, corrections.shape)
    np.testing.assert_array_equal(loaded, corrections)
    assert loaded.dtype == np.int32
    with pytest.raises(ValueError, match="must have the image's shape"):
        load_corrections(path, (3, 2))


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
