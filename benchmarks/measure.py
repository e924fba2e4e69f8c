"""Objects a second and peak memory of measuring and of each export.

    python benchmarks/measure.py [--objects 10000 100000] [--side 20]

Round objects of some 200 pixels, one in ten with a hole or in two pieces, one intensity channel.
Each job runs in a process of its own; memory is what it takes at most above the label image, the
image and the libraries. Beside it stands scikit-image with the same columns, for 1,000 objects.
"""

from __future__ import annotations

import argparse
import multiprocessing
import tempfile
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import psutil

from napari_pixel_embedding import export_labels, measure_objects, save_measurements

if TYPE_CHECKING:
    from collections.abc import Callable

SPACING = (0.5, 0.5)
JOBS = {
    "measure": lambda labels, image, folder: measure_objects(labels, image, spacing=SPACING),
    "measure, no shape": lambda labels, image, folder: measure_objects(
        labels, image, spacing=SPACING, shape=False
    ),
    "measure, 16 components": lambda labels, image, folder: measure_objects(
        labels, {f"c{k}": image for k in range(16)}, shape=False
    ),
    "measure + CSV": lambda labels, image, folder: save_measurements(
        folder / "a.csv", measure_objects(labels, image)
    ),
    "measure + Parquet": lambda labels, image, folder: save_measurements(
        folder / "a.parquet", measure_objects(labels, image)
    ),
    "tiff": lambda labels, image, folder: export_labels(folder / "a.tif", labels),
    "ome-zarr": lambda labels, image, folder: export_labels(folder / "a.zarr", labels),
    "ome-zarr-0.4": lambda labels, image, folder: export_labels(
        folder / "b.zarr", labels, "ome-zarr-0.4"
    ),
    "geojson": lambda labels, image, folder: export_labels(folder / "a.geojson", labels),
    "imagej-roi": lambda labels, image, folder: export_labels(folder / "a.zip", labels),
    "outlines": lambda labels, image, folder: export_labels(folder / "b.tif", labels, "outlines"),
    "overlay": lambda labels, image, folder: export_labels(folder / "a.png", labels, image=image),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--objects", type=int, nargs="+", default=[10_000, 100_000])
    parser.add_argument("--side", type=int, default=20, help="pixels between two objects")
    parser.add_argument("--only", nargs="+", choices=JOBS, default=list(JOBS))
    options = parser.parse_args()
    context = multiprocessing.get_context("spawn")
    for count in options.objects:
        print(f"{count} objects, {draw(count, options.side).shape} pixels")
        for job in options.only:
            with context.Pool(1) as pool:
                seconds, memory = pool.apply(run, (job, count, options.side))
            print(f"  {job:24}{count / seconds:>10,.0f} objects/s {memory / 2**20:>8.0f} MiB more")
    print(f"scikit-image {scikit_image(draw(1000, options.side)):,.0f} objects/s")


def draw(count: int, side: int) -> np.ndarray:
    """Discs on a grid."""
    along = int(np.ceil(np.sqrt(count)))
    y, x = np.indices((side, side)) - side / 2 + 0.5
    disc = y**2 + x**2 <= (0.4 * side) ** 2
    hole, halves = disc & (y**2 + x**2 > 9), disc & (np.abs(x) > 1)
    ids = np.arange(1, along**2 + 1, dtype=np.int32).reshape(along, along)
    ids[ids > count] = 0
    labels = np.kron(np.where(ids % 20 > 1, ids, 0), disc)
    labels += np.kron(np.where(ids % 20 == 0, ids, 0), hole)
    return labels + np.kron(np.where(ids % 20 == 1, ids, 0), halves)


def run(job: str, count: int, side: int) -> tuple[float, int]:
    """Return seconds and bytes of a job, with kernels that are compiled already."""
    labels = draw(count, side)
    image = np.random.default_rng(0).integers(0, 60_000, labels.shape).astype(np.uint16)
    with tempfile.TemporaryDirectory() as folder:
        work = JOBS[job]
        work(labels[:40, :40], image[:40, :40], Path(folder))
        with tempfile.TemporaryDirectory() as other:
            return timed(lambda: work(labels, image, Path(other)))


def timed(work: Callable[[], object]) -> tuple[float, int]:
    """Return seconds, and the highest resident memory above that before."""
    process, done = psutil.Process(), threading.Event()
    before = process.memory_info().rss
    highest = [before]

    def watch() -> None:
        while not done.wait(0.005):
            highest[0] = max(highest[0], process.memory_info().rss)

    watcher = threading.Thread(target=watch)
    watcher.start()
    start = time.perf_counter()
    work()
    seconds = time.perf_counter() - start
    done.set()
    watcher.join()
    return seconds, highest[0] - before


def scikit_image(labels: np.ndarray) -> float:
    """Return the objects a second of scikit-image with the same columns."""
    from skimage import measure

    names = ("label", "area", "centroid", "bbox", "axis_major_length", "axis_minor_length")
    names += ("eccentricity", "perimeter", "solidity", "extent", "intensity_mean")
    start = time.perf_counter()
    measure.regionprops_table(labels, labels, properties=names)
    return 1000 / (time.perf_counter() - start)


if __name__ == "__main__":
    main()
