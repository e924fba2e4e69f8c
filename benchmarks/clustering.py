"""How long the cluster index and its cut take, and how that compares with sklearn's mean shift.

    python benchmarks/clustering.py [--quick]

Times are CPU time of one thread. The floor of a cut is one pass over the labels: a look-up a
pixel. sklearn runs in the same process on the same foreground pixels, a minute at 256²;
``--quick`` gives it 128². It comes with ``pip install 'napari-pixel-embedding[bench]'``; without
it nothing is measured.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import sys
import threading
import time
from importlib.util import find_spec
from typing import TYPE_CHECKING

import numba
import numpy as np
from scipy import ndimage
from scipy.spatial import cKDTree

from napari_pixel_embedding.core.clustering import ClusterParams, build_cluster_index
from napari_pixel_embedding.core.embedding.embedding_map import EmbeddingMap

if TYPE_CHECKING:
    from collections.abc import Callable

CHANNELS = 16


def cells(size: int, diameter: float, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Label image of touching cells, and a distance map."""
    rng = np.random.default_rng(seed)
    line = np.arange(diameter / 2, size, diameter)
    points = np.stack(np.meshgrid(line, line), axis=-1).reshape(-1, 2)
    points = points + rng.uniform(-0.3, 0.3, points.shape) * diameter
    pixels = np.stack(np.meshgrid(np.arange(size), np.arange(size), indexing="ij"), axis=-1)
    away, nearest = cKDTree(points).query(pixels)
    labels = np.where(away > 0.5 * diameter, 0, nearest + 1)
    return labels, np.clip(1 - away / (0.5 * diameter), 0, 1)


def synthetic(size: int, diameter: float, seeds: bool, noise: float = 0.1) -> EmbeddingMap:
    """Cells with random vectors, blurred borders and noise."""
    labels, distance = cells(size, diameter)
    rng = np.random.default_rng(1)
    vectors = 2 * rng.normal(size=(labels.max() + 1, CHANNELS))
    planes = [ndimage.gaussian_filter(vectors[labels, e], 1.0) for e in range(CHANNELS)]
    embedding = np.stack(planes) + noise * rng.normal(size=(CHANNELS, size, size))
    foreground = ndimage.gaussian_filter((labels > 0).astype(np.float32), 0.7)
    return EmbeddingMap(
        embedding.astype(np.float32),
        foreground,
        0.5 * distance.astype(np.float32) if seeds else None,
    )


def seconds(call: Callable[[], object], repeats: int = 5) -> float:
    """Median CPU seconds of a call, after one that warms up."""
    call()
    times = []
    for _ in range(repeats):
        start = time.thread_time()
        call()
        times.append(time.thread_time() - start)
    return float(np.median(times))


def boxes(*shape: int, diameter: int = 32) -> EmbeddingMap:
    """Boxes with gaps between them, quickly made; a cut reads no embedding, so one channel."""
    places = np.ogrid[tuple(slice(0, size) for size in shape)]
    inside = np.ones(shape, bool)
    for place in places:
        inside &= place % diameter < diameter - 2
    foreground = np.where(inside, 0.9, 0.0).astype(np.float32)
    return EmbeddingMap(np.zeros((1, *shape), np.float32), foreground)


