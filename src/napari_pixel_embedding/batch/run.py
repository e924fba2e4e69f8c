"""A run: all stages of all images, on any engine, and what is done stays done."""

from __future__ import annotations

import os
import platform
import time
import zlib
from dataclasses import dataclass, field, replace
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_pixel_embedding.batch.data.labels import list_labels
from napari_pixel_embedding.batch.engine.tasks import EngineLostError, WorkerDied
from napari_pixel_embedding.batch.links import read_links, seams_of
from napari_pixel_embedding.batch.plan import (
    ImagePlan,
    cluster_recipe,
    frame_count,
    label_store,
    open_plan,
)
from napari_pixel_embedding.batch.process import (
    Task,
    close_files,
    image_folder,
    whole_folder,
)
from napari_pixel_embedding.batch.request import NAME
from napari_pixel_embedding.batch.stages.merge import IdTable, Numbering, id_type, merge_ids
from napari_pixel_embedding.batch.summary import Failure, RunSummary
from napari_pixel_embedding.batch.table import write_table
from napari_pixel_embedding.batch.whole import table_path
from napari_pixel_embedding.batch.worker import TaskResult, embedding_store, group_count, work_group
from napari_pixel_embedding.core.exchange.ome_zarr_reader import is_zarr
from napari_pixel_embedding.core.runs.folder import RunProgress, write_progress
from napari_pixel_embedding.core.runs.record_log import (
    FAILED,
    Record,
    RecordIndex,
    RecordWriter,
    read_index,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from numpy.typing import NDArray

    from napari_pixel_embedding.batch.engine.tasks import Engine
    from napari_pixel_embedding.batch.plan import OpenedPlan
    from napari_pixel_embedding.batch.prepare import PreparedRun

_SAID_EVERY_S = 1.0
_MOST_TASKS = 50_000
"""Tasks of a stage at most; of more blocks, each task does several."""
_DEADLY = "workers died of it, perhaps for lack of memory: choose smaller blocks"
_MOST_DEATHS = 1
"""Workers' deaths after which a task is tried with small tiles; with one more it has failed."""


@dataclass
class Run:
    """Does a prepared run.

    Parameters
    ----------
    prepared : PreparedRun
    engine : Engine
    threads : int
        Threads of the network in each worker; 0 leaves them as they are.
    report : callable, optional
        Called with every :class:`RunProgress`; an exception in it ends the run, which can go on
        later.
    """

    prepared: PreparedRun
    engine: Engine
    threads: int = 0
    report: Callable[[RunProgress], None] | None = None
    summary: RunSummary = field(default_factory=RunSummary)
    _progress: RunProgress = field(default_factory=RunProgress)
    _said: float = 0.0
    _began: float = 0.0

    def run(self) -> RunSummary:
        """Do all that is missing; return what came out."""
        started = time.time()
        self._progress = RunProgress(pid=os.getpid(), host=platform.node(), started=started)
        plans = self.prepared.plan.images
        try:
            self._whole_images([n for n, plan in enumerate(plans) if plan.is_whole])
            for number, plan in enumerate(plans):
                if not plan.is_whole:
                    self._large_image(number, plan)
        except BaseException as error:
            stopped = isinstance(error, (KeyboardInterrupt, GeneratorExit))
            self._end("stopped" if stopped else "error", str(error))
            raise
        finally:
            close_files()
        self._begin("done", "")
        self.summary.seconds = time.time() - started
        self.summary.save(self.prepared.folder)
        self._end("done" if self.summary.is_complete else "failed", self.summary.lines()[0])
        return self.summary

    # ------------------------------------------------------------------------------- images

    def _whole_images(self, numbers: Sequence[int]) -> None:
        if not numbers:
            return
        plans = self.prepared.plan.images
        folder = whole_folder(self.prepared.folder)
        self._begin("segment", "")
        index = self._stage(
            folder,
            "whole",
            len(plans),
            lambda key, name: self._task("whole", key, key, name),
            numbers,
        )
        for number in numbers:
            plan = plans[number]
            if index.done[number]:
                self.summary.objects[plan.name] = int(index.entries["own"][number])
                self.summary.outputs.append(plan.output)
            elif index.failed[number]:
                reason = index.payload(number).decode(errors="replace")
                self.summary.failures.append(Failure(plan.name, None, "the whole image", reason))

    def _large_image(self, number: int, plan: ImagePlan) -> None:
        """Do the stages of an image; one that cannot be read or written does not end the others."""
        prepared = self.prepared
        try:
            opened = open_plan(plan, prepared.request, prepared.found)
            try:
                self._stages(number, opened)
            finally:
                opened.close()
        except EngineLostError:
            raise
        except (ValueError, OSError) as error:
            self.summary.objects.pop(plan.name, None)
            failure = Failure(plan.name, None, "the whole image", str(error))
            self.summary.failures.append(failure)
            self._tell(failed=self._progress.failed + 1)

    def _stages(self, number: int, opened: OpenedPlan) -> None:
        prepared, plan = self.prepared, opened.plan
        folder = image_folder(prepared.folder, number)
        self.summary.say(*plan.notes, *cluster_recipe(plan, prepared.request)[1])
        if prepared.request.embedding:
            embedding_store(prepared.folder, opened, prepared.request).create(np.float16)
        count = int(np.prod(opened.counts))
        self._begin("segment", plan.name)
        segmented = self._stage(
            folder, "segment", count, lambda key, name: self._task("segment", number, key, name)
        )
        segmented.save(folder / "segment.npy")
        self._list_failures(plan, opened, segmented)
        done = segmented.done
        # What follows belongs to these blocks alone: with another one it is made anew.
        of_these = f"{zlib.crc32(np.packbits(done).tobytes()):08x}"
        edges = self._edges(folder, of_these, number, opened)
        table = self._merge(folder, plan, segmented, edges)
        self.summary.objects[plan.name] = table.count
        self._relabel(folder, of_these, number, opened, table, done)
        self.summary.outputs.append(plan.output)

    def _edges(self, folder: Path, of_these: str, number: int, opened: OpenedPlan) -> RecordIndex:
        self._begin("edges", opened.plan.name)
        return self._stage(
            folder,
            f"edges-{of_these}",
            group_count(opened),
            lambda key, name: self._task("edges", number, key, name),
            required=True,
        )

    def _merge(
        self, folder: Path, plan: ImagePlan, segmented: RecordIndex, edges: RecordIndex
    ) -> IdTable:
        self._begin("merge", plan.name)
        numbering = Numbering.of(segmented.own(), segmented.all())
        links, unclear = read_links(edges, numbering)
        table = merge_ids(links, numbering.starts)
        table.save(folder)
        per_frame = len(segmented.entries) // frame_count(plan)
        self.summary.seams += seams_of(unclear, numbering, table, plan.name, per_frame)
        return table

    def _relabel(
        self,
        folder: Path,
        of_these: str,
        number: int,
        opened: OpenedPlan,
        table: IdTable,
        done: NDArray[np.bool_],
    ) -> None:
        prepared, plan = self.prepared, opened.plan
        store = label_store(plan, opened.layout, prepared.request)
        store.create(id_type(table.count))
        self._begin("relabel", plan.name)
        relabelled = self._stage(
            folder,
            f"relabel-{of_these}",
            len(done),
            lambda key, name: self._task("relabel", number, key, name),
            np.flatnonzero(done),
            required=True,
        )
        for level in range(1, store.levels):
            self._begin("pyramid", plan.name)
            self._stage(
                folder,
                f"pyramid{level}-{of_these}",
                store.block_count(level),
                lambda key, name, at=level: replace(  # type: ignore[misc]
                    self._task("pyramid", number, key, name), level=at
                ),
                required=True,
            )
        if prepared.request.measure:
            self._begin("measure", plan.name)
            path = table_path(prepared.folder, plan)
            write_table(path, opened, relabelled, table)
        store.finish(source_of(plan))
        if prepared.request.beside:
            list_labels(Path(plan.path), NAME)
        self._describe(store.folder, plan)
        if prepared.request.embedding:
            embedding_store(prepared.folder, opened, prepared.request).finish()

    def _describe(self, folder: Path, plan: ImagePlan) -> None:
        """Say in the label image what made it, and what is missing."""
        import zarr

        failed = [one.block for one in self.summary.failures if one.image == plan.name]
        group = zarr.open_group(folder, mode="r+")
        group.attrs["napari-pixel-embedding"] = {
            "recipe": self.prepared.request.recipe.to_dict(),
            "failed_blocks": failed,
            "objects": self.summary.objects[plan.name],
        }

    # ------------------------------------------------------------------------------- stages

    def _stage(
        self,
        folder: Path,
        name: str,
        count: int,
        task: Callable[[int, str], Task],
        keys: Any = None,
        *,
        required: bool = False,
    ) -> RecordIndex:
        """Do what is missing of a stage, and return where its results are.

        Raises OSError where a ``required`` part has failed: the stages after it need it.
        """
        wanted = np.arange(count) if keys is None else np.asarray(keys, np.int64)
        missing = wanted[~read_index(folder, name, count).done[wanted]]
        if missing.size:
            self._do(folder, name, [int(key) for key in missing], task, int(wanted.size))
        index = read_index(folder, name, count)
        if required and not index.done[wanted].all():
            key = int(wanted[~index.done[wanted]][0])
            reason = index.payload(key).decode(errors="replace") if index.failed[key] else "lost"
            raise OSError(f"{name.partition('-')[0]}, part {key}: {reason}. Resume tries again.")
        return index

    def _do(
        self,
        folder: Path,
        name: str,
        keys: Sequence[int],
        task: Callable[[int, str], Task],
        count: int,
    ) -> None:
        again: list[Task] = []
        deaths: RecordWriter | None = None
        started, before = time.monotonic(), count - len(keys)
        done = 0

        todo = grouped((task(key, name) for key in keys), len(keys))
        while True:
            for items, found in self.engine.run(work_group, todo):
                if isinstance(found, WorkerDied):
                    again += [replace(one, attempt=one.attempt + 1) for one in items]
                    continue
                for result in found:
                    done += 1
                    self._count(result, before + done, count, started, done, len(keys))
            for dead in [one for one in again if one.attempt > _MOST_DEATHS]:
                again.remove(dead)
                deaths = deaths or RecordWriter(folder, name)
                deaths.write(Record(dead.key, FAILED, 0, _DEADLY.encode()))
                done += 1
                result = TaskResult(dead.key, FAILED, _DEADLY)
                self._count(result, before + done, count, started, done, len(keys))
            if not again:
                break
            todo, again = ((one,) for one in again), []
        if deaths is not None:
            deaths.close()

    def _count(
        self, found: TaskResult, done: int, count: int, started: float, here: int, all_here: int
    ) -> None:
        self.summary.say(*found.notes)
        if self._progress.stage == "segment" and not found.reason:
            self.summary.computed += 1
        failed = self._progress.failed + (found.own == FAILED)
        left = (time.monotonic() - started) / here * (all_here - here)
        self._tell(done=done, count=count, failed=failed, seconds_left=left)

    def _task(self, stage: str, image: int, key: int, log: str) -> Task:
        return Task(str(self.prepared.folder), stage, image, key, log, threads=self.threads)

    # ----------------------------------------------------------------------------- messages

    def _begin(self, stage: str, image: str) -> None:
        now, before = time.monotonic(), self._progress.stage
        if self._began:
            taken = self.summary.stages.get(before, 0.0) + now - self._began
            self.summary.stages[before] = round(taken, 3)
        self._said, self._began = 0.0, now
        self._tell(stage=stage, image=image, done=0, count=0, seconds_left=None)

    def _tell(self, **changes: Any) -> None:
        self._progress = replace(self._progress, **changes)
        if self.report is not None:
            self.report(self._progress)
        if time.monotonic() - self._said > _SAID_EVERY_S:
            self._said = time.monotonic()
            write_progress(self.prepared.folder, self._progress)

    def _end(self, state: str, message: str) -> None:
        outputs = tuple(self.summary.outputs)
        self._progress = replace(
            self._progress, state=state, message=message, outputs=outputs, stage="done"
        )
        write_progress(self.prepared.folder, self._progress)
        if self.report is not None and state in ("done", "failed"):
            self.report(self._progress)

    def _list_failures(self, plan: ImagePlan, opened: OpenedPlan, index: RecordIndex) -> None:
        for key in np.flatnonzero(index.failed).tolist():
            reason = index.payload(key).decode(errors="replace")
            self.summary.failures.append(Failure(plan.name, key, pixels_of(opened, key), reason))


def grouped(tasks: Iterator[Task], count: int) -> Iterator[tuple[Task, ...]]:
    """Put tasks together, where there are very many: what the scheduler keeps of each adds up."""
    size = -(-count // _MOST_TASKS)
    while group := tuple(islice(tasks, max(size, 1))):
        yield group


def pixels_of(opened: OpenedPlan, key: int) -> str:
    """Say which pixels a block has."""
    block = opened.block(key)
    letters = opened.config.axes.lower()
    parts = [f"{a} {p.start}:{p.stop}" for a, p in zip(letters, block.core, strict=True)]
    frame = [f"frame {block.frame}"] if opened.layout.frame_axes else []
    return ", ".join([*frame, *parts])


def source_of(plan: ImagePlan) -> str | None:
    """Return where the image of a label image is, relative to it; None unless it is OME-Zarr."""
    if not is_zarr(plan.path):
        return None
    return Path(os.path.relpath(plan.path, plan.output)).as_posix()
