"""The models that come with the package: small, described, and good at what they are for."""

import numpy as np
import pytest

from napari_pixel_embedding.core.datasets.samples import load_sample
from napari_pixel_embedding.core.evaluation.metrics import average_precision
from napari_pixel_embedding.core.model.config import DEFAULT_MODEL, find_model, list_models
from napari_pixel_embedding.core.model.config import read_config as read
from napari_pixel_embedding.core.segmentation.segment import segment

pytestmark = pytest.mark.filterwarnings("ignore:The (objects' diameter|scale) was measured")

MOST_BYTES = 4_000_000


def test_the_default_is_among_them():
    assert DEFAULT_MODEL in list_models()
    assert {"nuclei-fluo", "generic", "cells-phase", "volume"} <= set(list_models())


@pytest.mark.parametrize("name", list_models())
def test_each_is_small_and_says_what_it_is(name):
    path, config = find_model(name), read(find_model(name))
    assert path.stat().st_size <= MOST_BYTES
    assert config.name == name
    assert config.description and config.licence and config.provenance["data"]
    assert config.object_diameter
    card = path.with_suffix(".md").read_text(encoding="utf-8")
    assert card.startswith(f"# {name}\n")
    for fact in ("Trained on", "Licence", "AP", config.licence):
        assert fact in card


@pytest.mark.parametrize("name", list_models())
def test_each_card_gives_the_scores_of_the_parameters_in_its_file(name):
    params = read(find_model(name)).cluster_params()
    card = find_model(name).with_suffix(".md").read_text(encoding="utf-8")
    assert f"bandwidth {params.bandwidth:g}" in card
    assert f"| {params.bandwidth:g}, {params.foreground_threshold:g} |" in card


@pytest.mark.parametrize(
    ("model", "sample", "options", "at_least"),
    [
        ("nuclei-fluo", "nuclei-field", {}, 0.9),
        ("nuclei-cosine", "nuclei-field", {}, 0.9),
        ("nuclei-fast", "nuclei-field", {}, 0.9),
        ("nuclei-wnet", "nuclei-field", {}, 0.9),
        ("generic", "nuclei-field", {}, 0.85),
        ("generic", "phase-contrast", {}, 0.3),
        ("generic", "phase-contrast", {"diameter": 60}, 0.4),
        ("cells-phase", "phase-contrast", {}, 0.5),
        ("volume", "embryo-3d", {"diameter": 21, "spacing": (2.18, 1, 1)}, 0.8),
    ],
)
def test_objects_of_a_sample_are_found(model, sample, options, at_least):
    image, labels = load_sample(sample)
    found = segment(image.data, model, device="cpu", **options)
    assert found.shape == labels.shape
    assert average_precision(labels, found, 0.5) >= at_least


def test_generic_takes_grey_and_colour_alike():
    image, _ = load_sample("nuclei-small")
    color = np.repeat(image.data[..., None], 3, axis=-1)
    np.testing.assert_array_equal(
        segment(image.data, "generic", device="cpu"), segment(color, "generic", device="cpu")
    )
