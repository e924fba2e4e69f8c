"""Training in a worker process, so that a crash or a kill costs only the last steps.

The input of the training is stored in a folder. A new Python process reads it and writes a line of
JSON after every step; model files are replaced atomically. The child exits with its parent, runs at
low priority, and frees all device memory when it exits.
"""

from __future__ import annotations

import json
import os
import signal
from collections import deque
from dataclasses import asdict
from importlib import import_module
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from napari_pixel_embedding.core.child_process import end_child, lines_of, start_child
from napari_pixel_embedding.core.evaluation.comparison import TuningReport
from napari_pixel_embedding.core.model.model_file import load_model, save_model
from napari_pixel_embedding.core.training.train import TrainProgress

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

MODEL_FILE = "best.safetensors"
"""The best model so far, in the folder of the training."""

_LOG_FILE = "log.txt"
_ERRORS = {error.__name__: error for error in (ValueError, FloatingPointError, MemoryError)}
_START = """
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
        child = start_child(_START, [entry, str(folder)], log)
    try:
        for message in map(json.loads, lines_of(child, heartbeat)):
            if "error" in message:
                raise _error(message)
            yield _progress(message, folder)
        if child.wait() != 0:
            raise ProcessEnded(_ending(child.returncode, folder))
    finally:
        end_child(child)


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


# ------------------------------------------------------------------------------- in the child


def serve(entry: str, folder: str) -> None:
    """Run ``entry`` on ``folder`` in the child process and write its progress."""
    messages = _own_stdout()
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
