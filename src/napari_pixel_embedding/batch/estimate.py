"""What a run will take: blocks, memory and time, from one block that is measured here."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from napari_pixel_embedding.batch.data.images import open_image
from napari_pixel_embedding.batch.plan import (
    ImagePlan,
    cluster_recipe,
    open_plan,
    total_blocks,
)
from napari_pixel_embedding.batch.stages.segment import segment_block
from napari_pixel_embedding.core.blockwise.block_plan import Block
from napari_pixel_embedding.core.blockwise.roi import pixel_bytes
from napari_pixel_embedding.core.boxes import grown
from napari_pixel_embedding.core.inference.options import PredictOptions
from napari_pixel_embedding.core.progress import duration_text
from napari_pixel_embedding.core.recipe.apply import segment_by_recipe

if TYPE_CHECKING:
    from napari_pixel_embedding.batch.prepare import PreparedRun

_MEASURED_SIDE = 1024
"""Largest side of what is measured: a larger block takes as many times as long as it is larger."""
_WARM_SIDE = 128


@dataclass(frozen=True)
class Estimate:
    """What a run will take.

    Parameters
    ----------
    images, blocks : int
        Images of the data set, and blocks of all of them (an image as a whole counts as one).
    pixels : int
        Of all images whose headers could be read.
    seconds_per_megapixel : float
        Of one worker, measured on this machine; NaN where nothing could be measured.
    workers : int
    worker_bytes : int
        Memory of a worker at its peak, beside some 0.6 GB for the programs.
    """

    images: int
    blocks: int
    pixels: int
    seconds_per_megapixel: float
    workers: int
    worker_bytes: int

    @property
    def seconds(self) -> float:
        """Expected wall time of the network and the clustering, which is nearly all."""
        return self.pixels / 1e6 * self.seconds_per_megapixel / self.workers


def estimate(prepared: PreparedRun, workers: int) -> Estimate:
    """Measure one block, or one image, and extrapolate."""
    plans = prepared.plan.images
    pixels = [pixels_of(plan) for plan in plans]
    largest = plans[int(np.argmax(pixels))]
    seconds: float = math.nan
    if max(pixels):
        measure = _whole_seconds if largest.is_whole else _block_seconds
        seconds = measure(prepared, largest)
    return Estimate(
        len(plans),
        total_blocks(prepared.plan),
        sum(pixels),
        seconds,
        workers,
        max(_bytes(prepared, plan) for plan in plans),
    )


def pixels_of(plan: ImagePlan) -> int:
    """Return the pixels of an image, without its channels; 0 where its header was not read."""
    sizes = zip(plan.axes, plan.shape, strict=True)
    return math.prod(n for a, n in sizes if a != "C") if plan.shape else 0


def _bytes(prepared: PreparedRun, plan: ImagePlan) -> int:
    recipe = prepared.request.recipe
    if not plan.shape:
        return 0
    model, _ = prepared.found.for_image(plan.shape, plan.axes)
    each = pixel_bytes(model.config, recipe.diameter, plan.spacing)
    if plan.is_whole:
        frames = [n for a, n in zip(plan.axes, plan.shape, strict=True) if a in model.config.axes]
        return each * math.prod(frames)
    return each * math.prod(n + 2 * (plan.reach + plan.margin) for n in plan.side)


def _block_seconds(prepared: PreparedRun, plan: ImagePlan) -> float:
    """Return the seconds a megapixel of the middle of a large image, margins included."""
    opened = open_plan(plan, prepared.request, prepared.found)
    recipe = prepared.request.recipe
    model, _ = prepared.found.for_image(plan.shape, plan.axes)
    clustering, _ = cluster_recipe(plan, prepared.request)
    options = PredictOptions(recipe.device, recipe.diameter, augment=recipe.augment)
    shape = opened.image.shape
    sides = [min(n, s, _MEASURED_SIDE) for n, s in zip(shape, plan.side, strict=True)]
    for side in (_WARM_SIDE, _MEASURED_SIDE):  # the first compiles and allocates
        size = [min(n, side) if n > 64 else n for n in sides]
        core = tuple(
            slice((n - s) // 2, (n - s) // 2 + s) for n, s in zip(shape, size, strict=True)
        )
        block = Block(0, core, core, core)
        started = time.perf_counter()
        segment_block(model, opened.image, block, options, clustering)
        seconds = time.perf_counter() - started
    with_margins = math.prod(n + 2 * (plan.reach + plan.margin) for n in plan.side)
    overhead = with_margins / math.prod(plan.side)
    opened.close()
    return float(seconds / (math.prod(size) / 1e6) * overhead)


def _whole_seconds(prepared: PreparedRun, plan: ImagePlan) -> float:
    image = open_image(Path(plan.path), prepared.request.level)
    letters = image.axes or plan.axes
    small = tuple(
        slice(0, min(n, _MEASURED_SIDE)) if a in "YX" else slice(0, min(n, 64 if a == "Z" else n))
        for a, n in zip(letters, image.data.shape, strict=True)
    )
    pixels = np.asarray(image.data[small])
    image.close()
    counted = math.prod(n for a, n in zip(letters, pixels.shape, strict=True) if a != "C")
    for _ in range(2):  # the first compiles and allocates
        started = time.perf_counter()
        segment_by_recipe(prepared.request.recipe, pixels, prepared.found, stored_axes=image.axes)
        seconds = time.perf_counter() - started
    return float(seconds / (counted / 1e6))


def described(prepared: PreparedRun, found: Estimate, most: int = 12) -> list[str]:
    """Return a plan as lines for people."""
    lines = [f"{found.images:,} image{'s' * (found.images != 1)}, {found.blocks:,} blocks in all."]
    for plan in prepared.plan.images[:most]:
        lines.append(f"  {plan.name}: {_described(plan)}")
    if len(prepared.plan.images) > most:
        lines.append(f"  … and {len(prepared.plan.images) - most:,} more images")
    each = found.worker_bytes / 2**30
    lines.append(
        f"Memory: up to {each:.1f} GiB a worker, {each * found.workers:.1f} GiB for "
        f"{found.workers} worker{'s' * (found.workers != 1)}, and some 0.6 GiB each for programs."
    )
    if math.isnan(found.seconds):
        return [*lines, "Time: unknown, for no image could be measured."]
    return [
        *lines,
        f"Time: {duration_text(found.seconds)} with {found.workers} "
        f"worker{'s' * (found.workers != 1)} ({found.seconds_per_megapixel:.2f} s a megapixel, "
        "measured on this machine).",
    ]


def _described(plan: ImagePlan) -> str:
    if not plan.shape:
        return "its header cannot be read; its turn says why"
    size = " × ".join(f"{n:,}" for n in plan.shape)
    if plan.is_whole:
        return f"{size} ({plan.axes}), as a whole"
    side = " × ".join(map(str, plan.side))
    core = tuple(slice(0, n) for n in plan.side)
    window = grown(core, plan.reach, [10**9] * len(core))
    shared = window[-1].stop - core[-1].stop
    return (
        f"{size} ({plan.axes}), in blocks of {side}, which share {2 * shared} pixels with each "
        f"neighbour and are read with {plan.margin} more"
    )
