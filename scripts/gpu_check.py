"""What a GPU of this machine does with the bundled models: correctness, speed, and little memory.

    make gpu-check                              # with the tests marked gpu
    python scripts/gpu_check.py [--device cuda] [--quick]

Prints a table in Markdown for docs/gpu.md. ``--device cpu`` rehearses it. It fails where there is
no such device, and where any part of it fails; the other parts are run nevertheless.
"""

from __future__ import annotations

import argparse
import re
import sys
import time
import traceback
from typing import TYPE_CHECKING

import numpy as np
import torch

from napari_pixel_embedding import (
    TrainConfig,
    build_cluster_index,
    load_model,
    prepare_samples,
    segment,
    synthetic_image,
)
from napari_pixel_embedding.core.clustering import warm_up
from napari_pixel_embedding.core.evaluation.metrics import average_precision
from napari_pixel_embedding.core.inference.options import PredictOptions
from napari_pixel_embedding.core.inference.passes import run_network
from napari_pixel_embedding.core.training.trainer import Trainer

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    Row = tuple[str, str]


def main() -> int:
    """Run every part, print its rows as they come, and say how many parts failed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--quick", action="store_true", help="small images, for a rehearsal")
    options = parser.parse_args()
    if options.device == "cuda" and not torch.cuda.is_available():
        print("There is no GPU that torch can use here: nothing was measured.")
        return 1
    warm_up()  # compiles the kernels of the clustering, which can take a minute
    print(f"| {_device_name(options.device)}, torch {torch.__version__} | |\n|---|---|", flush=True)
    failed = 0
    for part in (agreement, little_memory, inference, volume, training):
        try:
            for name, value in part(options.device, options.quick):
                print(f"| {name} | {value} |", flush=True)
        except Exception:
            failed += 1
            print(f"| {part.__name__} | **failed** |", flush=True)
            traceback.print_exc()
    return 1 if failed else 0


def _device_name(device: str) -> str:
    return torch.cuda.get_device_name() if device == "cuda" else device


def field(side: int, seed: int = 0) -> NDArray[np.uint8]:
    """Return drawn nuclei of ``side`` pixels: one drawing, repeated."""
    drawn = synthetic_image("ellipses", (min(side, 1024),) * 2, seed=seed).image
    copies = -(-side // len(drawn))
    return np.tile(drawn, (copies, copies))[:side, :side]


def agreement(device: str, quick: bool) -> list[Row]:
    """Compare labels of the device with those of the CPU."""
    image = field(256 if quick else 1024)
    here, there = segment(image, device="cpu"), segment(image, device=device)
    same = float(np.mean((here > 0) == (there > 0)))
    score = average_precision(here.astype(int), there.astype(int))
    if score < 0.95:
        raise AssertionError(f"labels differ from those of the CPU: AP {score:.3f}")
    return [
        ("labels against those of the CPU, AP@0.5", f"{score:.3f}"),
        ("pixels that are object on both or on neither", f"{same:.4%}"),
    ]


def little_memory(device: str, quick: bool) -> list[Row]:
    """Run with less and less memory, and report what was done about it."""
    if device != "cuda":
        return [("less memory", "only on a GPU")]
    model, image = load_model("nuclei-fluo"), _pixels(field(2048))
    rows = []
    total = torch.cuda.get_device_properties(0).total_memory
    for megabytes in (600, 200, 80, 30):
        torch.cuda.empty_cache()
        held = torch.cuda.memory_reserved()
        torch.cuda.set_per_process_memory_fraction((held + megabytes * 2**20) / total)
        try:
            maps = run_network(model, image, PredictOptions(device))
        finally:
            torch.cuda.set_per_process_memory_fraction(1.0)
        said = " ".join(maps.notes) or "smaller batches, or nothing to do"
        with_such_tiles = PredictOptions(device, tile=_tile_of(said))
        expected = run_network(model, image, with_such_tiles).foreground
        if (apart := float(np.abs(maps.foreground - expected).mean())) > 0.002:
            raise AssertionError(f"with {megabytes} MiB the foreground is {apart:.4f} off: {said}")
        rows.append((f"2048² with {megabytes} MiB", said))
    return rows


def _tile_of(said: str) -> int | None:
    """Return the side of the tiles that a sentence names."""
    found = re.search(r"tiles of (\d+)", said)
    return int(found[1]) if found else None


def inference(device: str, quick: bool) -> list[Row]:
    """Measure the seconds of a run, network alone and with index and cut, and its peak memory."""
    rows = []
    for name in ("nuclei-fluo",):
        model = load_model(name)
        for side in (256,) if quick else (1024, 8192):
            image = field(side)
            pixels = _pixels(image)
            options = PredictOptions(device)
            run_network(model, pixels[:, :256, :256], options)
            network, maps = _best(lambda p=pixels, m=model, o=options: run_network(m, p, o), 2)
            rows.append((f"{name}, {side}², network", f"{network:.3f} s{_peak(device)}"))
            if side <= 1024:
                emap = maps.finished(model.config, image.shape)
                index, _ = _best(lambda e=emap: build_cluster_index(e).cut(), 2)
                rows.append((f"{name}, {side}², index and cut on the CPU", f"{index:.3f} s"))
    return rows


def volume(device: str, quick: bool) -> list[Row]:
    """Measure the seconds for a volume of 256³ voxels."""
    model, side = load_model("volume"), 32 if quick else 256
    drawn = synthetic_image("ellipses", (32, 64, 64)).image
    image = np.tile(drawn, (-(-side // 32), -(-side // 64), -(-side // 64)))[:side, :side, :side]
    pixels = _pixels(image)
    seconds, _ = _best(lambda: run_network(model, pixels, PredictOptions(device)), 2)
    return [(f"volume, {side}³, network", f"{seconds:.3f} s{_peak(device)}")]


def training(device: str, quick: bool) -> list[Row]:
    """Measure the steps a second of a training."""
    model = load_model("nuclei-fluo")
    images, labels = zip(
        *(synthetic_image("ellipses", (256, 256), seed=s) for s in range(2 if quick else 8)),
        strict=True,
    )
    samples = prepare_samples(images, labels, model.config)
    config = TrainConfig(steps=10_000, warmup=0.0, crop=64 if quick else 256)
    trainer = Trainer(model, config, torch.device(device))
    count = 3 if quick else 60
    for _ in range(count // 3):
        trainer.train_step(samples)
    start = time.perf_counter()
    for _ in range(count):
        trainer.train_step(samples)
    pace = count / (time.perf_counter() - start)
    return [(f"training, 4 pieces of {config.crop}²", f"{pace:.1f} steps/s")]


def _pixels(image: NDArray[np.uint8]) -> NDArray[np.float32]:
    return (image / 255).astype(np.float32)[None]


def _best(action: Callable[[], object], times: int) -> tuple[float, object]:
    """Return the shortest time of an action, and what it returned."""
    if torch.cuda.is_available():
        torch.cuda.reset_peak_memory_stats()
    taken = []
    for _ in range(times):
        start = time.perf_counter()
        result = action()
        taken.append(time.perf_counter() - start)
    return min(taken), result


def _peak(device: str) -> str:
    if device != "cuda":
        return ""
    return f", {torch.cuda.max_memory_allocated() / 2**20:.0f} MiB"


if __name__ == "__main__":
    sys.exit(main())
