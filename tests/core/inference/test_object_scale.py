"""Images are resampled to the object size that a model knows, and its answer is brought back."""

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from skimage.draw import disk

from napari_pixel_embedding.core.evaluation.metrics import average_precision
from napari_pixel_embedding.core.inference.axes import read_stack
from napari_pixel_embedding.core.inference.normalisation import normalise
from napari_pixel_embedding.core.inference.object_scale import (
    diameter_at_level,
    equivalent_diameter,
    image_diameter,
    resample,
    resample_labels,
    spacing_of_each,
    usual_params,
    zoom_for,
    zoom_of_planes,
    zoomed_shape,
)
from napari_pixel_embedding.core.inference.predict import predict_embedding
from napari_pixel_embedding.core.model.config import ModelConfig
from napari_pixel_embedding.core.model.model_file import load_model
from napari_pixel_embedding.core.segmentation.segment import segment
from napari_pixel_embedding.core.training.targets import annotated_frames

FLAT = ModelConfig(object_diameter=20)
VOLUME = ModelConfig(axes="ZYX", object_diameter=20, pixel_size=(2.0, 1.0, 1.0))


def discs(diameter, count=3):
    """Bright discs a diameter apart, and their labels."""
    labels = np.zeros((2 * diameter * count, 2 * diameter * count), np.int32)
    for n in range(count**2):
        row, column = divmod(n, count)
        centre = (2 * row + 1) * diameter - 0.5, (2 * column + 1) * diameter - 0.5
        labels[disk(centre, diameter / 2)] = n + 1
    return (labels > 0) * 200.0, labels


@pytest.mark.parametrize(
    ("config", "options", "zoom"),
    [
        (FLAT, {}, (1, 1)),
        (ModelConfig(), {}, (1, 1)),
        (FLAT, {"diameter": 10}, (2, 2)),
        (FLAT, {"diameter": 60}, (1 / 3, 1 / 3)),
        (FLAT, {"diameter": 20.5}, (1, 1)),
        (ModelConfig(object_diameter=20, image_diameter=80), {}, (0.25, 0.25)),
        (ModelConfig(object_diameter=20, image_diameter=80), {"diameter": 40}, (0.5, 0.5)),
        (VOLUME, {"spacing": (2.0, 1.0, 1.0)}, (1, 1, 1)),
        (VOLUME, {"spacing": (6.0, 1.0, 1.0)}, (3, 1, 1)),
        (VOLUME, {"spacing": (3.0, 0.5, 0.5), "diameter": 40}, (1.5, 0.5, 0.5)),
        (VOLUME, {"diameter": 40}, (0.5, 0.5, 0.5)),
    ],
)
def test_the_zoom_brings_objects_to_the_size_the_model_knows(config, options, zoom):
    assert zoom_for(config, **options) == pytest.approx(zoom)


@pytest.mark.parametrize(
    ("config", "options", "factor"),
    [
        (FLAT, {}, 1),
        (FLAT, {"diameter": 60}, 9),
        (ModelConfig(object_diameter=20, image_diameter=60), {}, 1),
        (ModelConfig(object_diameter=20, image_diameter=60), {"diameter": 20}, 1 / 9),
        (VOLUME, {"diameter": 40}, 8),
        (VOLUME, {"spacing": (4.0, 1.0, 1.0)}, 1 / 2),
    ],
)
def test_the_least_size_is_that_of_the_same_objects(config, options, factor):
    config = replace(config, cluster={"min_size": 90})
    params = usual_params(config, **options)
    assert params == replace(config.cluster_params(), min_size=round(90 * factor))


def test_an_image_is_cut_with_the_least_size_of_its_objects():
    image, labels = discs(40, count=2)
    labels[:8, :8] = 9  # a speck larger than 60 pixels, and smaller than 4 times 60
    image = np.where(labels > 0, 200.0, 20.0)
    model = load_model("nuclei-fluo")
    model = replace(model, config=replace(model.config, cluster={"min_size": 60}))
    found = segment(image, model, diameter=40, device="cpu")
    small = segment(image, model, diameter=40, params=model.config.cluster_params(), device="cpu")
    assert [len(np.unique(one)) - 1 for one in (found, small)] == [4, 5]


def test_all_images_have_one_spacing_or_each_its_own():
    assert spacing_of_each(None, 2) == [None, None]
    assert spacing_of_each(np.array([2.0, 1.0], np.float32), 1)[0].tolist() == [2, 1]
    assert spacing_of_each([(2, 1, 1), None], 2) == [(2, 1, 1), None]
    with pytest.raises(ValueError, match="one for each of 3 images, found 2"):
        spacing_of_each([(2, 1, 1), None], 3)


