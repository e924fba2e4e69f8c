"""The folder of a run over a data set: what lies where, how far it is, and which runs there are."""

from __future__ import annotations

import json
import time
from dataclasses import asdict, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil

from napari_pixel_embedding.core.io.files import open_atomically, read_whole
from napari_pixel_embedding.core.io.user_folder import user_folder
from napari_pixel_embedding.core.parameters import configuration, read_configuration

if TYPE_CHECKING:
    import os

REQUEST = "run.json"
"""What the run is to do."""
PROGRESS = "progress.json"
"""How far it is: written by the run, read by whoever asks."""
SUMMARY = "summary.json"
"""What came out, once it has ended."""
WORK = "work"
"""Folder of logs and tables, needed to go on; may be deleted when all is done."""
LOG = "run.log"
"""What the run's process has said, where a window has started it."""
STAGES = ("plan", "segment", "edges", "merge", "relabel", "pyramid", "measure", "done")
_MOST_BYTES = 2**22
_SILENT_S = 60.0
"""A run whose process cannot be looked at, and which says nothing for so long, has ended."""


@configuration
class RunProgress:
    """How far a run is.

    Parameters
    ----------
    state : str
        "running", "done", "failed" (some parts are missing), "stopped" or "error".
    image : str
        Name of the image at work.
    stage : str
        One of :data:`STAGES`.
    done, count : int
        Finished blocks (or images) of the stage, and all of them.
    failed : int
        Blocks and images that have failed so far.
    seconds_left : float, optional
        Of this stage.
    message : str
        A sentence for people.
    pid : int
        Of the process, on the machine ``host``.
    updated : float
        Seconds since 1970.
    """

    state: str = "running"
    image: str = ""
    stage: str = "plan"
    done: int = 0
    count: int = 0
    failed: int = 0
    seconds_left: float | None = None
    message: str = ""
    pid: int = 0
    host: str = ""
    started: float = 0.0
    updated: float = 0.0
    outputs: tuple[str, ...] = field(default=())

    @property
    def fraction(self) -> float:
        """Finished fraction of the stage."""
        return self.done / self.count if self.count else 0.0


def write_progress(folder: Path, progress: RunProgress) -> None:
    """Replace what the folder says of its run."""
    written = replace(progress, updated=time.time())
    with open_atomically(folder / PROGRESS) as file:
        file.write(json.dumps(asdict(written)).encode())


def read_progress(folder: str | os.PathLike[str]) -> RunProgress:
    """Return how far the run of a folder is; one whose process is gone has stopped.

    Raises
    ------
    ValueError
        When there is no run in the folder.
    """
    folder = Path(folder)
    if not _is_run(folder):
        raise ValueError(f"Expected the folder of a run, found none in {folder}.")
    try:
        said = read_whole(folder / PROGRESS, _MOST_BYTES)
        progress = read_configuration(RunProgress, said)
    except FileNotFoundError:
        return RunProgress(state="stopped", message="It has not begun.")
    except ValueError as error:
        raise ValueError(f"What {folder / PROGRESS} says cannot be read: {error}.") from error
    if progress.state == "running" and not _is_alive(progress):
        return replace(progress, state="stopped", message="It was stopped: resume goes on.")
    return progress


def _is_alive(progress: RunProgress) -> bool:
    import platform

    if progress.host != platform.node():
        return time.time() - progress.updated < _SILENT_S
    try:
        process = psutil.Process(progress.pid)
        is_same = process.create_time() <= progress.updated
        return bool(is_same and process.status() != psutil.STATUS_ZOMBIE)
    except psutil.Error:
        return False


# --------------------------------------------------------------------------------- all runs


def remember_run(folder: Path) -> None:
    """Add a run to those that a window offers."""
    known = [str(folder), *(str(one) for one in known_runs() if one != folder)]
    with open_atomically(_list()) as file:
        file.write(json.dumps(known[:50]).encode())


def known_runs() -> list[Path]:
    """Return the folders of runs that were started here and are still there, the newest first."""
    try:
        found: Any = json.loads(read_whole(_list(), _MOST_BYTES))
    except (OSError, ValueError):
        return []
    paths = [Path(one) for one in found if isinstance(one, str)] if isinstance(found, list) else []
    return [path for path in paths if _is_run(path)]


def _is_run(folder: Path) -> bool:
    """Whether a run has begun in a folder, or is about to."""
    return (folder / REQUEST).is_file() or (folder / PROGRESS).is_file()


def _list() -> Path:
    return user_folder() / "runs.json"
