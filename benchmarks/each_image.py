"""The score of each image of a folder on its own, which a sum over all objects hides.

    python benchmarks/each_image.py FOLDER [--model bacteria] [--bandwidth 2 3]

FOLDER holds ``images/`` and ``masks/``. Printed is AP@0.5 of all objects together, of each image,
and the mean over images: with the model's own bandwidth, with that of the button *Auto* in each
image, and with those given.
"""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path

from napari_pixel_embedding import build_cluster_index, load_model, predict_embedding
from napari_pixel_embedding.core.datasets.pairs import find_pairs
from napari_pixel_embedding.core.evaluation.evaluate import score
from napari_pixel_embedding.core.inference.object_scale import usual_params
from napari_pixel_embedding.core.io.images import read_image, read_labels


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--model", default="bacteria")
    parser.add_argument("--bandwidth", type=float, nargs="+", default=[])
    options = parser.parse_args()
    model = load_model(options.model)
    usual = usual_params(model.config)
    known = [
        (
            image.stem,
            build_cluster_index(predict_embedding(model, read_image(image).data)),
            read_labels(mask).data,
        )
        for image, mask in find_pairs(options.folder)
    ]
    print(f"{'':20} {'all':>8} " + " ".join(f"{name[-12:]:>12}" for name, *_ in known))
    counts = " ".join(f"{len(set(labels.ravel()) - {0}):12}" for *_, labels in known)
    print(f"{'annotated':20} {'':8} {counts}")
    auto = [index.stability(usual).auto_bandwidth for _, index, _ in known]
    rows = {"the model's own": [usual.bandwidth] * len(known), "Auto": auto}
    rows |= {f"bandwidth {one:g}": [one] * len(known) for one in options.bandwidth}
    for name, bandwidths in rows.items():
        found = [
            index.cut(replace(usual, bandwidth=bandwidth))
            for (_, index, _), bandwidth in zip(known, bandwidths, strict=True)
        ]
        each = [score([mask], [cut]).ap50 for (*_, mask), cut in zip(known, found, strict=True)]
        whole = score([mask for *_, mask in known], found).ap50
        columns = " ".join(f"{one:12.3f}" for one in each)
        print(f"{name:20} {whole:8.3f} {columns}   mean {sum(each) / len(each):.3f}")
    return int(not known)


if __name__ == "__main__":
    raise SystemExit(main())
