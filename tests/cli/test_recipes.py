"""The command ``segment`` with a recipe: what counts, what is said, and what is refused."""

import json

import numpy as np
import pytest

from napari_pixel_embedding import cli, recipe_of, synthetic_image
from napari_pixel_embedding.cli.recipes import local_bandwidths
from napari_pixel_embedding.core.clustering.params import LocalBandwidth


@pytest.fixture
def image(tmp_path):
    path = tmp_path / "images" / "a.npy"
    path.parent.mkdir()
    np.save(path, synthetic_image("ellipses", (96, 96), seed=2).image)
    return path


@pytest.fixture
def recipe(run, image, tmp_path, capsys):
    options = ("--bandwidth", 1.4, "--diameter", 17.5, "--device", "cpu", "--save-recipe")
    assert run("segment", image, "--output", tmp_path / "first", *options) == cli.OK
    capsys.readouterr()
    return tmp_path / "first" / "a_labels.recipe.json"


def test_options_override_the_recipe_and_it_is_said(run, image, recipe, tmp_path, capsys):
    output = tmp_path / "out"
    options = ("--diameter", 20, "--bandwidth", 2, "--augment", 1)
    assert run("segment", image, "--recipe", recipe, "--output", output, *options) == cli.OK
    said = capsys.readouterr().err
    assert f"{recipe}: overridden by --diameter, --augment, --bandwidth." in said
    made = recipe_of(output / "a_labels.tif")
    assert (made.diameter, made.clustering.bandwidth, made.augment) == (20, 2, 1)
    assert made.clustering.min_size == recipe_of(recipe).clustering.min_size


def test_nothing_is_said_of_a_recipe_that_counts(run, image, recipe, tmp_path, capsys):
    run("segment", image, "--recipe", recipe, "--output", tmp_path / "out")
    assert "overridden" not in capsys.readouterr().err
    assert not (tmp_path / "out" / "a_labels.recipe.json").exists()


def test_a_model_that_is_named_must_be_the_recipe_s(run, image, recipe, tmp_path, capsys):
    arguments = ("segment", image, "--recipe", recipe, "--output", tmp_path / "out")
    assert run(*arguments, "--model", "generic") == cli.FAILED
    said = capsys.readouterr().err
    assert "'generic' is not the one of the recipe" in said
    assert "--allow-other-model" in said and not (tmp_path / "out" / "a_labels.tif").exists()
    assert run(*arguments, "--model", "generic", "--allow-other-model") == cli.OK
    assert "The model 'generic' is not the one" in capsys.readouterr().err
    assert recipe_of(tmp_path / "out" / "a_labels.tif").model.name == "generic"


def test_newer_and_other_files_are_refused(refused, image, recipe, tmp_path):
    values = json.loads(recipe.read_text())
    recipe.write_text(json.dumps(values | {"version": 3}))
    assert "found version 3: a newer program" in refused("segment", image, "--recipe", recipe)
    assert "expected the recipe" in refused("segment", image, "--recipe", __file__)
    assert "a training" in refused("segment", image, "--recipe", _toml(tmp_path))


def _toml(folder):
    path = folder / "nuclei.toml"
    path.write_text('name = "nuclei"\n')
    return path


def test_label_files_stay_as_they_are(run, image, recipe, tmp_path):
    kept = tmp_path / "first" / "a_labels.tif"
    before = kept.read_bytes()
    assert run("segment", image, "--recipe", recipe, "--output", tmp_path / "first") == cli.OK
    assert run("segment", image, "--recipe", recipe, "--output", kept.parent, "--bandwidth", 9) == 0
    assert kept.read_bytes() == before


def test_each_image_is_a_line_of_json(run, image, recipe, tmp_path, capsys):
    (image.parent / "b.npy").write_text("no image")
    code = run("segment", image.parent, "--recipe", recipe, "--output", tmp_path / "o", "--json")
    assert code == cli.FAILED
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [(line["done"], line["count"]) for line in lines] == [(1, 2), (2, 2)]
    assert lines[0]["labels"] == str(tmp_path / "o" / "a_labels.tif")
    assert lines[0]["error"] is None and lines[0]["objects"] > 5
    assert lines[1]["labels"] is None and "b.npy" in lines[1]["error"]


def test_places_of_single_objects_are_read():
    found = local_bandwidths(["3,4=0.5", "2:1,2,3=1e-3", "3,5=1"])
    assert found == (
        (LocalBandwidth((3, 4), 0.5), LocalBandwidth((3, 5), 1.0)),
        (),
        (LocalBandwidth((1, 2, 3), 0.001),),
    )
    assert local_bandwidths(None) == ()


@pytest.mark.parametrize("text", ["3=1", "3,4", "x,4=1", "1,2,3,4=1", "-1,2=3", "3,4=wide"])
def test_other_places_are_refused(refused, image, text):
    said = refused("segment", image, f"--local-bandwidth={text}")
    assert "--local-bandwidth expects" in said


def test_single_objects_belong_to_no_recipe_of_others(refused, image, recipe):
    options = ("--recipe", recipe, "--local-bandwidth", "3,4=0.5")
    assert "without --recipe" in refused("segment", image, *options)
