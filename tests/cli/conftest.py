"""How command-line tests run a command, with real files and with workflows that do nothing."""

import importlib
import inspect

import numpy as np
import pytest
import tifffile

import napari_pixel_embedding as package
from napari_pixel_embedding import cli
from napari_pixel_embedding.core.model.config import ModelConfig
from napari_pixel_embedding.core.model.model_file import EmbeddingModel, save_model


@pytest.fixture
def model_file(tmp_path):
    config = ModelConfig(name="tiny", base_width=4, depth=2, embedding_dim=4)
    return str(save_model(EmbeddingModel.untrained(config), tmp_path / "tiny"))


@pytest.fixture
def folder(tmp_path):
    """Six pairs and a table that sorts them into two kinds."""
    rng = np.random.default_rng(0)
    root = tmp_path / "data"
    rows = ["name,type,split"]
    for index in range(6):
        labels = np.kron(rng.integers(0, 5, (4, 4)), np.ones((8, 8), int)).astype(np.uint16)
        image = (labels * 40 + rng.integers(0, 20, labels.shape)).astype(np.uint16)
        for kind, array in (("images", image), ("masks", labels)):
            (root / kind).mkdir(parents=True, exist_ok=True)
            tifffile.imwrite(root / kind / f"n{index}.tif", array)
        rows.append(f"n{index},{'fluo' if index < 2 else 'tissue'},dev")
    (root / "index.csv").write_text("\n".join(rows), encoding="utf-8")
    return root


@pytest.fixture
def run():
    return lambda *arguments: cli.main([str(argument) for argument in arguments])


@pytest.fixture
def refused(run, capsys):
    """Run a command that must fail; return what it says, which must be a single line."""

    def fail(*arguments):
        assert run(*arguments) == cli.FAILED
        lines = capsys.readouterr().err.splitlines()
        assert len(lines) == 1, lines
        assert lines[0].startswith("pixel-embedding: error: ")
        return lines[0]

    return fail


@pytest.fixture
def fake(monkeypatch):
    """Put a function that does nothing in place of a workflow; return the list of its calls.

    A call is what the workflow's parameters would have been, so one that the workflow would
    refuse fails here too.
    """

    def replace(path, result=()):
        module, name = f"napari_pixel_embedding.{path}".rsplit(".", 1)
        home = importlib.import_module(module)
        signature = inspect.signature(getattr(home, name))
        calls = []

        def stand_in(*args, **kwargs):
            calls.append(signature.bind(*args, **kwargs).arguments)
            return result

        if name in package.__all__:  # first: it is looked up once in its home, and kept
            monkeypatch.setattr(package, name, stand_in)
        monkeypatch.setattr(home, name, stand_in)
        return calls

    return replace