def report_build(size: int, diameter: float, seeds: bool, goal: str = "") -> None:
    """Print time and memory of a build, and the time of what the slider's panel asks for."""
    emap = synthetic(size, diameter, seeds)
    build = seconds(lambda: build_cluster_index(emap))
    memory = extra_memory(size, diameter, seeds)
    index = build_cluster_index(emap)
    params = ClusterParams()
    curve, summary = seconds(lambda: index.stability()), seconds(lambda: index.summary())
    step = seconds(lambda: index.next_cut(params, (), (size // 2, size // 2), "coarser"))
    print(
        f"{size}²×{CHANNELS}, {index.count()} objects{', seeds' if seeds else ''}: "
        f"build {build:.3f} s{goal}, extra memory {memory:.2f} × the embedding (goal 2.5)\n"
        f"    stability curve {1e3 * curve:.2f} ms, count and median size {1e3 * summary:.2f} ms, "
        f"one step of a local bandwidth {1e3 * step:.2f} ms"
    )


def report_cut(name: str, emap: EmbeddingMap, goal: float) -> None:
    """Print the time of a cut at a new bandwidth and at a new foreground threshold."""
    index = build_cluster_index(emap)
    out = np.empty(index.shape, index.dtype)
    bandwidths = iter(np.linspace(0.5, 3.0, 100))
    thresholds = iter(np.linspace(0.2, 0.8, 100))
    cut = seconds(lambda: index.cut(ClusterParams(bandwidth=next(bandwidths)), out), 20)
    live = seconds(lambda: index.cut(ClusterParams(foreground_threshold=next(thresholds)), out), 20)
    labels = index.cut()
    table = np.arange(int(labels.max()) + 1, dtype=labels.dtype)
    floor = seconds(lambda: look_up(table, labels.ravel(), out.reshape(-1)), 20)
    print(
        f"cut {name}, {index.count()} objects: {1e3 * cut:.2f} ms (goal {goal:g}), "
        f"{cut / floor:.2f} × one pass over the labels; new threshold {1e3 * live:.2f} ms"
    )


@numba.njit(nogil=True)
def look_up(table: np.ndarray, labels: np.ndarray, out: np.ndarray) -> None:
    """One pass over the labels: the least that a cut can do."""
    for i in range(labels.size):
        out[i] = table[labels[i]]


def extra_memory(size: int, diameter: float, seeds: bool) -> float:
    """Most memory that a build takes besides the embedding map, as a multiple of the embedding.

    In a process of its own that gives freed memory back at once, looked at every millisecond.
    """
    os.environ["MALLOC_MMAP_THRESHOLD_"] = "65536"
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        return pool.apply(_extra_memory, (size, diameter, seeds))


def _extra_memory(size: int, diameter: float, seeds: bool) -> float:
    import psutil

    emap = synthetic(size, diameter, seeds)
    build_cluster_index(synthetic(512, diameter, seeds))  # loads the kernels
    process, done = psutil.Process(), threading.Event()
    before = highest = process.memory_info().rss

    def watch() -> None:
        nonlocal highest
        while not done.wait(0.001):
            highest = max(highest, process.memory_info().rss)

    watcher = threading.Thread(target=watch)
    watcher.start()
    build_cluster_index(emap)
    done.set()
    watcher.join()
    return (highest - before) / emap.embedding.nbytes


def report_peer(size: int, diameter: float = 16) -> None:
    """Print how much faster build and cut are than sklearn's mean shift."""
    from sklearn.cluster import MeanShift

    emap = synthetic(size, diameter, seeds=False)
    vectors = emap.embedding[:, emap.foreground > 0.5].T
    start = time.thread_time()
    peer = MeanShift(bandwidth=1.0, bin_seeding=True).fit(vectors)
    theirs = time.thread_time() - start
    whole = seconds(lambda: build_cluster_index(emap).cut())
    index = build_cluster_index(emap)
    out = np.empty(index.shape, index.dtype)
    bandwidths = iter(np.linspace(0.5, 3.0, 100))
    tick = seconds(lambda: index.cut(ClusterParams(bandwidth=next(bandwidths)), out), 30)
    print(
        f"{size}²×{CHANNELS}: sklearn MeanShift(bin_seeding=True) {theirs:.1f} s "
        f"({len(peer.cluster_centers_)} clusters); build and cut {1e3 * whole:.1f} ms "
        f"({index.count()} objects), {theirs / whole:.0f} × faster (goal 3000 at 256²); "
        f"a tick {1e3 * tick:.3f} ms, {theirs / tick:.0f} × faster (goal 100000 at 256²)"
    )


def check_peer() -> None:
    """Stop before anything is measured where the peer is missing."""
    if find_spec("sklearn") is None:
        sys.exit(
            "expected scikit-learn, the peer of this benchmark, found none: "
            "pip install 'napari-pixel-embedding[bench]'"
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="a smaller image for sklearn")
    quick = parser.parse_args().quick
    check_peer()
    report_build(1024, 40, seeds=False, goal=" (goal 0.15)")
    report_build(1024, 40, seeds=True, goal=" (goal 0.15)")
    report_build(1024, 12, seeds=True)
    report_cut(f"1024²×{CHANNELS}", synthetic(1024, 40, seeds=True), goal=2)
    report_cut("2048²", boxes(2048, 2048), goal=8)
    report_cut("4096²", boxes(4096, 4096), goal=35)
    report_cut("128×256×256", boxes(128, 256, 256), goal=15)
    report_peer(128 if quick else 256)


if __name__ == "__main__":
    main()
