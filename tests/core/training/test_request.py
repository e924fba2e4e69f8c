"""A training that is written to a file, done in another process, and goes on after a stop."""

import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import tifffile

from napari_pixel_embedding.core.datasets.annotated import TrainingPairs
from napari_pixel_embedding.core.datasets.pairs import Pair, find_pairs
from napari_pixel_embedding.core.model.model_file import EmbeddingModel, load_model, save_model
from napari_pixel_embedding.core.training.checkpoint import (
    checkpoint_path,
    interrupted_at,
    recipe_path,
)
from napari_pixel_embedding.core.training.recipe import Recipe, parse_recipe
from napari_pixel_embedding.core.training.request import ENTRY, TrainingRequest, train_request
from napari_pixel_embedding.core.training.worker_process import run_in_process

RECIPE = parse_recipe("""
name = "mine"
preset = "cosine"
[model]
base_width = 2
depth = 2
embedding_dim = 3
[training]
steps = 4
batch_size = 1
crop = 32
validate_every = 2
""")


@pytest.fixture
def request_of(tmp_path, discs):
    """Make a request to train on two images, validated on a third."""
    for n in range(3):
        for kind, array in zip(("images", "masks"), discs((40, 40), seed=n), strict=True):
            (tmp_path / "data" / kind).mkdir(parents=True, exist_ok=True)
            array = array.astype(np.uint16)
            tifffile.imwrite(tmp_path / "data" / kind / f"n{n}.tif", array)
    pairs = find_pairs(tmp_path / "data")

    def make(**changes):
        recipe = replace(RECIPE, **changes)
        split = TrainingPairs(pairs[:2], pairs[2:])
        return TrainingRequest(recipe, split, tmp_path / "mine.safetensors", "cpu")

    return make


def test_a_request_survives_being_written(tmp_path):
    split = TrainingPairs([Pair(Path("a/ü.tif"), Path("b/ü.tif"))], [])
    request = TrainingRequest(Recipe(name="x", size="tiny"), split, Path("m.safetensors"), "cpu")
    request.save(tmp_path)
    assert TrainingRequest.load(tmp_path) == request


def test_a_request_is_trained_in_a_process_of_its_own(tmp_path, request_of):
    request = request_of()
    request.save(tmp_path)
    states = list(run_in_process(ENTRY, tmp_path))
    assert [state.step for state in states] == [1, 2, 3, 4]
    assert [state.validation_ap is not None for state in states] == [False, True, False, True]
    config = load_model(request.output).config
    assert (config.name, config.space, config.base_width) == ("mine", "cosine", 2)
    assert config.provenance["training_images"] == 2
    assert interrupted_at(request.output) is None


PLANTED = ["random", "json", "torch", "numpy", "napari_pixel_embedding", "sitecustomize", "numba"]


@pytest.mark.parametrize("path", ["", f"{os.pathsep}/nowhere"])
def test_nothing_in_the_working_folder_is_run(tmp_path, request_of, monkeypatch, path):
    request_of(training=replace(RECIPE.training, steps=1)).save(tmp_path)
    work, canaries = tmp_path / "work", tmp_path / "canaries"
    work.mkdir()
    canaries.mkdir()
    for name in PLANTED:
        (work / f"{name}.py").write_text(f"open({str(canaries / name)!r}, 'w').close()")
    monkeypatch.chdir(work)
    monkeypatch.setenv("PYTHONPATH", path)
    states = list(run_in_process(ENTRY, tmp_path))
    assert [path.name for path in canaries.iterdir()] == []
    assert [state.step for state in states] == [1]


def test_a_training_that_was_stopped_goes_on(tmp_path, request_of):
    request = request_of()
    request.save(tmp_path)
    run = train_request(tmp_path)
    for _ in range(3):
        next(run)
    run.close()
    assert interrupted_at(request.output) == 2
    assert load_model(request.output).config.name == "mine"
    assert [state.step for state in train_request(tmp_path)] == [3, 4]
    assert interrupted_at(request.output) is None


def test_a_training_can_start_from_a_model(tmp_path, request_of):
    request = request_of()
    request.save(tmp_path)
    parent = list(train_request(tmp_path))[-1].model
    sized = replace(parent.config, object_diameter=8.0, measures_diameter=True)
    save_model(EmbeddingModel(parent.network, sized), request.output)
    child = replace(
        request_of(start=str(request.output), name="child", model={}),
        output=tmp_path / "child.safetensors",
    )
    child.save(tmp_path)
    config = list(train_request(tmp_path))[-1].model.config
    assert (config.name, config.base_width) == ("child", 2)
    assert not config.measures_diameter  # it has learnt from images at their own scale
    assert config.provenance["parent"] == "mine"
    assert config.provenance["parent_provenance"] == parent.config.provenance


def test_files_beside_a_model_are_named_after_it():
    assert checkpoint_path("a/b.safetensors") == Path("a/b.training")
    assert recipe_path("a/b.safetensors") == Path("a/b.recipe.toml")


@pytest.mark.parametrize("content", [b"", b"no checkpoint", b"\x02\0\0\0\0\0\0\0{}"])
def test_a_damaged_checkpoint_is_refused(tmp_path, content):
    (tmp_path / "m.training").write_bytes(content)
    with pytest.raises(ValueError, match=r"m\.training is damaged or no checkpoint"):
        interrupted_at(tmp_path / "m.safetensors")
