"""Views of an image: what is turned can be turned back, and the means are of all views."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from napari_pixel_embedding.core.inference import predict as predict_module
from napari_pixel_embedding.core.inference.predict import predict_embedding
from napari_pixel_embedding.core.inference.segment import segment
from napari_pixel_embedding.core.inference.test_time_augmentation import (
    AUGMENTS,
    Symmetry,
    symmetries,
)

ALL = [Symmetry(turns, mirrored) for turns in range(4) for mirrored in (False, True)]


@pytest.mark.parametrize("view", ALL, ids=str)
@pytest.mark.parametrize("shape", [(5, 7), (2, 5, 7), (3, 2, 5, 7)])
def test_what_is_turned_can_be_turned_back(view, shape):
    image = np.random.default_rng(0).random(shape)
    np.testing.assert_array_equal(view.undo(view.apply(image)), image)


@pytest.mark.parametrize("view", ALL, ids=str)
@pytest.mark.parametrize("shape", [(6, 9), (3, 6, 9)])
def test_a_direction_in_the_turned_image_points_back_to_the_same_place(view, shape):
    """The field that points from each pixel to one place does so after turning back, too."""
    ndim = len(shape)
    place = np.zeros(shape)
    place[(..., 1, 6)[-3:] if ndim == 2 else (2, 1, 6)] = 1
    there = [int(n[0]) for n in np.nonzero(view.apply(place))]
    turned = view.apply(place).shape
    toward = np.stack([t - axis for t, axis in zip(there, np.indices(turned), strict=True)])
    goal = [int(n[0]) for n in np.nonzero(place)]
    expected = np.stack([t - axis for t, axis in zip(goal, np.indices(shape), strict=True)])
    np.testing.assert_array_equal(view.undo_vectors(toward), expected)


@pytest.mark.parametrize("count", AUGMENTS)
def test_views_are_all_different_and_the_plain_one_comes_first(count):
    listed = symmetries(count)
    assert listed[0] == Symmetry()
    image = np.arange(12).reshape(3, 4)
    seen = [view.apply(image) for view in listed]
    assert len(seen) == count
    for a, b in itertools.combinations(seen, 2):
        assert a.shape != b.shape or (a != b).any()


@pytest.mark.parametrize("count", [0, 2, 16])
def test_other_numbers_are_refused(count):
    with pytest.raises(ValueError, match=f"augment must be one of 1, 4, 8, found {count}"):
        symmetries(count)


@pytest.mark.parametrize("augment", [4, 8])
@pytest.mark.parametrize(
    ("config", "shape"),
    [
        ({"coordinate_scale": 5.0}, (24, 32)),
        ({}, (24, 32)),
        ({"space": "cosine"}, (20, 21)),
        ({"axes": "ZYX", "coordinate_scale": 5.0}, (8, 16, 24)),
    ],
    ids=["coordinates", "euclidean", "cosine", "volume"],
)
def test_maps_are_the_means_of_the_views(tiny_model, full_precision, augment, config, shape):
    model = tiny_model(**config)
    image = np.random.default_rng(0).random(shape).astype(np.float32)
    plain = predict_embedding(model, image, device="cpu")
    found = predict_embedding(model, image, device="cpu", augment=augment)
    seen = [
        predict_embedding(model, view.apply(image), device="cpu") for view in symmetries(augment)
    ]
    pairs = list(zip(symmetries(augment), seen, strict=True))
    for name in ("foreground", "distance"):
        mean = np.mean([view.undo(getattr(emap, name)) for view, emap in pairs], axis=0)
        np.testing.assert_allclose(getattr(found, name), mean, atol=1e-5)
    assert np.abs(found.foreground - plain.foreground).max() > 1e-4
    shared = plain.position_channels
    np.testing.assert_array_equal(found.embedding[shared:], plain.embedding[shared:])
    if shared:
        offsets = [
            view.undo_vectors(emap.embedding[:shared] - _places(emap.shape, 5.0))
            for view, emap in pairs
        ]
        expected = np.mean(offsets, axis=0) + _places(shape, 5.0)
        np.testing.assert_allclose(found.embedding[:shared], expected, atol=1e-4)


def _places(shape, scale):
    return np.indices(shape).astype(np.float32) / scale


def test_all_views_of_a_symmetric_image_agree(tiny_model, full_precision):
    """A network averaged over all symmetries treats a turned image as the image."""
    model = tiny_model()
    image = np.random.default_rng(1).random((32, 32)).astype(np.float32)
    straight = predict_embedding(model, image, device="cpu", augment=8)
    turned = predict_embedding(model, np.rot90(image), device="cpu", augment=8)
    np.testing.assert_allclose(turned.foreground, np.rot90(straight.foreground), atol=1e-5)


def test_progress_covers_all_views(tiny_model):
    told = []
    predict_embedding(
        tiny_model(), np.random.rand(16, 16), device="cpu", augment=4, progress=told.append
    )
    assert told == sorted(told)
    assert (told[0], told[-1]) == (0, 1)
    assert {0.25, 0.5, 0.75} <= set(told)


def test_segment_passes_it_on(tiny_model, monkeypatch):
    asked = []
    predict = predict_module.predict_embedding

    def watch(*arguments, augment, **options):
        asked.append(augment)
        return predict(*arguments, augment=augment, **options)

    monkeypatch.setattr(predict_module, "predict_embedding", watch)
    segment(np.zeros((2, 16, 16)), tiny_model(), axes="TYX", augment=4, device="cpu")
    assert asked == [4, 4]
