"""Seconds from a 1024² image to its labels on the CPU: network, index and cut apart.

    python benchmarks/one_image.py [--model nuclei-fluo] [--size 1024]

Each part is compared, in the same run, with a limit it cannot beat: inference with the bare
forward pass of the same network on the same pixels, the cut with one look-up a pixel.
"""

from __future__ import annotations

import argparse
import time
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from napari_pixel_embedding import build_cluster_index, load_model, predict_embedding
from napari_pixel_embedding.core.datasets.samples import load_sample
from napari_pixel_embedding.core.model.devices import autocast
from napari_pixel_embedding.core.model.networks import for_inference

if TYPE_CHECKING:
    from collections.abc import Callable


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", default="nuclei-fluo")
    parser.add_argument("--size", type=int, default=1024)
    options = parser.parse_args()
    model = load_model(options.model)
    image = _mosaic(options.size)
    params = model.config.cluster_params()

    forward = _seconds(lambda: bare_forward(model, image))
    network = _seconds(lambda: predict_embedding(model, image, device="cpu"))
    emap = predict_embedding(model, image, device="cpu")
    build = _seconds(lambda: build_cluster_index(emap))
    index = build_cluster_index(emap)
    bandwidths = iter(np.linspace(params.bandwidth, params.bandwidth * 1.5, 1000))
    labels = index.cut(params)
    cut = _seconds(
        lambda: index.cut(replace(params, bandwidth=float(next(bandwidths))), out=labels), 50
    )
    table = np.arange(int(labels.max()) + 1, dtype=labels.dtype)
    target = np.empty_like(labels)
    lookup = _seconds(lambda: np.take(table, labels, out=target), 50)

    print(f"{options.size}² pixels, {int(labels.max())} ids, {torch.get_num_threads()} threads")
    print(f"network  {network:8.3f} s   {network / forward:6.2f} × its bare forward pass")
    print(f"index    {build:8.3f} s   {build / network:6.2f} × the network")
    print(f"cut      {cut * 1e3:8.2f} ms  {cut / lookup:6.2f} × one np.take over the labels")
    print(f"whole    {network + build + cut:8.3f} s")


def _mosaic(size: int) -> np.ndarray:
    """Tile a real field of nuclei to the wanted size."""
    field = load_sample("nuclei-field")[0].data
    repeats = [-(-size // n) for n in field.shape]
    return np.tile(field, repeats)[:size, :size]


def bare_forward(model: Any, image: np.ndarray) -> None:
    device = torch.device("cpu")
    network = for_inference(model.network, device)
    batch = torch.from_numpy(image.astype(np.float32))[None, None]
    with torch.inference_mode(), autocast(device):
        network(batch.contiguous(memory_format=torch.channels_last))


def _seconds(action: Callable[[], object], repeats: int = 3) -> float:
    """Median wall time after one run that warms up."""
    action()
    times = []
    for _ in range(repeats):
        started = time.perf_counter()
        action()
        times.append(time.perf_counter() - started)
    return float(np.median(times))


if __name__ == "__main__":
    main()
