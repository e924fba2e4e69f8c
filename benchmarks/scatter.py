"""What the scatter of an embedding and the similarity to a pixel cost at 250k and 1M points.

Run ``python benchmarks/scatter.py``. Times are CPU time of one thread. The peer in the same run
is one pass over the points: reading and adding up both coordinates of every point.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import numpy as np

from napari_pixel_embedding.core.embedding.colors import fit_color_basis
from napari_pixel_embedding.core.embedding.embedding_map import EmbeddingMap
from napari_pixel_embedding.core.embedding.scatter import (
    density_image,
    objects_inside,
    points_in_lasso,
    project_to_plane,
    raster,
)
from napari_pixel_embedding.core.embedding.similarity import similarity_to_vector, vector_at

if TYPE_CHECKING:
    from collections.abc import Callable

CHANNELS = 16
BINS = 512
CORNERS = 200


def blobs(size: int, across: int = 24) -> tuple[EmbeddingMap, np.ndarray]:
    """Square objects with random vectors and noise, all of the image foreground."""
    rng = np.random.default_rng(0)
    rows, columns = np.mgrid[:size, :size] * across // size
    labels = rows * across + columns + 1
    vectors = 2 * rng.normal(size=(CHANNELS, across * across + 1)).astype(np.float32)
    noise = rng.normal(scale=0.2, size=(CHANNELS, size, size)).astype(np.float32)
    return EmbeddingMap(vectors[:, labels] + noise, np.ones((size, size), np.float32)), labels


def star() -> np.ndarray:
    """Make a lasso around most of the points, with many corners."""
    angle = np.linspace(0, 2 * np.pi, CORNERS, endpoint=False)
    radius = 4 + 0.3 * np.cos(9 * angle)
    return np.stack([radius * np.cos(angle), radius * np.sin(angle)], axis=1)


def seconds(call: Callable[[], object], repeats: int = 7) -> float:
    """Median CPU seconds of a call, after one that warms up."""
    call()
    times = []
    for _ in range(repeats):
        start = time.thread_time()
        call()
        times.append(time.thread_time() - start)
    return float(np.median(times))


def report(size: int) -> None:
    emap, labels = blobs(size)
    basis = fit_color_basis(emap)
    cloud = project_to_plane(emap, basis)
    of_points, lasso, vector = labels.ravel()[cloud.pixels], star(), vector_at(emap, (5, 5))
    counts = raster(cloud, BINS)
    inside = points_in_lasso(cloud, lasso)
    one_pass = seconds(lambda: cloud.points.sum(axis=1), 51)
    print(f"\n{cloud.count:,} points of {CHANNELS} components; one pass {one_pass * 1e3:.2f} ms")
    for name, call in (
        ("project to the plane", lambda: project_to_plane(emap, basis)),
        (f"raster {BINS}²", lambda: raster(cloud, BINS)),
        ("density image", lambda: density_image(counts)),
        (f"lasso of {CORNERS} corners", lambda: points_in_lasso(cloud, lasso)),
        ("objects in the lasso", lambda: objects_inside(of_points, inside)),
        ("similarity, one tick", lambda: similarity_to_vector(emap, vector)),
    ):
        took = seconds(call)
        print(f"  {name:24s} {took * 1e3:8.1f} ms  {took / one_pass:8.1f} × one pass")


if __name__ == "__main__":
    for side in (500, 1000):
        report(side)
