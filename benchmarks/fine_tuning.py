"""What a few corrected nuclei do to the bundled model: scores on the samples before and after.

    python benchmarks/fine_tuning.py [--objects 5] [--sample nuclei-field]

The corrections are taken from the sample's label image; everything else is left uncorrected (−1).
"""

from __future__ import annotations

import argparse
import time
from typing import TYPE_CHECKING

import numpy as np

from napari_pixel_embedding import FineTuneConfig, evaluate, fine_tune, load_model
from napari_pixel_embedding.core.samples import load_sample

if TYPE_CHECKING:
    from napari_pixel_embedding import EmbeddingModel

_SCORED = ("nuclei-field", "nuclei-small", "nuclei-large")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--objects", type=int, default=5)
    parser.add_argument("--sample", default="nuclei-field")
    options = parser.parse_args()
    image, labels = load_sample(options.sample)
    ids = np.unique(labels[labels > 0])
    corrected = ids[np.linspace(0, len(ids) - 1, options.objects).astype(int)]
    corrections = np.where(np.isin(labels, corrected), labels.astype(int), -1)

    model = load_model("nuclei-fluo")
    before = _scores(model)
    started = time.perf_counter()
    *_, last = fine_tune(model, image.data, corrections, FineTuneConfig())
    seconds = time.perf_counter() - started
    after = _scores(last.model)
    print(f"{len(corrected)} corrected objects of {options.sample}, {seconds:.0f} s")
    for name in _SCORED:
        ratio = after[name] / before[name]
        print(f"{name:14} AP@0.5 {before[name]:.3f} → {after[name]:.3f}  {ratio:.2f} × of before")


def _scores(model: EmbeddingModel) -> dict[str, float]:
    samples = {name: load_sample(name) for name in _SCORED}
    return {name: evaluate(model, [i.data], [m]).ap50 for name, (i, m) in samples.items()}


if __name__ == "__main__":
    main()
