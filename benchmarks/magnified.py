"""Bacteria at any magnification: scores at the model's own scale and at the measured one.

    python benchmarks/magnified.py [FOLDER] [--drawn 60] [--first 910000]

Each line is a group of images: drawn ones, by the width of a cell in pixels, and those of FOLDER
(``images/`` and ``masks/``) at a half, once, and twice their size. "best" is the score at the
better of the scales that are tried, as if someone knew it. The seeds of the drawn images are not
among those that ``bacteria`` has learnt from or been chosen on.
"""

from __future__ import annotations

import argparse
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from skimage.transform import rescale, resize

from napari_pixel_embedding import average_precision, estimate_diameter, load_model, segment
from napari_pixel_embedding.core.datasets.pairs import find_pairs
from napari_pixel_embedding.core.datasets.synthetic.bacteria import bacteria_image
from napari_pixel_embedding.core.io.images import read_image, read_labels

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from numpy.typing import NDArray

    from napari_pixel_embedding import EmbeddingModel

    Example = tuple[NDArray[Any], NDArray[Any]]

WIDTHS = (2.5, 4.5, 18.0, 50.0)
"""Borders of the groups of drawn images; the model has learnt from cells of 4.5 to 18 pixels."""
SCALES = (0.25, 0.4, 0.63, 1.0, 1.6, 2.5)
MAGNIFICATIONS = (0.5, 1.0, 2.0)


class Scores(NamedTuple):
    """AP@0.5 of one image: at the model's own scale, at the measured one, at the best."""

    own: float
    measured: float
    best: float


def main() -> None:
    """Print a line for each group."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path, nargs="?")
    parser.add_argument("--drawn", type=int, default=60, help="number of drawn images")
    parser.add_argument("--first", type=int, default=910_000, help="seed of the first")
    options = parser.parse_args()
    model = load_model("bacteria")
    print("| AP@0.5 | images | own scale | measured | best |\n|---|---|---|---|---|")
    every = list(_drawn(options.first, options.drawn))
    for low, high in pairwise(WIDTHS):
        group = [example for width, example in every if low <= width < high]
        _print_line(f"drawn, {low:g} to {high:g} pixels wide", model, group)
    for factor in MAGNIFICATIONS if options.folder else ():
        _print_line(f"{options.folder.name} × {factor:g}", model, _real(options.folder, factor))


def _print_line(title: str, model: EmbeddingModel, examples: Iterable[Example]) -> None:
    scores = [_score(model, *example) for example in examples]
    if not scores:
        raise SystemExit(f"no images for the line “{title}”: nothing was measured.")
    own, measured, best = np.mean(scores, axis=0)
    print(f"| {title} | {len(scores)} | {own:.3f} | {measured:.3f} | {best:.3f} |", flush=True)


def _score(model: EmbeddingModel, image: NDArray[Any], labels: NDArray[Any]) -> Scores:
    known = model.config.object_diameter

    def score(diameter: float) -> float:
        found = segment(image, model, diameter=diameter)
        return float(average_precision(labels, found.astype(int)))

    try:
        found = estimate_diameter(model, image)
    except ValueError:
        found = known  # as a run does
    tried = [score(known / scale) for scale in SCALES]
    return Scores(tried[SCALES.index(1.0)], score(found), max(tried))


def _drawn(first: int, count: int) -> Iterator[tuple[float, Example]]:
    """Draw images with cells of any width, each about 20 to 45 widths large."""
    for seed in range(first, first + count):
        rng = np.random.default_rng(seed)
        width = float(np.exp(rng.uniform(*np.log((WIDTHS[0], WIDTHS[-1])))))
        side = int(np.clip(rng.uniform(20, 45) * width, 160, 1000))
        image, labels = bacteria_image((side, side), seed, width)
        if labels.any():
            yield width, (image, labels.astype(int))


def _real(folder: Path, factor: float) -> Iterator[Example]:
    """Yield the images of a folder, resampled by a factor."""
    for image, mask in find_pairs(folder):
        pixels = read_image(image).data.astype(np.float32)
        pixels = rescale(pixels, factor, order=1, anti_aliasing=factor < 1)
        labels = read_labels(mask).data.astype(np.int32)
        whole = resize(labels, pixels.shape, order=0, preserve_range=True, anti_aliasing=False)
        yield pixels, whole.astype(int)


if __name__ == "__main__":
    main()
