"""Bundled models are those that came with the program."""

import hashlib
import shutil

import pytest

from napari_pixel_embedding import load_model
from napari_pixel_embedding.core.model import config as config_module
from napari_pixel_embedding.core.model import model_file as model_file_module
from napari_pixel_embedding.core.model.checksums import SHA256
from napari_pixel_embedding.core.model.config import ModelFileError, find_model, list_models


@pytest.mark.parametrize("name", list_models())
def test_checksums_are_those_of_the_files(name):
    found = hashlib.sha256(find_model(name).read_bytes()).hexdigest()
    assert SHA256.get(name) == found, "run scripts/make_model_checksums.py"


def test_there_are_checksums_of_nothing_else():
    assert set(SHA256) == set(list_models())


def test_a_changed_bundled_model_is_refused(tmp_path, monkeypatch):
    for kind in (".safetensors", ".md"):
        shutil.copy(find_model("nuclei-fluo").with_suffix(kind), tmp_path)
    file = tmp_path / "nuclei-fluo.safetensors"
    content = bytearray(file.read_bytes())
    content[-3] ^= 1
    file.write_bytes(content)
    monkeypatch.setattr(config_module, "_BUNDLED", tmp_path)
    model_file_module._check_bundled.cache_clear()
    with pytest.raises(ModelFileError, match=r"nuclei-fluo.* was changed .* Install .* again"):
        load_model("nuclei-fluo")
    assert load_model(file).config.name == "nuclei-fluo"  # as a file of one's own it is read
