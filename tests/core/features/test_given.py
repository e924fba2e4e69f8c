"""Features given by the user: drawn objects are found exactly, whatever the unit."""

import numpy as np
import pytest

from napari_pixel_embedding import (
    build_cluster_index,
    embed_features,
    measure_objects,
    segment,
    segment_embedding,
)
from napari_pixel_embedding.core.features.given import (
    GivenFeatures,
    load_features,
    measure_features,
)
from napari_pixel_embedding.core.features.source import FeatureConfig, FeatureSource
from napari_pixel_embedding.core.fine_tuning.fine_tune import fine_tune
from napari_pixel_embedding.core.model.model_file import fingerprint, save_model
from tests.core.features.scenes import drawn_features, same_objects


@pytest.mark.parametrize("unit", [1e-6, 1.0, 1e5])
@pytest.mark.parametrize("noise", [0.0, 0.1])
@pytest.mark.parametrize("space", ["euclidean", "cosine"])
def test_drawn_objects_are_found_exactly(unit, noise, space):
    labels, features = drawn_features(noise=noise, unit=unit)
    found = segment_embedding(features, foreground=labels > 0, space=space)
    assert same_objects(found, labels)


@pytest.mark.parametrize("channel_axis", [0, 1, -1])
def test_channels_may_be_any_axis(channel_axis):
    labels, features = drawn_features()
    array = np.moveaxis(features, 0, channel_axis)
    found = segment_embedding(array, channel_axis, foreground=labels > 0)
    assert same_objects(found, labels)


def test_volumes_and_frames_keep_their_axes():
    labels, features = drawn_features((16, 40, 40), dim=8)
    found = segment_embedding(features, foreground=labels > 0)
    assert same_objects(found, labels)
    flat, film = drawn_features(), np.stack([drawn_features()[1], drawn_features(seed=1)[1]])
    found = segment_embedding(film, axes="TCYX", foreground=np.stack([flat[0] > 0] * 2))
    assert found.shape == (2, 96, 96)
    assert same_objects(found[0], flat[0])


def test_frames_share_one_scale():
    """A frame with objects of like vectors is not spread out until they differ."""
    _, features = drawn_features(noise=0.02)
    film = np.stack([features, features / 10])
    first, second = embed_features(film, axes="TCYX")
    assert np.allclose(first.embedding / 10, second.embedding, atol=1e-5)


def test_features_may_be_everywhere():
    labels, features = drawn_features()
    found = segment_embedding(features)
    assert (found > 0).all()
    assert same_objects(found - found[labels == 0].max(), labels - 0)


def test_long_vectors_are_foreground():
    labels, features = drawn_features(dim=24)
    assert same_objects(segment_embedding(features, foreground="length"), labels)


@pytest.mark.parametrize(
    "written",
    [
        lambda inside: inside.astype(float),
        lambda inside: np.where(inside, 6.0, -6.0),
        lambda inside: np.where(inside, 900.0, 100.0),
    ],
    ids=["probability", "logit", "intensity"],
)
@pytest.mark.parametrize("apart", [False, True])
def test_foreground_is_read_as_what_it_is(written, apart):
    labels, features = drawn_features()
    where = written(labels > 0)
    if apart:
        found = segment_embedding(features, foreground=where)
    else:
        array = np.concatenate([features, where[None]])
        found = segment_embedding(array, foreground=len(features))
    assert same_objects(found, labels)


def test_a_label_image_is_a_mask():
    labels, features = drawn_features()
    found = segment_embedding(features, foreground=labels * 100)
    assert same_objects(found, labels)


def test_a_foreground_of_another_shape_is_refused():
    _, features = drawn_features()
    with pytest.raises(ValueError, match=r"the foreground must have the pixels .*\(96, 96\)"):
        segment_embedding(features, foreground=np.ones((8, 8), bool))


@pytest.mark.parametrize(("space", "values"), [("euclidean", 2), ("cosine", 3)])
def test_pixels_without_a_vector_are_background(space, values):
    _, features = drawn_features()
    for number, value in enumerate((np.nan, np.inf, 0.0)[:values]):
        features[:, 4 * number : 4 * number + 4] = value
    found = segment_embedding(features, space=space)
    assert (found[: 4 * values] == 0).all()
    assert (found[4 * values :] > 0).all()


@pytest.mark.parametrize("value", [0.0, 7.0, np.nan])
def test_an_empty_image_is_no_error(value):
    with np.errstate(all="raise"):
        found = segment_embedding(np.full((3, 32, 32), value))
    assert len(np.unique(found)) == 1


def test_the_scale_lies_between_neighbours_and_others():
    _, features = drawn_features(noise=0.1, unit=100)
    fit = measure_features(FeatureConfig(in_channels=6, embedding_dim=6), features, "CYX")
    within = 0.1 * 100 * np.sqrt(2 * 6)
    assert within < fit.scale < 350


def test_index_and_measurements_take_the_maps():
    labels, features = drawn_features()
    (emap,) = embed_features(features, foreground=labels > 0)
    index = build_cluster_index(emap)
    table = measure_objects(index.cut(), embedding=emap, index=index)
    assert len(table) == len(np.unique(index.cut())) - 1


def test_segment_takes_the_choice_for_a_model():
    _, features = drawn_features()
    found = segment(features.astype(np.float32), "features:cosine:length")
    assert np.array_equal(found, segment_embedding(features, space="cosine", foreground="length"))


def test_there_is_nothing_to_save_or_to_train(tmp_path):
    model = load_features(FeatureSource(), (6, 96, 96), "CYX")
    with pytest.raises(ValueError, match="no network to train"):
        save_model(model, tmp_path / "features")
    with pytest.raises(ValueError, match="no network to train"):
        next(fine_tune(model, np.zeros((6, 96, 96)), np.ones((96, 96), int)))


def test_the_fit_is_part_of_what_tells_models_apart():
    model = load_features(FeatureSource(), (6, 96, 96), "CYX")
    assert model.network.fit is None
    fit = measure_features(model.config, drawn_features()[1], "CYX")
    fitted = type(model)(GivenFeatures(fit), model.config)
    assert fitted.network.fit == fit
    assert fingerprint(fitted) != fingerprint(model)
