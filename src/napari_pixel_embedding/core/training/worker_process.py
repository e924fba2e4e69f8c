"""Training in a worker process, so that a crash or a kill costs only the last steps.

The input of the training is stored in a folder. A new Python process reads it and writes a line of
JSON after every step; model files are replaced atomically. The child exits with its parent, runs at
low priority, and frees all device memory when it exits.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections import deque
from contextlib import suppress
from dataclasses import asdict
from importlib import import_module
from pathlib import Path
from queue import Empty, Queue
from threading import Thread
from typing import IO, TYPE_CHECKING, Any

from napari_pixel_embedding.core.evaluation.comparison import TuningReport
from napari_pixel_embedding.core.model.model_file import load_model, save_model
from napari_pixel_embedding.core.training.train import TrainProgress

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator, Mapping

MODEL_FILE = "best.safetensors"
"""The best model so far, in the folder of the training."""

_LOG_FILE = "log.txt"
_POLL_S = 0.1
_NICE = 5
_ERRORS = {error.__name__: error for error in (ValueError, FloatingPointError, MemoryError)}
CREATION_FLAGS = getattr(subprocess, "BELOW_NORMAL_PRIORITY_CLASS", 0) | getattr(
    subprocess, "CREATE_NO_WINDOW", 0
)
"""Creation flags for Windows; elsewhere the child lowers its own priority."""
IMPORT = """
import sys
from importlib.machinery import PathFinder
from importlib.util import module_from_spec

folder, name = sys.argv[1:3]
sys.path.append(folder)
spec = PathFinder.find_spec(name, [folder])
sys.modules[name] = package = module_from_spec(spec)
spec.loader.exec_module(package)
"""
"""Code of a child: import the parent's own copy of the package, named by two arguments."""
_START = f"""{IMPORT}
from napari_pixel_embedding.core.training.worker_process import serve

serve(*sys.argv[3:])
"""


class ProcessEnded(OSError):
    """A training process ended before its training did; the message says what to do."""


def run_in_process(
    entry: str, folder: Path, *, heartbeat: Callable[[], None] | None = None
) -> Generator[TrainProgress, None, None]:
    """Train in a worker process and yield progress after every step.

    Parameters
    ----------
    entry : str
        ``"module:function"``. The worker calls the function with ``folder``, which holds its
        input; it yields TrainProgress.
    folder : Path
        Folder of this training. The best model so far is kept there as ``best.safetensors``.
    heartbeat : callable, optional
        Called several times a second while waiting for progress; an exception in it ends the
        training.

    Yields
    ------
    TrainProgress
        As the function yields it. ``close()`` ends the process at once.

    Raises
    ------
    ValueError, FloatingPointError, MemoryError, RuntimeError
        Raised by the training.
    ProcessEnded
        When the process was ended from outside, for instance for lack of memory.
    """
    with (folder / _LOG_FILE).open("wb") as log:
        child = _start(entry, folder, log)
    try:
        for message in _messages(child, heartbeat):
            if "error" in message:
                raise _error(message)
            yield _progress(message, folder)
        if child.wait() != 0:
            raise ProcessEnded(_ending(child.returncode, folder))
    finally:
        _end(child)


