"""The diameter of an image's objects is measured, whatever it is."""

import numpy as np
import pytest

from napari_pixel_embedding.core.datasets.samples import load_sample
from napari_pixel_embedding.core.datasets.synthetic import SyntheticConfig, synthetic_image
from napari_pixel_embedding.core.datasets.synthetic.bacteria import bacteria_image
from napari_pixel_embedding.core.inference.diameter import (
    Look,
    _scale_of_long,
    estimate_diameter,
    weight_of,
)
from napari_pixel_embedding.core.inference.object_scale import equivalent_diameter, measured_note
from napari_pixel_embedding.core.model.config import ModelConfig
from napari_pixel_embedding.core.model.model_file import load_model
from napari_pixel_embedding.core.progress import Cancelled


@pytest.fixture(scope="module")
def nuclei():
    return load_model("nuclei-fluo")


@pytest.mark.parametrize("diameter", [9, 24, 90])
def test_ellipses_of_any_size_are_measured(nuclei, diameter):
    image, labels = synthetic_image(config=SyntheticConfig(diameter=diameter))
    sizes = np.bincount(labels.ravel())[1:]
    found = estimate_diameter(nuclei, image, device="cpu")
    assert found == pytest.approx(equivalent_diameter(sizes[sizes > 0]), rel=0.3)


@pytest.mark.parametrize(("width", "zooms"), [(8, [1.0]), (36, [0.25, 0.4, 0.63])])
def test_long_objects_are_measured_by_the_scale_that_suits_them(width, zooms):
    # However long they are, cells of 4 to 18 pixels are seen as they are: at a diameter of 20.
    side = 24 * width
    image, _ = bacteria_image((side, side), seed=910_001, width=width)
    found = estimate_diameter(load_model("bacteria"), image, device="cpu")
    assert any(found == pytest.approx(20 / zoom) for zoom in zooms)


def test_one_sure_blob_counts_less_than_many_long_objects():
    assert weight_of(0.997, 4, long=True) < weight_of(0.95, 100, long=True)
    assert weight_of(0.1, 1, long=True) == 0


@pytest.mark.parametrize(("other", "expected"), [(0.915, 20.0), (0.93, 50.0), (0.90, 20.0)])
def test_long_objects_are_seen_as_they_are_unless_another_scale_is_ahead(other, expected):
    looks = [Look(50.0, other, 30, other), Look(20.0, 0.9, 90, 0.9), Look(8.0, 0.2, 400, 0.2)]
    assert _scale_of_long(looks, own=20.0) == expected
    assert _scale_of_long(looks[:1], own=20.0) == 50.0  # too small an image for its own scale


def test_nuclei_are_measured_as_in_their_label_image(nuclei):
    image, labels = load_sample("nuclei-field")
    truth = equivalent_diameter(np.bincount(labels.ravel())[1:])
    fractions = []
    found = estimate_diameter(nuclei, image.data, device="cpu", progress=fractions.append)
    assert found == pytest.approx(truth, rel=0.2)
    assert fractions == sorted(fractions) and fractions[-1] == 1


def test_of_several_frames_the_first_is_looked_at(nuclei):
    image, _ = synthetic_image(shape=(96, 96), config=SyntheticConfig(diameter=16))
    stack = np.stack([image, np.zeros_like(image)])
    one = estimate_diameter(nuclei, image, device="cpu")
    assert estimate_diameter(nuclei, stack, axes="TYX", device="cpu") == one
    with pytest.raises(ValueError, match="found none"):
        estimate_diameter(nuclei, stack, axes="TYX", frame=1, device="cpu")


def test_an_empty_image_has_no_diameter(nuclei):
    with pytest.raises(ValueError, match="give the diameter by hand"):
        estimate_diameter(nuclei, np.zeros((64, 64)), device="cpu")


def test_a_model_that_does_not_know_its_objects_cannot_measure_others(tiny_model):
    with pytest.raises(ValueError, match="choose another model"):
        estimate_diameter(tiny_model(), np.zeros((64, 64)), device="cpu")


def test_measuring_can_be_cancelled(nuclei):
    def cancel(fraction):
        raise Cancelled

    with pytest.raises(Cancelled):
        estimate_diameter(nuclei, np.zeros((64, 64)), device="cpu", progress=cancel)


def test_of_long_objects_the_scale_is_told_and_of_others_the_diameter():
    round_ones, long_ones = (ModelConfig(object_diameter=20, pull_window=w) for w in (None, 48.0))
    assert "diameter was measured: 31 pixels" in measured_note(round_ones, 31.0)
    assert "seen as it is." in measured_note(long_ones, 20.0)
    assert "seen at 0.4 times its size." in measured_note(long_ones, 50.0)
