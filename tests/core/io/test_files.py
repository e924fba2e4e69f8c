"""Only regular files are opened, whatever bears the name."""

from __future__ import annotations

import os
import socket

import pytest

from napari_pixel_embedding.core.io.files import open_atomically, open_regular, passed_over


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


def test_a_file_goes_into_folders_that_are_not_there_yet(tmp_path):
    path = tmp_path / "a" / "b" / "c.bin"
    with open_atomically(path) as file:
        file.write(b"x")
    assert path.read_bytes() == b"x"


@pytest.mark.parametrize(
    ("count", "said"), [(3, "f0.czi, f1.czi, f2.czi;"), (5, "f0.czi, f1.czi, f2.czi and 2 more;")]
)
def test_what_is_passed_over_is_named_up_to_three(tmp_path, count, said):
    for number in range(count):
        (tmp_path / f"f{number}.czi").write_bytes(b"x")
    (note,) = passed_over([tmp_path])
    assert said in note
