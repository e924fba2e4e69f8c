"""Applying a recipe to a folder: progress, Cancel, summary and errors, without processes."""

from __future__ import annotations

from pathlib import Path

import pytest

from napari_pixel_embedding.session import ImmediateExecutor, Session
from napari_pixel_embedding.session.recipe.folder import (
    FolderRequest,
    FolderResult,
    FolderSegmentation,
)
from napari_pixel_embedding.session.task import current_task
from tests.session.fakes import QueueExecutor, fake_engine

REQUEST = FolderRequest("recipe", Path("plate"), Path("out"))


def results(*found):
    for number, (error, skipped) in enumerate(found, 1):
        yield {
            "image": f"/x/{number}.tif",
            "error": error,
            "skipped": skipped,
            "done": number,
            "count": len(found),
        }


def started(*found, executor=None, segment_folder=None):
    told, calls = [], []

    def segment(recipe, folder, output, *, heartbeat):
        calls.append((recipe, folder, output))
        heartbeat()
        yield from results(*found)

    session = Session()
    engine = fake_engine(segment_folder=segment_folder or segment)
    part = FolderSegmentation(session, executor or ImmediateExecutor(), engine, told.append)
    return part, session, told, calls


def test_a_folder_is_segmented_and_summed_up():
    part, session, told, calls = started((None, False), (None, True), ("no image", False))
    seen = []
    session.events.applied.connect(seen.append)
    part.start(REQUEST)
    assert calls == [("recipe", Path("plate"), Path("out"))]
    assert seen == [pytest.approx(1 / 3), pytest.approx(2 / 3), 1.0]
    assert not session.applying and session.error is None
    assert told[0] == FolderResult(1, 1, (("3.tif", "no image"),), Path("out"))
    assert told[0].summary() == (
        "1 segmented, 1 skipped (labels are there), 1 failed; labels are in out.\n3.tif: no image"
    )
    assert session.status == told[0].summary().splitlines()[0]


def test_only_some_failures_are_named():
    failed = tuple((f"{n}.tif", "bad") for n in range(8))
    text = FolderResult(0, 0, failed, Path("out")).summary()
    assert text.count("bad") == 5 and text.endswith("… and 3 more failed.")


def test_the_task_is_shown_and_can_be_stopped():
    queue = QueueExecutor()
    part, session, told, _ = started((None, False), executor=queue)
    part.start(REQUEST)
    task = current_task(session)
    assert (task.kind, task.stage) == ("folder", "Segmenting “plate” …")
    part.stop()
    assert current_task(session) is None and session.status.startswith("Stopped")
    queue.settle()
    assert told == []


def test_a_second_folder_waits_for_the_user():
    queue = QueueExecutor()
    part, session, told, calls = started((None, False), executor=queue)
    part.start(REQUEST)
    part.start(REQUEST)
    assert "wait until it is done, or Cancel" in session.error
    queue.settle()
    assert len(told) == len(calls) == 1


def test_why_it_could_not_begin_is_said():
    def refuse(*_, heartbeat):
        raise ValueError("the model is another one")
        yield

    part, session, told, _ = started(segment_folder=refuse)
    part.start(REQUEST)
    assert session.error == "the model is another one" and not session.applying
    assert told == []
