"""What test-time augmentation is worth, and what it costs.

    python benchmarks/augment.py DATA [--model nuclei-fluo] [--images 108]

DATA as for ``cluster_quality.py``. Each image is embedded once, from 4 and from 8 views. Beside the
means that are offered stand those of foreground and distance alone. The cost is CPU time of the
network as a multiple of one view's, in the same run.
"""

from __future__ import annotations

import argparse
import time
from collections import defaultdict
from dataclasses import replace
from pathlib import Path

import numpy as np
from cluster_quality import THRESHOLDS, choose

from napari_pixel_embedding import (
    average_precision,
    build_cluster_index,
    load_model,
    predict_embedding,
)
from napari_pixel_embedding.core.inference.options import AUGMENTS
from napari_pixel_embedding.core.io.images import read_image, read_labels


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path)
    parser.add_argument("--model", default="nuclei-fluo")
    parser.add_argument("--images", type=int, default=108)
    options = parser.parse_args()
    model = load_model(options.model)
    params = model.config.cluster_params()
    files = choose(options.data, options.images)
    found, seconds = defaultdict(list), defaultdict(float)
    for path, _ in files:
        image, maps = read_image(path).data, {}
        for augment, name in AUGMENTS.items():
            start = time.process_time()
            maps[augment] = predict_embedding(model, image, augment=augment)
            seconds[augment] += time.process_time() - start
            found[augment, name].append(build_cluster_index(maps[augment]).cut(params))
            if augment > 1:
                alone = replace(maps[augment], embedding=maps[1].embedding)
                cut = build_cluster_index(alone).cut(params)
                found[augment, "foreground and distance alone"].append(cut)
    truth = [read_labels(mask).data for _, mask in files]
    print(f"{len(files)} images\n")
    print("| views | | AP@0.5 | AP@0.75 | AP@0.5:0.95 | cost |\n|---|---|---|---|---|---|")
    for (augment, name), labels in found.items():
        scores = average_precision(truth, labels, iou_threshold=THRESHOLDS)
        print(
            f"| {augment} | {name} | {scores[0]:.3f} | {scores[5]:.3f} | {np.mean(scores):.3f} "
            f"| {seconds[augment] / seconds[1]:.1f} × |"
        )


if __name__ == "__main__":
    main()
