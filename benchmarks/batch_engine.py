"""The engine of runs over data sets: whether all is done whoever dies, and what it costs.

    python benchmarks/batch_engine.py kills      200 tasks of 0.2 s, a SIGKILL every 1.5 s
    python benchmarks/batch_engine.py tasks      planned blocks without work: --count 1000000
    python benchmarks/batch_engine.py merge      10⁸ labels, 2 × 10⁷ links
    python benchmarks/batch_engine.py writes     50 sharded writes from two processes

Each prints its figures beside the goal, or beside a plain LocalCluster in the same run.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import resource
import shutil
import sys
import tempfile
import threading
import time
from pathlib import Path

import numpy as np
import psutil

from napari_pixel_embedding.batch.engine.cluster import ClusterChoice, open_engine
from napari_pixel_embedding.batch.engine.tasks import WorkerDied
from napari_pixel_embedding.batch.run import grouped


def digest(n: int) -> str:
    """Do a task of 0.2 seconds."""
    time.sleep(0.2)
    return hashlib.sha256(str(n).encode()).hexdigest()


def all_nothing(group: tuple[int, ...]) -> int:
    """Do no work for each of a group of blocks."""
    return len(group)


def workers() -> list[psutil.Process]:
    found = []
    for one in psutil.Process().children(recursive=True):
        try:
            if "spawn_main" in " ".join(one.cmdline()):
                found.append(one)
        except psutil.Error:
            continue
    return found


class Killer:
    """Kills a worker every so many seconds, the first and the second in turn."""

    def __init__(self, seconds: float) -> None:
        self.seconds, self.count, self._ended = seconds, 0, threading.Event()

    def __enter__(self) -> Killer:
        threading.Thread(target=self._work, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()

    def _work(self) -> None:
        while not self._ended.wait(self.seconds):
            alive = workers()
            if alive:
                self.count += 1
                alive[self.count % len(alive)].kill()


def ours(kill_every: float | None) -> tuple[dict[int, str], float, int]:
    with open_engine(ClusterChoice(workers=2)) as engine:
        started = time.perf_counter()
        if kill_every is None:
            found = dict(engine.run(digest, iter(range(200))))
            return found, time.perf_counter() - started, 0
        with Killer(kill_every) as killer:
            found = dict(engine.run(digest, iter(range(200))))
        return found, time.perf_counter() - started, killer.count


def plain(kill_every: float, limit: float) -> tuple[int, float]:
    """Do the same with a LocalCluster as it comes, for at most ``limit`` seconds."""
    from distributed import Client, LocalCluster, wait

    cluster = LocalCluster(
        n_workers=2, threads_per_worker=1, dashboard_address="127.0.0.1:0", silence_logs=50
    )
    client = Client(cluster)
    started = time.perf_counter()
    with Killer(kill_every):
        futures = client.map(digest, range(200), pure=False)
        try:
            wait(futures, timeout=limit)
        except TimeoutError:
            pass
        done = sum(one.status == "finished" for one in futures)
    seconds = time.perf_counter() - started
    for one in (client, cluster):
        try:
            one.close(timeout=5)
        except Exception:
            continue
    for one in workers():
        one.kill()
    return done, seconds


def kills(_: argparse.Namespace) -> int:
    calm, calm_s, _none = ours(None)
    found, seconds, count = ours(1.5)
    lost = [n for n, one in found.items() if isinstance(one, WorkerDied)]
    done, plain_s = plain(1.5, max(3 * calm_s, 60))
    total = [
        hashlib.sha256("".join(map(str, (one[n] for n in range(200)))).encode()).hexdigest()[:16]
        for one in (calm, found)
    ]
    print(f"undisturbed           200 of 200 in {calm_s:5.1f} s, sha256 {total[0]}")
    print(
        f"a SIGKILL every 1.5 s {len(found) - len(lost):3} of 200 in {seconds:5.1f} s, "
        f"sha256 {total[1]}, {count} kills, {seconds / calm_s:.2f} times as long (goal: 2)"
    )
    print(f"plain LocalCluster    {done:3} of 200 in {plain_s:5.1f} s")
    if not count:
        print("nobody was killed: nothing was measured")
        return 1
    return int(bool(lost) or total[0] != total[1] or seconds > 2 * calm_s)


def tasks(options: argparse.Namespace) -> int:
    process, count = psutil.Process(), options.count
    with open_engine(ClusterChoice(workers=2)) as engine:
        for _ in engine.run(all_nothing, grouped(iter(range(2000)), 2000)):  # allocated once
            pass
        before = process.memory_info().rss
        started = time.perf_counter()
        highest = done = 0
        said = 0
        for group, _ in engine.run(all_nothing, grouped(iter(range(count)), count)):
            done += len(group)
            if done - said >= count // 20:
                said = done
                highest = max(highest, process.memory_info().rss)
                grown = (process.memory_info().rss - before) / 2**20
                print(f"{done:9,} blocks, +{grown:.0f} MB", flush=True)
        seconds = time.perf_counter() - started
    grown = (max(highest, before) - before) / 2**20
    each = seconds / done
    print(f"{done:,} blocks in {seconds:.0f} s: {done / seconds:.0f} a second")
    print(f"the driver has grown by {grown:.0f} MB (goal: 50)")
    share = each * 2 / 2  # two workers: while one waits for 2 s of work, so does the other
    print(f"overhead {1000 * each:.2f} ms a block, {100 * share / 2:.2f} % of 2 s (goal: 2 %)")
    return int(grown > 50 or share / 2 > 0.02)


def merge(options: argparse.Namespace) -> int:
    from napari_pixel_embedding.batch.stages.merge import merge_ids

    rng = np.random.default_rng(0)
    labels, count, blocks = options.labels, options.labels // 5, 10_000
    starts = np.linspace(0, labels, blocks + 1).astype(np.uint64)
    first = rng.integers(0, labels, count, dtype=np.uint64)
    links = np.stack([first, np.minimum(first + np.uint64(3), np.uint64(labels - 1))], axis=1)
    held = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    started = time.perf_counter()
    table = merge_ids(links, starts)
    seconds = time.perf_counter() - started
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with tempfile.TemporaryDirectory() as folder:
        table.save(Path(folder))
        size = sum(one.stat().st_size for one in Path(folder).iterdir()) / 2**20
    shifted = merge_ids(
        links[:100_000] + np.uint64(2**60), np.array([0, 2**60, 2**60 + labels], np.uint64)
    )
    plain = merge_ids(links[:100_000], np.array([0, labels], np.uint64))
    exact = np.array_equal(shifted.vanished - np.uint64(2**60), plain.vanished)
    print(
        f"{labels:,} labels, {count:,} links: {table.count:,} objects in {seconds:.1f} s (goal: 15)"
    )
    print(f"{seconds:.1f} s (goal: 15); {size:.0f} MB on disk")
    print(f"peak {peak / 2**20:.2f} GB, of which {held / 2**20:.2f} before (goal: 2)")
    print(f"above 2⁵³: {'exact' if exact else 'WRONG'}")
    return int(seconds > 15 or peak > 2 * 2**20 or not exact)


def writes(_: argparse.Namespace) -> int:
    from multiprocessing import get_context

    import yaozarrs
    from ome_zarr_models import open_ome_zarr

    lost = 0
    place = Path(tempfile.mkdtemp())
    pool = get_context("spawn").Pool(2)
    try:
        for attempt in range(50):
            folder = place / f"{attempt}.ome.zarr"
            store = _store(folder)
            store.create(np.uint32)
            pool.map(_write, [(str(folder), key) for key in range(store.block_count(0))])
            store.finish()
            whole = store.read(0, (slice(0, 500), slice(0, 700)))
            lost += int((whole != _expected()).sum())
            yaozarrs.validate_zarr_store(folder)
            open_ome_zarr(_group(folder))
    finally:
        pool.terminate()
        shutil.rmtree(place)
    print(f"50 label images in shards from two processes: {lost} voxels lost (goal: 0); all valid")
    return int(lost > 0)


def _group(folder: Path):
    import zarr

    return zarr.open_group(folder, mode="r")


def _store(folder: Path):
    from napari_pixel_embedding.batch.data.labels import LabelStore
    from napari_pixel_embedding.core.inference.layout import Layout

    return LabelStore(folder, Layout("YX", (500, 700), "YX"), (128, 128))


def _expected() -> np.ndarray:
    return np.arange(1, 500 * 700 + 1, dtype=np.uint32).reshape(500, 700)


def _write(job: tuple[str, int]) -> None:
    folder, key = job
    store = _store(Path(folder))
    block = store.block_at(key, 0)
    store.write(0, block.core, _expected()[block.core])


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("what", choices=["kills", "tasks", "merge", "writes"])
    parser.add_argument("--count", type=int, default=1_000_000)
    parser.add_argument("--labels", type=int, default=100_000_000)
    options = parser.parse_args()
    return {"kills": kills, "tasks": tasks, "merge": merge, "writes": writes}[options.what](options)


if __name__ == "__main__":
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    sys.exit(main())
