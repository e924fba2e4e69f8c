"""What corrections do to a model: an annotator is simulated by taking them from true masks.

    python benchmarks/fine_tuning.py DATA [--model NAME] [--only dense sparse] [--set border=5]

DATA holds ``usiigaci_phase`` and ``dsb2018``, each with ``train`` and ``dev``. The annotator of an
image segments it with the model as it is, repairs the objects nearest to the middle, and erases
what the model has found beside them. Experiments, each scored on the other (dev) images:

dense     60 objects of one image
sparse    every second of them
spread    every second one too, but of two images: as many objects as in dense
three     all objects of three images, some 200
all       all fourteen images

Before and after each, AP@0.5 on the dev images of both sets, with the CPU and the wall time of the
tuning. Images are resampled to the objects' size, which is measured in their masks.
"""

from __future__ import annotations

import argparse
import csv
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from scipy import ndimage

from napari_pixel_embedding import FineTuneConfig, fine_tune, load_model, segment
from napari_pixel_embedding.core.datasets.pairs import find_pairs
from napari_pixel_embedding.core.evaluation.comparison import ErrorCounts
from napari_pixel_embedding.core.evaluation.error_counts import count_errors
from napari_pixel_embedding.core.inference.object_scale import equivalent_diameter
from napari_pixel_embedding.core.io.images import read_image, read_labels

if TYPE_CHECKING:
    from napari_pixel_embedding import EmbeddingModel

_DIAMETER = 24.0
"""Diameter in pixels that objects are brought to, for models that do not say."""
_REACH = 0.5
"""How far around the repaired objects false ones are erased, in diameters."""
_FORGETTING = 12
"""Every so many-th dev image of dsb2018 tells what was forgotten."""


_EXPERIMENTS = {
    "dense": (1, 60, 1),
    "sparse": (1, 60, 2),
    "spread": (2, 60, 2),
    "three": (3, 10**6, 1),
    "all": (14, 10**6, 1),
}
"""Images, objects of each at most, and every so many-th of them."""


@dataclass(frozen=True)
class Annotated:
    """An image, its true label image, and the diameter of its objects."""

    image: np.ndarray
    truth: np.ndarray
    diameter: float


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path)
    parser.add_argument("--model", default="nuclei-fluo")
    parser.add_argument("--set", nargs="+", default=[], metavar="NAME=VALUE", help="other settings")
    parser.add_argument("--only", nargs="+", default=list(_EXPERIMENTS))
    options = parser.parse_args()
    model = with_diameter(load_model(options.model))
    phase = options.data / "usiigaci_phase"
    train, dev = read_pairs(phase / "train"), read_pairs(phase / "dev")
    nuclei = read_nuclei(options.data / "dsb2018")
    config = changed(FineTuneConfig(), options.set)
    before = errors(model, dev).ap50, errors(model, nuclei, scaled=False).ap50
    print(f"{model.name} before: phase contrast {before[0]:.3f}, nuclei {before[1]:.3f}")
    for name in options.only:
        count, most, every = _EXPERIMENTS[name]
        chosen = train[:count]
        corrections = [annotate(model, one, _chosen(one, most, every)) for one in chosen]
        tuned, cpu, wall = _tune(model, chosen, corrections, config)
        objects = sum(len(np.unique(c[c > 0])) for c in corrections)
        phase, nuclei_ap = errors(tuned, dev), errors(tuned, nuclei, scaled=False).ap50
        print(
            f"{name:7} {objects:4} objects, {len(chosen):2} images: "
            f"phase contrast {phase.ap50:.3f} ({phase.splits} splits, {phase.merges} merges, "
            f"{phase.missed} missed, {phase.extra} extra of {phase.objects}), "
            f"nuclei {nuclei_ap:.3f} ({nuclei_ap / before[1]:.0%} of before), {cpu:.0f} s CPU, "
            f"{wall:.0f} s",
            flush=True,
        )


def changed(config: FineTuneConfig, changes: list[str]) -> FineTuneConfig:
    """Change settings, such as ``border=5``."""
    pairs = [change.split("=", 1) for change in changes]
    return replace(config, **{name: type(getattr(config, name))(v) for name, v in pairs})


def with_diameter(model: EmbeddingModel) -> EmbeddingModel:
    diameter = model.config.object_diameter or _DIAMETER
    return replace(model, config=replace(model.config, object_diameter=diameter))


def read_pairs(folder: Path, names: set[str] | None = None) -> list[Annotated]:
    pairs = [p for p in find_pairs(folder) if names is None or p.image.stem in names]
    found = [(read_image(p.image).data, read_labels(p.mask).data) for p in pairs]
    return [Annotated(image, truth, _diameter(truth)) for image, truth in found]


def read_nuclei(folder: Path) -> list[Annotated]:
    with (folder / "index.csv").open(encoding="utf-8", newline="") as file:
        rows = [r for r in csv.DictReader(file) if (r["type"], r["split"]) == ("fluo", "dev")]
    return read_pairs(folder / "dev", {row["name"] for row in rows[::_FORGETTING]})


def _diameter(truth: np.ndarray) -> float:
    sizes = np.bincount(truth.ravel())[1:]
    return equivalent_diameter(sizes[sizes > 0])


def centres(truth: np.ndarray) -> dict[int, tuple[float, float]]:
    """Centre of mass of each object by its id."""
    ids = np.unique(truth[truth > 0])
    middles = ndimage.center_of_mass(truth > 0, truth, ids)
    return dict(zip(ids.tolist(), middles, strict=True))


def _chosen(one: Annotated, most: int, every: int) -> list[int]:
    """Choose every so many-th of the objects nearest to the middle."""
    middles = centres(one.truth)
    away = ((np.array(list(middles.values())) - np.array(one.truth.shape) / 2) ** 2).sum(axis=1)
    return [list(middles)[n] for n in np.argsort(away)[:most][::every]]


def annotate(
    model: EmbeddingModel, one: Annotated, ids: list[int], device: str = "auto"
) -> np.ndarray:
    """Take corrections from the truth: some objects, and background where false ones were."""
    truth = one.truth.astype(int)
    repaired = np.isin(truth, ids)
    found = segment(one.image, model, diameter=one.diameter, device=device)
    near = ndimage.distance_transform_edt(~repaired) <= _REACH * one.diameter
    corrections = np.where(repaired, truth, -1)
    corrections[(found > 0) & (truth == 0) & near] = 0
    return corrections


def _tune(
    model: EmbeddingModel,
    chosen: list[Annotated],
    corrections: list[np.ndarray],
    config: FineTuneConfig,
) -> tuple[EmbeddingModel, float, float]:
    """Tune a model; return it with the CPU and the wall seconds it took."""
    cpu, wall = time.process_time(), time.perf_counter()
    images, sizes = [one.image for one in chosen], [one.diameter for one in chosen]
    *_, last = fine_tune(model, images, corrections, config, axes="YX", diameter=sizes)
    return last.model, time.process_time() - cpu, time.perf_counter() - wall


def errors(
    model: EmbeddingModel, images: list[Annotated], scaled: bool = True, device: str = "auto"
) -> ErrorCounts:
    """Errors on images whose objects are brought to the model's size, or left as they are."""
    own = float(model.config.object_diameter or _DIAMETER)
    found = ErrorCounts()
    for one in images:
        diameter = one.diameter if scaled else own
        labels = segment(one.image, model, diameter=diameter, device=device)
        found += count_errors(one.truth, labels)
    return found


if __name__ == "__main__":
    main()
