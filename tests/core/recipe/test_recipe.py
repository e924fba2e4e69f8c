"""The recipe as a value and as a file: round trips, versions, and files not to be trusted."""

from __future__ import annotations

import json
import os
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_pixel_embedding import load_segmentation_recipe, recipe_of, save_segmentation_recipe
from napari_pixel_embedding.core.clustering.params import ClusterParams, LocalBandwidth
from napari_pixel_embedding.core.inference.channels import COLOR_CHANNELS
from napari_pixel_embedding.core.inference.object_scale import DIAMETERS
from napari_pixel_embedding.core.recipe.recipe import (
    FORMAT,
    MAX_BYTES,
    ImageRecord,
    ModelReference,
    Region,
    SegmentationRecipe,
    parse_recipe,
    recipe_in,
)

SECRET = "correct-horse-battery"


def some_recipe(**changes):
    usual = {
        "model": ModelReference("tiny", "/models/tiny.safetensors", "0123456789abcdef"),
        "axes": "YX",
        "clustering": ClusterParams(bandwidth=0.8),
    }
    return SegmentationRecipe(**{**usual, **changes})


floats = st.floats(0, 1e6, allow_nan=False)
places = st.builds(
    LocalBandwidth, st.tuples(st.integers(0, 2**31), st.integers(0, 9), st.integers(0, 9)), floats
)
records = st.builds(
    ImageRecord,
    name=st.text(max_size=100),
    shape=st.lists(st.integers(0, 2**40), max_size=5).map(tuple),
    pixels=st.none() | st.just("fedcba9876543210"),
    intensities=st.lists(st.tuples(st.tuples(floats, floats)), max_size=3).map(tuple),
    local_bandwidths=st.lists(st.lists(places, max_size=3).map(tuple), max_size=3).map(tuple),
    corrected=st.integers(0, 99),
    region=st.none() | st.just(Region(1, (0, 4), (5, 6), 2)),
)
recipes = st.builds(
    SegmentationRecipe,
    model=st.builds(
        ModelReference, st.text(max_size=50), st.none() | st.text(max_size=50), st.just("0" * 16)
    ),
    axes=st.sampled_from(["YX", "ZYX", "TCZYX", "YXC"]),
    clustering=st.builds(ClusterParams, floats, st.floats(0, 1), st.integers(0, 10**12)),
    method=st.sampled_from(["mean_shift", "mutex"]),
    channel=st.none() | st.integers(0, 99) | st.sampled_from(COLOR_CHANNELS),
    spacing=st.none() | st.tuples(floats, floats, floats),
    diameter=st.none() | st.floats(2, 4000),
    augment=st.sampled_from([1, 4, 8]),
    tile=st.none() | st.integers(1, 4096),
    device=st.sampled_from(["auto", "cpu", "cuda:1"]),
    image=records,
    versions=st.dictionaries(st.text(max_size=20), st.text(max_size=20), max_size=4),
)


@given(recipes)
def test_a_recipe_comes_back_as_it_was(recipe):
    assert parse_recipe(recipe.to_json()) == recipe
    layer = {"napari-pixel-embedding": {"recipe": recipe.to_dict()}}
    assert recipe_in(layer) == recipe


def test_bounds_are_those_of_the_program():
    for diameter in DIAMETERS:
        assert some_recipe(diameter=diameter).diameter == diameter
    for channel in COLOR_CHANNELS:
        assert some_recipe(channel=channel).channel == channel


def test_a_file_says_at_its_top_what_it_is(tmp_path):
    path = save_segmentation_recipe(some_recipe(), tmp_path / "cells")
    assert path.name == "cells.recipe.json"
    assert list(json.loads(path.read_text()))[:2] == ["format", "version"]
    assert load_segmentation_recipe(path) == recipe_of(path) == some_recipe()


def test_a_model_beside_the_recipe_goes_with_it(tmp_path):
    (tmp_path / "a").mkdir()
    model = ModelReference("tiny", str(tmp_path / "a" / "m" / "tiny.safetensors"), "0" * 16)
    path = save_segmentation_recipe(some_recipe(model=model), tmp_path / "a" / "cells.json")
    assert json.loads(path.read_text())["model"]["source"] == "m/tiny.safetensors"
    moved = (tmp_path / "a").rename(tmp_path / "b")
    found = load_segmentation_recipe(moved / "cells.json")
    assert found.model.source == str(tmp_path / "b" / "m" / "tiny.safetensors")


def test_changes_reach_the_clustering():
    changed = some_recipe().changed(bandwidth=2.0, augment=4)
    assert (changed.clustering.bandwidth, changed.augment) == (2.0, 4)
    assert changed.clustering.min_size == some_recipe().clustering.min_size


