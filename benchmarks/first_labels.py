"""Seconds from an environment without anything to the first labels, beside what it stands on.

    python benchmarks/first_labels.py [--constraints constraints.txt]

The wheel is built from this checkout, installed by pip into a fresh environment, and its command
segments a sample: the first time, when kernels are compiled, and again. The ratio is to installing
napari and torch alone, which nothing that runs a network in napari can do without.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
import venv
from pathlib import Path

from napari_pixel_embedding.core.datasets.samples import samples_folder

ROOT = Path(__file__).parents[1]
SAMPLE = "nuclei-field"
BELOW = ("napari[pyqt6]", "torch")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--constraints", type=Path, help="as pip's -c")
    given = parser.parse_args().constraints
    options = [] if given is None else ["-c", str(given.resolve())]
    image = next((samples_folder() / "images").glob(f"{SAMPLE}.*"))
    with tempfile.TemporaryDirectory() as folder:
        wheel = build(Path(folder))
        print(f"wheel: {wheel.stat().st_size / 1e6:.1f} MB")
        below = timed(install, Path(folder, "below"), [*BELOW, *options])
        ours = timed(install, Path(folder, "ours"), [f"{wheel}[gui]", *options])
        first, again = (timed(segment, Path(folder, "ours"), image, folder) for _ in range(2))
    print(f"installing {' and '.join(BELOW)}: {below:.1f} s")
    print(f"installing the plugin with all it needs: {ours:.1f} s, {ours / below:.2f} x")
    print(f"first labels of {SAMPLE}: {first:.1f} s after that; again: {again:.1f} s")
    print(f"in all {ours + first:.1f} s, {(ours + first) / below:.2f} x")
    return 0


def timed(function, *arguments) -> float:
    start = time.perf_counter()
    function(*arguments)
    return time.perf_counter() - start


def build(folder: Path) -> Path:
    run(sys.executable, "-m", "build", "--no-isolation", "--wheel", "--outdir", str(folder), ROOT)
    (wheel,) = folder.glob("*.whl")
    return wheel


def install(folder: Path, what: list[str]) -> None:
    venv.create(folder, with_pip=True)
    pip = (folder / "bin" / "python", "-m", "pip", "--disable-pip-version-check")
    run(*pip, "install", "--quiet", *what)


def segment(environment: Path, image: Path, folder: str) -> None:
    command = environment / "bin" / "pixel-embedding"
    run(command, "segment", image, "--output", f"{folder}/labels", "--overwrite")
    if not any(Path(folder, "labels").iterdir()):
        raise SystemExit("no labels were written: nothing was measured")


def run(*command: object) -> None:
    subprocess.run([str(part) for part in command], check=True, stdout=subprocess.DEVNULL)


if __name__ == "__main__":
    sys.exit(main())
