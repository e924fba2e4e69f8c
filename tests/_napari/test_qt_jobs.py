from __future__ import annotations

import threading

import pytest

from napari_pixel_embedding._napari import qt_jobs as qt_jobs_module
from napari_pixel_embedding._napari.qt_jobs import ThreadExecutor
from napari_pixel_embedding.core.progress import Cancelled
from napari_pixel_embedding.session import JobQueue


@pytest.fixture
def executor(qtbot):
    made = ThreadExecutor()
    yield made
    made.close()


def test_work_is_elsewhere_and_answers_are_here(executor, qtbot):
    seen = {}

    def work(report):
        seen["work"] = threading.current_thread()
        report("item")
        return "result"

    def note(name):
        return lambda value: seen.update({name: (value, threading.current_thread())})

    JobQueue(executor).start(work, done=note("done"), failed=note("failed"), progress=note("item"))
    qtbot.waitUntil(lambda: "done" in seen)
    here = threading.current_thread()
    assert seen["work"] is not here
    assert seen["item"] == ("item", here)
    assert seen["done"] == ("result", here)
    assert "failed" not in seen


def test_close_waits_for_cancelled_work_and_drops_its_answers(executor, qtbot):
    began, go_on, heard = threading.Event(), threading.Event(), []

    def work(report):
        began.set()
        assert go_on.wait(20)
        report("too late")

    queue = JobQueue(executor)
    queue.start(work, done=heard.append, failed=heard.append, progress=heard.append)
    assert began.wait(20)
    queue.cancel()
    go_on.set()
    executor.close()
    qtbot.wait(1)
    assert heard == []


def test_an_error_arrives(executor, qtbot):
    heard = []

    def work(report):
        raise ValueError("wrong")

    JobQueue(executor).start(work, done=heard.append, failed=heard.append)
    qtbot.waitUntil(lambda: bool(heard))
    assert str(heard[0]) == "wrong"


@pytest.mark.parametrize(
    "ending", [SystemExit(3), KeyboardInterrupt(), GeneratorExit(), Cancelled()]
)
def test_whatever_ends_the_work_the_owner_hears_of_it(executor, qtbot, ending):
    heard = []

    def work(report):
        raise ending

    queue = JobQueue(executor)
    queue.start(work, done=heard.append, failed=heard.append)
    qtbot.waitUntil(lambda: bool(heard))
    assert type(ending).__name__ in str(heard[0]) and "Start it again" in str(heard[0])
    assert not queue.busy
    queue.start(lambda report: "next", done=heard.append, failed=heard.append)
    qtbot.waitUntil(lambda: heard[-1] == "next")


def test_close_does_not_wait_for_what_cannot_be_cancelled(executor, qtbot, monkeypatch):
    monkeypatch.setattr(qt_jobs_module, "_PATIENCE_S", 0.05)
    begun, may_end, answers = threading.Event(), threading.Event(), []

    class Index:
        def run(self, post):
            begun.set()
            may_end.wait(30)
            post(lambda: answers.append("late"))
            ended.set()

    ended = threading.Event()
    executor.submit(Index())
    assert begun.wait(10)
    executor.close()  # returns although the job has not ended
    assert not may_end.is_set()
    may_end.set()
    assert ended.wait(10)
    qtbot.wait(50)
    assert answers == []
