"""What tiles cost and change: the same objects as one pass, at how much more than its time.

    python benchmarks/tiles.py [--tiles 128 256 512 1024] [--halo 64] [--copies 3]
    python benchmarks/tiles.py --memory 2048 4096 8192

The sample nuclei-field, mirrored and tiled, runs through the bundled model in one pass and in
tiles of several sizes. Objects are compared by F1 at an IoU of 0.5; times are CPU seconds, in turns
with the bare forward pass of the same network on the same pixels in one go. ``pixels`` is how many
more pixels the tiles have than the image.

With ``--memory``, a process of its own segments an image of so many pixels a side block by block,
as the window does with images that do not fit, and prints its peak memory above the image.
"""

from __future__ import annotations

import argparse
import math
import multiprocessing
import resource
import time
from concurrent.futures import ProcessPoolExecutor
from typing import TYPE_CHECKING

import numpy as np
from mosaic import fill, mirrored
from one_image import bare_forward

from napari_pixel_embedding import (
    average_precision,
    build_cluster_index,
    load_model,
    predict_embedding,
)
from napari_pixel_embedding.core.inference.options import PredictOptions
from napari_pixel_embedding.core.inference.tiles.plan import plan_tiles
from napari_pixel_embedding.session import Engine, ImageInput
from napari_pixel_embedding.session.segment.requests import RunRequest
from napari_pixel_embedding.session.segment.roi import read_source

if TYPE_CHECKING:
    from collections.abc import Callable

BLOCK = 1024


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--tiles", type=int, nargs="+", default=[128, 256, 512, 1024])
    parser.add_argument("--halo", type=int, help="pixels; the default of inference by default")
    parser.add_argument("--copies", type=int, default=3, help="of the sample, along each axis")
    parser.add_argument("--memory", type=int, nargs="+", metavar="SIDE")
    options = parser.parse_args()
    if options.memory:
        compare_memory(options.memory)
    else:
        compare_tiles(options.tiles, options.halo, options.copies)


def compare_tiles(tiles: list[int], halo: int | None, copies: int) -> None:
    """Print objects and time of each size of tiles, against one pass."""
    model, image = load_model("nuclei-fluo"), mirrored(copies)
    rows, columns = (n - n % model.config.stride for n in image.shape)
    image = image[:rows, :columns]  # the bare network takes no other sides
    params = model.config.cluster_params()
    around = None if halo is None else (halo, halo)

    def embed(tile: tuple[int, ...]):
        return predict_embedding(model, image, tile_shape=tile, halo=around, device="cpu")

    one = build_cluster_index(embed(image.shape)).cut(params).astype(int)
    print(f"{image.shape[0]} × {image.shape[1]} pixels, {len(np.unique(one)) - 1} objects")
    for side in (*tiles, max(image.shape)):
        labels = build_cluster_index(embed((side, side))).cut(params).astype(int)
        precision = average_precision(one, labels)
        forward = seconds(lambda: bare_forward(model, image))
        tiled = seconds(lambda side=side: embed((side, side)))
        plan = plan_tiles(image.shape, model.config.stride, (side, side), around)
        computed = len(plan.origins) * math.prod(plan.tile_shape) / image.size
        print(
            f"tiles of {side:5}: F1@0.5 {2 * precision / (1 + precision):.4f} (goal 0.995), "
            f"{tiled / forward:.2f} × the forward pass (goal 1.15), pixels {computed:.2f} ×",
            flush=True,
        )


def seconds(action: Callable[[], object], repeats: int = 2) -> float:
    """Least CPU time."""
    times = []
    for _ in range(repeats):
        started = time.process_time()
        action()
        times.append(time.process_time() - started)
    return min(times)


def compare_memory(sides: list[int]) -> None:
    """Print the peak memory of segmenting images of several sizes block by block."""
    for side in sides:
        spawn = multiprocessing.get_context("spawn")
        with ProcessPoolExecutor(1, mp_context=spawn) as pool:
            growth, objects = pool.submit(peak, side).result()
        print(
            f"{side}² pixels in blocks of {BLOCK}²: {objects} objects, {growth / 2**20:.0f} MiB "
            f"above the image, {growth / side**2:.1f} bytes a pixel",
            flush=True,
        )


def peak(side: int) -> tuple[int, int]:
    """Bytes by which the peak memory grew, and how many objects were found."""
    model = load_model("nuclei-fluo")
    small = mirrored(1)
    image = np.tile(small, [-(-side // n) for n in small.shape])[:side, :side].copy()
    request = RunRequest(ImageInput(image), model, PredictOptions("cpu"))
    source = read_source(Engine(), request, model, "YX")
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    mosaic = fill(source, BLOCK)
    objects = mosaic.cut(model.config.cluster_params()).count()
    return (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * 1024, objects


if __name__ == "__main__":
    main()
