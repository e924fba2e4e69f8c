"""Sessions whose image is an array of features: no model, and everything else as usual."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from napari_pixel_embedding.core.features.source import FeatureSource
from napari_pixel_embedding.core.fine_tuning.config import FineTuneConfig
from napari_pixel_embedding.session import (
    ImageInput,
    ImmediateExecutor,
    Session,
    SessionController,
)
from napari_pixel_embedding.session.segment.choice import check_features
from tests.core.features.scenes import COUNT, drawn_features, same_objects


@pytest.fixture
def controller():
    return SessionController(Session(), ImmediateExecutor())


def ran(controller, image, source="features:euclidean:length", memory=None):
    controller.memory = memory
    assert controller.set_image(image)
    controller.set_model(source)
    controller.run()
    assert controller.session.error is None
    return controller.session


def test_a_run_clusters_the_channels(controller):
    labels, features = drawn_features(dim=12, unit=1e-4)
    session = ran(controller, ImageInput(features))
    assert same_objects(session.labels, labels)
    assert session.object_count == COUNT
    assert session.cluster_params.bandwidth == 1
    assert session.layout.axes == "CYX"


def test_sliders_and_corrections_act_as_usual(controller):
    labels, features = drawn_features(dim=12)
    session = ran(controller, ImageInput(features))
    before = session.labels.copy()
    painted = before.copy()
    painted[:4] = before.max() + 1
    controller.corrections.record_edit(before, painted)
    controller.clustering.set_params(bandwidth=2.5)
    assert session.corrected_count == 1
    assert (session.labels[:4] == session.labels[0, 0]).all()
    assert (session.labels > 0)[8:].sum() == (labels > 0)[8:].sum()


def test_channels_last_and_frames(controller):
    labels, features = drawn_features(dim=12)
    film = np.moveaxis(np.stack([features, features]), 1, -1)
    session = ran(controller, ImageInput(film, axes="TYXC"))
    assert session.labels.shape == (2, *labels.shape)
    assert same_objects(session.labels[1], labels)


@pytest.mark.parametrize("kind", [bool, np.int32, np.float32])
def test_another_image_says_where_objects_are(controller, kind):
    labels, features = drawn_features()
    image = ImageInput(features, foreground=(labels > 0).astype(kind))
    session = ran(controller, image, "features:cosine:image")
    assert same_objects(session.labels, labels)


def test_parts_of_a_large_image_have_one_scale(controller):
    labels, features = drawn_features((400, 400), dim=12)
    image = ImageInput(features, foreground=labels > 0)
    session = ran(controller, image, "features:euclidean:image", memory=150 * 400 * 100)
    assert session.roi is not None
    part = labels[session.roi.box]
    assert part.shape != labels.shape
    assert same_objects(session.labels, part)


def test_another_choice_of_foreground_keeps_the_corrections(controller):
    labels, features = drawn_features(dim=12)
    image = ImageInput(features)
    session = ran(controller, image)
    painted = session.labels.copy()
    painted[:4] = painted.max() + 1
    controller.corrections.record_edit(session.labels, painted)
    ran(controller, replace(image, foreground=labels > 0), "features:euclidean:image")
    assert session.corrected_count == 1


def test_fine_tuning_says_that_there_is_no_network(controller):
    _, features = drawn_features(dim=12)
    session = ran(controller, ImageInput(features))
    controller.fine_tuning.start(FineTuneConfig())
    assert "there is no network to train" in session.error
    assert not controller.fine_tuning.save_model("features.safetensors")
    assert "cannot be saved" in session.error


@pytest.mark.parametrize(
    ("image", "source", "diameter", "field", "words"),
    [
        (ImageInput(np.zeros((6, 8, 8))), FeatureSource(), 20.0, "diameter", "own scale"),
        (ImageInput(np.zeros((2, 6, 8, 8))), FeatureSource(), None, "axes", "do not say"),
        (ImageInput(np.zeros((6, 8, 8)), "TYX"), FeatureSource(), None, "axes", "without features"),
        (ImageInput(np.zeros((6, 8, 8)), channel=2), FeatureSource(), None, "channel", "Automatic"),
        (
            ImageInput(np.zeros((6, 8, 8))),
            FeatureSource(foreground="image"),
            None,
            "model",
            "No layer says",
        ),
        (
            ImageInput(np.zeros((6, 8, 8)), foreground=np.zeros((9, 8))),
            FeatureSource(foreground="image"),
            None,
            "model",
            "9 × 8 pixels, and “image” has 8 × 8",
        ),
    ],
)
def test_what_does_not_fit_is_told_beforehand(image, source, diameter, field, words):
    (problem,) = check_features(image, source, diameter)
    assert (problem.field, problem.level) == (field, "error")
    assert words in problem.sentence


def test_nothing_is_said_of_what_fits():
    assert check_features(None, FeatureSource()) == []
    assert check_features(ImageInput(np.zeros((6, 8, 8))), FeatureSource()) == []
