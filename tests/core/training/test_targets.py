"""What a network is to learn from an annotated image."""

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.testing import assert_allclose, assert_array_equal

from napari_pixel_embedding.core.inference.axes import read_stack
from napari_pixel_embedding.core.model.config import ModelConfig
from napari_pixel_embedding.core.training.config import TrainConfig
from napari_pixel_embedding.core.training.targets import (
    annotated_frames,
    neighbour_radius,
    neighbouring_labels,
    object_distance,
    prepare_sample,
    prepare_samples,
)
from napari_pixel_embedding.core.training.train import train


def label_images(largest, min_side=1):
    shapes = hnp.array_shapes(min_dims=2, max_dims=3, min_side=min_side, max_side=9)
    return hnp.arrays(
        np.int32, shapes, elements=st.integers(-1, largest), fill=st.sampled_from([-1, 0])
    )


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
    pairs = {1: [[2, 5]], 5: [[2, 5], [2, 9]], 8: [[2, 5], [2, 9], [5, 9]]}
    for radius, expected in pairs.items():  # 2 and 9 are 5 apart, 5 and 9 are 8 apart, over 2
        assert neighbouring_labels(labels, radius).tolist() == expected
    assert neighbouring_labels(labels, 18).tolist() == [[2, 5], [2, 9], [5, 9]]
    assert neighbouring_labels(labels, 19).tolist() == [[2, 5], [2, 9], [5, 9], [7, 9]]
    assert neighbouring_labels(labels * 0).shape == (0, 2)
    assert neighbouring_labels(labels * 0 + 1).shape == (0, 2)


def test_a_distance_is_one_between_pixel_centres():
    square, cube = np.diag([1, 2]), np.zeros((2, 2, 2), int)
    cube[0, 0, 0], cube[1, 1, 1] = 1, 2
    for labels, distance in ((square, np.sqrt(2)), (cube, np.sqrt(3))):
        assert neighbouring_labels(labels, distance - 0.01).shape == (0, 2)
        assert neighbouring_labels(labels, distance).tolist() == [[1, 2]]


def pairs_within(labels, radius):
    """Compare every pixel of each object with every pixel of each other."""
    pixels = {k: np.argwhere(labels == k) for k in np.unique(labels[labels > 0]).tolist()}
    return [
        [a, b]
        for a, b in combinations(pixels, 2)
        if np.linalg.norm(pixels[a][:, None] - pixels[b][None], axis=2).min() <= radius
    ]


@given(
    label_images(largest=4),
    st.sampled_from([1.0, 2**0.5, 3**0.5, 2.0, 5.0]) | st.floats(0.5, 9),
)
def test_neighbours_agree_with_all_distances_of_scattered_pixels(labels, radius):
    assert neighbouring_labels(labels, radius).tolist() == pairs_within(labels, radius)


@given(st.integers(0, 2**32 - 1), st.sampled_from([2, 3]), st.floats(1, 12))
@settings(max_examples=50)
def test_neighbours_agree_with_all_distances_of_boxes_and_shells(seed, ndim, radius):
    rng = np.random.default_rng(seed)
    labels = np.zeros((30, 30) if ndim == 2 else (9, 14, 14), np.int32)
    for label in rng.permutation(np.arange(1, 9)):  # later ones cover earlier ones
        start = rng.integers(0, labels.shape)
        labels[
            tuple(slice(s, s + n) for s, n in zip(start, rng.integers(1, 9, ndim), strict=True))
        ] = label
    labels[rng.random(labels.shape) < 0.1] = -1
    assert neighbouring_labels(labels, radius).tolist() == pairs_within(labels, radius)


def test_sample_checks_that_labels_cover_the_image():
    with pytest.raises(ValueError, match=r"same pixels, found \(4, 5\) and \(5, 4\)"):
        prepare_sample(np.zeros((1, 4, 5), np.float32), np.zeros((5, 4), int))


GREY = ModelConfig()


def pairs_of(image, labels, axes=None):
    return annotated_frames(GREY, read_stack(image, GREY, axes), labels, (1.0, 1.0))


def test_frames_are_paired_with_their_labels():
    labels = np.random.default_rng(0).integers(-1, 5, (2, 8, 9))
    pairs = pairs_of(np.random.rand(2, 8, 9), labels, "TYX")
    for (_, found), expected in zip(pairs, labels, strict=True):
        assert found.dtype == np.int32
        assert_array_equal(found, expected)


