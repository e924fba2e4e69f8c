"""What a process keeps between tasks: the run, its model, open images, logs and tables."""

from __future__ import annotations

import os
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_pixel_embedding.batch import payloads
from napari_pixel_embedding.batch.plan import OpenedPlan, RunPlan, open_plan, read_plan
from napari_pixel_embedding.batch.request import BatchRequest, read_request
from napari_pixel_embedding.batch.stages.merge import IdTable
from napari_pixel_embedding.core.recipe.apply import FoundModel, find_recipe_model
from napari_pixel_embedding.core.runs.folder import WORK
from napari_pixel_embedding.core.runs.record_log import RecordIndex, RecordWriter

if TYPE_CHECKING:
    from collections.abc import Callable

    from napari_pixel_embedding.batch.stages.segment import BlockLabels

_BLOCKS = 4
"""Labels of blocks that a worker keeps while it compares neighbours."""


@dataclass(frozen=True)
class Task:
    """One part of a stage.

    Parameters
    ----------
    folder : str
        The run's folder.
    stage : str
        "whole", "segment", "edges", "relabel" or "pyramid".
    image : int
        Number of the image in the plan.
    key : int
        Number of the block, group of blocks, or shard; of a whole image, its number.
    log : str
        Name of the log that takes the result.
    attempt : int
        0, or the number of workers that have died of it.
    threads : int
        Threads of the network; 0 leaves them as they are.
    level : int
        Of the pyramid.
    """

    folder: str
    stage: str
    image: int
    key: int
    log: str
    attempt: int = 0
    threads: int = 0
    level: int = 0


@dataclass(frozen=True, eq=False)
class OpenRun:
    """A run's request, plan and model, as a worker has read them."""

    request: BatchRequest
    plan: RunPlan
    found: FoundModel


@lru_cache(maxsize=1)
def _run(folder: str, changed: int) -> OpenRun:
    request, plan = read_request(Path(folder)), read_plan(Path(folder))
    if plan is None:
        raise ValueError(f"there is no plan in {folder}: start the run again.")
    found = find_recipe_model(
        request.recipe, request.model, allow_other_model=request.allow_other_model
    )
    if found.reference.fingerprint != plan.model:
        raise ValueError("this worker finds another model than the run was planned with.")
    return OpenRun(request, plan, found)


def run_of(task: Task) -> OpenRun:
    """Return the run that a task belongs to."""
    return _run(task.folder, _changed(Path(task.folder) / WORK / "plan.json"))


def _changed(path: Path) -> int:
    """Return when a file was changed: what is kept is not of an earlier run."""
    return path.stat().st_mtime_ns


class _Kept:
    """The files that a process has opened last; what goes is closed."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._found: dict[Any, Any] = {}

    def get(self, key: Any, make: Callable[[], Any]) -> Any:
        if key not in self._found:
            while len(self._found) >= self._most:
                self._found.pop(next(iter(self._found))).close()
            self._found[key] = make()
        return self._found[key]

    def clear(self) -> None:
        while self._found:
            self._found.popitem()[1].close()


_images, _writers = _Kept(2), _Kept(4)


def close_files() -> None:
    """Close all files of this process: a run has ended."""
    _images.clear()
    _writers.clear()


def opened_of(task: Task) -> OpenedPlan:
    """Return the image of a task, opened."""
    run = run_of(task)
    key = (task.folder, task.image, _changed(Path(task.folder) / WORK / "plan.json"))
    make = lambda: open_plan(run.plan.images[task.image], run.request, run.found)  # noqa: E731
    opened: OpenedPlan = _images.get(key, make)
    return opened


def writer_of(task: Task) -> RecordWriter:
    """Return this process's own log of a stage."""
    folder = log_folder(task)
    key = (os.getpid(), folder, task.log)
    writer: RecordWriter = _writers.get(key, lambda: RecordWriter(folder, task.log))
    return writer


def log_folder(task: Task) -> Path:
    """Return where the results of a task's stage are: images as a whole share one folder."""
    folder = Path(task.folder)
    return whole_folder(folder) if task.stage == "whole" else image_folder(folder, task.image)


def whole_folder(folder: Path) -> Path:
    """Return the folder of the log of images that are segmented as a whole."""
    path = folder / WORK / "whole"
    path.mkdir(parents=True, exist_ok=True)
    return path


def image_folder(folder: Path, image: int) -> Path:
    """Return the folder of an image's logs; it is made where there is none."""
    path = folder / WORK / f"{image:06d}"
    path.mkdir(parents=True, exist_ok=True)
    return path


@lru_cache(maxsize=2)
def _index(path: Path, changed: int) -> RecordIndex:
    return RecordIndex.load(path)


def index_of(task: Task) -> RecordIndex:
    """Return where the labels of the blocks of a task's image are."""
    path = image_folder(Path(task.folder), task.image) / "segment.npy"
    return _index(path, _changed(path))


@lru_cache(maxsize=2)
def _table(folder: Path, changed: int) -> IdTable:
    return IdTable.load(folder)


def table_of(task: Task) -> IdTable:
    """Return the final ids of a task's image."""
    folder = image_folder(Path(task.folder), task.image)
    return _table(folder, _changed(folder / "ids-starts.npy"))


@lru_cache(maxsize=_BLOCKS)
def _labels(path: Path, changed: int, key: int) -> BlockLabels:
    index = _index(path, changed)
    return payloads.unpack_labels(index.payload(key), int(index.entries["own"][key]))


def labels_of(task: Task, key: int) -> BlockLabels:
    """Return the labels of a block of a task's image."""
    path = image_folder(Path(task.folder), task.image) / "segment.npy"
    return _labels(path, _changed(path), key)