@pytest.mark.parametrize("diameter", [0, -3, 1e9, math.nan, math.inf])
def test_diameters_that_make_no_sense_are_refused(diameter):
    with pytest.raises(ValueError, match="must be from 2 to 4000 pixels, found"):
        zoom_for(FLAT, diameter)


def test_a_model_that_resamples_by_itself_must_know_what_to():
    with pytest.raises(ValueError, match="needs an object_diameter"):
        ModelConfig(image_diameter=80)


@given(
    shape=st.lists(st.integers(1, 20), min_size=2, max_size=3).map(tuple),
    zoom=st.floats(0.05, 4),
    channels=st.integers(1, 3),
)
def test_resampling_keeps_a_ramp_a_ramp_and_its_range(shape, zoom, channels):
    target = zoomed_shape(shape, (zoom,) * len(shape))
    assert min(target) >= 1
    image = np.broadcast_to(np.arange(shape[-1], dtype=np.float32), (channels, *shape))
    out = resample(np.ascontiguousarray(image), target)
    assert out.shape == (channels, *target)
    assert out.min() >= -1e-4 and out.max() <= image.max() + 1e-4
    assert (np.diff(out, axis=-1) >= -1e-3).all()
    assert_allclose(out, np.broadcast_to(out[0].reshape(-1, target[-1])[0], out.shape), atol=1e-3)


def test_what_has_the_size_already_is_not_touched():
    image = np.ones((1, 4, 5), np.float32)
    assert resample(image, (4, 5)) is image
    labels = np.ones((4, 5), np.int32)
    assert resample_labels(labels, (4, 5)) is labels


@pytest.mark.parametrize("factor", [2, 3, 5])
def test_labels_enlarged_and_made_small_again_are_the_same(factor):
    labels = np.random.default_rng(0).integers(-1, 9, (6, 7))
    large = resample_labels(labels, (6 * factor, 7 * factor))
    assert_array_equal(large, np.kron(labels, np.ones((factor, factor), int)))
    assert_array_equal(resample_labels(large, labels.shape), labels)


@given(size=st.integers(1, 200), target=st.integers(1, 200))
def test_a_pixel_s_label_is_that_of_the_pixel_nearest_to_its_centre(size, target):
    picked = resample_labels(np.arange(size)[None], (1, target))[0]
    centres = (np.arange(target) + 0.5) * size / target - 0.5
    assert_array_equal(np.sort(picked), picked)
    assert np.abs(picked - centres).max() <= 0.5 + 1e-9


@pytest.mark.parametrize("axis", [0, 1, 2])
@pytest.mark.parametrize("zoom", [0.2, 1 / 3, 0.37, 0.5, 0.8, 1.3, 1.5, 2, 3.3])
@pytest.mark.parametrize("size", [60, 61])
def test_an_image_and_its_labels_stay_aligned(size, zoom, axis):
    shape = tuple(size if a == axis else 3 for a in range(3))
    target = tuple(round(zoom * size) if a == axis else 3 for a in range(3))
    place = np.broadcast_to(
        np.arange(size).reshape([-1 if a == axis else 1 for a in range(3)]), shape
    )
    image, labels = (
        resample(place[None].astype(np.float32), target)[0],
        resample_labels(place, target),
    )
    inner = (slice(None),) * axis + (slice(3, -3),)  # at its edge an image has less to average
    assert np.abs(image - labels)[inner].max() <= 0.5 + 1e-3
    # nearest of two that are as near has a side: half a pixel of the image, where it is halved
    drift = (image - labels)[inner].mean() * target[axis] / size
    assert abs(drift) <= 0.25 + 1e-3


