"""A look at a field of an image is what the whole image would give there."""

from dataclasses import replace

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from napari_pixel_embedding import load_model, segment
from napari_pixel_embedding.core.datasets.samples import load_sample
from napari_pixel_embedding.core.evaluation.metrics import average_precision
from napari_pixel_embedding.core.inference.segment import segment_field


@pytest.fixture(scope="module")
def model():
    return load_model("nuclei-fluo")


def test_a_field_is_segmented_like_the_whole(model):
    image = load_sample("nuclei-field")[0].data
    field = np.s_[100:300, 200:460]
    whole = segment(image, model)[field]
    part = segment_field(model, image, field)
    assert part.shape == (200, 260)
    assert average_precision(whole, part, 0.8) > 0.95


def test_planes_that_lie_apart_are_looked_at_as_a_run_sees_them():
    volume = load_model("volume")
    image = np.random.default_rng(0).random((6, 40, 40))
    params = volume.config.cluster_params()
    params = replace(params, foreground_threshold=0.1, min_size=0)
    options = {"spacing": (3.0, 1.0, 1.0), "params": params}
    field = np.s_[0:6, 0:40, 0:40]
    assert_array_equal(
        segment_field(volume, image, field, **options), segment(image, volume, **options)
    )


def test_frames_and_parameters_count(model):
    image = load_sample("nuclei-small")[0].data
    stack = np.stack([np.zeros_like(image), image])
    field = np.s_[0:100, 0:100]
    assert segment_field(model, stack, field, axes="TYX", frame=0).max() == 0
    some = segment_field(model, stack, field, axes="TYX", frame=1)
    assert some.max() > 5
    strict = model.config.cluster_params().__class__(bandwidth=2.0, min_size=10_000)
    assert segment_field(model, stack, field, axes="TYX", frame=1, params=strict).max() == 0
