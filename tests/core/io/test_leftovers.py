"""What killed processes have left is removed, and nothing else."""

import os
import signal
import subprocess
import sys
import tempfile
import time

import pytest

from napari_pixel_embedding.core.io.leftovers import AGE_S, PREFIX, sweep_leftovers
from napari_pixel_embedding.core.io.user_folder import VARIABLE

OLD = time.time() - AGE_S - 60


@pytest.fixture
def places(tmp_path, monkeypatch):
    """Return the user's folder and that of temporary files, both empty."""
    home, temporary = tmp_path / "home", tmp_path / "tmp"
    home.mkdir()
    temporary.mkdir()
    monkeypatch.setenv(VARIABLE, str(home))
    monkeypatch.setattr(tempfile, "tempdir", str(temporary))
    return home, temporary


def made(path, age=OLD, inside=()):
    """Make a file, or a folder with files, that was changed last at a time."""
    if inside or path.suffix == "":
        path.mkdir(parents=True)
        for name in inside:
            made(path / name, age)
    else:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x")
    os.utime(path, (age, age))
    return path


def leftovers(home, temporary, age=OLD):
    return {
        made(home / f".{'0a' * 16}.tmp", age),
        made(home / "corrections" / f".{'1b' * 16}.tmp", age),
        made(home / "fine-tunings" / ".20260101-101010-0123abcd", age, ["image0.npy"]),
        made(temporary / f"{PREFIX}x1", age, ["request.json"]),
    }


def test_old_leftovers_are_removed(places):
    expected = leftovers(*places)
    assert set(sweep_leftovers()) == expected
    assert not any(path.exists() for path in expected)
    assert sweep_leftovers() == []


def test_young_ones_stay_since_another_window_may_work_with_them(places):
    found = leftovers(*places, age=time.time() - 60)
    assert sweep_leftovers() == []
    assert all(path.exists() for path in found)


def test_one_young_file_keeps_an_old_folder(places):
    _, temporary = places
    folder = made(temporary / f"{PREFIX}training", inside=["request.json"])
    (folder / "log.txt").write_bytes(b"step 1")
    os.utime(folder, (OLD, OLD))
    assert sweep_leftovers() == []
    assert folder.exists()


def test_nothing_else_is_touched(places):
    home, temporary = places
    kept = [
        made(home / "corrections" / "cells.journal"),
        made(home / "fine-tunings" / "20260101-101010-0123abcd", inside=["request.json"]),
        made(home / "models" / "mine.safetensors"),
        made(home / ".hidden.tmp"),
        made(home / ".20260101"),
        made(temporary / "another-program", inside=["a.txt"]),
    ]
    target = made(temporary / "elsewhere.txt")
    link = home / f".{'2c' * 16}.tmp"
    link.symlink_to(target)
    assert sweep_leftovers(time.time() + 10 * AGE_S) == []
    assert all(path.exists() for path in (*kept, target, link))


KILLED = """
import os, signal
from napari_pixel_embedding.core.io.files import open_atomically
with open_atomically(os.environ["TARGET"]) as file:
    file.write(b"half of it")
    file.flush()
    os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.mark.skipif(os.name != "posix", reason="SIGKILL")
def test_what_a_kill_leaves_is_recognised(places):
    home, _ = places
    target = home / "corrections" / "cells.journal"
    target.parent.mkdir()
    target.write_bytes(b"the earlier one")
    environment = {**os.environ, "TARGET": str(target)}
    done = subprocess.run([sys.executable, "-c", KILLED], env=environment, check=False)
    assert done.returncode == -signal.SIGKILL
    assert target.read_bytes() == b"the earlier one"
    (left,) = set(target.parent.iterdir()) - {target}
    assert sweep_leftovers() == []
    assert sweep_leftovers(time.time() + AGE_S + 60) == [left]
    assert target.read_bytes() == b"the earlier one"
