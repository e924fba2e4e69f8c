"""Declarations of what a network's channels mean."""

from __future__ import annotations

import pytest

from napari_pixel_embedding.core.model.config import ModelFileError
from napari_pixel_embedding.core.model.declaration import (
    declare,
    declared_config,
    read_declaration,
    write_declaration,
)
from napari_pixel_embedding.core.model.file_check import check_model_file


@pytest.mark.parametrize(
    ("written", "channels"),
    [
        ("0-3", (0, 1, 2, 3)),
        ("0–1, 5", (0, 1, 5)),
        (" 7 ", (7,)),
        ([2, 0], (2, 0)),
        (3, (3,)),
    ],
)
def test_channels_are_written_as_people_do(written, channels):
    config = declare({"embedding": written}, "net")
    assert (config.embedding, config.embedding_dim) == (channels, len(channels))


def test_a_bandwidth_sets_the_sliders_too():
    config = declare({"embedding": "0", "bandwidth": 3}, "net")
    assert config.delta_var == 1.5
    assert config.cluster_params().bandwidth == 3
    cosine = declare({"embedding": "0", "bandwidth": 0.4, "space": "cosine"}, "net")
    assert (cosine.delta_var, cosine.cluster_params().bandwidth) == (0.5, 0.4)
    given = declare({"embedding": "0", "bandwidth": 1.0, "delta_var": 0.8}, "net")
    assert (given.delta_var, given.cluster_params().bandwidth) == (0.8, 1.0)


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({}, "embedding is missing"),
        ({"embedding": "a"}, 'such as "0-7"'),
        ({"embedding": ""}, 'such as "0-7"'),
        ({"embedding": []}, "embedding must be"),
        ({"embedding": [True]}, "embedding"),
        ({"embedding": "0-3", "foreground": 3}, "must be different channels"),
        ({"embedding": "3-0"}, "embedding must be"),
        ({"embedding": "0-9999"}, "embedding"),
        ({"embedding": "0", "forground": 1}, "Did you mean 'foreground'"),
        ({"embedding": "0", "architecture": "wnet"}, "no entry 'architecture'"),
        ({"embedding": "0", "foreground_is": "mask"}, "one of probability, logit"),
        ({"embedding": "0", "mean": [0.1, 0.2]}, "a number for each of 1 input"),
        ({"embedding": "0", "std": [0.0]}, "above 0"),
        ({"embedding": "0", "size_multiple": 0}, "size_multiple"),
        ({"embedding": "0", "axes": "XY"}, "one of YX, ZYX"),
        ({"embedding": "0", "bandwidth": "wide"}, "bandwidth"),
        ({"embedding": "0", "percentiles": [99, 1]}, "must rise"),
    ],
)
def test_what_is_wrong_is_named(values, words):
    with pytest.raises((ValueError, TypeError), match=words):
        declare(values, "net")


def test_a_declaration_can_be_written_and_read(tmp_path):
    config = declare(
        {
            "embedding": "0-3, 6",
            "foreground": 4,
            "distance": 5,
            "foreground_is": "logit",
            "axes": "ZYX",
            "in_channels": 2,
            "mean": [0.5, 0.25],
            "std": [1.0, 2.0],
            "normalisation": "none",
            "object_diameter": 12,
            "bandwidth": 2.5,
            "percentiles": [2.0, 98.0],
            "description": "of another program",
        },
        "net",
    )
    write_declaration(config, tmp_path / "net.toml")
    assert read_declaration(tmp_path / "net.toml", "other") == config


def test_a_network_without_a_declaration_is_refused(tmp_path):
    (tmp_path / "net.onnx").write_bytes(b"x")
    with pytest.raises(ModelFileError, match=r"expected a declaration in net\.toml beside it"):
        check_model_file(tmp_path / "net.onnx")


def test_a_declaration_may_lie_elsewhere(tmp_path):
    (tmp_path / "net.onnx").write_bytes(b"x")
    (tmp_path / "other.toml").write_text('embedding = "0"', encoding="utf-8")
    config = declared_config(tmp_path / "net.onnx", tmp_path / "other.toml")
    assert (config.name, config.foreground, config.has_distance) == ("net", None, False)


@pytest.mark.parametrize("text", ["embedding = ", "embedding = 'x'", "a = 1", "\x00"])
def test_a_file_that_is_no_declaration_is_refused(tmp_path, text):
    (tmp_path / "net.toml").write_text(text, encoding="utf-8")
    with pytest.raises(ModelFileError, match=r"net\.toml is no valid declaration"):
        read_declaration(tmp_path / "net.toml", "net")


def test_a_very_long_file_is_not_read(tmp_path):
    (tmp_path / "net.toml").write_bytes(b"#" * (2**20 + 1))
    with pytest.raises(ModelFileError, match="at most 1,048,576 bytes, found more"):
        read_declaration(tmp_path / "net.toml", "net")
