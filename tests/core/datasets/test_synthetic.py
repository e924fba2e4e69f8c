"""Drawn images: exact, connected, dense, of the size that was asked for, and repeatable."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from napari_pixel_embedding.core.datasets.synthetic import KINDS, SyntheticConfig, synthetic_image
from napari_pixel_embedding.core.datasets.synthetic.noise import smooth_field
from napari_pixel_embedding.core.datasets.synthetic.shapes import Ellipse, Leaf, Tube

CLEAN = SyntheticConfig(noise=0.0, blur=0.0, uneven=0.0)
kinds = st.sampled_from(KINDS)


def pieces(mask: np.ndarray) -> int:
    return int(ndimage.label(mask)[1])


def check_labels(labels: np.ndarray) -> None:
    """Every id from 1 to the largest is there, and each object is one piece."""
    assert set(np.unique(labels)) | {0} == set(range(int(labels.max()) + 1))
    for number, box in enumerate(ndimage.find_objects(labels), start=1):
        assert pieces(labels[box] == number) == 1, f"object {number}"


def touching_share(labels: np.ndarray) -> float:
    """Share of the objects that have a pixel face to face with another object's."""
    touching: set[int] = set()
    for axis in range(labels.ndim):
        a = np.moveaxis(labels, axis, 0)[:-1]
        b = np.moveaxis(labels, axis, 0)[1:]
        meet = (a != b) & (a > 0) & (b > 0)
        touching |= set(a[meet].tolist()) | set(b[meet].tolist())
    return len(touching) / int(labels.max())


def inner_diameter(labels: np.ndarray) -> float:
    """Median diameter of a disc (ball) as large as an object, of those off the image's border."""
    core = (slice(1, -1),) * labels.ndim
    cut = set(np.unique(labels)) - set(np.unique(np.where(_rim(labels), 0, labels)[core]))
    sizes = np.bincount(labels.ravel())
    whole = [n for n in range(1, len(sizes)) if n not in cut and n not in labels[_rim(labels)]]
    size = float(np.median(sizes[whole]))
    return float(np.sqrt(4 * size / np.pi) if labels.ndim == 2 else np.cbrt(6 * size / np.pi))


def _rim(labels: np.ndarray) -> np.ndarray:
    rim = np.ones(labels.shape, bool)
    rim[(slice(1, -1),) * labels.ndim] = False
    return rim


@settings(max_examples=40)
@given(
    kind=kinds,
    shape=st.tuples(st.integers(8, 90), st.integers(8, 90)),
    diameter=st.floats(8, 150),
    density=st.floats(0.05, 1.0),
    seed=st.integers(0, 2**31),
)
def test_any_image_has_whole_objects_with_consecutive_ids(kind, shape, diameter, density, seed):
    config = SyntheticConfig(diameter=diameter, density=density)
    image, labels = synthetic_image(kind, shape, seed=seed, config=config)
    assert image.shape == labels.shape == shape
    check_labels(labels)


@settings(max_examples=8)
@given(kind=kinds, depth=st.integers(8, 24), seed=st.integers(0, 2**31))
def test_any_volume_has_whole_objects_with_consecutive_ids(kind, depth, seed):
    config = SyntheticConfig(diameter=12)
    image, labels = synthetic_image(kind, (depth, 40, 50), seed=seed, config=config)
    assert image.shape == labels.shape == (depth, 40, 50)
    check_labels(labels)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("shape", "color"), [((96, 96), True), ((24, 48, 48), False)])
def test_a_seed_draws_the_same_image_and_another_one_a_different(kind, shape, color):
    config = SyntheticConfig(diameter=14, color=color)
    first, again, other = (
        synthetic_image(kind, shape, seed=seed, config=config) for seed in (5, 5, 6)
    )
    np.testing.assert_array_equal(first.image, again.image)
    np.testing.assert_array_equal(first.labels, again.labels)
    assert (first.labels != other.labels).any()
    assert (first.image != other.image).any()


@pytest.mark.parametrize(
    ("kind", "least"), [("ellipses", 0.9), ("rosette", 0.9), ("bacteria", 0.7), ("filaments", 0.4)]
)
def test_objects_touch(kind, least):
    _, labels = synthetic_image(kind, (256, 256), seed=2)
    assert labels.max() > 30
    assert touching_share(labels) >= least


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("diameter", [8, 24, 60, 150])
def test_objects_have_the_diameter_that_was_asked_for(kind, diameter):
    size = min(max(192, 6 * diameter), 640)
    config = replace(CLEAN, diameter=diameter, density=1.0)
    _, labels = synthetic_image(kind, (size, size), seed=1, config=config)
    assert inner_diameter(labels) == pytest.approx(diameter, rel=0.25)


