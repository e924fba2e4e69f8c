"""Normalisation, targets and crops."""

from dataclasses import replace
from functools import partial

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.testing import assert_allclose, assert_array_equal

from napari_pixel_embedding.core.inference.normalisation import normalise
from napari_pixel_embedding.core.training.batches import draw_batch
from napari_pixel_embedding.core.training.config import Augmentation
from napari_pixel_embedding.core.training.targets import (
    neighbour_radius,
    neighbouring_labels,
    object_distance,
    prepare_sample,
)

PLAIN = Augmentation(scale=(1.0, 1.0), gamma=0.0, noise=0.0, brightness=0.0)


def label_images(largest, min_side=1):
    shapes = hnp.array_shapes(min_dims=2, max_dims=3, min_side=min_side, max_side=9)
    return hnp.arrays(
        np.int32, shapes, elements=st.integers(-1, largest), fill=st.sampled_from([-1, 0])
    )


def test_percentiles_become_0_and_1_in_each_channel():
    ramp = np.arange(101.0).reshape(1, 101)
    out = normalise(np.stack([ramp, 1000 + 5 * ramp]), (10, 90))
    assert out.dtype == np.float32
    assert_allclose(out[0], out[1], rtol=1e-5)
    assert_allclose(out[0, 0, [10, 50, 90]], [0, 0.5, 1], atol=1e-6)


@pytest.mark.parametrize("dtype", ["bool", "uint8", "uint16", "int32", "int64", "float16", "f8"])
def test_every_numeric_type_is_scaled(dtype):
    image = np.array([[[0, 1], [1, 0]]]).astype(dtype)
    assert_allclose(normalise(image, (0, 100)), [[[0, 1], [1, 0]]])


@pytest.mark.parametrize("value", [0, 7, -3.5, np.nan, np.inf])
def test_constant_channels_become_zero(value):
    assert_array_equal(normalise(np.full((2, 3, 4), value)), np.zeros((2, 3, 4)))


def test_pixels_that_are_not_finite_become_0_and_change_nothing_else():
    image = np.random.default_rng(0).random((1, 20, 20))
    spoilt = image.copy()
    spoilt[0, 0, :3] = np.nan, np.inf, -np.inf
    kept = np.isfinite(spoilt)
    clean = normalise(image[kept].reshape(1, -1, 1))
    assert_array_equal(normalise(spoilt)[kept], clean.ravel())
    assert_array_equal(normalise(spoilt)[~kept], [0, 0, 0])


def test_a_hot_pixel_is_clipped():
    image = np.random.default_rng(0).random((1, 50, 50))
    hot = image.copy()
    hot[0, 7, 7] = 1e12
    out = normalise(hot)
    assert out[0, 7, 7] == 3
    assert_allclose(np.delete(out, 357), np.delete(normalise(image), 357), atol=0.02)


def test_a_few_bright_pixels_on_a_constant_ground_are_kept():
    image = np.full((1, 50, 50), 100, np.uint16)
    image[0, 3, 4] = 300
    out = normalise(image)
    assert out[0, 3, 4] == 1
    assert np.count_nonzero(out) == 1


@given(
    hnp.arrays(
        np.float32, (1, 4, 5), elements=st.floats(width=32, allow_nan=True, allow_infinity=True)
    )
)
def test_normalised_images_are_finite_and_bounded(image):
    out = normalise(image)
    assert np.isfinite(out).all()
    assert out.min() >= -1 and out.max() <= 3


def test_distance_by_hand():
    labels = np.array([[0, 0, 0, 0, 0], [0, 3, 3, 3, 0], [0, 3, 3, 3, 0], [0, 3, 3, 3, 0]])
    # The last row ends at the image border, which is no object border.
    expected = np.zeros((4, 5))
    expected[1:, 1:4] = [[1, 1, 1], [1, 2, 1], [1, 2, 1]]
    assert_allclose(object_distance(labels), expected / 2)


