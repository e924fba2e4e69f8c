"""What blocks of a large image are worth: like one pass, cut at a tick, small in memory.

    python benchmarks/mosaic.py [--side 1024] [--tiles 3]

The sample nuclei-field, mirrored and tiled, runs through the bundled model once in one piece and
once block by block. Objects are compared by F1 at an IoU of 0.5; times are CPU time. Small blocks
(``--side 512``) differ a little more: an index of few foreground pixels is made at full resolution.
"""

from __future__ import annotations

import argparse
import time
from dataclasses import replace

import numpy as np

from napari_pixel_embedding import average_precision, build_cluster_index, load_model
from napari_pixel_embedding.core.blockwise.block_plan import Layout, plan_blocks, plan_layout
from napari_pixel_embedding.core.blockwise.mosaic import Mosaic
from napari_pixel_embedding.core.blockwise.roi import margin, pixel_bytes
from napari_pixel_embedding.core.datasets.samples import load_sample
from napari_pixel_embedding.core.inference.options import PredictOptions
from napari_pixel_embedding.core.inference.predict import predict_embedding
from napari_pixel_embedding.session import Engine, ImageInput
from napari_pixel_embedding.session.large_image.blocks import index_block
from napari_pixel_embedding.session.segment.requests import RunRequest, Source
from napari_pixel_embedding.session.segment.roi import read_source


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--side", type=int, default=1024, help="pixels of a block")
    parser.add_argument("--tiles", type=int, default=3, help="copies of the sample along each axis")
    options = parser.parse_args()
    image, model = mirrored(options.tiles), load_model("nuclei-fluo")
    request = RunRequest(ImageInput(image), model, PredictOptions("cpu"))
    source = read_source(Engine(), request, model, "YX")
    emap = predict_embedding(model, image, ranges=source.ranges)
    index = build_cluster_index(emap)
    mosaic = fill(source, options.side)
    for bandwidth in (1.0, model.config.cluster_params().bandwidth, 3.0):
        params = replace(model.config.cluster_params(), bandwidth=bandwidth)
        one = index.cut(params)
        start = time.thread_time()
        cut = mosaic.cut(params)
        spent = time.thread_time() - start
        labels = cut.read(0, tuple(slice(0, n) for n in image.shape))
        precision = average_precision(one.astype(int), labels.astype(int))
        print(
            f"bandwidth {bandwidth:g}: {cut.count()} objects, {index.count(params)} in one pass, "
            f"F1@0.5 {2 * precision / (1 + precision):.4f} (goal 0.995); cut of "
            f"{len(mosaic.indexed_blocks)} blocks {1e3 * spent:.1f} ms"
        )
    kept = sum(
        piece.index.base.nbytes + 4 * piece.index.base.size for piece in mosaic.indexed_blocks
    )
    print(
        f"{kept / image.size:.1f} bytes kept a pixel, {emap.embedding.nbytes / image.size:.0f} of "
        f"the embedding alone, some {pixel_bytes(model.config)} while a run lasts"
    )


def mirrored(tiles: int) -> np.ndarray:
    """The sample tiled so that no object is cut at a border."""
    image = np.asarray(load_sample("nuclei-field")[0].data)
    row = np.concatenate([image if n % 2 == 0 else image[:, ::-1] for n in range(tiles)], axis=1)
    return np.concatenate([row if n % 2 == 0 else row[::-1] for n in range(tiles)])


def fill(source: Source, side: int) -> Mosaic:
    """Make all blocks."""
    config = source.model.config
    chosen = plan_layout(2, config.stride, config.object_diameter, margin(config), 1)
    mosaic = Mosaic(source.shape)
    for block in plan_blocks(source.shape, 1, Layout((side, side), chosen.reach, chosen.margin)):
        index = index_block(Engine(), source, block, lambda fraction: None)
        mosaic = mosaic.with_block(block, index)
    return mosaic


if __name__ == "__main__":
    main()
