"""The folder of a run: how far it is, also when its process was killed."""

import json
import os
import platform
import subprocess
import sys

import pytest

from napari_pixel_embedding.core.runs.folder import (
    PROGRESS,
    REQUEST,
    RunProgress,
    known_runs,
    read_progress,
    remember_run,
    write_progress,
)


@pytest.fixture
def run(tmp_path, monkeypatch):
    monkeypatch.setenv("NAPARI_PIXEL_EMBEDDING_HOME", str(tmp_path / "home"))
    folder = tmp_path / "run"
    folder.mkdir()
    (folder / REQUEST).write_text("{}")
    return folder


def here(**values):
    return RunProgress(pid=os.getpid(), host=platform.node(), **values)


def test_what_a_run_says_is_read(run):
    write_progress(run, here(image="a", stage="edges", done=3, count=12, outputs=("x",)))
    found = read_progress(run)
    assert (found.image, found.stage, found.fraction) == ("a", "edges", 0.25)
    assert found.state == "running" and found.outputs == ("x",)


def test_a_run_whose_process_is_gone_has_stopped(run):
    child = subprocess.run([sys.executable, "-c", "import os; print(os.getpid())"], stdout=-1)
    write_progress(run, RunProgress(pid=int(child.stdout), host=platform.node()))
    found = read_progress(run)
    assert found.state == "stopped" and "resume" in found.message


def test_a_process_that_was_given_the_same_number_later_is_another(run):
    write_progress(run, here())
    content = json.loads((run / PROGRESS).read_text())
    (run / PROGRESS).write_text(json.dumps(content | {"updated": 1.0}))
    assert read_progress(run).state == "stopped"


def test_a_run_on_another_machine_counts_as_long_as_it_speaks(run):
    write_progress(run, RunProgress(pid=1, host="elsewhere"))
    assert read_progress(run).state == "running"
    content = json.loads((run / PROGRESS).read_text())
    (run / PROGRESS).write_text(json.dumps(content | {"updated": content["updated"] - 100}))
    assert read_progress(run).state == "stopped"


def test_a_run_that_is_done_stays_done(run):
    write_progress(run, RunProgress(state="done", pid=0, host=platform.node()))
    assert read_progress(run).state == "done"


@pytest.mark.parametrize("content", ["", "[]", '{"unknown": 1}', "{", "null"])
def test_what_cannot_be_read_is_said(run, content):
    (run / PROGRESS).write_text(content)
    with pytest.raises(ValueError, match="cannot be read"):
        read_progress(run)


def test_a_folder_without_a_run_is_named(tmp_path):
    with pytest.raises(ValueError, match="Expected the folder of a run"):
        read_progress(tmp_path)


def test_runs_are_remembered_the_newest_first(run, tmp_path):
    other = tmp_path / "other"
    other.mkdir()
    (other / REQUEST).write_text("{}")
    for folder in (run, other, run, tmp_path / "gone"):
        remember_run(folder)
    assert known_runs() == [run, other]


@pytest.mark.parametrize("content", ["", "{}", "[1, null]", "["])
def test_a_damaged_list_of_runs_is_an_empty_one(run, content, tmp_path):
    home = tmp_path / "home"
    home.mkdir()
    (home / "runs.json").write_text(content)
    assert known_runs() == []


@pytest.mark.parametrize(
    "said", [{"updated": []}, {"done": "many"}, {"outputs": 3}, {"pid": None}, {"stage": {}}, []]
)
def test_values_of_other_types_are_refused(run, said):
    whole = {"state": "running", "host": "elsewhere"}
    (run / PROGRESS).write_text(json.dumps({**whole, **said} if said else said))
    with pytest.raises(ValueError, match="cannot be read"):
        read_progress(run)
