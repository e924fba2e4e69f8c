"""How good the clusters of a real embedding are, against the exact mean shift and the ground truth.

    python benchmarks/cluster_quality.py DATA [--model nuclei-fluo] [--images 20] [--methods]

DATA is a folder with ``index.csv`` (columns name, type and split) and ``dev/images``,
``dev/masks``, or a folder that holds such a one as ``dsb2018``. Fluorescence images of the split
``dev`` are taken, evenly spaced. The exact reference clusters every pixel at one bandwidth and
does not know the distance map: so the index is scored without and with it. The last lines compare
the index with the mutex watershed at the model's own parameters, with the CPU time of an image.
"""

from __future__ import annotations

import argparse
import csv
import itertools
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from napari_pixel_embedding import ClusterParams, build_cluster_index, load_model, predict_embedding
from napari_pixel_embedding.core.clustering.mutex_watershed import mutex_watershed
from napari_pixel_embedding.core.evaluation.metrics import average_precision, matching
from napari_pixel_embedding.core.io.images import read_image, read_labels

sys.path.insert(0, str(Path(__file__).parents[1]))  # the exact reference lies among the tests
from tests.core.clustering.exact_mean_shift import exact_mean_shift

if TYPE_CHECKING:
    from napari_pixel_embedding import ClusterIndex, EmbeddingMap

Labels = list[np.ndarray]
Cluster = Callable[["EmbeddingMap"], np.ndarray]
THRESHOLDS = [round(0.5 + 0.05 * n, 2) for n in range(10)]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path)
    parser.add_argument("--model", default="nuclei-fluo")
    parser.add_argument("--images", type=int, default=20)
    parser.add_argument("--methods", action="store_true", help="print the last lines alone")
    options = parser.parse_args()
    model = load_model(options.model)
    names = choose(options.data, options.images)
    emaps = [predict_embedding(model, read_image(image).data) for image, _ in names]
    truth = [read_labels(mask).data for _, mask in names]
    usual = model.config.cluster_params()
    print(f"{len(names)} images, {sum(np.unique(y).size - 1 for y in truth)} objects")
    if not options.methods:
        report_exact(truth, emaps, usual)
    report_timed("index, built and cut", truth, emaps, lambda e: build_cluster_index(e).cut(usual))
    report_timed("mutex watershed", truth, emaps, lambda e: mutex_watershed(e, usual))


def report_exact(truth: Labels, emaps: list[EmbeddingMap], usual: ClusterParams) -> None:
    """Print the index beside the exact mean shift, at several bandwidths and at its own choice."""
    seeded = [build_cluster_index(emap) for emap in emaps]
    bare = [build_cluster_index(replace(emap, distance=None)) for emap in emaps]
    for bandwidth in sorted({1.0, usual.bandwidth, 2.0}):
        params = replace(usual, bandwidth=bandwidth)
        exact = [exact_mean_shift(emap, params) for emap in emaps]
        default = " (the model's)" if bandwidth == usual.bandwidth else ""
        print(f"bandwidth {bandwidth:g}{default}")
        report("exact mean shift", truth, exact, None)
        report("index without distance", truth, [i.cut(params) for i in bare], exact)
        cuts = [i.cut(params) for i in seeded]
        report("index", truth, cuts, exact)
        report_disputed(truth, exact, cuts)
    for name, indices in (("without distance", bare), ("", seeded)):
        report(f"auto bandwidth {name}", truth, [cut_auto(i, usual) for i in indices], None)
        splits = sum(count_splits(index, usual) for index in indices)
        print(f"    splits along 60 growing bandwidths: {splits}")


def choose(data: Path, count: int) -> list[tuple[Path, Path]]:
    """Paths of ``count`` fluorescence images of the split ``dev``, and of their masks."""
    folder = data / "dsb2018" if (data / "dsb2018").is_dir() else data
    with (folder / "index.csv").open() as table:
        rows = [r for r in csv.DictReader(table) if (r["type"], r["split"]) == ("fluo", "dev")]
    picked = np.unique(np.linspace(0, len(rows) - 1, count).astype(int))
    files = [f"{rows[n]['name']}.tif" for n in picked]
    return [(folder / "dev" / "images" / f, folder / "dev" / "masks" / f) for f in files]


def report(name: str, truth: Labels, found: Labels, exact: Labels | None) -> None:
    """Print average precision, and the F1 of objects to the exact reference."""
    scores = average_precision(truth, found, iou_threshold=THRESHOLDS)
    agreement = "" if exact is None else f"   F1@0.5 to exact {agree(exact, found):.3f}"
    print(
        f"  {name:25} AP@0.5 {scores[0]:.3f}  AP@0.75 {scores[5]:.3f}"
        f"  AP@0.5:0.95 {np.mean(scores):.3f}{agreement}"
    )


def report_timed(name: str, truth: Labels, emaps: list[EmbeddingMap], cluster: Cluster) -> None:
    """Cluster each map, print the scores and the CPU time of an image; the first one warms up."""
    cluster(emaps[0])
    start = time.process_time()
    found = [cluster(emap) for emap in emaps]
    seconds = (time.process_time() - start) / len(emaps)
    report(name, truth, found, None)
    print(f"    {seconds:.3f} CPU seconds an image")


def agree(exact: Labels, found: Labels) -> float:
    """F1 of the objects of all images together."""
    scores = [matching(e, f) for e, f in zip(exact, found, strict=True)]
    wrong = sum(score.fp + score.fn for score in scores)
    right = sum(score.tp for score in scores)
    return 2 * right / max(2 * right + wrong, 1)


def report_disputed(truth: Labels, exact: Labels, found: Labels) -> None:
    """Print how many true objects only one of the two finds, and the false objects of each."""
    pairs = [(hits(y, e), hits(y, f)) for y, e, f in zip(truth, exact, found, strict=True)]
    only = sum(len(e - f) for e, f in pairs), sum(len(f - e) for e, f in pairs)
    false = (
        sum(np.unique(x).size - 1 for x in labels) - sum(len(pair[k]) for pair in pairs)
        for k, labels in enumerate((exact, found))
    )
    print(
        "    true objects that only exact mean shift finds {}, only the index {};"
        " false objects {} and {}".format(*only, *false)
    )


def hits(truth: np.ndarray, found: np.ndarray) -> set[int]:
    """True objects that share more than half of their union with a found one."""
    pairs, shared = np.unique(np.stack([truth.ravel(), found.ravel()]), axis=1, return_counts=True)
    y, f = (np.unique(x, return_counts=True) for x in (truth, found))
    union = y[1][np.searchsorted(y[0], pairs[0])] + f[1][np.searchsorted(f[0], pairs[1])] - shared
    good = (2 * shared > union) & (pairs > 0).all(axis=0)
    return {int(n) for n in pairs[0][good]}


def cut_auto(index: ClusterIndex, params: ClusterParams) -> np.ndarray:
    return index.cut(replace(params, bandwidth=index.stability(params).auto_bandwidth))


def count_splits(index: ClusterIndex, params: ClusterParams) -> int:
    """How many objects lie in two or more objects of the next larger bandwidth."""
    steps = np.linspace(*index.bandwidth_range, 60)
    cuts = [index.cut(replace(params, bandwidth=float(b), min_size=0)).ravel() for b in steps]
    splits = 0
    for fine, coarse in itertools.pairwise(cuts):
        pairs = np.unique(fine.astype(np.int64) << 32 | coarse)
        splits += pairs.size - np.unique(pairs >> 32).size
    return splits


if __name__ == "__main__":
    main()
