"""What a user may choose about training."""

from dataclasses import MISSING, fields

import pytest

from napari_pixel_embedding.core.fine_tuning.config import FineTuneConfig
from napari_pixel_embedding.core.training.config import TrainConfig

DESCRIBED = [
    (config, spec)
    for config in (TrainConfig, FineTuneConfig)
    for spec in fields(config)
    if spec.metadata
]
RANGES = [(config, spec) for config, spec in DESCRIBED if "choices" not in spec.metadata]
CHOICES = [(config, spec) for config, spec in DESCRIBED if "choices" in spec.metadata]


def names(described):
    return [f"{config.__name__}.{spec.name}" for config, spec in described]


@pytest.mark.parametrize(("config", "spec"), CHOICES, ids=names(CHOICES))
def test_a_choice_is_one_of_its_names(config, spec):
    assert spec.metadata["label"] and spec.metadata["tooltip"].endswith(".")
    assert spec.default in spec.metadata["choices"]
    for value in spec.metadata["choices"]:
        assert getattr(config(**{spec.name: value}), spec.name) == value
    with pytest.raises(ValueError, match=f"{spec.name} must be one of .*, found 'else'"):
        config(**{spec.name: "else"})


@pytest.mark.parametrize(("config", "spec"), RANGES, ids=names(RANGES))
def test_a_choice_says_what_it_is_and_where_it_ends(config, spec):
    assert spec.default is not MISSING
    assert spec.metadata["label"] and spec.metadata["tooltip"].endswith(".")
    low, high = spec.metadata["min"], spec.metadata["max"]
    for value in (low, high):
        assert getattr(config(**{spec.name: value}), spec.name) == value
    for value in (low - 1, high + 1, float("nan")):
        with pytest.raises(ValueError, match=f"{spec.name} must be from .* found {value}"):
            config(**{spec.name: value})


def test_fine_tuning_passes_on_what_was_chosen_and_keeps_statistics():
    tuning = FineTuneConfig(steps=7, learning_rate=1e-5, batch_size=3, crop=64, seed=9)
    config = tuning.training()
    chosen = ("steps", "learning_rate", "batch_size", "crop", "seed")
    assert [getattr(config, n) for n in chosen] == [getattr(tuning, n) for n in chosen]
    assert config.fixed_statistics
    assert config.warmup == 0
