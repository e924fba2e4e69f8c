from __future__ import annotations

import pytest

from napari_pixel_embedding.core.model.config import ModelConfig
from napari_pixel_embedding.core.model.model_file import EmbeddingModel, save_model


def by_position(**config):
    """A model whose embedding is the pixel's position, and whose foreground is everywhere."""
    import torch

    usual = {"base_width": 2, "depth": 1, "embedding_dim": 2, "coordinate_scale": 12.0}
    model = EmbeddingModel.untrained(ModelConfig(**{**usual, **config}))
    with torch.no_grad():
        for head, value in ((model.network.embedding, 0.0), (model.network.foreground, 4.0)):
            head[-1].weight.zero_()
            head[-1].bias.fill_(value)
    return model


@pytest.fixture(scope="session")
def position_model(tmp_path_factory):
    model = by_position(name="position", object_diameter=12.0)
    return str(save_model(model, tmp_path_factory.mktemp("models") / "position.safetensors"))


@pytest.fixture(autouse=True)
def own_folder(tmp_path, monkeypatch):
    """Keep the user's own models out of the tests."""
    monkeypatch.setenv("NAPARI_PIXEL_EMBEDDING_HOME", str(tmp_path / "user"))
