"""Size by itself: scores with the diameter named against scores with it measured.

    python benchmarks/own_size.py DATA [--every 6] [--models FOLDER]

Each line is a model on a kind of images; "named" is the median diameter of an image's own annotated
objects. ``ratio`` is the measured diameter to the named one, ``took`` the time that measuring adds,
in runs of the network over the same image. For bacteria, whose size is not that of a disc, see
``magnified.py``.
"""

from __future__ import annotations

import argparse
import csv
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_pixel_embedding import average_precision, estimate_diameter, load_model, segment
from napari_pixel_embedding.core.inference.object_scale import equivalent_diameter
from napari_pixel_embedding.core.io.images import read_image, read_labels

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    Example = tuple[NDArray[Any], NDArray[Any], dict[str, Any]]

CASES = (
    ("generic", "fluo"),
    ("generic", "purple"),
    ("generic", "usiigaci_phase"),
    ("volume", "gonuclear3d_mini"),
    ("volume", "stardist_synth3d"),
    ("volume", "qcanet_embryo3d"),
)
SPACING = {"qcanet_embryo3d": (2.18, 1.0, 1.0)}


def main() -> None:
    """Print a line for each case."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path)
    parser.add_argument("--every", type=int, default=6, help="take every n-th image of a kind")
    parser.add_argument("--models", type=Path, help="folder with model files; default: bundled")
    options = parser.parse_args()
    print("| AP@0.5 of model, images | images | named | measured | difference | ratio | took |")
    print("|---|---|---|---|---|---|---|")
    for name, kind in CASES:
        own = None if options.models is None else options.models / f"{name}.safetensors"
        model = load_model(own if own is not None and own.exists() else name)
        rows = [_compare(model, *e) for e in examples(options.data, kind, options.every)]
        if not rows:
            raise SystemExit(f"found no images of {kind} in {options.data}: nothing was measured.")
        named, measured, ratio, took = np.mean(rows, axis=0)
        print(
            f"| {name}, {kind} | {len(rows)} | {named:.3f} | {measured:.3f} "
            f"| {measured - named:+.3f} | {ratio:.2f} | {took:.1f} × |",
            flush=True,
        )


def _compare(model: Any, image: Any, labels: Any, known: dict[str, Any]) -> tuple[float, ...]:
    sizes = np.bincount(labels.ravel())[1:]
    true = equivalent_diameter(sizes[sizes > 0], model.config.ndim)
    start = time.process_time()
    here = segment(image, model, diameter=true, **known)
    one = time.process_time() - start
    try:
        found = estimate_diameter(model, image, **known)
    except ValueError:
        found = model.config.object_diameter
    took = time.process_time() - start - one
    there = segment(image, model, diameter=found, **known)
    scores = (float(average_precision(labels, each.astype(int))) for each in (here, there))
    return (*scores, found / true, took / one)


def examples(data: Path, kind: str, every: int) -> Iterator[Example]:
    """Yield images of a kind with their label images."""
    folder, names = data / kind, None
    if kind in ("fluo", "purple"):
        folder = data / "dsb2018"
        with (folder / "index.csv").open(encoding="utf-8", newline="") as file:
            rows = [r for r in csv.DictReader(file) if r["split"] == "dev"]
        names = sorted(r["name"] for r in rows if r["type"].startswith(kind))
    if (folder / "dev").exists():
        folder = folder / "dev"
    paths = sorted((folder / "images").glob("*.tif"))
    chosen = [p for p in paths if names is None or p.stem in names]
    known = {"spacing": SPACING.get(kind)}
    for path in chosen[:: every if len(chosen) > 6 else 1]:
        labels = read_labels(folder / "masks" / path.name).data.astype(int)
        extra = known if labels.ndim == 3 else {}
        yield read_image(path).data, labels, extra


if __name__ == "__main__":
    main()
