"""Applying a recipe to a folder: progress, Cancel, summary and errors, without processes."""

from __future__ import annotations

from pathlib import Path

import pytest

from napari_pixel_embedding import load_segmentation_recipe
from napari_pixel_embedding.core.recipe.recipe import ModelReference
from napari_pixel_embedding.core.recipe.scripts import as_command
from napari_pixel_embedding.session import ImmediateExecutor, Session
from napari_pixel_embedding.session.recipe.recipes import (
    FolderRequest,
    FolderResult,
    Recipes,
)
from napari_pixel_embedding.session.task import current_task
from tests.core.recipe.test_recipe import some_recipe
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
    part = Recipes(session, executor or ImmediateExecutor(), engine, told.append)
    return part, session, told, calls


def test_a_folder_is_segmented_and_summed_up():
    part, session, told, calls = started((None, False), (None, True), ("no image", False))
    seen = []
    session.events.applied.connect(seen.append)
    part.apply_to_folder(REQUEST)
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
    part.apply_to_folder(REQUEST)
    task = current_task(session)
    assert (task.kind, task.stage) == ("folder", "Segmenting “plate” …")
    part.stop()
    assert current_task(session) is None and session.status.startswith("Stopped")
    queue.settle()
    assert told == []


def test_a_second_folder_waits_for_the_user():
    queue = QueueExecutor()
    part, session, told, calls = started((None, False), executor=queue)
    part.apply_to_folder(REQUEST)
    part.apply_to_folder(REQUEST)
    assert "wait until it is done, or Cancel" in session.error
    queue.settle()
    assert len(told) == len(calls) == 1


def test_why_it_could_not_begin_is_said():
    def refuse(*_, heartbeat):
        raise ValueError("the model is another one")
        yield

    part, session, told, _ = started(segment_folder=refuse)
    part.apply_to_folder(REQUEST)
    assert session.error == "the model is another one" and not session.applying
    assert told == []


def test_a_recipe_is_saved_and_what_keeps_it_is_said(tmp_path):
    part, session, _, _ = started()
    recipe = some_recipe()
    assert part.save(recipe, tmp_path / "a.recipe.json")
    assert load_segmentation_recipe(tmp_path / "a.recipe.json") == recipe
    assert session.status == f"Saved the recipe as {tmp_path / 'a.recipe.json'}."
    (tmp_path / "file").write_text("")
    assert not part.save(recipe, tmp_path / "file" / "b.recipe.json")
    assert session.error


def test_what_cannot_be_copied_is_said():
    part, session, _, _ = started()
    recipe = some_recipe()
    assert part.text(as_command, recipe, "a.tif").startswith("pixel-embedding segment a.tif")
    unsaved = recipe.changed(model=ModelReference("mine", None, "0" * 16))
    assert part.text(as_command, unsaved, "a.tif") is None
    assert "was never saved" in session.error
