"""The bundled models of the three systems, and the fast one, on the same images: scores and time.

    python benchmarks/three_systems.py DATA [--every 1]

DATA holds ``dsb2018/dev`` and its ``index.csv``; the 108 fluorescence images are scored with each
model's own parameters. The time is CPU seconds of one core for the network on 1024² pixels, and for
index and cut of one image, in turns; the ratio is to `nuclei-fluo` in the same run.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import numpy as np
import torch
from own_size import examples

from napari_pixel_embedding import build_cluster_index, load_model, predict_embedding
from napari_pixel_embedding.core.evaluation.evaluate import score
from napari_pixel_embedding.core.inference.options import PredictOptions
from napari_pixel_embedding.core.inference.passes import run_network

MODELS = ("nuclei-fluo", "nuclei-cosine", "nuclei-wnet", "nuclei-fast")
TURNS = 3


def main() -> None:
    """Print a line for each model."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path)
    parser.add_argument("--every", type=int, default=1, help="take every n-th image")
    options = parser.parse_args()
    torch.set_num_threads(1)
    pace = network_seconds()
    print("| model | images | AP@0.5 | AP@0.75 | AP@0.5:0.95 | CPU s/Mpx | ratio | cut, s |")
    print("|---|---|---|---|---|---|---|---|")
    pairs = [(i, m) for i, m, _ in examples(options.data, "fluo", options.every)]
    if not pairs:
        raise SystemExit(f"found no fluorescence images in {options.data}: nothing was measured.")
    for name in MODELS:
        model, labels, taken = load_model(name), [], []
        for image, _ in pairs:
            emap = predict_embedding(model, image, device="cpu")
            start = time.process_time()
            labels.append(build_cluster_index(emap).cut(model.config.cluster_params()))
            taken.append(time.process_time() - start)
        found = score([mask for _, mask in pairs], labels)
        print(
            f"| {name} | {len(pairs)} | {found.ap50:.3f} | {found.ap75:.3f} | {found.ap:.3f} "
            f"| {pace[name]:.2f} | {pace[name] / pace['nuclei-fluo']:.2f} | {np.mean(taken):.3f} |",
            flush=True,
        )


def network_seconds() -> dict[str, float]:
    """Return the least CPU seconds of each network for a megapixel, measured in turns."""
    image = np.random.default_rng(0).random((1, 1024, 1024), np.float32)
    models = {name: load_model(name) for name in MODELS}
    found: dict[str, list[float]] = {name: [] for name in MODELS}
    for _ in range(TURNS):
        for name, model in models.items():
            start = time.process_time()
            run_network(model, image, PredictOptions("cpu"))
            found[name].append(time.process_time() - start)
    return {name: min(times) / (1024**2 / 1e6) for name, times in found.items()}


if __name__ == "__main__":
    main()
