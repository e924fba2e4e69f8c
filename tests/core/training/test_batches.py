"""Normalisation, targets and crops."""

from dataclasses import replace
from functools import partial

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from napari_pixel_embedding.core.training.batches import draw_batch
from napari_pixel_embedding.core.training.config import Augmentation
from napari_pixel_embedding.core.training.targets import (
    prepare_sample,
)

PLAIN = Augmentation(scale=(1.0, 1.0), gamma=0.0, noise=0.0, brightness=0.0)


def labelled_sample(shape=(64, 80), seed=0):
    """Blocks of 8 pixels with random labels; the image shows the labels."""
    rng = np.random.default_rng(seed)
    blocks = rng.integers(0, 6, [-(-n // 8) for n in shape])
    labels = np.kron(blocks, np.ones((8,) * len(shape), int))
    labels = labels[tuple(slice(n) for n in shape)]
    return prepare_sample(np.stack([labels, -labels]).astype(np.float32), labels)


@pytest.mark.parametrize("shape", [(64, 80), (20, 40, 48)])
def test_crops_without_augmentation_are_windows_of_the_sample(shape):
    sample = labelled_sample(shape)
    batch = draw_batch([sample], 3, 32, np.random.default_rng(1))
    side = (32, 32) if len(shape) == 2 else (16, 32, 32)
    assert batch.image.shape == (3, 2, *side)
    assert batch.labels.shape == batch.distance.shape == (3, *side)
    assert_array_equal(batch.image[:, 0], batch.labels)
    assert_array_equal(batch.image[:, 1], -batch.labels)
    assert_array_equal(batch.distance > 0, batch.labels > 0)
    for pairs in batch.neighbours:
        assert_array_equal(pairs, sample.neighbours)


@pytest.mark.parametrize("shape", [(64, 80), (20, 40, 48)])
def test_turned_and_flipped_crops_still_match_their_labels(shape):
    batch = draw_batch([labelled_sample(shape)], 8, 32, np.random.default_rng(2), PLAIN)
    assert_allclose(batch.image[:, 0], batch.labels, atol=1e-6)
    assert_array_equal(batch.distance > 0, batch.labels > 0)


def test_turns_and_flips_are_drawn():
    sample = labelled_sample((32, 32))
    batch = draw_batch([sample], 40, 32, np.random.default_rng(0), PLAIN)
    assert len({labels.numpy().tobytes() for labels in batch.labels}) == 8


def test_scaled_crops_match_their_labels_inside_the_objects():
    scaled = Augmentation(scale=(0.5, 2.0), gamma=0.0, noise=0.0, brightness=0.0)
    batch = draw_batch([labelled_sample()], 16, 32, np.random.default_rng(3), scaled)
    labels, image = batch.labels.numpy(), batch.image[:, 0].numpy()
    inner = np.ones_like(labels, bool)
    for axis in (1, 2):
        for shift in (-1, 1):
            inner &= np.roll(labels, shift, axis) == labels
    inner = inner[:, 1:-1, 1:-1] & (labels[:, 1:-1, 1:-1] >= 0)
    difference = np.abs(image - labels)[:, 1:-1, 1:-1][inner]
    assert inner.sum() > 1000
    assert np.mean(difference > 0.01) < 0.02


def test_intensity_is_varied_and_labels_are_not():
    sample = labelled_sample((32, 32))
    strong = Augmentation(scale=(1, 1), gamma=0.3, noise=0.05, brightness=0.15)
    varied = draw_batch([sample], 4, 32, np.random.default_rng(0), strong)
    assert not np.allclose(varied.image[:, 0], varied.labels, atol=0.05)
    assert np.corrcoef(varied.image[0, 0].ravel(), varied.labels[0].ravel())[0, 1] > 0.98
    for labels in varied.labels.numpy():
        assert_array_equal(np.bincount(labels.ravel()), np.bincount(sample.labels.ravel()))


def test_colours_vary_channel_by_channel():
    grey = np.random.default_rng(0).random((1, 64, 64)).astype(np.float32)
    sample = prepare_sample(np.repeat(grey, 3, axis=0), np.ones((64, 64)))
    still = Augmentation(scale=(1, 1), gamma=0, noise=0, brightness=0)
    draw = partial(draw_batch, [sample], 1, 64, np.random.default_rng(0))
    (same,), (varied,) = (draw(a).image for a in (still, replace(still, color=0.2)))
    assert_array_equal(same[0], same[1])
    gains = [np.polyfit(varied[0].ravel(), channel.ravel(), 1)[0] for channel in varied[1:]]
    assert len({round(gain, 3) for gain in gains} - {1.0}) == 2
    assert np.corrcoef(varied.reshape(3, -1)).min() == pytest.approx(1)


def test_the_same_seed_draws_the_same_crops():
    samples = [labelled_sample(seed=0), labelled_sample((40, 100), seed=1)]
    first, again, other = (
        draw_batch(samples, 4, 32, np.random.default_rng(seed), Augmentation())
        for seed in (7, 7, 8)
    )
    for one, two in zip(first[:3], again[:3], strict=True):
        assert_array_equal(one, two)
    assert not np.array_equal(first.image, other.image)


def test_beyond_a_small_image_pixels_are_mirrored_and_unknown():
    sample = labelled_sample((10, 40))
    batch = draw_batch([sample], 1, 32, np.random.default_rng(0))
    labels, image = batch.labels[0], batch.image[0, 0]
    assert (labels[10:] == -1).all() and (labels[:10] >= 0).all()
    assert_array_equal(image[10:20], image[:10].flip(0))
    assert (batch.distance[0, 10:] == 0).all()


def test_a_crop_goes_where_objects_are():
    labels = np.full((256, 256), -1)
    labels[200:206, 9:15] = 4
    sample = prepare_sample(np.zeros((1, 256, 256), np.float32), labels)
    batch = draw_batch([sample], 10, 32, np.random.default_rng(0), Augmentation())
    assert (batch.labels == 4).any(dim=(1, 2)).all()


def test_sides_are_rounded_up_to_the_stride():
    sample = labelled_sample((20, 40, 48))
    batch = draw_batch([sample], 1, 30, np.random.default_rng(0), stride=8)
    assert batch.labels.shape == (1, 16, 32, 32)
