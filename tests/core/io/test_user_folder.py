"""The folder for unfinished work, where each system has its place for such files."""

import sys
from pathlib import Path

import pytest

from napari_pixel_embedding.core.io.user_folder import VARIABLE, temporary_user_folder, user_folder


@pytest.fixture
def home(monkeypatch, tmp_path):
    for name in (VARIABLE, "XDG_DATA_HOME", "LOCALAPPDATA"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(Path, "home", lambda: tmp_path)
    return tmp_path


@pytest.mark.parametrize(
    ("platform", "place"),
    [
        ("linux", ".local/share"),
        ("darwin", "Library/Application Support"),
        ("win32", "AppData/Local"),
    ],
)
def test_the_place_of_each_system(home, monkeypatch, platform, place):
    monkeypatch.setattr(sys, "platform", platform)
    assert user_folder() == home / place / "napari-pixel-embedding"


def test_variables_name_another_place(home, monkeypatch):
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setenv("XDG_DATA_HOME", str(home / "data"))
    assert user_folder() == home / "data" / "napari-pixel-embedding"
    monkeypatch.setenv(VARIABLE, str(home / "mine"))
    assert user_folder() == home / "mine"


@pytest.mark.parametrize("chosen", [None, "mine"])
def test_work_of_a_demonstration_goes_with_it(home, monkeypatch, chosen):
    if chosen is not None:
        monkeypatch.setenv(VARIABLE, str(home / chosen))
    before = user_folder()
    with pytest.raises(KeyError), temporary_user_folder() as folder:
        assert user_folder() == folder != before
        (folder / "journal").write_text("a stroke")
        raise KeyError
    assert user_folder() == before
    assert not folder.exists()
