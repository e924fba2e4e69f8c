"""How clusters of long objects are compared: by their means, or where they touch.

    python benchmarks/long_objects.py [FOLDER] [--drawn 100] [--first 920000]

``bacteria`` holds vectors together within windows of its training, so that they drift along a long
object. Its embeddings of drawn images that it has not learnt from are clustered in both ways, each
at that of several bandwidths which is best for the even images, and scored on the odd ones: the
mean over images of AP@0.5. With FOLDER (``images/`` and ``masks/``) its images are scored too, at
the same bandwidths.
"""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_pixel_embedding import (
    average_precision,
    build_cluster_index,
    load_model,
    predict_embedding,
)
from napari_pixel_embedding.core.datasets.pairs import find_pairs
from napari_pixel_embedding.core.datasets.synthetic.bacteria import bacteria_image
from napari_pixel_embedding.core.io.images import read_image, read_labels

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from napari_pixel_embedding import EmbeddingModel

    Example = tuple[NDArray[Any], NDArray[Any]]

BANDWIDTHS = (0.75, 1.0, 1.25, 1.5, 2.0, 2.5, 3.0)
"""Up to the largest that can be set."""
WAYS = {"by their means": False, "where they touch": True}


def main() -> None:
    """Print a line for each way."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path, nargs="?")
    parser.add_argument("--drawn", type=int, default=100, help="number of drawn images")
    parser.add_argument("--first", type=int, default=920_000, help="seed of the first")
    options = parser.parse_args()
    model = load_model("bacteria")
    drawn = np.array([_scores(model, *each) for each in _drawn(options.first, options.drawn)])
    real = np.array([_scores(model, *each) for each in _real(options.folder)])
    if len(drawn) < 2:
        raise SystemExit("fewer than two drawn images: nothing was measured.")
    print(f"| clusters compared | bandwidth | drawn ({len(drawn[1::2])}) | real ({len(real)}) |")
    print("|---|---|---|---|")
    for way, name in enumerate(WAYS):
        best = int(drawn[::2, way].mean(axis=0).argmax())
        known = f"{real[:, way, best].mean():.3f}" if len(real) else ""
        score = drawn[1::2, way, best].mean()
        print(f"| {name} | {BANDWIDTHS[best]:g} | {score:.3f} | {known} |")


def _scores(model: EmbeddingModel, image: NDArray[Any], labels: NDArray[Any]) -> list[list[float]]:
    """AP@0.5 of one image for each way and bandwidth."""
    usual = model.config.cluster_params()
    emap = predict_embedding(model, image)
    indices = [build_cluster_index(replace(emap, drifts=drifts)) for drifts in WAYS.values()]
    cuts = [
        [index.cut(replace(usual, bandwidth=bandwidth)) for bandwidth in BANDWIDTHS]
        for index in indices
    ]
    return [[float(average_precision(labels, cut.astype(int))) for cut in way] for way in cuts]


def _drawn(first: int, count: int) -> Iterator[Example]:
    for seed in range(first, first + count):
        image, labels = bacteria_image((288, 288), seed)
        if labels.any():
            yield image, labels.astype(int)


def _real(folder: Path | None) -> Iterator[Example]:
    for image, mask in find_pairs(folder) if folder else ():
        yield read_image(image).data, read_labels(mask).data.astype(int)


if __name__ == "__main__":
    main()
