"""Runs over data sets in processes of their own, which go on when the window is closed."""

from __future__ import annotations

import json
import os
import platform
import signal
from dataclasses import dataclass, replace
from threading import Thread
from typing import TYPE_CHECKING, ClassVar

import psutil
from psygnal import SignalGroupDescriptor

from napari_pixel_embedding.core.child_process import start_detached
from napari_pixel_embedding.core.io.files import open_atomically, read_whole
from napari_pixel_embedding.core.recipe.recipe_file import save_segmentation_recipe
from napari_pixel_embedding.core.runs.folder import (
    LOG,
    REQUEST,
    WORK,
    RunProgress,
    known_runs,
    read_progress,
    remember_run,
    write_progress,
)

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Callable
    from pathlib import Path

    from napari_pixel_embedding.core.recipe.recipe import SegmentationRecipe

_START = """
from napari_pixel_embedding.cli import main

sys.exit(main(sys.argv[3:]))
"""
NO_RUN = RunProgress(state="none", message="No data set was segmented yet.")
STARTING = RunProgress(state="running", message="Starting …")
_LAST_BYTES = 16_384
_BEGINNING = "start.json"
"""How the process was started, for one that was stopped before it had begun."""
_ERROR = "pixel-embedding: error: "


@dataclass(frozen=True)
class DataSetRequest:
    """What is to be segmented.

    Parameters
    ----------
    recipe : SegmentationRecipe
    data : Path
        An image, a folder, an OME-Zarr image or plate.
    output : Path
        Folder of the run, which is new.
    measure : bool
        Whether objects are measured.
    beside : bool
        Whether labels go into OME-Zarr images.
    """

    recipe: SegmentationRecipe
    data: Path
    output: Path
    measure: bool = True
    beside: bool = False


@dataclass(eq=False)
class RunsState:
    """What a window shows of runs.

    Parameters
    ----------
    folder : Path, optional
        Of the run that is shown.
    progress : RunProgress
        How far it is.
    runs : tuple of Path
        Folders of runs that were started here, the newest first.
    """

    events: ClassVar[SignalGroupDescriptor] = SignalGroupDescriptor()

    folder: Path | None = None
    progress: RunProgress = NO_RUN
    runs: tuple[Path, ...] = ()


class DataSetRuns:
    """Starts runs, follows one, stops it and lets it go on.

    Parameters
    ----------
    start : callable, optional
        Starts the process; :func:`~.child_process.start_detached` by default.
    """

    def __init__(self, start: Callable[..., subprocess.Popen[bytes]] = start_detached) -> None:
        self.state = RunsState()
        self._start = start
        self._child: subprocess.Popen[bytes] | None = None
        self.find_runs()

    def find_runs(self) -> None:
        """Look for runs that were started here, also by an earlier window."""
        self.state.runs = tuple(known_runs())
        if self.state.folder is None and self.state.runs:
            self.show(self.state.runs[0])

    def show(self, folder: Path) -> None:
        """Show another run."""
        self.state.folder = folder
        self.refresh()

    def start(self, request: DataSetRequest) -> None:
        """Start a run over a data set.

        Raises
        ------
        ValueError
            When the data are not there, the folder is not empty, or a run is going on.
        OSError
            When the folder cannot be written to.
        """
        if self.is_running:
            raise ValueError("A data set is being segmented: wait, or stop it.")
        if not request.data.exists():
            raise ValueError(f"There is no {request.data}: choose an image or a folder.")
        if request.output.exists() and any(request.output.iterdir()):
            raise ValueError(f"{request.output} is not empty: choose a new folder.")
        work = request.output / WORK
        work.mkdir(parents=True, exist_ok=True)
        recipe = save_segmentation_recipe(request.recipe, work / "start")
        options = ["--recipe", str(recipe), "--output", str(request.output)]
        options += [] if request.measure else ["--no-measure"]
        options += ["--beside"] if request.beside else []
        arguments = ["batch", "run", str(request.data), *options]
        with open_atomically(work / _BEGINNING) as file:
            file.write(json.dumps(arguments).encode())
        self._begin(request.output, arguments)

    def resume(self) -> None:
        """Go on with the run that is shown: what is missing, and what has failed."""
        folder = self.state.folder
        if folder is None or self.is_running:
            return
        if (folder / REQUEST).exists():
            self._begin(folder, ["batch", "resume", str(folder)])
        else:  # it was stopped before it had begun
            content = read_whole(folder / WORK / _BEGINNING, _LAST_BYTES)
            self._begin(folder, [str(one) for one in json.loads(content)])

    def stop(self) -> None:
        """Stop the run that is shown; what is done stays."""
        progress = self.state.progress
        if progress.state != "running":
            return
        child = self._child.pid if self._child is not None else progress.pid
        try:
            process = psutil.Process(child)
            process.send_signal(signal.SIGTERM)
        except (psutil.Error, OSError):
            self.refresh()

    @property
    def is_running(self) -> bool:
        """Whether the run that is shown goes on."""
        return self.state.progress.state == "running"

    def refresh(self) -> None:
        """Look how far the run is."""
        folder, state = self.state.folder, self.state
        if folder is None:
            state.progress = NO_RUN
        else:
            state.progress = self._progress(folder)

    def close(self) -> None:
        """Let go of the run: it goes on without the window."""
        if self._child is not None:
            # Else it would stay as a zombie when it has ended.
            Thread(target=self._child.wait, daemon=True).start()
        self._child = None

    # ------------------------------------------------------------------------------ process

    def _begin(self, folder: Path, arguments: list[str]) -> None:
        with (folder / LOG).open("ab") as log:
            self._child = self._start(_START, arguments, log)
        # Until the process itself says how far it is, another window must see that it has begun.
        begun = replace(STARTING, pid=self._child.pid, host=platform.node())
        write_progress(folder, begun)
        remember_run(folder)
        state = self.state
        state.folder, state.progress = folder, begun
        state.runs = (folder, *(one for one in state.runs if one != folder))

    def _progress(self, folder: Path) -> RunProgress:
        if self._child is not None:
            self._child.poll()  # lets the system forget a process that has ended
        try:
            found = read_progress(folder)
        except ValueError as error:
            return RunProgress(state="error", message=str(error))
        said = last_line(folder / LOG) if found.state == "stopped" else ""
        if said.startswith(_ERROR):
            return RunProgress(state="error", message=said.removeprefix(_ERROR))
        return found


def last_line(path: Path) -> str:
    """Return the last line of a log that is not empty; of a progress bar its last state."""
    try:
        with path.open("rb") as file:
            file.seek(max(os.path.getsize(path) - _LAST_BYTES, 0))
            text = file.read().decode(errors="replace")
    except OSError:
        return "It has ended, and nobody knows why."
    lines = [part.strip() for part in text.replace("\r", "\n").splitlines()]
    return next((line for line in reversed(lines) if line), "It has ended without a word.")
