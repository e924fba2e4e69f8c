"""Trainings in a process of their own: what they say arrives, and they end when they should."""

import math
import os
import time
from pathlib import Path

import pytest

from napari_pixel_embedding.core.progress import Cancelled
from napari_pixel_embedding.core.training.worker_process import ProcessEnded, run_in_process
from tests.core.training.isolated_trainings import REPORT


@pytest.fixture(autouse=True)
def trainings_can_be_found(monkeypatch):
    paths = [str(Path(__file__).parent), os.environ.get("PYTHONPATH", "")]
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(filter(None, paths)))


def run(name, folder, **options):
    return run_in_process(f"isolated_trainings:{name}", folder, **options)


def test_every_step_arrives_with_its_model_and_report(tmp_path):
    first, second, third = run("three_steps", tmp_path)
    assert (first.step, first.steps, first.losses, first.model) == (1, 3, {"total": 2.0}, None)
    assert math.isnan(second.losses["total"])
    assert (second.validation_ap, second.seconds_left, second.best_step) == (0.5, 1.0, 2)
    assert second.model.name == "child"
    assert second.report == REPORT
    assert third.step == 3


def test_the_child_works_with_the_package_of_its_parent(tmp_path, monkeypatch):
    other = tmp_path / "napari_pixel_embedding.py"
    other.write_text("raise SystemExit('another package of this name')")
    paths = [str(tmp_path), os.environ["PYTHONPATH"]]
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(paths))
    assert [state.step for state in run("three_steps", tmp_path)] == [1, 2, 3]


def test_what_the_training_raises_is_raised_here(tmp_path):
    steps = run("wrong", tmp_path)
    next(steps)
    with pytest.raises(ValueError, match=r"^expected objects, found none\.$"):
        next(steps)
    with pytest.raises(RuntimeError, match="KeyError: 'lost'"):
        next(run("unheard_of", tmp_path))


def test_a_killed_process_is_told_apart_from_one_that_is_done(tmp_path):
    steps = run("killed", tmp_path)
    next(steps)
    with pytest.raises(ProcessEnded, match=r"SIGKILL.*\(out of memory\).*start it again"):
        next(steps)


def test_closing_ends_the_process_at_once(tmp_path):
    steps = run("endless", tmp_path)
    next(steps)
    steps.close()
    assert not is_running(tmp_path)


def test_waiting_can_be_ended_too(tmp_path):
    calls = []

    def heartbeat():
        calls.append(1)
        if (tmp_path / "pid").exists() and len(calls) > 3:
            raise Cancelled

    with pytest.raises(Cancelled):
        list(run("endless", tmp_path, heartbeat=heartbeat))
    assert not is_running(tmp_path)


def test_the_process_ends_with_its_parent(tmp_path):
    with pytest.raises(ProcessEnded):
        list(run("parent_of_endless", tmp_path))
    end = time.monotonic() + 60
    while is_running(tmp_path):
        assert time.monotonic() < end, "it outlives its parent"
        time.sleep(0.05)


def is_running(folder):
    try:
        os.kill(int((folder / "pid").read_text()), 0)
    except ProcessLookupError:
        return False
    status = Path(f"/proc/{(folder / 'pid').read_text()}/status")
    return not status.exists() or "Z (zombie)" not in status.read_text()
