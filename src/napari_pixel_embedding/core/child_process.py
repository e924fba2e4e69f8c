"""Child processes that run this package: the parent's own copy of it, at low priority.

A child exits with its parent and imports nothing from the working folder. It is started without a
shell, says what it has done in lines on its standard output, and all else goes to a log.
"""

from __future__ import annotations

import os
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from queue import Empty, Queue
from threading import Thread
from typing import IO, TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

_POLL_S = 0.1
_NICE = 5
_FLAGS = getattr(subprocess, "BELOW_NORMAL_PRIORITY_CLASS", 0) | getattr(
    subprocess, "CREATE_NO_WINDOW", 0
)
"""Creation flags for Windows; elsewhere the child lowers its own priority."""
_IMPORT = """
import sys
from importlib.machinery import PathFinder
from importlib.util import module_from_spec

folder, name = sys.argv[1:3]
sys.path.append(folder)
spec = PathFinder.find_spec(name, [folder])
sys.modules[name] = package = module_from_spec(spec)
spec.loader.exec_module(package)
"""
"""Code of every child: import the parent's own copy of the package, named by two arguments."""
_FOLLOW = """
from napari_pixel_embedding.core.child_process import follow_parent

follow_parent()
"""
_DETACHED = getattr(subprocess, "DETACHED_PROCESS", 0) | getattr(
    subprocess, "CREATE_NEW_PROCESS_GROUP", 0
)
"""Creation flags for Windows of a process that outlives its parent."""


def start_child(code: str, arguments: Sequence[str], log: IO[bytes]) -> subprocess.Popen[bytes]:
    """Start a Python process with this package, without running the parent's main module.

    Parameters
    ----------
    code : str
        What the child runs; its ``sys.argv[3:]`` are the arguments.
    arguments : sequence of str
    log : binary file
        Takes its standard error.
    """
    package = Path(__file__).parents[1]
    return subprocess.Popen(
        [
            sys.executable,
            "-c",
            _IMPORT + _FOLLOW + code,
            str(package.parent),
            package.name,
            *arguments,
        ],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=log,
        creationflags=_FLAGS,
        env=child_environment(os.environ),
    )


def start_detached(code: str, arguments: Sequence[str], log: IO[bytes]) -> subprocess.Popen[bytes]:
    """Start a process as :func:`start_child` does, but one that outlives this one.

    Parameters
    ----------
    code, arguments
        As in :func:`start_child`.
    log : binary file
        Takes its standard output and error.
    """
    package = Path(__file__).parents[1]
    return subprocess.Popen(
        [sys.executable, "-c", _IMPORT + code, str(package.parent), package.name, *arguments],
        stdin=subprocess.DEVNULL,
        stdout=log,
        stderr=log,
        creationflags=_DETACHED,
        start_new_session=os.name == "posix",
        env=child_environment(os.environ),
    )


def lines_of(
    child: subprocess.Popen[bytes], heartbeat: Callable[[], None] | None = None
) -> Iterator[bytes]:
    """Yield what a child writes, line by line, until it closes its output.

    ``heartbeat`` is called several times a second while waiting; an exception in it passes through.
    """
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
        yield line


def _read_lines(stream: IO[bytes], lines: Queue[bytes | None]) -> None:
    for line in stream:
        if line.endswith(b"\n"):  # a killed child leaves half a line
            lines.put(line)
    lines.put(None)


def end_child(child: subprocess.Popen[bytes]) -> None:
    """End a child at once, if it has not ended by itself."""
    child.kill()
    child.wait()
    for stream in (child.stdin, child.stdout):
        if stream is not None:
            with suppress(OSError):
                stream.close()


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


# ------------------------------------------------------------------------------- in the child


def follow_parent() -> None:
    """Lower the priority of this process, and end it when its parent ends."""
    Thread(target=_end_with_parent, daemon=True).start()
    with suppress(AttributeError, OSError):
        os.nice(_NICE)  # type: ignore[attr-defined,unused-ignore]


def _end_with_parent() -> None:
    """End this process when the other end of its standard input closes."""
    while os.read(0, 1):  # not sys.stdin: a thread holding its lock breaks the exit
        pass
    os._exit(1)