@pytest.mark.parametrize("shape", [(30, 30), (12, 30, 30)])
def test_nothing_is_lost_between_the_pixels_of_a_smaller_image(shape):
    target = tuple(n // 3 for n in shape)
    for place in np.ndindex((3,) * len(shape)):
        image = np.zeros((1, *shape), np.float32)
        image[(0, *(4 + n for n in place))] = 1
        assert resample(image, target).sum() * 3 ** len(shape) == pytest.approx(1, abs=1e-3)


@pytest.mark.parametrize("diameter", [8, 20, 150])
def test_objects_of_any_size_come_to_the_network_at_the_size_it_knows(diameter):
    image, labels = discs(diameter)
    ((frame, target),) = annotated_frames(
        FLAT, read_stack(image, FLAT), labels, zoom_for(FLAT, diameter)
    )
    assert frame.shape[1:] == target.shape
    sizes = np.bincount(target.ravel())[1:]
    assert len(sizes) == 9
    assert equivalent_diameter(sizes) == pytest.approx(20, rel=0.1)


def test_the_diameter_of_discs_and_balls():
    assert equivalent_diameter(np.array([math.pi * 25])) == pytest.approx(10)
    assert equivalent_diameter(np.array([4 / 3 * math.pi * 125]), 3) == pytest.approx(10)
    assert math.isnan(equivalent_diameter(np.array([])))


@pytest.mark.parametrize("space", ["euclidean", "cosine"])
@pytest.mark.parametrize("diameter", [10, 47])
def test_the_answer_has_the_image_s_own_pixels(tiny_model, space, diameter):
    model = tiny_model(object_diameter=20, space=space)
    image = np.random.default_rng(0).random((33, 50))
    emap = predict_embedding(model, image, diameter=diameter, device="cpu")
    assert emap.shape == emap.foreground.shape == emap.distance.shape == (33, 50)
    if space == "cosine":
        assert_allclose(np.linalg.norm(emap.embedding, axis=0), 1, rtol=1e-4)


def test_position_keeps_its_unit_when_the_image_is_resampled(tiny_model):
    model = tiny_model(object_diameter=20, coordinate_scale=5.0)
    for parameter in model.network.embedding[-1].parameters():
        parameter.data.zero_()
    emap = predict_embedding(model, np.zeros((60, 90)), diameter=40, device="cpu")
    across = emap.embedding[1, 30]
    assert_allclose(np.diff(across)[2:-2], 0.5 / 5, rtol=1e-3)  # half a network pixel a pixel
    assert emap.position_channels == 2


def test_a_model_that_knows_the_size_of_its_images_resamples_them_unasked(tiny_model):
    image = np.random.default_rng(0).random((64, 64))
    told = predict_embedding(tiny_model(object_diameter=20), image, diameter=40, device="cpu")
    own = tiny_model(object_diameter=20, image_diameter=40)
    assert_array_equal(predict_embedding(own, image, device="cpu").foreground, told.foreground)


@pytest.mark.parametrize("diameter", [8, 10, 14, 24, 70, 150])
def test_the_bundled_model_finds_discs_from_8_to_150_pixels(diameter):
    image, labels = discs(diameter, count=3)
    noisy = image + np.random.default_rng(0).normal(20, 5, image.shape)
    found = segment(noisy, "nuclei-fluo", diameter=diameter, device="cpu")
    assert found.shape == labels.shape
    assert average_precision(labels, found, 0.75) == 1


def test_the_image_is_normalised_before_it_is_resampled():
    """So that a zoom does not change what counts as bright."""
    image = np.random.default_rng(0).random((40, 40)).astype(np.float32)
    stack, labels = read_stack(image, FLAT), np.zeros((40, 40), int)
    ((frame, _),) = annotated_frames(FLAT, stack, labels, zoom_for(FLAT, 40))
    assert_allclose(frame, resample(normalise(image[None]), (20, 20)))


def test_objects_of_a_coarse_level_are_smaller():
    config = ModelConfig(object_diameter=20, image_diameter=80)
    assert diameter_at_level(config, None, (1.0, 1.0)) is None
    assert diameter_at_level(config, 60.0, (1.0, 1.0)) == 60
    assert diameter_at_level(config, None, (2.0, 2.0)) == 40
    assert diameter_at_level(config, 60.0, (8.0, 8.0)) == 20  # never enlarged
    assert diameter_at_level(ModelConfig(), None, (2.0, 2.0)) is None


def test_the_said_diameter_counts_before_what_a_model_was_tuned_and_trained_on():
    trained, tuned = (
        ModelConfig(object_diameter=20),
        ModelConfig(object_diameter=20, image_diameter=80),
    )
    assert [image_diameter(one) for one in (ModelConfig(), trained, tuned)] == [None, 20, 80]
    assert [image_diameter(one, 9.0) for one in (ModelConfig(), trained, tuned)] == [9, 9, 9]


def test_planes_alone_are_resampled_where_objects_have_the_known_size():
    config = ModelConfig(axes="ZYX", object_diameter=20, image_diameter=80, pixel_size=(2, 1, 1))
    assert zoom_for(config, None, (4.0, 1.0, 1.0)) == (0.5, 0.25, 0.25)
    assert zoom_of_planes(config, (4.0, 1.0, 1.0)) == (2, 1, 1)
    assert zoom_of_planes(config) == (1, 1, 1)


def test_a_diameter_that_would_enlarge_without_end_is_refused():
    config = ModelConfig(object_diameter=3000)
    with pytest.raises(ValueError, match=r"diameter must be at least 93\.75 pixels .*, found 4"):
        zoom_for(config, 4)
    assert zoom_for(config, 100) == (30, 30)
