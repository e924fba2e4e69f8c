"""Recipes: what they say is what is trained, and what they cannot say is told."""

from dataclasses import replace
from pathlib import Path

import pytest

from napari_pixel_embedding.core.model.presets import NETWORK_SIZES, PRESETS, model_config_for
from napari_pixel_embedding.core.training.config import Augmentation, LossConfig, TrainConfig
from napari_pixel_embedding.core.training.recipe import (
    DataSelection,
    Recipe,
    format_recipe,
    load_recipe,
    parse_recipe,
    save_recipe,
)

FULL = """
name = "nuclei"
description = "A \\"quoted\\" line"
licence = "CC0-1.0"
preset = "cosine"
size = "small"
start = "nuclei-fluo"

[model]
embedding_dim = 6
percentiles = [2, 99]
cluster = { bandwidth = 0.2, min_size = 9 }

[training]
steps = 12
learning_rate = 1e-4

[training.loss]
distance = 2
cosine_form = "absolute"

[training.augmentation]
scale = [0.5, 2]

[data]
folder = "train"
validation = "dev"
hold_back = 0
index = "index.csv"
where = { type = "fluo" }
"""


def test_a_recipe_says_all_of_a_training():
    recipe = parse_recipe(FULL)
    assert recipe == Recipe(
        name="nuclei",
        description='A "quoted" line',
        licence="CC0-1.0",
        preset="cosine",
        size="small",
        start="nuclei-fluo",
        model={
            "embedding_dim": 6,
            "percentiles": (2.0, 99.0),
            "cluster": {"bandwidth": 0.2, "min_size": 9},
        },
        training=TrainConfig(
            steps=12,
            learning_rate=1e-4,
            loss=LossConfig(distance=2.0, cosine_form="absolute"),
            augmentation=Augmentation(scale=(0.5, 2.0)),
        ),
        data=DataSelection("train", "dev", 0, "index.csv", {"type": "fluo"}),
    )
    assert type(recipe.training.loss.distance) is float
    config = recipe.model_config()
    assert (config.space, config.base_width, config.embedding_dim) == ("cosine", 8, 6)


def test_what_is_left_out_keeps_its_default():
    assert parse_recipe("") == Recipe()
    assert parse_recipe("[training]\nsteps = 7").training == TrainConfig(steps=7)


@pytest.mark.parametrize("text", ["", FULL], ids=["defaults", "full"])
def test_a_recipe_survives_being_written(tmp_path, text):
    recipe = parse_recipe(text)
    assert parse_recipe(format_recipe(recipe)) == recipe
    save_recipe(recipe, tmp_path / "mine.toml")
    assert load_recipe(tmp_path / "mine.toml") == recipe


def test_odd_text_survives_being_written():
    odd = replace(Recipe(), name='a\\b"c\n\u007f 核', licence="\t")
    odd = replace(odd, data=DataSelection(index="i.csv", where={"cell type": "5%", "µ": ""}))
    assert parse_recipe(format_recipe(odd)) == odd


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("stepz = 3", r"no entry 'stepz'\. Known here: name, description"),
        ("[training]\nstep = 3", r"no entry 'training\.step'\. Did you mean 'steps'\?"),
        ("[training.loss]\nintar = 1.0", r"'training\.loss\.intar'\. Did you mean 'intra'\?"),
        ("[model]\nspace = 'cosine'", r"no entry 'model\.space'"),
        ("[model]\nsize = 'tiny'", r"no entry 'model\.size'\. A recipe says it outside"),
        ("[model]\nself = 1", r"no entry 'self'"),
        ("[model.cluster]\nself = 1\n", r"no entry 'self'"),
        ("[model.cluster]\nspace = 'cosine'\n", r"no entry 'space'"),
        ("[model.cluster]\nbandwith = 1.0", r"Did you mean 'bandwidth'\?"),
        (
            "[training]\nsteps = 'many'",
            r"training\.steps must be a whole number from 1 to 1000000, found 'many'",
        ),
        ("[training]\nsteps = 3.5", r"training\.steps must be a whole number from .*, found 3\.5"),
        ("[training]\nsteps = true", r"training\.steps must be a whole number from .*, found True"),
        ("[training]\nsteps = 0", r"steps must be from 1 to 1000000, found 0"),
        ("[training]\nfixed_statistics = 1", r"fixed_statistics must be true or false, found 1"),
        ("training = 3", r"training must be a table, found 3"),
        ("model = 3", r"model must be a table, found 3"),
        ("start = 3", r"start must be text, found 3"),
        ("[training.augmentation]\nscale = [1.0]", r"scale must be a list of 2 numbers"),
        ("[training.loss]\ncosine_form = 'cubed'", r"cosine_form must be one of squared"),
        ("preset = 'stardist'", r"preset must be one of euclidean, cosine, wnet"),
        ("size = 'huge'", r"size must be one of tiny, small, base, large, found 'huge'"),
        ("[model]\nembedding_dim = 0", r"model: embedding_dim must be from 1 to 128, found 0"),
        (
            "[model]\ncoordinate_scale = 'wide'",
            r"coordinate_scale must be a number from .*, found 'wide'",
        ),
        ("[data]\nwhere = { a = 'b' }", r"where needs index"),
        ("[data]\nindex = 'i.csv'\nwhere = { a = 3 }", r"data\.where\.a must be text, found 3"),
        ("[data]\nhold_back = 1", r"hold_back must be 0 or at least 2, found 1"),
        ("[training]\nema_decay = nan", r"training\.ema_decay must be a number .*, found nan"),
        ("[training.augmentation]\nscale = [2.0, 1.0]", r"augmentation: scale must not fall"),
        ("name = ", r"Invalid value"),
    ],
)
def test_what_cannot_be_used_is_said_with_the_file_s_name(tmp_path, text, message):
    path = tmp_path / "bad.toml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ValueError, match=message) as error:
        load_recipe(path)
    assert str(error.value).startswith("the recipe bad.toml cannot be used: ")


def test_a_missing_recipe_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"There is no recipe .*none\.toml"):
        load_recipe(tmp_path / "none.toml")


def test_paths_are_relative_to_the_data_folder(tmp_path):
    (tmp_path / "index.csv").write_text("name,type\na,fluo\nb,tissue\nc,fluo", encoding="utf-8")
    arguments = parse_recipe(FULL).arguments(tmp_path)
    assert arguments["folder"] == tmp_path / "train"
    assert arguments["validation"] == tmp_path / "dev"
    assert arguments["names"] == ["a", "c"]
    assert (arguments["hold_back"], arguments["embedding_dim"]) == (0, 6)


def test_sizes_have_as_many_weights_in_every_system():
    import torch

    from napari_pixel_embedding.core.model.networks import build_network

    for size in NETWORK_SIZES:
        counts = []
        for preset in PRESETS:
            with torch.device("meta"):
                network = build_network(model_config_for(preset, size))
            counts.append(sum(p.numel() for p in network.parameters()))
        assert max(counts) < 1.2 * min(counts), size


RECIPES = sorted((Path(__file__).parents[3] / "benchmarks" / "recipes").rglob("*.toml"))


@pytest.mark.parametrize("path", RECIPES, ids=lambda path: path.stem)
def test_the_committed_recipes_can_be_used_and_are_named_after_their_files(path):
    assert load_recipe(path).name == path.stem


def test_the_three_systems_have_the_same_budget():
    recipes = [load_recipe(path) for path in RECIPES if path.parent.name == "recipes"]
    assert {recipe.preset for recipe in recipes} >= set(PRESETS)
    same = {(recipe.training, recipe.size, str(recipe.data)) for recipe in recipes}
    assert len(same) == 1