@pytest.mark.parametrize("kind", KINDS)
def test_volumes_fill_their_planes(kind):
    config = SyntheticConfig(diameter=16, density=1.0)
    image, labels = synthetic_image(kind, (32, 80, 80), seed=0, config=config)
    assert image.dtype == np.uint8
    spans = [box[0].stop - box[0].start for box in ndimage.find_objects(labels)]
    assert np.median(spans) >= 5
    assert labels.max() > 5


@pytest.mark.parametrize("kind", KINDS)
def test_objects_are_brighter_than_what_is_around_them(kind):
    image, labels = synthetic_image(kind, (128, 128), seed=0)
    assert image[labels > 0].mean() > 2 * image[labels == 0].mean()


def test_density_says_how_much_is_covered():
    covered = [
        (synthetic_image("ellipses", config=SyntheticConfig(density=d)).labels > 0).mean()
        for d in (0.1, 0.5, 1.0)
    ]
    assert covered[0] < 0.25 < covered[1] < 0.65 < covered[2]


def high_frequencies(image: np.ndarray) -> float:
    return float(np.abs(np.diff(image.astype(float), axis=0)).mean())


def test_noise_blur_and_uneven_light_do_what_they_say():
    def drawn(**change):
        return synthetic_image("ellipses", seed=0, config=replace(CLEAN, **change)).image

    assert high_frequencies(drawn(noise=0.3)) > 2 * high_frequencies(drawn())
    assert high_frequencies(drawn(blur=3)) < high_frequencies(drawn()) / 2
    even, uneven = (drawn(uneven=u).astype(float) for u in (0.0, 0.9))
    ratio = ndimage.uniform_filter(uneven, 32) / ndimage.uniform_filter(even, 32)
    assert ratio.max() > 0.9
    assert ratio.min() < 0.3


@pytest.mark.parametrize("kind", KINDS)
def test_colours_are_drawn_over_the_same_objects(kind):
    grey = synthetic_image(kind, (96, 96), seed=4)
    colors = synthetic_image(kind, (96, 96), seed=4, config=SyntheticConfig(color=True))
    np.testing.assert_array_equal(grey.labels, colors.labels)
    assert colors.image.shape == (96, 96, 3)
    inside = colors.image[colors.labels > 0].mean(axis=0)
    outside = colors.image[colors.labels == 0].mean(axis=0)
    assert np.abs(inside - outside).max() > 25


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"kind": "squares"}, "kind must be one of ellipses, rosette, filaments, bacteria"),
        ({"shape": (256,)}, r"two or three sizes.*found \(256,\)"),
        ({"shape": (4, 256)}, "8 pixels or more"),
        ({"shape": (16, 32, 32), "config": SyntheticConfig(color=True)}, "two dimensions only"),
    ],
)
def test_what_cannot_be_drawn_is_refused(change, message):
    with pytest.raises(ValueError, match=message):
        synthetic_image(**change)


@pytest.mark.parametrize("change", [{"diameter": 2}, {"density": 0}, {"noise": -1}, {"uneven": 1}])
def test_values_out_of_range_are_refused(change):
    with pytest.raises(ValueError, match=f"{next(iter(change))} must be from"):
        SyntheticConfig(**change)


def test_ellipse_is_measured_in_its_half_axes():
    ellipse = Ellipse(np.array([5.0, 5.0]), np.array([2.0, 4.0]), np.eye(2))
    points = np.array([[5.0, 5.0], [7.0, 5.0], [5.0, 9.0], [5.0, 7.0], [9.0, 5.0]])
    np.testing.assert_allclose(ellipse.radius(points), [0, 1, 1, 0.5, 2])
    np.testing.assert_allclose(ellipse.box, [[3, 1], [7, 9]])


def test_tube_is_measured_from_its_line():
    tube = Tube(np.array([[4.0, 2.0], [4.0, 8.0]]), 2.0)
    grid = np.stack(np.indices((9, 13), np.float32), axis=-1)
    radius = tube.radius(grid)
    assert radius[4, 5] == 0
    assert radius[6, 5] == pytest.approx(1)
    assert radius[4, 9] == pytest.approx(0.5)
    assert radius[4, 12] == 2  # far away


def test_leaf_has_a_stalk_a_blade_and_an_end():
    leaf = Leaf(np.zeros(2), 100.0, 20.0, np.eye(2))
    points = np.array([[10.0, 5.0], [10.0, 3.0], [60.0, 15.0], [60.0, 25.0], [101.0, 0.0]])
    inside = leaf.radius(points) < 1
    assert inside.tolist() == [False, True, True, False, False]


def test_smooth_field_is_smooth_over_its_scale():
    field = smooth_field((200, 300), 40, np.random.default_rng(0))
    assert field.shape == (200, 300)
    assert (field.mean(), field.std()) == (pytest.approx(0, abs=1e-4), pytest.approx(1, abs=1e-4))
    assert np.abs(np.diff(field, axis=0)).max() < 0.2
