"""Packages of BioImage.IO are opened for our own model file alone; nothing in them is trusted."""

from __future__ import annotations

import io
import stat
import zipfile

import pytest

from napari_pixel_embedding.core.model import package as package_module
from napari_pixel_embedding.core.model.config import ModelConfig, ModelFileError
from napari_pixel_embedding.core.model.library import add_user_model, list_user_models
from napari_pixel_embedding.core.model.model_file import (
    EmbeddingModel,
    fingerprint,
    load_model,
    save_model,
)
from napari_pixel_embedding.core.model.package import unpack_model


@pytest.fixture
def model():
    return EmbeddingModel.untrained(ModelConfig(name="small", depth=1, base_width=2))


@pytest.fixture
def content(model, tmp_path):
    return save_model(model, tmp_path / "small.safetensors").read_bytes()


def pack(path, *entries, compression=zipfile.ZIP_DEFLATED):
    with zipfile.ZipFile(path, "w", compression) as archive:
        for name, data in entries:
            archive.writestr(name, data)
    return path


def test_a_model_in_a_package_is_loaded(tmp_path, model, content):
    path = pack(tmp_path / "p.zip", ("rdf.yaml", b"{}"), ("model.safetensors", content))
    assert fingerprint(load_model(path)) == fingerprint(model)


def test_it_goes_into_the_user_s_folder_under_its_name(tmp_path, monkeypatch, content):
    monkeypatch.setenv("NAPARI_PIXEL_EMBEDDING_HOME", str(tmp_path / "home"))
    path = pack(tmp_path / "mine.zip", ("model.safetensors", content))
    assert add_user_model(path).name == "mine.safetensors"
    assert list_user_models() == [add_user_model(path)]


def test_the_usual_checks_follow(tmp_path, content):
    path = pack(tmp_path / "p.zip", ("model.safetensors", content[:-8]))
    with pytest.raises(ModelFileError, match="damaged"):
        load_model(path)


def link():
    info = zipfile.ZipInfo("model.safetensors")
    info.external_attr = (stat.S_IFLNK | 0o777) << 16
    return info


@pytest.mark.parametrize(
    ("entries", "words"),
    [
        ([("network.onnx", b"x"), ("weights.pt", b"x")], "no model files of this plugin"),
        ([("a.safetensors", b"x"), ("b.safetensors", b"x")], "holds 2 model files"),
        ([("../model.safetensors", b"x")], "outside of its folder"),
        ([("..\\model.safetensors", b"x")], "outside of its folder"),
        ([("/etc/model.safetensors", b"x")], "outside of its folder"),
        ([("C:/model.safetensors", b"x")], "outside of its folder"),
        ([(link(), b"/etc/passwd")], "holds a link"),
        ([("model.safetensors", bytes(10**7))], "swells out of proportion"),
        ([(f"{n}.txt", b"") for n in range(1001)], "1001 files"),
        ([], "no model files"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_no_package_has_is_refused(tmp_path, entries, words):
    path = pack(tmp_path / "p.zip", *entries)
    inside = tmp_path / "inside"
    inside.mkdir()
    with pytest.raises(ModelFileError, match=words):
        unpack_model(path, inside)
    assert not (tmp_path / "model.safetensors").exists()


def test_a_size_beyond_the_limit_is_refused(tmp_path, monkeypatch, content):
    monkeypatch.setattr(package_module, "MAX_MODEL_BYTES", 100)
    with pytest.raises(ModelFileError, match="at most 100 are read"):
        load_model(pack(tmp_path / "p.zip", ("model.safetensors", content)))


def test_more_than_an_entry_says_is_not_written(tmp_path):
    class Packed(io.BytesIO):
        pass

    with pytest.raises(ModelFileError, match="more than it says"):
        package_module._copy(tmp_path / "p.zip", Packed(bytes(1000)), io.BytesIO(), 999)


@pytest.mark.parametrize("data", [b"", b"PK\x03\x04", b"no zip" * 100])
def test_what_is_no_zip_file_is_refused(tmp_path, data):
    (tmp_path / "p.zip").write_bytes(data)
    with pytest.raises(ModelFileError, match="damaged or no zip file"):
        load_model(tmp_path / "p.zip")


def test_a_password_is_refused(tmp_path, content):
    path = pack(tmp_path / "p.zip", ("model.safetensors", content))
    data = bytearray(path.read_bytes())
    data[6] |= 1
    at = data.find(b"PK\x01\x02")
    data[at + 8] |= 1
    path.write_bytes(bytes(data))
    with pytest.raises(ModelFileError, match="is protected by a password"):
        load_model(path)


def test_names_of_any_script_are_no_password(tmp_path, model, content):
    path = pack(tmp_path / "p.zip", ("説明.md", b"x"), ("modèle.safetensors", content))
    assert fingerprint(load_model(path)) == fingerprint(model)
