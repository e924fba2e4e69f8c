"""A model file is checked without loading it."""

from __future__ import annotations

import itertools
import json
import os
import struct

import pytest
import torch
from safetensors.torch import load_file, save_file

from napari_pixel_embedding.core.model import config as config_module
from napari_pixel_embedding.core.model.config import (
    FORMAT,
    ModelConfig,
    ModelFileError,
    list_models,
)
from napari_pixel_embedding.core.model.file_check import check_model_file, end_shapes
from napari_pixel_embedding.core.model.model_file import save_model
from napari_pixel_embedding.core.model.networks import build_network

VARIANTS = [
    {"architecture": kind, "axes": axes, "stem_stride": stride, "in_channels": channels}
    for kind, axes, stride, channels in itertools.product(
        ("unet", "wnet"), ("YX", "ZYX"), (1, 2), (1, 3)
    )
]


@pytest.mark.parametrize("changes", VARIANTS)
def test_the_ends_are_those_of_the_network(changes):
    config = ModelConfig(base_width=4, depth=2, embedding_dim=5, **changes)
    with torch.device("meta"):
        built = {k: tuple(v.shape) for k, v in build_network(config).state_dict().items()}
    ends = end_shapes(config)
    assert ends.items() <= built.items()
    assert all(name.endswith("weight") for name in ends)


@pytest.mark.parametrize(
    "changes",
    [
        {"architecture": "wnet"},
        {"axes": "ZYX"},
        {"in_channels": 2},
        {"embedding_dim": 5},
        {"base_width": 5},
        {"depth": 3},
        {"depth": 1},
        {"stem_stride": 2},
    ],
)
def test_weights_of_another_network_are_refused(tmp_path, tiny_model, changes):
    model = tiny_model()
    path = save_model(model, tmp_path / "m")
    assert check_model_file(path) == model.config
    other = tiny_model(**changes).config
    save_file(load_file(path), path, {"format": FORMAT, "config": other.to_json()})
    with pytest.raises(ModelFileError, match="do not fit its architecture"):
        check_model_file(path)


@pytest.mark.parametrize("name", list_models())
def test_bundled_models_pass(name):
    assert check_model_file(name).name == name


def test_a_file_that_is_cut_off_is_refused(tmp_path, tiny_model):
    path = save_model(tiny_model(), tmp_path / "m")
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(ModelFileError, match=r"m\.safetensors is damaged"):
        check_model_file(path)


def test_a_newer_format_is_told_from_a_foreign_one(tmp_path):
    path = tmp_path / "m.safetensors"
    for found, words in (
        ("napari-pixel-embedding/2", "newer version of this plugin.*Update"),
        ("pt", "not of this plugin"),
        (None, "not of this plugin"),
    ):
        metadata = {} if found is None else {"__metadata__": {"format": found}}
        header = json.dumps(metadata).encode()
        path.write_bytes(struct.pack("<Q", len(header)) + header)
        with pytest.raises(ModelFileError, match=words):
            check_model_file(path)


@pytest.mark.parametrize("kind", ["missing", "folder", "pickle", "text", "empty"])
def test_what_is_no_model_is_refused(tmp_path, kind):
    path = tmp_path / "m.safetensors"
    if kind == "folder":
        path.mkdir()
    elif kind != "missing":
        path.write_bytes({"pickle": b"\x80\x04rest", "text": b"hello", "empty": b""}[kind])
    with pytest.raises(ModelFileError):
        check_model_file(path)


def test_a_file_that_may_not_be_read_is_refused_in_words(tmp_path, tiny_model, monkeypatch):
    path = save_model(tiny_model(), tmp_path / "m")

    def forbidden(*_, **__):
        raise PermissionError(13, os.strerror(13), str(path))

    monkeypatch.setattr(config_module, "open_regular", forbidden)
    with pytest.raises(ModelFileError, match=r"m\.safetensors cannot be read: Permission denied"):
        check_model_file(path)
