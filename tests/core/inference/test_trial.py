"""Trials of models on a crop of an image."""

from __future__ import annotations

import numpy as np
import pytest

from napari_pixel_embedding.core.datasets.samples import load_sample
from napari_pixel_embedding.core.inference.axes import read_stack
from napari_pixel_embedding.core.inference.options import PredictOptions
from napari_pixel_embedding.core.inference.trial import (
    Candidate,
    Trial,
    busiest,
    candidates,
    try_model,
)
from napari_pixel_embedding.core.model.config import ModelConfig
from napari_pixel_embedding.core.model.model_file import load_model


def test_models_for_other_axes_and_without_a_diameter_are_left_out():
    flat = ModelConfig(object_diameter=20)
    deep = ModelConfig(object_diameter=16, axes="ZYX")
    configs = [("flat", flat), ("deep", deep), ("unsized", ModelConfig())]
    assert candidates(configs, "YX") == [Candidate("flat", 20), Candidate("flat", 60)]
    assert candidates(configs, "ZYX") == [Candidate("deep", 16), Candidate("deep", 48)]


def test_a_model_of_one_scale_is_tried_at_that_scale_alone():
    config = ModelConfig(object_diameter=20, image_diameter=60)
    assert candidates([("scaled", config)], "YX") == [Candidate("scaled", 60)]


def test_for_colours_models_that_see_them_come_first():
    grey, rgb = ModelConfig(object_diameter=20), ModelConfig(object_diameter=20, in_channels=3)
    both = [("grey", grey), ("rgb", rgb)]
    assert {c.model for c in candidates(both, "YX", color=True)} == {"rgb"}
    assert {c.model for c in candidates(both, "YX")} == {"grey", "rgb"}
    assert {c.model for c in candidates([("grey", grey)], "YX", color=True)} == {"grey"}


@pytest.mark.parametrize(
    ("found", "diameter"), [(25.0, 20.0), (39.0, 20.0), (41.26, 41.3), (9.0, 9.0), (np.nan, 20.0)]
)
def test_the_measured_diameter_is_better_where_it_is_quite_another(found, diameter):
    assert Trial(Candidate("any", 20.0), found, 0.9).best_diameter == diameter


@pytest.mark.parametrize("corner", [(60, 500), (500, 60), (900, 900)])
def test_the_crop_lies_where_the_objects_are(corner):
    labels = np.zeros((1024, 1024), np.uint16)
    y, x = corner
    labels[y : y + 90, x : x + 90] = 1
    middle = busiest(labels)
    assert np.abs(np.subtract(middle, (y + 45, x + 45))).max() < 128


def test_of_an_image_smaller_than_a_crop_the_middle_is_taken():
    assert np.allclose(busiest(np.ones((20, 64, 48), int)), (10, 32, 24), atol=8)


def test_a_crop_reads_nothing_else(monkeypatch):
    """What the network gets is as large as it sees a crop, where the objects are."""
    from napari_pixel_embedding.core.inference import trial

    seen = []
    monkeypatch.setattr(
        trial, "look_at_scale", lambda model, image, options: seen.append((image, options)) or LOOK
    )
    model = load_model("generic")
    array = np.arange(2000 * 900, dtype=np.float32).reshape(2000, 900)
    stack = read_stack(array, model.config)
    at = (1950.0, 40.0)
    made = try_model(model, stack, Candidate("generic", 60.0), PredictOptions("cpu"), at)
    (image, options) = seen[0]
    assert np.array_equal(image.array, array[2000 - 768 :, :768])
    assert options.diameter == 60
    assert made.confidence == pytest.approx(0.8 * 4 / 8)  # 0.944 of long objects counts as 0.8


LOOK = type("Look", (), {"diameter": 50.0, "confidence": 0.944, "objects": 4})()


@pytest.mark.parametrize(
    ("sample", "model", "diameter", "good"),
    [
        ("phase-contrast", "cells-phase", 60, True),
        ("phase-contrast", "generic", 60, True),
        ("phase-contrast", "nuclei-fluo", 20, False),
        ("phase-contrast", "nuclei-fluo", 60, False),
        ("nuclei-field", "generic", 20, True),
        ("nuclei-small", "cells-phase", 60, False),
        ("embryo-3d", "volume", 16, True),
        ("nuclei-timelapse", "volume", 16, False),
    ],
)
def test_the_right_models_are_sure_of_the_samples_and_the_wrong_ones_are_not(
    sample, model, diameter, good
):
    image, labels = load_sample(sample)
    loaded = load_model(model)
    axes = image.axes.replace("T", "Z") if model == "volume" else image.axes
    scale = image.scale if axes == image.axes else None
    stack = read_stack(image.data, loaded.config, axes, spacing=scale)
    options = PredictOptions("cpu")
    found = try_model(loaded, stack, Candidate(model, diameter), options, busiest(labels))
    assert found.is_good == good
