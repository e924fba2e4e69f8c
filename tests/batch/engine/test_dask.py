"""The engine: every task is done, whoever dies; and nobody else gets in."""

import socket
import time
from concurrent.futures import Future

import psutil
import pytest

from napari_pixel_embedding.batch.engine.cluster import (
    ClusterChoice,
    check_address,
    default_workers,
    open_engine,
    usable_cores,
)
from napari_pixel_embedding.batch.engine.tasks import (
    DaskEngine,
    EngineLostError,
    SerialEngine,
    WorkerDied,
)

from .jobs import deadly, faulty, slowly, square

pytestmark = pytest.mark.filterwarnings("ignore")  # of what is killed in the middle of its work


def worker_processes():
    names = ("spawn_main", "forkserver")
    found = []
    for one in psutil.Process().children(recursive=True):
        try:
            if any(name in " ".join(one.cmdline()) for name in names):
                found.append(one)
        except psutil.Error:
            continue
    return found


def test_tasks_are_done_a_few_at_a_time():
    asked = []

    def items():
        for n in range(60):
            asked.append(n)
            yield n

    with open_engine(ClusterChoice(workers=2)) as engine:
        assert engine.workers == 2
        results = {}
        for item, found in engine.run(square, items()):
            results[item] = found
            assert len(asked) - len(results) <= 8, "never all of them at once"
    assert results == {n: n * n for n in range(60)}
    assert worker_processes() == []


def test_all_tasks_are_done_while_workers_are_killed():
    kills, results = [], {}
    with open_engine(ClusterChoice(workers=2)) as engine:
        for item, found in engine.run(slowly, iter(range(40))):
            results[item] = found
            if len(results) % 10 == 5:  # by what was done: a busy machine starts workers slowly
                for one in worker_processes()[:1]:
                    kills.append(one.pid)
                    one.kill()
    assert results == {n: n * n for n in range(40)}
    assert len(kills) >= 2


class _Lost:
    """A client whose scheduler is gone."""

    def nthreads(self):
        raise OSError("gone")


def test_a_start_that_fails_is_tried_again():
    starts = []

    def revive():
        starts.append(1)
        if len(starts) < 3:
            raise RuntimeError("a worker died as it started")
        return _Threads()

    class _Threads(_Lost):
        def nthreads(self):
            return {"a": 1}

        def submit(self, function, item, pure):
            future = Future()
            future.status = "finished"
            future.set_result(function(item))
            return future

    engine = DaskEngine(_Lost(), revive)
    assert dict(engine.run(square, iter([3]))) == {3: 9}
    assert len(starts) == 3


def test_after_three_starts_that_fail_the_engine_is_lost():
    starts = []

    def revive():
        starts.append(1)
        raise OSError("no port is free")

    with pytest.raises(EngineLostError, match=r"no port is free.*resume goes on"):
        list(DaskEngine(_Lost(), revive).run(square, iter([3])))
    assert len(starts) == 3


def test_a_task_that_kills_its_workers_does_not_stop_the_others():
    with open_engine(ClusterChoice(workers=2)) as engine:
        results = dict(engine.run(deadly, iter(range(8))))
    assert isinstance(results.pop(3), WorkerDied)
    assert results == {n: n for n in range(8) if n != 3}


def test_an_error_of_the_program_itself_is_not_hidden():
    with open_engine(ClusterChoice(workers=1)) as engine, pytest.raises(ZeroDivisionError):
        list(engine.run(faulty, iter([1])))


def test_workers_listen_on_this_machine_only_and_speak_to_nobody_without_the_key():
    with open_engine(ClusterChoice(workers=1)) as engine:
        ours = [psutil.Process(), *psutil.Process().children(recursive=True)]
        listening = [
            c.laddr for p in ours for c in p.net_connections("inet") if c.status == "LISTEN"
        ]
        assert listening and {place.ip for place in listening} == {"127.0.0.1"}
        address = engine._client.scheduler.address
        assert address.startswith("tls://127.0.0.1:")
        with socket.create_connection(("127.0.0.1", int(address.rpartition(":")[2]))) as stranger:
            stranger.settimeout(5)
            stranger.sendall(b"\0" * 64)
            try:
                assert stranger.recv(64)[:1] in (b"", b"\x15"), "an alert, or the end"
            except OSError:
                pass


def test_a_scheduler_on_this_machine_can_be_joined():
    from distributed import LocalCluster

    with LocalCluster(
        n_workers=1, threads_per_worker=1, host="127.0.0.1", dashboard_address="127.0.0.1:0"
    ) as cluster:
        with open_engine(ClusterChoice(scheduler=cluster.scheduler_address)) as engine:
            assert dict(engine.run(square, iter([2, 3]))) == {2: 4, 3: 9}


@pytest.mark.parametrize(
    "address", ["tcp://10.0.0.7:8786", "tcp://login.cluster:8786", "10.1.2.3:80", "tcp://0.0.0.0:1"]
)
def test_a_scheduler_that_anybody_could_speak_to_is_refused(address):
    with pytest.raises(ValueError, match="TLS"):
        check_address(address)


@pytest.mark.parametrize(
    "address", ["tcp://127.0.0.1:8786", "127.0.0.1:8786", "tcp://localhost:1", "tls://10.0.0.7:1"]
)
def test_others_are_not(address):
    check_address(address)


def test_a_scheduler_with_tls_needs_its_files():
    with pytest.raises(ValueError, match="--tls-ca"), open_engine(ClusterChoice("tls://h:1")):
        pass


def test_an_address_of_another_kind_is_refused():
    with pytest.raises(ValueError, match="Expected an address"):
        check_address("inproc://x")


def test_a_scheduler_that_is_not_there_is_named():
    started = time.monotonic()
    with pytest.raises(OSError), open_engine(ClusterChoice("tcp://127.0.0.1:1")):
        pass
    assert time.monotonic() - started < 60


def test_without_an_engine_tasks_are_done_one_by_one():
    assert dict(SerialEngine().run(square, iter([1, 2]))) == {1: 1, 2: 4}


def test_workers_fit_the_machine():
    assert 1 <= default_workers() <= usable_cores()