# ------------------------------------------------------------------------ not to be trusted


MODEL = some_recipe().to_dict()["model"]


def content(**changes):
    return json.dumps(some_recipe().to_dict() | changes)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (f"{SECRET}:x:0:0:root", "expected the recipe of a segmentation. expected JSON"),
        (json.dumps(SECRET), "must be a table, found text of 21 characters"),
        (json.dumps({SECRET: SECRET}), "whose format is"),
        (content(**{SECRET: 1}), "an unknown entry in the file. Known there: model, axes"),
        (content(axis="YX"), "an unknown entry in the file. Is it 'axes', misspelt?"),
        (content(axes=SECRET), "axes must be text like"),
        (content(clustering={"bandwidth": SECRET}), "clustering.bandwidth must be a number"),
        (content(model={**MODEL, SECRET: 1}), "unknown entry in model"),
        (content(versions={SECRET: 3}), "versions must be text, found a number"),
        (content(method=SECRET), "method must be one of mean_shift, mutex"),
        (content(version=2), "expected version 1, found version 2: a newer program"),
        (content(version=SECRET), "version must be a whole number"),
        (content(diameter=1e9), "diameter must be from 2 to 4000"),
        (content(image={"shape": [1] * 99}), "image.shape must be a list of at most 8"),
        (content().replace("0.8", "NaN"), "clustering.bandwidth must be a number"),
        (content().replace("0.8", "1e999"), "clustering.bandwidth must be a number"),
        (content(augment=2), "augment must be one of"),
        ('{"format": ' * 30_000, "recursion limit"),
        ("[" * 100_000, "recursion limit"),
        ("\ud800", "expected the recipe"),
        (b"\xff\xfe\x00", "expected the recipe"),
        ("", "expected the recipe"),
    ],
)
def test_what_is_no_recipe_is_refused_without_a_word_of_it(text, said):
    with pytest.raises(ValueError, match=r"\w") as refused:
        parse_recipe(text)
    assert said in str(refused.value)
    assert SECRET not in str(refused.value) and len(str(refused.value)) < 700


def test_large_files_are_not_read(tmp_path):
    path = tmp_path / "large.recipe.json"
    with path.open("wb") as file:
        file.truncate(20 * 2**20)
    with pytest.raises(ValueError, match="at most 1,048,576 bytes"):
        load_segmentation_recipe(path)


@pytest.mark.parametrize("text", ["a" + ".a" * 20_000 + " = 1", "a = " + "[" * 20_000])
def test_a_training_recipe_is_told_apart(tmp_path, text):
    path = tmp_path / "nuclei.toml"
    path.write_text(text)
    with pytest.raises(ValueError, match="may be the recipe of a training, for the command train"):
        load_segmentation_recipe(path)


def test_pipes_and_folders_are_not_opened(tmp_path):
    pytest.importorskip("posix")
    os.mkfifo(tmp_path / "pipe.json")
    with pytest.raises(ValueError, match="Expected a file, found the pipe"):
        load_segmentation_recipe(tmp_path / "pipe.json")
    with pytest.raises(ValueError, match="Expected a file, found the folder"):
        load_segmentation_recipe(tmp_path)
    with pytest.raises(ValueError, match="Expected a file, found the device"):
        load_segmentation_recipe("/dev/zero")
    with pytest.raises(FileNotFoundError, match="There is no recipe"):
        load_segmentation_recipe(tmp_path / "none.json")


def test_too_large_a_recipe_is_not_written(tmp_path):
    many = tuple(LocalBandwidth((n, n), 0.5) for n in range(20_000))
    recipe = some_recipe(image=ImageRecord(local_bandwidths=(many,)))
    with pytest.raises(ValueError, match=f"at most {MAX_BYTES:,} bytes"):
        save_segmentation_recipe(recipe, tmp_path / "large")
    assert not list(tmp_path.iterdir())


circular: dict = {}
circular["napari-pixel-embedding"] = {"recipe": circular}
deep: list = []
for _ in range(100_000):
    deep = [deep]


@pytest.mark.parametrize(
    "metadata",
    [
        None,
        7,
        {},
        {"napari-pixel-embedding": None},
        {"napari-pixel-embedding": {"recipe": object()}},
        {"napari-pixel-embedding": {"recipe": {"format": FORMAT}}},
        {"napari-pixel-embedding": {"recipe": deep}},
        circular,
    ],
    ids=["none", "number", "empty", "nothing", "object", "part", "deep", "circular"],
)
def test_damaged_metadata_is_no_recipe(metadata):
    assert recipe_in(metadata) is None
    with pytest.raises(ValueError, match="without a recipe"):
        recipe_of(SimpleNamespace(metadata=metadata))
