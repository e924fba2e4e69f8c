"""What a worker does: one part of one stage, from the run's folder and into it.

A task is a few numbers, and so is its result: images, labels and models never pass through the
scheduler. Errors of an image or a block are results too; only a worker's death is an exception.
"""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from napari_pixel_embedding.batch import payloads
from napari_pixel_embedding.batch.plan import (
    OpenedPlan,
    cluster_recipe,
    label_store,
)
from napari_pixel_embedding.batch.process import (
    Task,
    index_of,
    labels_of,
    opened_of,
    run_of,
    table_of,
    writer_of,
)
from napari_pixel_embedding.batch.stages.edges import later_neighbours, link_blocks
from napari_pixel_embedding.batch.stages.measure import sum_block
from napari_pixel_embedding.batch.stages.relabel import halved, relabelled
from napari_pixel_embedding.batch.stages.segment import segment_block
from napari_pixel_embedding.batch.whole import segment_whole
from napari_pixel_embedding.core.blockwise.roi import read_box
from napari_pixel_embedding.core.inference.axes import ImageStack
from napari_pixel_embedding.core.inference.options import PredictOptions
from napari_pixel_embedding.core.runs.record_log import FAILED, Record

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from napari_pixel_embedding.batch.data.labels import LabelStore
    from napari_pixel_embedding.batch.request import BatchRequest
    from napari_pixel_embedding.core.blockwise.block_plan import Block

SMALL_TILE = 256
"""Side of a tile, in the network's pixels, once a worker has died of a block."""


class TaskResult(NamedTuple):
    """Objects of a finished task; or the reason why there is none."""

    key: int
    own: int
    reason: str = ""
    notes: tuple[str, ...] = ()
    seconds: float = 0.0


def work_group(tasks: tuple[Task, ...]) -> tuple[TaskResult, ...]:
    """Do several tasks, one after the other."""
    return tuple(map(work, tasks))


def work(task: Task) -> TaskResult:
    """Do a task, and write its result to a log of this process before it is returned."""
    if task.threads:
        _set_threads(task.threads)
    started = time.perf_counter()
    writer = writer_of(task)
    try:
        record, notes = _STAGES[task.stage](task)
    except Exception as error:  # of this image or block; the others go on
        record = Record(task.key, FAILED, 0, _worded(error).encode())
        writer.write(record)
        return TaskResult(task.key, FAILED, _worded(error))
    writer.write(record)
    return TaskResult(task.key, record.own, "", notes, time.perf_counter() - started)


def _worded(error: Exception) -> str:
    if isinstance(error, (ValueError, OSError, LookupError)) and str(error):
        return str(error)
    if isinstance(error, MemoryError):
        return "Not enough memory: choose smaller blocks or fewer workers."
    return f"Unexpected error: {type(error).__name__}: {error}"


def _set_threads(count: int) -> None:
    import torch

    if torch.get_num_threads() != count:
        torch.set_num_threads(count)


def device_for_worker(wanted: str) -> str:
    """Return the device of this worker: of several GPUs the one of its number."""
    import torch

    if wanted not in ("auto", "cuda") or not torch.cuda.is_available():
        return wanted
    try:
        from distributed import get_worker

        number = int(str(get_worker().name).rpartition("-")[2])
    except (ImportError, ValueError):
        return wanted
    return f"cuda:{number % torch.cuda.device_count()}"


# ----------------------------------------------------------------------------------- stages


def _whole(task: Task) -> tuple[Record, tuple[str, ...]]:
    run = run_of(task)
    recipe = run.request.recipe.changed(device=device_for_worker(run.request.recipe.device))
    if task.attempt:
        recipe = recipe.changed(tile=SMALL_TILE)
    request = replace(run.request, recipe=recipe)
    plan = run.plan.images[task.image]
    made = segment_whole(plan, request, run.found, Path(task.folder))
    return Record(task.key, made.objects, made.objects, b""), made.notes


def _segment(task: Task) -> tuple[Record, tuple[str, ...]]:
    run, opened = run_of(task), opened_of(task)
    recipe = run.request.recipe
    tile = SMALL_TILE if task.attempt else recipe.tile
    options = PredictOptions(
        device_for_worker(recipe.device), recipe.diameter, augment=recipe.augment, tile=tile
    )
    model, _ = run.found.for_image(opened.plan.shape, opened.plan.axes)
    block = opened.block(task.key)
    clustering, _ = cluster_recipe(opened.plan, run.request)
    found, emap = segment_block(model, opened.image, block, options, clustering)
    if run.request.embedding:
        store = embedding_store(Path(task.folder), opened, run.request)
        inner = emap.crop(_relative(block))
        store.write(block.frame, block.core, inner.embedding.astype(np.float16))
    return Record(task.key, found.own, found.all, payloads.pack_labels(found)), found.notes