def test_a_single_frame_takes_labels_with_and_without_time():
    image, labels = np.random.rand(8, 9), np.eye(8, 9, dtype=np.uint8)
    for label in (labels, labels[None]):
        ((_, found),) = pairs_of(image[None], label, "TYX")
        assert_array_equal(found, labels)


@pytest.mark.parametrize(
    ("shape", "labels", "expected"),
    [((8, 9), (9, 8), r"\(8, 9\)"), ((2, 8, 9), (8, 9), r"\(2, 8, 9\)")],
)
def test_labels_must_cover_the_image(shape, labels, expected):
    axes = "TYX"[-len(shape) :]
    with pytest.raises(ValueError, match=f"labels of the image's shape {expected}, found"):
        pairs_of(np.zeros(shape), np.zeros(labels, int), axes)


@pytest.mark.parametrize("dtype", ["uint32", "int64"])
def test_huge_ids_stay_apart_and_small_in_memory(dtype):
    labels = np.array([[0, 2**32 - 1, 7], [2**31, 7, 0]], dtype)
    ((_, found),) = pairs_of(np.random.rand(2, 3), labels)
    assert found.tolist() == [[0, 3, 1], [2, 1, 0]]


def test_huge_ids_keep_unknown_pixels_and_background():
    labels = np.array([[-1, 0, 10**9, 10**6]])
    ((_, found),) = pairs_of(np.random.rand(1, 4), labels)
    assert found.tolist() == [[-1, 0, 2, 1]]


QUICK = TrainConfig(steps=6, batch_size=1, crop=32, warmup=0.4, validate_every=2, seed=3)


def test_images_without_objects_teach_nothing(tiny_model):
    for value in (0, -1):
        labels = np.full((40, 40), value)
        empty = prepare_samples([np.random.rand(40, 40)], [labels], tiny_model().config)
        with pytest.raises(ValueError, match="at least one object, found none"):
            next(train(tiny_model(), empty, QUICK, device="cpu"))


def test_samples_are_made_of_every_frame(discs, tiny_model):
    image, labels = discs()
    config = tiny_model().config
    made = prepare_samples([np.stack([image] * 3)], [np.stack([labels] * 3)], config, "TYX")
    assert [sample.image.shape for sample in made] == [(1, 64, 64)] * 3


@pytest.mark.parametrize(("images", "labels"), [(0, 0), (2, 1)])
def test_images_and_labels_must_pair_up(tiny_model, images, labels):
    arrays = [np.zeros((8, 8))] * 2
    with pytest.raises(ValueError, match=f"found {images} images and {labels} label images"):
        prepare_samples(arrays[:images], arrays[:labels], tiny_model().config)


def test_label_images_with_values_that_are_no_ids_are_refused(tiny_model):
    image, labels = np.zeros((16, 16)), np.zeros((16, 16))
    labels[4:8, 4:8] = 1.5
    with pytest.raises(ValueError, match=r"whole numbers, found 1\.5"):
        prepare_samples([image], [labels], tiny_model().config)
    labels[4:8, 4:8] = np.nan
    with pytest.raises(ValueError, match="found nan"):
        prepare_samples([image], [labels], tiny_model().config)


def test_along_a_stalk_the_middle_is_one_everywhere():
    labels = np.zeros((21, 60), np.int32)
    labels[4:17, 2:20] = 3  # a body 13 pixels wide
    labels[9:12, 20:58] = 3  # and its stalk of three
    labels[:3] = 2
    usual, along = object_distance(labels), object_distance(labels, along=True)
    assert usual[10, 50] < 0.35 and along[10, 50] == 1
    assert along[10, 11] == 1 and 0 < along[4, 11] < 0.3
    assert (along[labels == 0] == 0).all() and along.max() == 1
    assert along[0, 30] > 0.9  # the border of the image is none of an object


@pytest.mark.parametrize("shape", [(1, 1), (1, 9), (5, 5, 5)])
def test_small_objects_have_a_distance_along_them_too(shape):
    labels = np.pad(np.ones(shape, np.int32), 1)
    found = object_distance(labels, along=True)
    assert found.max() == 1 and np.isfinite(found).all() and (found[labels > 0] > 0).all()


def test_samples_of_a_model_whose_vectors_drift_have_distances_along():
    labels = np.zeros((40, 60), np.uint8)
    labels[4:17, 2:20], labels[9:12, 20:58] = 1, 1
    image = labels * 100.0
    for window, expected in ((None, 0.35), (16.0, 1.0)):
        config = ModelConfig(embedding_dim=2, pull_window=window)
        (sample,) = prepare_samples([image], [labels], config)
        assert (sample.distance[10, 50] == 1) == (expected == 1)
