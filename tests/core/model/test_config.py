"""The configuration in a model file, and every file that is refused."""

import json
import pickle
import struct

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from safetensors.numpy import save_file

from napari_pixel_embedding.core.clustering.params import ClusterParams
from napari_pixel_embedding.core.model.config import (
    FORMAT,
    ModelConfig,
    ModelFileError,
    find_model,
    list_models,
    read_config,
)

FULL = ModelConfig(
    name="núcleos",
    architecture="wnet",
    axes="ZYX",
    in_channels=3,
    embedding_dim=8,
    base_width=12,
    depth=3,
    coordinate_scale=5.0,
    space="cosine",
    delta_var=0.25,
    delta_dist=2.0,
    percentiles=(0.5, 99.5),
    cluster={"bandwidth": 0.4, "min_size": 7},
    pixel_size=(2.0, 0.5, 0.5),
    object_diameter=12.5,
    description="a line",
    licence="CC0-1.0",
    provenance={"steps": 10, "parent": None},
)


@pytest.mark.parametrize("config", [ModelConfig(), FULL])
def test_json_gives_the_configuration_back(config):
    assert ModelConfig.from_json(config.to_json()) == config


def test_axes_and_depth_decide_dimensions_and_stride():
    assert (ModelConfig().ndim, ModelConfig().stride) == (2, 16)
    assert (FULL.ndim, FULL.stride) == (3, 8)
    assert ModelConfig(stem_stride=2).stride == 32


def test_a_configuration_from_before_the_stem_is_read():
    old = json.loads(ModelConfig().to_json())
    del old["stem_stride"]
    assert ModelConfig.from_json(json.dumps(old)) == ModelConfig()
    with pytest.raises(ValueError, match="stem_stride must be from 1 to 2, found 3"):
        ModelConfig(stem_stride=3)


def test_cluster_parameters_are_those_of_the_space_with_the_model_s_own_on_top():
    assert FULL.cluster_params() == ClusterParams.for_space("cosine", bandwidth=0.4, min_size=7)
    assert ModelConfig(delta_var=0.25).cluster_params().bandwidth == 0.5


@pytest.mark.parametrize(
    ("changes", "found"),
    [
        ({"architecture": "os.system"}, "one of unet, wnet, found 'os.system'"),
        ({"axes": "XY"}, "one of YX, ZYX, found 'XY'"),
        ({"space": "manhattan"}, "found 'manhattan'"),
        ({"in_channels": 0}, "from 1 to 64, found 0"),
        ({"base_width": 10**6}, "from 1 to 256, found 1000000"),
        ({"depth": 40}, "from 1 to 8, found 40"),
        ({"embedding_dim": 16.0}, "whole number from 1 to 128, found 16.0"),
        ({"coordinate_scale": 0.0}, "coordinate_scale must be from 0.01 to 10000, found 0.0"),
        (
            {"coordinate_scale": "wide"},
            "coordinate_scale must be a number from 0.01 to 10000, found 'wide'",
        ),
        ({"coordinate_scale": 5.0, "embedding_dim": 1}, "embedding_dim of at least 2, found 1"),
        ({"delta_var": float("nan")}, "delta_var must be a number from 0.001 to 1000, found nan"),
        ({"delta_dist": -1.5}, "delta_dist must be from 0.001 to 1000, found -1.5"),
        ({"percentiles": (90.0, 10.0)}, r"rise within 0 to 100, found \(90.0, 10.0\)"),
        ({"percentiles": (float("nan"), 10.0)}, r"percentiles\[0\] must be a number, found nan"),
        ({"cluster": {"bandwidth": -1.0}}, "bandwidth must be from 0 to 1e\\+15, found -1"),
        ({"cluster": {"bandwith": 1.0}}, "no entry 'bandwith'. Did you mean 'bandwidth'?"),
        ({"object_diameter": 33.0, "image_diameter": 1.0}, "at most 32 times image_diameter"),
        ({"pixel_size": (1.0, 0.0009, 0.0009)}, "more than 1000 times between axes"),
    ],
)
def test_what_cannot_be_is_refused(changes, found):
    with pytest.raises(ValueError, match=found):
        ModelConfig(**changes)


def write(path, header=b"", body=b"", length=None):
    """Write a file in the shape of a safetensors file."""
    length = len(header) if length is None else length
    path.write_bytes(struct.pack("<Q", length) + header + body)
    return path


def header_of(config, **metadata):
    return json.dumps({"__metadata__": {"format": FORMAT, "config": config, **metadata}}).encode()


def test_configuration_is_read_without_the_weights(tmp_path):
    assert read_config(write(tmp_path / "m.safetensors", header_of(FULL.to_json()))) == FULL


def refusal(path):
    with pytest.raises(ModelFileError) as info:
        read_config(path)
    assert path.name in str(info.value)
    return str(info.value)


def torch_zip(path):
    torch.save({"weight": torch.zeros(2)}, path)


def torch_legacy(path):
    torch.save({"weight": torch.zeros(2)}, path, _use_new_zipfile_serialization=False)


