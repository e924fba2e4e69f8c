"""How long the cluster index and its cut take, and how that compares with sklearn's mean shift.

Run ``python benchmarks/clustering.py``; sklearn is needed for the last line only. Times are CPU
time of one thread; the peer runs on the same machine in the same run, on a smaller image because
it would take minutes on the large one.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import numpy as np
from scipy import ndimage
from scipy.spatial import cKDTree

from napari_pixel_embedding.core.clustering import ClusterParams, build_cluster_index
from napari_pixel_embedding.core.embedding_map import EmbeddingMap

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


def report_index(size: int, diameter: float, seeds: bool) -> None:
    """Print the time of the build, of a cut at a new bandwidth and at a new threshold."""
    emap = synthetic(size, diameter, seeds)
    build = seconds(lambda: build_cluster_index(emap))
    index = build_cluster_index(emap)
    out = np.empty(index.shape, index.dtype)
    bandwidths = iter(np.linspace(0.5, 3.0, 100))
    thresholds = iter(np.linspace(0.2, 0.8, 100))
    cut = seconds(lambda: index.cut(ClusterParams(bandwidth=next(bandwidths)), out), 30)
    live = seconds(lambda: index.cut(ClusterParams(foreground_threshold=next(thresholds)), out), 30)
    labels = index.cut()
    floor = seconds(lambda: np.copyto(out, labels), 30)
    print(
        f"{size}²×{CHANNELS}, {index.count()} objects{', seeds' if seeds else ''}: "
        f"build {build:.3f} s, cut {1e3 * cut:.2f} ms ({cut / floor:.1f} × a copy of the labels), "
        f"new threshold {1e3 * live:.2f} ms"
    )


def report_peer(size: int = 96, diameter: float = 16) -> None:
    """Print how much faster build and cut are than sklearn's mean shift."""
    try:
        from sklearn.cluster import MeanShift
    except ImportError:
        print("sklearn is not installed: no comparison")
        return
    emap = synthetic(size, diameter, seeds=False)
    vectors = emap.embedding[:, emap.foreground > 0.5].T
    start = time.thread_time()
    peer = MeanShift(bandwidth=1.0, bin_seeding=True).fit(vectors)
    theirs = time.thread_time() - start
    build = seconds(lambda: build_cluster_index(emap))
    index = build_cluster_index(emap)
    cut = seconds(index.cut)
    print(
        f"{size}²×{CHANNELS}: sklearn MeanShift(bin_seeding=True) {theirs:.2f} s "
        f"({len(peer.cluster_centers_)} clusters); index {1e3 * build:.1f} ms "
        f"({index.count()} objects), {theirs / build:.0f} × faster; "
        f"a new bandwidth {theirs / cut:.0f} × faster"
    )


if __name__ == "__main__":
    for objects, with_seeds in ((40, False), (40, True), (12, True)):
        report_index(1024, objects, with_seeds)
    report_peer()