def test_distance_of_touching_objects_falls_at_the_line_between_them():
    labels = np.repeat([[1, 1, 1, 2, 2, 2]], 5, axis=0)
    assert_allclose(object_distance(labels)[2], np.array([3, 2, 1, 1, 2, 3]) / 3)


def test_distance_of_an_image_full_of_one_object_is_1():
    assert_array_equal(object_distance(np.full((3, 4), 6)), np.ones((3, 4)))


@given(label_images(largest=4))
@settings(deadline=None)
def test_distance_is_positive_in_objects_alone_and_1_in_their_middle(labels):
    distance = object_distance(labels)
    assert_array_equal(distance > 0, labels > 0)
    for label in np.unique(labels[labels > 0]):
        assert distance[labels == label].max() == pytest.approx(1)


def test_neighbour_radius_is_a_quarter_of_the_median_diameter():
    assert neighbour_radius(np.zeros((4, 4), int)) == 5
    labels = np.zeros((100, 100), int)
    labels[:10, :10], labels[50:, 50:], labels[40:42] = 1, 2, 3  # 100, 2500 and 200 pixels
    assert neighbour_radius(labels) == 5
    labels[:40, :] = 4  # now the median is (200 + 2500) / 2, object 1 is gone
    labels[:10, :10] = 1
    diameter = 2 * np.sqrt(np.median([100, 2500, 200, 3900]) / np.pi)
    assert neighbour_radius(labels) == pytest.approx(diameter / 4)
    cube = np.ones((50, 50, 50), int)
    assert neighbour_radius(cube) == pytest.approx(2 * np.cbrt(3 * 50**3 / (4 * np.pi)) / 4)


def test_neighbours_by_hand():
    labels = np.zeros((3, 40), int)
    labels[:, :3], labels[:, 3:6], labels[:, 10:12], labels[:, 30:] = 5, 2, 9, 7
    assert neighbouring_labels(labels, radius=5).tolist() == [[2, 5], [2, 9]]
    assert neighbouring_labels(labels, radius=30).tolist() == [[2, 5], [2, 9], [7, 9]]
    assert neighbouring_labels(labels * 0).shape == (0, 2)


def smallest_distances(labels):
    """Distance of every pair of objects, pixel by pixel."""
    pixels = {k: np.argwhere(labels == k) for k in np.unique(labels[labels > 0]).tolist()}
    return {
        (a, b): np.linalg.norm(pixels[a][:, None] - pixels[b][None], axis=2).min()
        for a in pixels
        for b in pixels
        if a < b
    }


def reachable(start, pairs):
    found, edge = {start}, {start}
    while edge:
        edge = {b for pair in pairs for a, b in (pair, pair[::-1]) if a in edge} - found
        found |= edge
    return found


@given(label_images(largest=4, min_side=2), st.sampled_from([1.0, 2.0, 3.0, 5.0]))
@settings(deadline=None)
def test_neighbours_agree_with_all_distances(labels, radius):
    pairs = {tuple(pair) for pair in neighbouring_labels(labels, radius).tolist()}
    distances = smallest_distances(labels)
    assert pairs <= distances.keys()
    grid = 1 + np.sqrt(labels.ndim)  # both objects grow by half a pixel more and then touch
    for pair, distance in distances.items():
        if distance > radius + grid:
            assert pair not in pairs
        if distance <= np.sqrt(labels.ndim):
            assert pair in pairs  # they touch
        if distance <= radius:  # a third object may lie between them
            assert pair[1] in reachable(pair[0], pairs)


def test_sample_checks_that_labels_cover_the_image():
    with pytest.raises(ValueError, match=r"same pixels, found \(4, 5\) and \(5, 4\)"):
        prepare_sample(np.zeros((1, 4, 5), np.float32), np.zeros((5, 4), int))


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
    (same,), (varied,) = (draw(a).image for a in (still, replace(still, colour=0.2)))
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
