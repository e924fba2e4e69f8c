"""Pipes, devices, folders and endless files in place of what is expected: refused at once."""

import os
import threading
from pathlib import Path

import numpy as np
import pytest

from napari_pixel_embedding import load_model, load_recipe, load_segmentation_recipe
from napari_pixel_embedding.core.fine_tuning import job_folder
from napari_pixel_embedding.core.io.files import open_regular, read_whole
from napari_pixel_embedding.core.io.images import read_image, read_labels
from napari_pixel_embedding.core.io.pictures import read_npy
from napari_pixel_embedding.core.model.config import read_config
from napari_pixel_embedding.core.model.declaration import read_declaration
from napari_pixel_embedding.core.model.file_check import check_model_file
from napari_pixel_embedding.core.model.onnx_shapes import read_shapes
from napari_pixel_embedding.core.model.package import unpack_model
from napari_pixel_embedding.core.training.request import TrainingRequest

pytestmark = pytest.mark.skipif(os.name != "posix", reason="pipes and devices have paths on POSIX")

READERS = {
    "model": ("m.safetensors", load_model),
    "model's configuration": ("m.safetensors", read_config),
    "check of a model": ("m.safetensors", check_model_file),
    "package": ("m.zip", lambda path: unpack_model(path, path.parent / "out")),
    "network": ("m.onnx", load_model),
    "sizes of a network": ("m.onnx", read_shapes),
    "declaration": ("m.toml", lambda path: read_declaration(path, "m")),
    "recipe of a training": ("r.toml", load_recipe),
    "recipe of a segmentation": ("r.recipe.json", load_segmentation_recipe),
    "image": ("i.tif", read_image),
    "picture": ("i.png", read_image),
    "array": ("i.npy", read_npy),
    "labels": ("l.tif", read_labels),
    "request": ("request.json", lambda path: TrainingRequest.load(path.parent)),
    "job": ("request.json", lambda path: job_folder._read_request(path.parent)),
}
KINDS = {
    "pipe": lambda path: os.mkfifo(path),
    "folder": lambda path: path.mkdir(),
    "device": lambda path: path.symlink_to("/dev/zero"),
    "link to a pipe": lambda path: (os.mkfifo(path.with_name("p")), path.symlink_to("p")),
    "link to itself": lambda path: path.symlink_to(path.name),
    "nothing": lambda path: None,
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("reader", READERS)
def test_it_is_refused_at_once_in_words(tmp_path, reader, kind):
    name, read = READERS[reader]
    path = tmp_path / name
    (tmp_path / "out").mkdir()
    KINDS[kind](path)
    ends = []

    def attempt():
        try:
            ends.append(read(path))
        except BaseException as error:  # what it is, is looked at below
            ends.append(error)

    thread = threading.Thread(target=attempt, daemon=True)
    thread.start()
    thread.join(30)
    assert ends, "it still waits"
    (end,) = ends
    if reader == "sizes of a network":
        assert end is None
    else:
        assert isinstance(end, ValueError | OSError), repr(end)
        assert len(str(end)) > 10


def test_only_so_much_is_read(tmp_path):
    file = tmp_path / "r.json"
    file.write_bytes(b"x" * 100)
    assert read_whole(file, 100) == b"x" * 100
    with pytest.raises(ValueError, match="at most 99 bytes"):
        read_whole(file, 99)


def test_a_file_that_is_exchanged_for_a_pipe_is_not_waited_for(tmp_path, monkeypatch):
    path = tmp_path / "f"
    os.mkfifo(path)
    regular = os.stat(__file__)
    monkeypatch.setattr(os, "stat", lambda *_, **__: regular)
    with pytest.raises(ValueError, match="found the pipe"):
        open_regular(path)


def test_regular_files_behind_links_are_read(tmp_path):
    np.save(tmp_path / "a.npy", np.arange(6).reshape(2, 3))
    link = tmp_path / "b.npy"
    link.symlink_to(Path("a.npy"))
    assert read_npy(link).shape == (2, 3)
