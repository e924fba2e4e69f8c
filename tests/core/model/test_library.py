"""The folder of the user's models."""

from __future__ import annotations

import pytest

from napari_pixel_embedding.core.model.config import ModelFileError
from napari_pixel_embedding.core.model.library import (
    add_user_model,
    list_user_models,
    models_folder,
    remove_user_model,
)
from napari_pixel_embedding.core.model.model_file import save_model


@pytest.fixture(autouse=True)
def own_folder(tmp_path, monkeypatch):
    monkeypatch.setenv("NAPARI_PIXEL_EMBEDDING_HOME", str(tmp_path / "home"))


def test_a_model_is_copied_listed_and_removed(tmp_path, tiny_model):
    assert list_user_models() == []
    path = save_model(tiny_model(), tmp_path / "mine")
    copy = add_user_model(path)
    assert copy == models_folder() / "mine.safetensors"
    assert copy.read_bytes() == path.read_bytes()
    assert list_user_models() == [copy]
    remove_user_model(copy)
    assert list_user_models() == []
    assert path.is_file()


def test_nothing_is_overwritten(tmp_path, tiny_model):
    path = save_model(tiny_model(), tmp_path / "mine")
    first = add_user_model(path)
    assert add_user_model(path) == first  # the same content
    assert add_user_model(first) == first
    save_model(tiny_model(delta_dist=2.0), path)
    second = add_user_model(path)
    assert second.name == "mine-2.safetensors"
    assert list_user_models() == [second, first]
    assert first.read_bytes() != second.read_bytes() == path.read_bytes()


def test_what_is_no_model_is_not_copied(tmp_path):
    path = tmp_path / "mine.safetensors"
    path.write_bytes(b"hello")
    with pytest.raises(ModelFileError, match="damaged"):
        add_user_model(path)
    assert list_user_models() == []


def test_only_the_folder_s_own_files_are_removed(tmp_path, tiny_model):
    path = save_model(tiny_model(), tmp_path / "mine")
    add_user_model(path)
    with pytest.raises(ValueError, match="not in the folder of your models"):
        remove_user_model(path)
    assert path.is_file()
