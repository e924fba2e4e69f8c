"""The folder for unfinished work, where each system has its place for such files."""

import sys

import pytest

from napari_pixel_embedding.core.io.user_folder import VARIABLE, temporary_user_folder, user_folder


@pytest.fixture
def home(monkeypatch, tmp_path):
    for name in (VARIABLE, "XDG_DATA_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    return tmp_path


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere platformdirs has its own tests")
def test_the_place_that_the_system_has_for_data(home, monkeypatch):
    assert user_folder() == home / ".local/share/napari-pixel-embedding"
    monkeypatch.setenv("XDG_DATA_HOME", str(home / "data"))
    assert user_folder() == home / "data" / "napari-pixel-embedding"


def test_a_variable_names_another_place(home, monkeypatch):
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
