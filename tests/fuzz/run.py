"""Read damaged files, a million by default: none may crash, hang, or raise what is not promised.

    python -m tests.fuzz.run [--inputs 1000000] [--only NAME …] [--processes 2] [--keep FOLDER]

Each process reads one kind of file, with at most 6 GiB of memory. An input hangs when it takes
more than a second of CPU time. Inputs that fail are kept in a folder, from which
``--again FILE --only NAME`` reads one.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import resource
import signal
import subprocess
import sys
import tempfile
import time
import warnings
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from tests.fuzz.mutations import mutated
from tests.fuzz.readers import READERS, Reader

PROMISED = (ValueError, OSError)
"""What a reader may raise."""
SLOWEST_S = 1.0
"""CPU seconds that an input may take."""
_MEMORY = 6 * 2**30
_SILENT_S = 120.0
_BATCH = 20_000
"""Inputs a process reads before another one takes over."""


class HangError(BaseException):
    """An input that is read for too long."""


def main() -> int:
    options = _options()
    if options.child:
        return _child(options)
    if options.again:
        READERS[options.only[0]].read(options.again)
        return 0
    options.keep.mkdir(parents=True, exist_ok=True)
    names = options.only or list(READERS)
    share = -(-options.inputs // len(names))
    tasks = [
        (name, options.seed + first, min(_BATCH, share - first))
        for first in range(0, share, _BATCH)
        for name in names
    ]
    started = time.perf_counter()
    with ThreadPoolExecutor(options.processes) as pool:
        found = list(pool.map(lambda task: _in_child(*task, options.keep), tasks))
    _print_table(names, tasks, found)
    total = sum(one["inputs"] for one in found)
    bad = sum(len(one["failures"]) for one in found)
    slowest = max(one["slowest"] for one in found)
    print(f"{total:,} inputs in {time.perf_counter() - started:,.0f} s, slowest {slowest:.2f} s")
    print(f"{bad} crashes, hangs and errors that are not promised (goal: 0)")
    return int(bad > 0 or total < options.inputs)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--inputs", type=int, default=1_000_000)
    parser.add_argument("--only", nargs="+", default=[], choices=READERS, metavar="NAME")
    parser.add_argument("--processes", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--keep", type=Path, default=Path("fuzz-failures"))
    parser.add_argument("--again", type=Path)
    parser.add_argument("--child", action="store_true", help=argparse.SUPPRESS)
    return parser.parse_args()


def _in_child(name: str, seed: int, count: int, keep: Path) -> dict[str, Any]:
    """Read ``count`` inputs in a process of its own; one that dies is followed by another."""
    total: dict[str, Any] = {"inputs": 0, "read": 0, "slowest": 0.0, "cpu": 0.0, "failures": []}
    while total["inputs"] < count:
        first, left = seed + total["inputs"], count - total["inputs"]
        command = [sys.executable, "-m", "tests.fuzz.run", "--child", "--only", name]
        command += ["--seed", str(first), "--inputs", str(left), "--keep", str(keep)]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        last = {"inputs": 0, "read": 0, "slowest": 0.0, "cpu": 0.0, "failures": []}
        for line in process.stdout or ():
            last = json.loads(line)
        ended = process.wait()
        for key in ("inputs", "read", "cpu"):
            total[key] += last[key]
        total["slowest"] = max(total["slowest"], last["slowest"])
        total["failures"] += last["failures"]
        if ended:  # the one after the last that was reported
            total["inputs"] += 1
            total["failures"].append(
                f"the process ended with {ended} near input {first + last['inputs']}"
            )
    return total


def _child(options: argparse.Namespace) -> int:
    """Read inputs; print what was found so far as a line of JSON now and then."""
    warnings.simplefilter("ignore")
    resource.setrlimit(resource.RLIMIT_AS, (_MEMORY, _MEMORY))
    (name,) = options.only
    reader = READERS[name]
    signal.signal(signal.SIGVTALRM, _hangs)
    signal.signal(signal.SIGALRM, signal.SIG_DFL)  # of a process that no Python code runs in
    root = "/dev/shm" if os.path.isdir("/dev/shm") else None
    found: dict[str, Any] = {"inputs": 0, "read": 0, "slowest": 0.0, "cpu": 0.0, "failures": []}
    with tempfile.TemporaryDirectory(dir=root) as place:
        path, seeds = prepared(reader, Path(place))
        for number in range(options.inputs):
            data = example(reader, seeds, options.seed + number)
            signal.alarm(int(_SILENT_S))
            took, ended = attempt(reader, path, data)
            found["inputs"] += 1
            found["cpu"] += took
            found["slowest"] = max(found["slowest"], took)
            found["read"] += ended is None
            if ended is not None and not isinstance(ended, PROMISED):
                _keep(found, options.keep, name, data, ended)
            if number % 200 == 0 or number + 1 == options.inputs:
                print(json.dumps(found), flush=True)
            if len(found["failures"]) >= 20:
                print(json.dumps({**found, "inputs": options.inputs}), flush=True)
                break
    return 0


def _hangs(*_: Any) -> None:
    raise HangError


def prepared(reader: Reader, place: Path) -> tuple[Path, tuple[bytes, ...]]:
    """Return where inputs of a reader are put, and its whole files."""
    seeds = tuple(reader.seeds(place))
    path = place / reader.name
    path.parent.mkdir(parents=True, exist_ok=True)
    return path, seeds


def example(reader: Reader, seeds: tuple[bytes, ...], number: int) -> bytes:
    """Return input number ``number``, always the same."""
    rng = random.Random(number)
    data = mutated(rng.choice(seeds), seeds, rng)
    return data if reader.wrap is None else reader.wrap(data, rng)


def attempt(reader: Reader, path: Path, data: bytes) -> tuple[float, BaseException | None]:
    """Read an input; return its CPU seconds, and what was raised."""
    path.write_bytes(data)
    began, ended = time.thread_time(), None
    signal.setitimer(signal.ITIMER_VIRTUAL, SLOWEST_S)
    try:
        reader.read(path)
    except BaseException as error:  # told apart by the caller
        ended = error
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
    return time.thread_time() - began, ended


def _keep(found: dict[str, Any], folder: Path, name: str, data: bytes, error: Any) -> None:
    """Keep the first input of each kind of failure."""
    said = f"{type(error).__name__}: {str(error)[:100]}"
    if any(one.startswith(f"{name}: {type(error).__name__}") for one in found["failures"]):
        return
    path = folder / f"{name.replace(' ', '-')}-{type(error).__name__}-{len(found['failures'])}"
    path.write_bytes(data)
    found["failures"].append(f"{name}: {said} ({path})")


def _print_table(names: list[str], tasks: list[Any], found: list[dict[str, Any]]) -> None:
    print(f"{'read by':26} {'inputs':>9} {'read anyway':>11} {'mean':>8} {'slowest':>8}  failures")
    for name in names:
        mine = [one for task, one in zip(tasks, found, strict=True) if task[0] == name]
        inputs, read, cpu = (sum(one[key] for one in mine) for key in ("inputs", "read", "cpu"))
        mean = 1e3 * cpu / max(inputs, 1)
        failures = sorted({said for one in mine for said in one["failures"]})
        slowest = max(one["slowest"] for one in mine)
        print(f"{name:26} {inputs:9,} {read:11,} {mean:6.2f}ms {slowest:7.2f}s  {len(failures)}")
        for said in failures:
            print(f"    {said}")


if __name__ == "__main__":
    raise SystemExit(main())
