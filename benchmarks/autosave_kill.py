"""Kill -9 during autosave, many times at random moments: is anything lost or torn?

    python benchmarks/autosave_kill.py [--kills 50] [--size 512]

A child process corrects an image and saves after every stroke; it says which stroke is on the
disk once the journal has returned. It is killed at a random moment, the journal is read, and its
state must be that of a stroke that was made, none earlier than the last one that was said. Then
the next child goes on from what was read, in a journal of its own, as the next session does.
The same is done with a file that is written over in place, to show what that would lose.
"""

from __future__ import annotations

import argparse
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from napari_pixel_embedding.core.corrections.journal import Journal, read_journal
from napari_pixel_embedding.core.corrections.journal_files import journals_of

_KEY = "0123456789abcdef"
_LONGEST = 0.15
"""Seconds of work before a child is killed, at most."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--size", type=int, default=512)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--child", nargs=4, metavar=("FOLDER", "SIZE", "FIRST", "HOW"))
    options = parser.parse_args()
    if options.child:
        work(Path(options.child[0]), int(options.child[1]), int(options.child[2]), options.child[3])
    for how in ("journal", "in place"):
        with tempfile.TemporaryDirectory() as folder:
            report(how, *kill(Path(folder), how, options))


def stroke(number: int, size: int) -> tuple[slice, slice]:
    rng = np.random.default_rng(number)
    y, x = rng.integers(0, size - 40, 2)
    return slice(y, y + 40), slice(x, x + 40)


def state(number: int, size: int) -> np.ndarray:
    """Corrections after so many strokes: what must be found when the journal says so."""
    fixed = np.full((size, size), -1, np.int32)
    for k in range(number + 1):
        fixed[stroke(k, size)] = k
    return fixed


def work(folder: Path, size: int, first: int, how: str) -> None:
    """Correct and save for ever, from a stroke on; say each that is on the disk."""
    journal = Journal(folder, "killed", _KEY)
    fixed = state(first, size)
    for number in range(first, sys.maxsize):
        fixed = fixed.copy()
        fixed[stroke(number, size)] = number
        if how == "journal":
            journal.write(fixed, {"number": number})
        else:
            np.save(folder / "in_place.npy", fixed)
        os.write(1, f"{number}\n".encode())


def kill(folder: Path, how: str, options: argparse.Namespace) -> tuple[int, int, int, int]:
    """Kill children one after another; return kills, strokes said, states lost and torn."""
    chance = random.Random(options.seed)
    first = lost = torn = 0
    for _ in range(options.kills):
        said = _killed(folder, how, options.size, first, chance.uniform(0, _LONGEST))
        found = read(folder, how, options.size)
        if found is None:
            torn += 1
            found = max(said, first)
        elif found < said:
            lost += 1
        first = max(found, 0) + 1
    return options.kills, first, lost, torn


def _killed(folder: Path, how: str, size: int, first: int, seconds: float) -> int:
    """Let one child work until it has said a stroke, then some time more; its last one said."""
    call = [sys.executable, __file__, "--child", str(folder), str(size), str(first), how]
    child = subprocess.Popen(call, stdout=subprocess.PIPE, text=True)
    assert child.stdout is not None
    lines = [child.stdout.readline()]
    time.sleep(seconds)
    child.send_signal(signal.SIGKILL)
    lines += child.stdout.read().splitlines()
    child.wait()
    whole = [line for line in lines if line.strip().isdigit()]
    return int(whole[-1]) if whole else -1


def read(folder: Path, how: str, size: int) -> int | None:
    """Number of the stroke whose state is on the disk; None when it is the state of none."""
    if how == "journal":
        newest = read_journal(journals_of(folder, _KEY)[0])
        if newest.corrections is None:
            return None
        number, found = newest.notes["number"], newest.corrections
    else:
        try:
            found = np.load(folder / "in_place.npy")
        except (OSError, ValueError, EOFError):
            return None
        number = int(found.max())
    return number if np.array_equal(found, state(number, size)) else None


def report(how: str, kills: int, strokes: int, lost: int, torn: int) -> None:
    print(f"{how:9} {kills} kills, {strokes} strokes: {lost} lost, {torn} torn")


if __name__ == "__main__":
    main()
