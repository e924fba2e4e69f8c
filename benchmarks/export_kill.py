"""Kill -9 during exports, many times at random moments: the file is the old one or the new, whole.

    python benchmarks/export_kill.py [--kills 80] [--size 1024]

A child writes two results in turns over one file of each format, and says which is on the disk.
It is killed at a random moment; the file must then hold one of the two, whole, and not an earlier
one than was said. Beside it, the same is done with a file that is written in place, as
``numpy.save`` does, to show what that would lose.
"""

from __future__ import annotations

import argparse
import io
import json
import random
import signal
import subprocess
import sys
import tempfile
import time
import zipfile
from pathlib import Path

import imageio.v3 as iio
import numpy as np
import tifffile

from napari_pixel_embedding.core.exchange.export import export_labels

NAMES = ("a.tif", "a.geojson", "a.zip", "a.png", "a.ome.zarr", "in place.npy")
_LONGEST = 0.4
_PEER = "in place.npy"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kills", type=int, default=80, help="in all, shared out to the formats")
    parser.add_argument("--size", type=int, default=1024)
    parser.add_argument("--child", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child:
        return _export_for_ever(Path(options.child), options.size)
    results = _results(options.size)
    lost, written = dict.fromkeys(NAMES, 0), dict.fromkeys(NAMES, 0)
    each = max(options.kills // (len(NAMES) - 1), 1)
    rng = random.Random(0)
    for name in NAMES:
        known = _known(name, results)
        for _ in range(each):
            with tempfile.TemporaryDirectory() as folder:
                said, found = _kill(Path(folder) / name, options.size, rng)
            written[name] += said
            lost[name] += found not in known
        print(
            f"{name:14} {each:3} kills after {written[name]:5,} files: {lost[name]} torn",
            flush=True,
        )
    ours = sum(lost[name] for name in NAMES if name != _PEER)
    kills = each * (len(NAMES) - 1)
    print(f"{ours} of {kills} torn (goal: 0); written in place: {lost[_PEER]} of {each}")
    measured = all(written[name] >= each for name in NAMES)
    if not measured:
        print("too few files were written before the kills: nothing was measured")
    return int(ours > 0 or not measured)


def _results(size: int) -> tuple[np.ndarray, np.ndarray]:
    """Two label images with other numbers of objects."""
    grid = np.indices((size, size))
    return tuple(
        ((grid[0] // side) * (size // side + 1) + grid[1] // side + 1).astype(np.uint16)
        * (grid % side > 2).all(axis=0)
        for side in (32, 24)
    )


def _write(path: Path, labels: np.ndarray) -> None:
    if path.suffix == ".npy":
        np.save(path, labels)
    else:
        export_labels(path, labels, overwrite=True, axes="YX")


def _known(name: str, results: tuple[np.ndarray, np.ndarray]) -> list[str]:
    """What a whole file of each result holds."""
    found = []
    for labels in results:
        with tempfile.TemporaryDirectory() as folder:
            _write(Path(folder) / name, labels)
            found.append(_content(Path(folder) / name))
    assert found[0] != found[1]
    return found


def _content(path: Path) -> str:
    """Read a file to its end; what it holds as text, or the error."""
    try:
        if path.suffix == ".tif":
            return str(hash(tifffile.imread(path).tobytes()))
        if path.suffix == ".geojson":
            found = json.loads(path.read_text())
            return str(len(found["features"] if isinstance(found, dict) else found))
        if path.suffix == ".zip":
            with zipfile.ZipFile(path) as file:
                return str((file.testzip(), len(file.namelist())))
        if path.suffix == ".png":
            return str(hash(iio.imread(path).tobytes()))
        if path.suffix == ".zarr":
            import zarr

            group = zarr.open_group(path, mode="r")
            return str(
                [hash(np.asarray(group[name][:]).tobytes()) for name in sorted(group.array_keys())]
            )
        return str(hash(np.load(io.BytesIO(path.read_bytes())).tobytes()))
    except Exception as error:  # torn in any way
        return f"torn: {type(error).__name__}: {error}"


def _export_for_ever(path: Path, size: int) -> int:
    results = _results(size)
    for number in range(10**6):
        _write(path, results[number % 2])
        print(number, flush=True)
    return 0


def _kill(path: Path, size: int, rng: random.Random) -> tuple[int, str]:
    """Kill a child after its first file; return how many it wrote, and what the file holds."""
    command = [sys.executable, __file__, "--child", str(path), "--size", str(size)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        first = process.stdout.readline()
        time.sleep(rng.uniform(0, _LONGEST))
        process.send_signal(signal.SIGKILL)
        said = [first, *process.stdout]
    return sum(1 for line in said if line.endswith("\n")), _content(path)


if __name__ == "__main__":
    raise SystemExit(main())
