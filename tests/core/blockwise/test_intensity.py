from __future__ import annotations

import numpy as np
import pytest

from napari_pixel_embedding.core.blockwise.intensity import intensity_ranges
from napari_pixel_embedding.core.inference.normalisation import channel_ranges, normalise
from napari_pixel_embedding.core.model.config import ModelConfig


class Counting:
    """Counts the pixels that are read."""

    def __init__(self, data):
        self._data, self.shape, self.pixels = data, data.shape, 0

    def __getitem__(self, region):
        part = self._data[region]
        self.pixels += part.size
        return part


def test_a_small_image_is_read_whole():
    image = np.random.default_rng(0).normal(size=(200, 100))
    expected = channel_ranges(image[None], (1.0, 99.8))
    np.testing.assert_allclose(intensity_ranges(ModelConfig(), image, "YX"), expected)


def test_a_large_image_is_sampled_all_over():
    values = np.linspace(0, 1000, 6000)
    image = Counting(np.broadcast_to(values, (5000, 6000)))
    ((low, high),) = intensity_ranges(ModelConfig(), image, "YX")
    assert image.pixels <= 36 * 256**2
    assert low == pytest.approx(0, abs=120)
    assert high == pytest.approx(1000, abs=120)


def test_every_channel_has_its_own_range():
    image = np.stack([np.full((50, 50), 3.0), np.full((50, 50), 5.0)])
    image[:, :20] += 1
    ranges = intensity_ranges(ModelConfig(in_channels=2), image, "CYX")
    np.testing.assert_array_equal(ranges, [[3, 4], [5, 6]])


def test_frames_and_planes_share_a_range():
    image = np.zeros((3, 8, 40, 40))
    image[-1, 4:] = 9
    ((_, high),) = intensity_ranges(ModelConfig(axes="ZYX"), image, "TZYX")
    assert high == 9


def test_colours_become_grey_for_a_model_of_one_channel():
    image = np.zeros((60, 60, 3), np.uint8)
    image[:20] = 100
    ranges = intensity_ranges(ModelConfig(), image, "YXC")
    np.testing.assert_allclose(ranges, [[0, 100]], rtol=1e-4)


def test_a_given_range_replaces_the_images_own():
    image = np.array([[[0.0, 5.0, 10.0, 100.0]]])
    scaled = normalise(image, ranges=np.array([[0.0, 10.0]]))
    np.testing.assert_array_equal(scaled, [[[0, 0.5, 1, 3]]])