@pytest.mark.parametrize("name", ["model.pt", "model.safetensors"])
@pytest.mark.parametrize(
    "make",
    [torch_zip, torch_legacy]
    + [lambda path, p=p: path.write_bytes(pickle.dumps(None, protocol=p)) for p in (2, 3, 4, 5)],
)
def test_pickled_files_are_refused_with_advice_whatever_their_name(tmp_path, make, name):
    path = tmp_path / name
    make(path)
    assert "Ask its author for the weights as .safetensors" in refusal(path)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\x00" * 7,
        b"\x00" * 100,
        b"not a model at all",
        b"\xff" * 64,
        b"\x89PNG\r\n\x1a\n" + b"\x00" * 50,
        struct.pack("<Q", 2**63) + b"{}",
        struct.pack("<Q", 100) + b"{}",
        struct.pack("<Q", 8) + b"{broken}",
        struct.pack("<Q", 8) + b"\xff\xfe\xfd\xfc\xfb\xfa\xf9\xf8",
        struct.pack("<Q", 3) + b"[1]",
        struct.pack("<Q", 200_000) + b"[" * 200_000,
    ],
    ids=lambda content: repr(content[:12]),
)
def test_damaged_files_are_refused(tmp_path, content):
    path = tmp_path / "model.safetensors"
    path.write_bytes(content)
    assert "is damaged or no model file: expected safetensors, found a header" in refusal(path)


def test_a_header_that_would_fill_the_memory_is_not_read(tmp_path):
    path = tmp_path / "model.safetensors"
    with path.open("wb") as file:
        file.write(struct.pack("<Q", 2**30))
        file.truncate(2**31)  # sparse: takes no room on the disk
    assert f"a header of {2**30} bytes" in refusal(path)


def test_a_file_that_is_too_large_is_not_opened(tmp_path):
    path = tmp_path / "model.safetensors"
    with path.open("wb") as file:
        file.truncate(5 * 2**30)
    assert "at most" in refusal(path)


@pytest.mark.parametrize(
    "header",
    [
        b"{}",
        b'{"__metadata__": null}',
        b'{"__metadata__": {"format": "pt"}}',
    ],
)
def test_safetensors_of_other_programs_are_refused(tmp_path, header):
    found = refusal(write(tmp_path / "resnet.safetensors", header))
    assert "not of this plugin" in found
    assert "Choose a model saved by this plugin" in found


def test_a_file_of_a_newer_version_says_so(tmp_path):
    header = b'{"__metadata__": {"format": "napari-pixel-embedding/999"}}'
    found = refusal(write(tmp_path / "later.safetensors", header))
    assert "a newer version of this plugin" in found
    assert "Update the plugin" in found


def test_a_real_foreign_safetensors_file_is_refused(tmp_path):
    path = tmp_path / "foreign.safetensors"
    save_file({"weight": np.zeros(3, np.float32)}, path, {"format": "np"})
    assert "found 'np'" in refusal(path)


@pytest.mark.parametrize(
    "config",
    [
        "",
        "null",
        "[1, 2]",
        "{",
        "[" * 100_000,
        5,
        json.dumps({"architecture": "evil"}),
        json.dumps({"from_the_future": 1}),
        json.dumps({"percentiles": 3}),
        json.dumps({"percentiles": ["a", "b"]}),
        json.dumps({"cluster": [1]}),
        json.dumps({"cluster": {"unknown": 1}}),
        json.dumps({"delta_var": "wide"}),
        json.dumps({"pixel_size": 2}),
    ],
    ids=lambda config: repr(config)[:20],
)
def test_configurations_that_make_no_sense_are_refused(tmp_path, config):
    found = refusal(write(tmp_path / "m.safetensors", header_of(config)))
    assert "has a configuration that cannot be read" in found


def test_a_small_file_cannot_ask_for_all_the_memory(tmp_path):
    config = json.dumps({"object_diameter": 3000, "image_diameter": 1})
    found = refusal(write(tmp_path / "m.safetensors", header_of(config)))
    assert "object_diameter must be at most 32 times image_diameter, found 3000 and 1" in found


@pytest.mark.parametrize("name", list_models())
def test_the_bundled_models_are_read_as_they_were_written(name):
    config = read_config(find_model(name))
    assert (config.name, config.object_diameter is None) == (name, False)


@given(st.binary(max_size=200))
def test_no_bytes_raise_anything_else(tmp_path_factory, content):
    path = tmp_path_factory.mktemp("bytes") / "model.safetensors"
    path.write_bytes(content)
    refusal(path)


@pytest.mark.parametrize("length", [640, 896, 1152])
def test_a_header_whose_length_looks_like_a_pickle_is_read(tmp_path, length):
    # 640 = 0x0280 starts with the bytes 80 02, as a pickle of protocol 2 does.
    header = header_of(ModelConfig(name="x").to_json())
    path = write(tmp_path / "m.safetensors", header.ljust(length))
    assert path.read_bytes()[0] == 0x80
    assert read_config(path).name == "x"


def test_an_unknown_name_lists_what_there_is(tmp_path):
    with pytest.raises(ModelFileError, match="there is no model 'nuclei-flou': expected one of"):
        find_model("nuclei-flou")
    with pytest.raises(ModelFileError, match="there is no model"):
        find_model(tmp_path)


def test_bundled_models_are_found_by_name(tmp_path, monkeypatch):
    monkeypatch.setattr("napari_pixel_embedding.core.model.config._BUNDLED", tmp_path)
    assert list_models() == []
    for name in ("b", "a"):
        write(tmp_path / f"{name}.safetensors", header_of(ModelConfig().to_json()))
    (tmp_path / "a.md").touch()
    assert list_models() == ["a", "b"]
    assert find_model("a") == tmp_path / "a.safetensors"
    assert find_model(tmp_path / "b.safetensors") == tmp_path / "b.safetensors"
