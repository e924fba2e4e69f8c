"""What goes into the report of a problem."""

import getpass
import platform
from pathlib import Path

import numpy as np
import torch

import napari_pixel_embedding
from napari_pixel_embedding.core.diagnostics import diagnostics
from napari_pixel_embedding.core.model.config import list_models
from napari_pixel_embedding.core.model.model_file import fingerprint, load_model


def test_versions_machine_and_models_are_named():
    facts = dict(line.split(": ", 1) for line in diagnostics().splitlines())
    assert facts["napari-pixel-embedding"] == napari_pixel_embedding.__version__
    assert facts["numpy"] == np.__version__
    assert facts["Python"] == platform.python_version()
    assert facts["Threads"] == str(torch.get_num_threads())
    assert "cpu" in facts["Devices"]
    for name in list_models():
        assert facts[f"Model {name}"] == fingerprint(load_model(name))


def test_nothing_private_is_in_it():
    text = diagnostics()
    assert str(Path.home()) not in text
    assert getpass.getuser() not in text.split()
    assert platform.node() not in text.split()
    assert not any(line.split(": ", 1)[1].startswith(("/", "C:")) for line in text.splitlines())
