"""Small models and images that tests of the core share."""

from __future__ import annotations

import numpy as np
import pytest
from torch import nn

from napari_pixel_embedding.core.model.config import ModelConfig
from napari_pixel_embedding.core.model.model_file import EmbeddingModel


@pytest.fixture
def tiny_model():
    """Make an untrained model small enough for a test, with statistics of its own.

    Fields of the configuration are given by name.
    """

    def make(**changes):
        sizes = {"name": "tiny", "base_width": 4, "depth": 2, "embedding_dim": 4, **changes}
        model = EmbeddingModel.untrained(ModelConfig(**sizes))
        rng = np.random.default_rng(0)
        for module in model.network.modules():
            if isinstance(module, nn.BatchNorm2d | nn.BatchNorm3d):
                module.running_var.fill_(float(rng.uniform(0.5, 2)))
                module.running_mean.fill_(float(rng.uniform(-0.5, 0.5)))
        return model

    return make


@pytest.fixture
def full_precision(monkeypatch):
    """Compute in float32 also where the machine has bfloat16."""
    monkeypatch.setattr(
        "napari_pixel_embedding.core.model.devices._cpu_has_bfloat16", lambda: False
    )


@pytest.fixture
def discs():
    """Make an image of bright discs on a noisy ground, and its label image."""

    def make(shape=(64, 64), step=16, radius=5, seed=0):
        grid = np.indices(shape)
        middle = (grid % step) - (step - 1) / 2
        inside = np.sqrt((middle**2).sum(axis=0)) <= radius
        cells = np.ravel_multi_index(tuple(grid // step), tuple(-(-n // step) for n in shape))
        labels = np.where(inside, cells + 1, 0).astype(np.int32)
        noise = np.random.default_rng(seed).normal(0, 10, shape)
        return (np.where(inside, 200, 40) + noise).astype(np.float32), labels

    return make
