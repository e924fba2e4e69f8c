"""What a user may choose about training."""

import math

import pytest

from napari_pixel_embedding.core.fine_tuning.config import FineTuneConfig
from napari_pixel_embedding.core.parameters import parameters_of
from napari_pixel_embedding.core.training.config import TrainConfig

DESCRIBED = [
    (config, parameter)
    for config in (TrainConfig, FineTuneConfig)
    for parameter in parameters_of(config)
]
RANGES = [(config, parameter) for config, parameter in DESCRIBED if not parameter.choices]
CHOICES = [(config, parameter) for config, parameter in DESCRIBED if parameter.choices]


def names(described):
    return [f"{config.__name__}.{parameter.name}" for config, parameter in described]


@pytest.mark.parametrize(("config", "parameter"), CHOICES, ids=names(CHOICES))
def test_a_choice_is_one_of_its_names(config, parameter):
    name = parameter.name
    assert parameter.title and parameter.description.endswith(".")
    assert parameter.default in parameter.choices
    for value in parameter.choices:
        assert getattr(config(**{name: value}), name) == value
    with pytest.raises(ValueError, match=f"{name} must be one of .*, found 'else'"):
        config(**{name: "else"})


@pytest.mark.parametrize(("config", "parameter"), RANGES, ids=names(RANGES))
def test_a_choice_says_what_it_is_and_where_it_ends(config, parameter):
    name = parameter.name
    assert parameter.title and parameter.description.endswith(".")
    for value in (parameter.low, parameter.high):
        assert getattr(config(**{name: value}), name) == value
    for value in (parameter.low - 1, parameter.high + 1, math.nan):
        with pytest.raises(ValueError, match=f"{name} must be .*from .* found {value}"):
            config(**{name: value})


def test_fine_tuning_passes_on_what_was_chosen_and_keeps_statistics():
    tuning = FineTuneConfig(steps=7, learning_rate=1e-5, batch_size=3, crop=64, seed=9)
    config = tuning.training()
    chosen = ("steps", "learning_rate", "batch_size", "crop", "seed")
    assert [getattr(config, n) for n in chosen] == [getattr(tuning, n) for n in chosen]
    assert config.fixed_statistics
    assert config.warmup == 0
