"""Only regular files are opened, whatever bears the name."""

from __future__ import annotations

import os
import socket

import pytest

from napari_pixel_embedding.core.io.files import open_regular


def test_files_and_links_to_files_are_opened(tmp_path):
    path = tmp_path / "a"
    path.write_bytes(b"content")
    (tmp_path / "b").symlink_to(path)
    for one in (path, tmp_path / "b"):
        with open_regular(one) as file:
            assert file.read() == b"content"


@pytest.mark.skipif(os.name != "posix", reason="pipes and devices lie in folders on POSIX only")
@pytest.mark.parametrize(
    ("kind", "make"),
    [
        ("pipe", os.mkfifo),
        ("folder", os.mkdir),
        ("device", lambda path: os.symlink("/dev/zero", path)),
        ("socket", lambda path: socket.socket(socket.AF_UNIX).bind(path)),
    ],
)
@pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning")
def test_nothing_else_is_opened(tmp_path, monkeypatch, kind, make):
    monkeypatch.chdir(tmp_path)  # names of sockets are short
    make("there")
    with pytest.raises(ValueError, match=f"Expected a file, found the {kind} there"):
        open_regular("there")


@pytest.mark.skipif(os.name != "posix", reason="os.mkfifo is POSIX")
def test_a_pipe_that_takes_a_file_s_place_does_not_block(tmp_path, monkeypatch):
    path = tmp_path / "a"
    path.write_bytes(b"")
    before = os.stat(path)
    path.unlink()
    os.mkfifo(path)
    monkeypatch.setattr(os, "stat", lambda path: before)
    with pytest.raises(ValueError, match="found the pipe"):
        open_regular(path)
