"""Runs over data sets from a window: started, followed, stopped, found again."""

import subprocess
import sys
import time
from dataclasses import replace

import numpy as np
import psutil
import pytest
import tifffile

from napari_pixel_embedding.core.datasets.samples import load_sample
from napari_pixel_embedding.session.batch.runs import DataSetRequest, DataSetRuns, last_line
from tests.recipes import usual_recipe


@pytest.fixture(autouse=True)
def own_home(tmp_path, monkeypatch):
    monkeypatch.setenv("NAPARI_PIXEL_EMBEDDING_HOME", str(tmp_path / "home"))


@pytest.fixture(scope="module")
def recipe():
    return usual_recipe("nuclei-fast")


@pytest.fixture
def request_for(tmp_path, recipe):
    pixels = np.asarray(load_sample("nuclei-field")[0].data)[:200, :240]
    (tmp_path / "in").mkdir()
    for name in ("a", "b", "c"):
        tifffile.imwrite(tmp_path / "in" / f"{name}.tif", pixels)
    return DataSetRequest(recipe, tmp_path / "in", tmp_path / "out")


def wait(runs, wanted, seconds=100):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        runs.refresh()
        if wanted(runs.state.progress):
            return runs.state.progress
        time.sleep(0.05)
    raise AssertionError(runs.state.progress)


def ended(progress):
    return progress.state != "running"


def test_a_run_is_followed_to_its_end_and_found_by_another_window(request_for):
    runs, seen = DataSetRuns(), []
    runs.state.events.progress.connect(lambda p: seen.append(p.state))
    runs.start(request_for)
    assert runs.is_running
    found = wait(runs, ended)
    assert found.state == "done" and len(found.outputs) == 3
    assert seen[0] == "running" and seen[-1] == "done"
    runs.close()
    other = DataSetRuns()
    assert other.state.folder == request_for.output
    assert other.state.progress.state == "done"


def test_a_run_goes_on_without_its_window_and_can_be_stopped_by_another(request_for):
    runs = DataSetRuns()
    runs.start(request_for)
    wait(runs, lambda p: p.pid)
    runs.close()
    other = DataSetRuns()
    assert other.state.progress.state == "running"
    pid = other.state.progress.pid
    other.stop()
    found = wait(other, ended)
    assert found.state in ("stopped", "done")
    end = time.monotonic() + 20
    while psutil.pid_exists(pid) and time.monotonic() < end:
        time.sleep(0.05)
    assert not psutil.pid_exists(pid), "no zombie is left"
    other.resume()
    assert wait(other, ended).state == "done"
    other.close()


def test_what_ends_a_run_at_once_is_said(request_for, recipe):
    lost = replace(recipe, model=replace(recipe.model, source="/nowhere/lost.safetensors"))
    runs = DataSetRuns()
    runs.start(replace(request_for, recipe=lost))
    found = wait(runs, ended)
    assert found.state == "error" and "lost.safetensors" in found.message
    runs.close()


@pytest.mark.parametrize("what", ["data", "output", "running"])
def test_what_cannot_be_started_is_refused(request_for, tmp_path, what):
    children = []

    def start(*_):
        children.append(subprocess.Popen([sys.executable, "-c", ""]))
        return children[0]

    runs = DataSetRuns(start)
    request = request_for
    if what == "data":
        request = replace(request, data=tmp_path / "gone")
    elif what == "output":
        request.output.mkdir()
        (request.output / "thesis").write_text("")
    else:
        runs.start(request)
        runs.state.progress = replace(runs.state.progress, state="running")
        request = replace(request, output=tmp_path / "other")
    with pytest.raises(ValueError):
        runs.start(request)
    for child in children:
        child.wait()


def test_without_a_run_there_is_nothing_to_do():
    runs = DataSetRuns()
    runs.refresh()
    runs.stop()
    runs.resume()
    assert runs.state.progress.state == "none" and runs.state.runs == ()


@pytest.mark.parametrize(
    ("content", "line"),
    [
        (b"one\ntwo\n\n", "two"),
        (b"10%|#  |\r90%|## |\n", "90%|## |"),
        (b"", "It has ended without a word."),
        (b"x" * 9000 + b"\nend", "end"),
    ],
)
def test_the_last_line_of_a_log(tmp_path, content, line):
    (tmp_path / "log").write_bytes(content)
    assert last_line(tmp_path / "log") == line
