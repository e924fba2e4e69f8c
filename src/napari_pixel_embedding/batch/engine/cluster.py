"""Workers on this machine, or a scheduler that somebody has started: nobody else gets in."""

from __future__ import annotations

import ipaddress
import os
import threading
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from napari_pixel_embedding.batch.engine.tasks import DaskEngine
from napari_pixel_embedding.core.exchange.extras import needed

if TYPE_CHECKING:
    from collections.abc import Iterator

    from distributed import Client, LocalCluster

LOOPBACK = "127.0.0.1"
_WATCH_S = 2.0
_ANSWER_S = 10
_DEATHS = 5
"""Workers that may die at a task before it is called its fault."""
_SETTINGS = {
    "distributed.scheduler.allowed-failures": _DEATHS,
    "distributed.scheduler.work-stealing": False,
    # What the scheduler remembers of each task would grow with a million of them.
    "distributed.admin.low-level-log-length": 1000,
    "distributed.admin.event-loop-monitor-interval": "2s",
    "distributed.scheduler.events-cleanup-delay": "1m",
    "distributed.comm.timeouts.connect": "20s",
    # dask's own settings return memory to the system after every task, and a network takes it again
    # page by page: with them a worker takes 1.6 times as long.
    "distributed.nanny.pre-spawn-environ": {
        "MALLOC_TRIM_THRESHOLD_": 2**32,
        "MALLOC_MMAP_THRESHOLD_": 2**25,
        "OMP_NUM_THREADS": 1,
        "MKL_NUM_THREADS": 1,
        "OPENBLAS_NUM_THREADS": 1,
    },
    "distributed.worker.memory.target": False,
    "distributed.worker.memory.spill": False,
    "distributed.worker.memory.pause": False,
    # A worker's memory is that of the network, which the scheduler cannot move elsewhere.
    "distributed.worker.memory.terminate": False,
}


@dataclass(frozen=True)
class ClusterChoice:
    """Who does the work.

    Parameters
    ----------
    scheduler : str, optional
        Address of a scheduler; by default workers are started on this machine.
    workers : int
        Processes on this machine.
    tls_ca, tls_cert, tls_key : str, optional
        Files of a scheduler that is not on this machine.
    threads : int
        Threads of the network in each worker; 0 shares this machine's cores, and leaves those of a
        scheduler as they are.
    """

    scheduler: str | None = None
    workers: int = 1
    tls_ca: str | None = None
    tls_cert: str | None = None
    tls_key: str | None = None
    threads: int = 0


@contextmanager
def open_engine(choice: ClusterChoice) -> Iterator[DaskEngine]:
    """Start or join workers for as long as the block lasts.

    Raises
    ------
    ValueError
        When dask.distributed is not installed, or the scheduler is one to whom anybody could
        speak.
    OSError
        When the scheduler does not answer.
    """
    needed("distributed", "Runs over data sets", "batch")
    import dask

    with dask.config.set(_SETTINGS):
        if choice.scheduler is not None:
            with _joined(choice) as client:
                yield DaskEngine(client)
            return
        local = _LocalWorkers(choice.workers)
        try:
            yield DaskEngine(local.start(), local.restart)
        finally:
            local.close()


def default_workers() -> int:
    """Return how many processes are best here: one for each GPU, else one for each two cores."""
    import torch

    gpus = torch.cuda.device_count() if torch.cuda.is_available() else 0
    return gpus or max(usable_cores() // 2, min(usable_cores(), 2))


def usable_cores() -> int:
    """Return the cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


class _LocalWorkers:
    """Worker processes on this machine, and a thread that replaces those that die.

    A cluster whose nannies are killed too does not recover by itself: it is asked for its number of
    workers again and again.
    """

    def __init__(self, count: int) -> None:
        self._count = count
        self._cluster: LocalCluster | None = None
        self._client: Client | None = None
        self._ended = threading.Event()

    def start(self) -> Client:
        from distributed import Client, LocalCluster
        from distributed.security import Security

        # Whoever can speak to a scheduler runs code in our name: keys that live as long as it does
        # keep other users of this machine out.
        security = Security.temporary()
        self._cluster = LocalCluster(
            n_workers=self._count,
            threads_per_worker=1,
            processes=True,
            host=LOOPBACK,
            protocol="tls",
            security=security,
            dashboard_address=f"{LOOPBACK}:0",
            memory_limit=0,
            silence_logs=50,
        )
        self._client = Client(self._cluster, set_as_default=False)
        self._ended = threading.Event()
        threading.Thread(
            target=_keep_alive, args=(self._cluster, self._count, self._ended), daemon=True
        ).start()
        return self._client

    def restart(self) -> Client:
        self.close()
        return self.start()

    def close(self) -> None:
        self._ended.set()
        for one in (self._client, self._cluster):
            if one is not None:
                with suppress(Exception):  # what is broken is left behind
                    one.close(timeout=10)
        self._client = self._cluster = None


def _keep_alive(cluster: Any, count: int, ended: threading.Event) -> None:
    while not ended.wait(_WATCH_S):
        with suppress(Exception):  # it is asked again
            cluster.scale(count)


@contextmanager
def _joined(choice: ClusterChoice) -> Iterator[Client]:
    from distributed import Client
    from distributed.security import Security

    address = str(choice.scheduler)
    check_address(address)
    security = None
    if address.startswith("tls"):
        files = (choice.tls_ca, choice.tls_cert, choice.tls_key)
        if not all(files):
            raise ValueError(
                f"{address} speaks TLS: give --tls-ca, --tls-cert and --tls-key, the files that "
                "its workers have."
            )
        security = Security(
            tls_ca_file=files[0],
            tls_client_cert=files[1],
            tls_client_key=files[2],
            require_encryption=True,
        )
    client = Client(address, security=security, set_as_default=False, timeout=_ANSWER_S)
    try:
        yield client
    finally:
        client.close(timeout=10)


def check_address(address: str) -> None:
    """Refuse a scheduler to whom anybody in the network could speak.

    Raises
    ------
    ValueError
        Unless it is on this machine or speaks TLS.
    """
    from distributed.comm.addressing import parse_address, parse_host_port

    scheme, place = parse_address(address)
    if scheme == "tls":
        return
    if scheme not in ("tcp", "ws"):
        raise ValueError(f"Expected an address such as tcp://127.0.0.1:8786, found {address!r}.")
    host, _ = parse_host_port(place, 0)
    try:
        inside = ipaddress.ip_address(host).is_loopback
    except ValueError:
        inside = host == "localhost"
    if not inside:
        raise ValueError(
            f"The scheduler {address} is on another machine and does not speak TLS: whoever "
            "reaches it could run programs in your name. Start it with TLS (see "
            "docs/how-to/batch.md) and give tls://…"
        )
