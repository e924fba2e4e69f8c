"""A tuned model's cluster parameters suit the objects that were corrected."""

from dataclasses import replace

import numpy as np
import pytest

from napari_pixel_embedding import load_model
from napari_pixel_embedding.core.datasets.samples import load_sample
from napari_pixel_embedding.core.fine_tuning import calibration
from napari_pixel_embedding.core.fine_tuning.calibration import FEWEST, tune_cluster_params
from napari_pixel_embedding.core.inference.axes import read_stack
from napari_pixel_embedding.core.inference.object_scale import zoom_for
from napari_pixel_embedding.core.training.targets import annotated_frames


@pytest.fixture(scope="module")
def model():
    return load_model("nuclei-fluo")


@pytest.fixture(scope="module")
def field():
    """A quarter of a sample with nuclei, its label image, as the network sees them."""
    image, labels = load_sample("nuclei-field")
    window = (slice(0, 256), slice(0, 256))
    return image.data[window], np.asarray(labels)[window].astype(np.int32)


def frames_of(model, field):
    image, labels = field
    stack = read_stack(image, model.config)
    return annotated_frames(model.config, stack, labels, zoom_for(model.config))


def test_the_least_size_is_at_most_half_that_of_a_small_corrected_object(model, field):
    chosen = tune_cluster_params(model, frames_of(model, field), device="cpu")
    sizes = np.bincount(field[1].ravel())[1:]
    small = np.percentile(sizes[sizes > 0], 5)
    assert chosen["min_size"] == max(model.config.cluster_params().min_size, round(small / 2))


def test_the_bandwidth_is_one_that_keeps_the_objects_whole(model, field):
    apart = replace(model, config=replace(model.config, cluster={"bandwidth": 0.5}))
    chosen = tune_cluster_params(apart, frames_of(apart, field), device="cpu")
    assert chosen["bandwidth"] > 1.0


def test_small_objects_of_the_past_are_not_given_up(model, field):
    image, labels = field
    sizes = np.bincount(labels.ravel())
    large = np.isin(labels, np.flatnonzero(sizes > np.percentile(sizes[1:], 60)))
    corrected = frames_of(model, (image, np.where(large, labels, -1)))
    usual = model.config.cluster_params().min_size
    assert tune_cluster_params(model, corrected, device="cpu")["min_size"] > usual
    small, truth = load_sample("nuclei-small")
    replayed = frames_of(model, (small.data, np.asarray(truth)))
    assert tune_cluster_params(model, corrected, replayed, device="cpu")["min_size"] == usual


def test_foreground_that_is_too_strict_is_relaxed(model, field):
    strict = replace(model, config=replace(model.config, cluster={"foreground_threshold": 0.95}))
    chosen = tune_cluster_params(strict, frames_of(strict, field), device="cpu")
    assert chosen["foreground_threshold"] < 0.95


def test_a_few_objects_change_nothing(model, field):
    image, labels = field
    few = np.unique(labels[labels > 0])[: FEWEST - 1]
    sparse = np.where(np.isin(labels, few), labels, -1)
    chosen = tune_cluster_params(model, frames_of(model, (image, sparse)), device="cpu")
    assert chosen == model.config.cluster


def test_sizes_are_those_of_the_image_as_it_comes(model, field):
    image, labels = field
    large = np.kron(image, np.ones((2, 2), image.dtype)), np.kron(labels, np.ones((2, 2), int))
    doubled = replace(model, config=replace(model.config, image_diameter=40.0))
    once = tune_cluster_params(model, frames_of(model, field), device="cpu")
    twice = tune_cluster_params(doubled, frames_of(doubled, large), device="cpu")
    assert twice["min_size"] == pytest.approx(4 * once["min_size"], rel=0.1)


def test_corrected_frames_weigh_twice_as_much_as_replayed_ones(monkeypatch, model):
    class Search(calibration.ParameterSearch):
        def _precision(self, answers, params):
            return {"new": params.bandwidth, "old": 1 - 1.9 * params.bandwidth}[answers[0][1]]

    monkeypatch.setattr(calibration, "predict_at_own_scale", lambda *_: None)
    monkeypatch.setattr(calibration, "build_cluster_index", lambda _: None)
    search = Search(model, [[(None, "new")], [(None, "old")]], "cpu", calibration._WEIGHTS)
    params = model.config.cluster_params()
    assert search.best(params, "bandwidth", [0.4, 0.8]).bandwidth == 0.8
    alone = Search(model, [[], [(None, "old")]], "cpu", calibration._WEIGHTS)
    assert alone.best(params, "bandwidth", [0.4, 0.8]).bandwidth == 0.4