def _relative(block: Block) -> tuple[slice, ...]:
    parts = zip(block.core, block.window, strict=True)
    return tuple(slice(c.start - w.start, c.stop - w.start) for c, w in parts)


def embedding_store(folder: Path, opened: OpenedPlan, request: BatchRequest) -> LabelStore:
    """Return where the embedding of an image goes."""
    store = label_store(opened.plan, opened.layout, request)
    path = folder / f"{opened.plan.name}_embedding.ome.zarr"
    return replace(store, folder=path, channels=opened.config.embedding_dim)


def _edges(task: Task) -> tuple[Record, tuple[str, ...]]:
    """Compare the blocks of a group with their later neighbours."""
    opened, done = opened_of(task), index_of(task).done
    same, unclear, iou, places = [], [], [], []
    for number in group(task.key, opened):
        for other in later_neighbours(number, opened.counts) if done[number] else ():
            if not done[other]:
                continue
            found = link_blocks(
                (opened.block(number), labels_of(task, number)),
                (opened.block(other), labels_of(task, other)),
            )
            same.append(_with_blocks(found.same, number, other))
            unclear.append(_with_blocks(found.uncertain, number, other))
            iou.append(found.iou)
            places.append(found.places)
    none = np.zeros((0, 4), np.int64)
    links, seams = np.concatenate([none, *same]), np.concatenate([none, *unclear])
    nowhere = np.zeros((0, len(opened.plan.side)))
    arrays = {
        "links": links,
        "seams": seams,
        "iou": np.concatenate([np.zeros(0), *iou]),
        "places": np.concatenate([nowhere, *places]),
    }
    return Record(task.key, len(links), len(seams), payloads.pack(arrays)), ()


def _with_blocks(pairs: NDArray[np.int64], first: int, second: int) -> NDArray[np.int64]:
    blocks = np.broadcast_to(np.array([first, second]), (len(pairs), 2))
    return np.concatenate([blocks, pairs], axis=1)[:, [0, 2, 1, 3]]


_GROUP_PIXELS = 2**26


def group_count(opened: OpenedPlan) -> int:
    """Return the number of groups of blocks: a task a group, so that none is too short."""
    return -(-int(np.prod(opened.counts)) // _group_size(opened))


def group(number: int, opened: OpenedPlan) -> range:
    """Return the blocks of a group."""
    size, total = _group_size(opened), int(np.prod(opened.counts))
    return range(number * size, min((number + 1) * size, total))


def _group_size(opened: OpenedPlan) -> int:
    return max(_GROUP_PIXELS // int(np.prod(opened.plan.side)), 1)


def _relabel(task: Task) -> tuple[Record, tuple[str, ...]]:
    run, opened = run_of(task), opened_of(task)
    table = table_of(task)
    block = opened.block(task.key)
    ids = table.of_block(task.key)
    found = relabelled(labels_of(task, task.key), block, ids)
    label_store(opened.plan, opened.layout, run.request).write(block.frame, block.core, found)
    if not run.request.measure:
        return Record(task.key, ids.size - 1, 0, b""), ()
    sums = sum_block(found, block.core, _channels(opened, block))
    return Record(task.key, ids.size - 1, sums.count, payloads.pack_sums(sums)), ()


def _channels(opened: OpenedPlan, block: Block) -> dict[str, NDArray[np.generic]]:
    frame = block.frame if "T" in opened.image.axes else None
    data = read_box(opened.image.data, opened.image.axes, block.core, frame)
    channels = data.shape[opened.image.axes.index("C")] if "C" in opened.image.axes else 1
    (pixels,) = ImageStack(data, opened.image.axes, channels).frames()
    return dict(zip(channel_names(opened), pixels, strict=True))


def channel_names(opened: OpenedPlan) -> list[str]:
    """Return the names of the channels in the table, as ``measure`` names them."""
    axes = opened.image.axes
    if "C" not in axes:
        return ["intensity"]
    return [f"intensity_c{k}" for k in range(opened.image.data.shape[axes.index("C")])]


def _pyramid(task: Task) -> tuple[Record, tuple[str, ...]]:
    run, opened = run_of(task), opened_of(task)
    store = label_store(opened.plan, opened.layout, run.request)
    block = store.block_at(task.key, task.level)
    finer = store.read(block.frame, store.finer(block.core, task.level), task.level - 1)
    store.write(block.frame, block.core, halved(finer), task.level)
    return Record(task.key, 0, 0, b""), ()


_STAGES: dict[str, Callable[[Task], tuple[Record, tuple[str, ...]]]] = {
    "whole": _whole,
    "segment": _segment,
    "edges": _edges,
    "relabel": _relabel,
    "pyramid": _pyramid,
}
