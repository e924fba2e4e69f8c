"""Nuclei in fluorescence, shown as stained tissue."""

import numpy as np
import pytest
from skimage.color import rgb2hed

from napari_pixel_embedding import synthetic_image
from napari_pixel_embedding.core.datasets.synthetic.sections import as_section


@pytest.fixture(scope="module")
def nuclei():
    return synthetic_image("ellipses", (128, 160), seed=2)


@pytest.mark.parametrize("seed", range(6))
def test_nuclei_hold_the_haematoxylin(nuclei, seed):
    image, labels = nuclei
    shown = as_section(image, seed)
    assert shown.shape == (128, 160, 3) and shown.dtype == np.uint8
    haematoxylin = rgb2hed(shown)[..., 0]
    assert haematoxylin[labels > 0].mean() > haematoxylin[labels == 0].mean() + 0.03


def test_each_seed_has_a_tissue_of_its_own_and_keeps_it(nuclei):
    one, again, other = (as_section(nuclei.image, seed) for seed in (1, 1, 2))
    np.testing.assert_array_equal(one, again)
    assert np.abs(one.astype(int) - other).mean() > 5


def test_the_brightness_of_the_image_makes_no_difference(nuclei):
    dim = as_section(nuclei.image.astype(float) / 1000 + 3, 0)
    assert np.abs(dim.astype(int) - as_section(nuclei.image, 0)).max() <= 1
