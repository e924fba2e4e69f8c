"""A recipe is applied to a folder in a process of its own."""

from __future__ import annotations

import os
import signal

import numpy as np
import psutil
import pytest

from napari_pixel_embedding import apply_recipe, recipe_of, segment_files, synthetic_image
from napari_pixel_embedding.core.io.images import read_labels
from napari_pixel_embedding.core.recipe.folder_process import segment_folder


def drawn(seed):
    return synthetic_image("ellipses", (96, 96), seed=seed).image


def children():
    """Processes of this one that segment."""
    return [one for one in psutil.Process().children() if "segment" in one.cmdline()]


@pytest.fixture
def recipe(tmp_path):
    np.save(tmp_path / "first.npy", drawn(2))
    (done,) = segment_files(tmp_path / "first.npy", diameter=17.5, device="cpu")
    return recipe_of(done.labels)


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "images").mkdir()
    for seed, name in enumerate("abc"):
        np.save(tmp_path / "images" / f"{name}.npy", drawn(seed))
    (tmp_path / "images" / "d.npy").write_text("no image")
    return tmp_path / "images"


def test_labels_are_those_of_this_process(recipe, folder, tmp_path):
    results = list(segment_folder(recipe, folder, tmp_path / "out"))
    assert [result["done"] for result in results] == [1, 2, 3, 4]
    assert [result["error"] is None for result in results] == [True, True, True, False]
    for seed, name in enumerate("abc"):
        labels = read_labels(tmp_path / "out" / f"{name}_labels.tif").data
        np.testing.assert_array_equal(labels, apply_recipe(recipe, drawn(seed)))
    again = list(segment_folder(recipe, folder, tmp_path / "out"))
    assert [result["skipped"] for result in again] == [True, True, True, False]


def test_why_it_could_not_begin(recipe, tmp_path):
    (tmp_path / "empty").mkdir()
    with pytest.raises(ValueError, match=r"^Expected images in .*empty, found none"):
        list(segment_folder(recipe, tmp_path / "empty", tmp_path / "out"))


def test_closing_ends_the_process(recipe, folder, tmp_path):
    run = segment_folder(recipe, folder, tmp_path / "out")
    next(run)
    (child,) = children()
    run.close()
    assert not child.is_running()
    written = sorted(path.name for path in (tmp_path / "out").iterdir())
    assert "a_labels.tif" in written and all(name.endswith("_labels.tif") for name in written)


def test_an_error_of_the_heartbeat_ends_the_process(recipe, folder, tmp_path):
    def stop():
        raise KeyError

    with pytest.raises(KeyError):
        list(segment_folder(recipe, folder, tmp_path / "out", heartbeat=stop))
    assert not children()


@pytest.mark.skipif(os.name == "nt", reason="there are no signals")
def test_a_process_that_was_killed_is_no_success(recipe, folder, tmp_path):
    run = segment_folder(recipe, folder, tmp_path / "out")
    next(run)
    (child,) = children()
    child.send_signal(signal.SIGKILL)
    with pytest.raises(OSError, match=r"ended with the code -9.*Labels that were written stay"):
        list(run)