def _start(entry: str, folder: Path, log: IO[bytes]) -> subprocess.Popen[bytes]:
    """Start a Python process with this package, without running the parent's main module."""
    package = Path(__file__).parents[2]
    return subprocess.Popen(
        [sys.executable, "-c", _START, str(package.parent), package.name, entry, str(folder)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=log,
        creationflags=CREATION_FLAGS,
        env=child_environment(os.environ),
    )


def child_environment(parent: Mapping[str, str]) -> dict[str, str]:
    """Keep the working folder off the import path of the child and of its own children.

    A user may work in a folder that holds a ``random.py``. PYTHONSAFEPATH is the option ``-P``,
    inherited by child processes. An empty part of PYTHONPATH, as in
    ``PYTHONPATH=$PYTHONPATH:folder``, would mean the working folder too.
    """
    environment = {**parent, "PYTHONSAFEPATH": "1"}
    folders = [part for part in parent.get("PYTHONPATH", "").split(os.pathsep) if part]
    if folders:
        return {**environment, "PYTHONPATH": os.pathsep.join(folders)}
    environment.pop("PYTHONPATH", None)
    return environment


def _messages(
    child: subprocess.Popen[bytes], heartbeat: Callable[[], None] | None
) -> Iterator[dict[str, Any]]:
    """Yield the child's messages until it closes its output."""
    lines: Queue[bytes | None] = Queue()
    Thread(target=_read_lines, args=(child.stdout, lines), daemon=True).start()
    while True:
        try:
            line = lines.get(timeout=_POLL_S)
        except Empty:
            if heartbeat is not None:
                heartbeat()
            continue
        if line is None:
            return
        yield json.loads(line)


def _read_lines(stream: IO[bytes], lines: Queue[bytes | None]) -> None:
    for line in stream:
        if line.endswith(b"\n"):  # a killed child leaves half a line
            lines.put(line)
    lines.put(None)


def _progress(message: dict[str, Any], folder: Path) -> TrainProgress:
    has_model, report = message.pop("model"), message.pop("report")
    return TrainProgress(
        **message,
        model=load_model(folder / MODEL_FILE) if has_model else None,
        report=None if report is None else TuningReport.from_dict(report),
    )


def _error(message: dict[str, Any]) -> Exception:
    kind, text = message["error"], message["text"]
    if kind in _ERRORS:
        return _ERRORS[kind](text)
    return RuntimeError(f"{kind}: {text}")


def _ending(code: int, folder: Path) -> str:
    """Describe how a process ended, with the last line it wrote."""
    how = f"by the signal {signal.Signals(-code).name}" if code < 0 else f"with the code {code}"
    with (folder / _LOG_FILE).open(encoding="utf-8", errors="replace") as log:
        last = "".join(deque(log, maxlen=1)).strip()
    return (
        f"the training process was ended {how}, perhaps for lack of memory"
        f"{f' ({last})' if last else ''}. Nothing but its last steps is lost: start it again, "
        "with smaller crops or a smaller batch if this happens again."
    )


def _end(child: subprocess.Popen[bytes]) -> None:
    child.kill()
    child.wait()
    for stream in (child.stdin, child.stdout):
        if stream is not None:
            with suppress(OSError):
                stream.close()


# ------------------------------------------------------------------------------- in the child


def serve(entry: str, folder: str) -> None:
    """Run ``entry`` on ``folder`` in the child process and write its progress."""
    messages = _own_stdout()
    Thread(target=end_with_parent, daemon=True).start()
    with suppress(AttributeError, OSError):
        os.nice(_NICE)  # type: ignore[attr-defined,unused-ignore]
    module, _, name = entry.partition(":")
    try:
        for progress in getattr(import_module(module), name)(Path(folder)):
            _say(messages, _message(progress, Path(folder)))
    except Exception as error:
        _say(messages, {"error": type(error).__name__, "text": str(error)})
        raise


def _own_stdout() -> IO[str]:
    """Reserve standard output for messages; other output goes to standard error."""
    kept = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    return kept


def end_with_parent() -> None:
    """End this process when the other end of its standard input closes."""
    while os.read(0, 1):  # not sys.stdin: a thread holding its lock breaks the exit
        pass
    os._exit(1)


def _message(progress: TrainProgress, folder: Path) -> dict[str, Any]:
    if progress.model is not None:
        save_model(progress.model, folder / MODEL_FILE)
    return {
        "step": progress.step,
        "steps": progress.steps,
        "losses": progress.losses,
        "validation_ap": progress.validation_ap,
        "seconds_left": progress.seconds_left,
        "best_step": progress.best_step,
        "model": progress.model is not None,
        "report": None if progress.report is None else asdict(progress.report),
        "note": progress.note,
        "early": progress.early,
    }


def _say(messages: IO[str], message: dict[str, Any]) -> None:
    messages.write(json.dumps(message) + "\n")
    messages.flush()
