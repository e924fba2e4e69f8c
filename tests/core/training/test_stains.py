"""Stains of tissue are varied as such."""

import numpy as np
import torch

from napari_pixel_embedding.core.training import stains as stains_module
from napari_pixel_embedding.core.training.batches import _vary_intensity
from napari_pixel_embedding.core.training.config import Augmentation
from napari_pixel_embedding.core.training.stains import vary_stains


def slide():
    """Return a white slide with a disc of haematoxylin."""
    y, x = np.mgrid[:48, :48]
    amount = 1.2 * (np.hypot(y - 24, x - 24) < 10)
    mixing, _ = stains_module._matrices()
    absorbance = mixing.numpy()[:, 0, None, None] * amount
    return torch.from_numpy(np.exp(-absorbance)).float(), amount > 0


def test_amounts_and_colours_vary_and_white_stays_bright(monkeypatch):
    monkeypatch.setattr(stains_module, "_ALONE", 0.0)
    image, disc = slide()
    seen = [vary_stains(image, np.random.default_rng(seed)) for seed in range(10)]
    for one in seen:
        assert one.shape == image.shape
        assert one.isfinite().all()
        assert one[:, ~disc].mean() > one[:, disc].mean() + 0.05
    colors = np.array([one[:, disc].mean(1).numpy() for one in seen])
    assert colors.std(axis=0).min() > 0.02


def test_haematoxylin_alone_is_grey_and_clear_on_either_background(monkeypatch):
    monkeypatch.setattr(stains_module, "_ALONE", 1.0)
    image, disc = slide()
    signs = set()
    for seed in range(12):
        one = vary_stains(image, np.random.default_rng(seed))
        assert torch.equal(one[0], one[1])
        difference = float(one[0, disc].mean() - one[0, ~disc].mean())
        assert abs(difference) > 0.7
        signs.add(difference > 0)
    assert signs == {True, False}


def test_only_the_share_that_was_asked_for_is_varied():
    image, _ = slide()
    still = {"gamma": 0, "noise": 0, "brightness": 0}
    for share, expected in ((0.0, 0), (1.0, 40)):
        config = Augmentation(stains=share, **still)
        drawn = [_vary_intensity(image, config, np.random.default_rng(s)) for s in range(40)]
        assert sum(not torch.allclose(one, image, atol=1e-4) for one in drawn) == expected
    inverted = Augmentation(inverted=1.0, **still)
    one = _vary_intensity(image[:1], inverted, np.random.default_rng(0))
    assert torch.allclose(one, 1 - image[:1], atol=1e-4)


def test_a_grey_image_has_no_stains_to_vary():
    grey = slide()[0][:1].expand(3, -1, -1).clone()
    config = Augmentation(stains=1.0, gamma=0, noise=0, brightness=0)
    assert torch.allclose(_vary_intensity(grey, config, np.random.default_rng(0)), grey, atol=1e-4)
