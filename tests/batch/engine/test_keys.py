"""A scheduler and workers that were started separately, as on several machines, with keys."""

import os
import stat
import subprocess
import sys
import time

import pytest

from napari_pixel_embedding.batch.engine.cluster import ClusterChoice, open_engine
from napari_pixel_embedding.batch.engine.keys import write_keys

from .jobs import square

pytestmark = pytest.mark.filterwarnings("ignore")


def dask(*arguments):
    return subprocess.Popen(
        [sys.executable, "-m", "distributed.cli." + arguments[0], *arguments[1:]],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )


def test_keys_are_for_their_owner_alone_and_never_replaced(tmp_path):
    paths = write_keys(tmp_path / "keys")
    assert {stat.S_IMODE(path.stat().st_mode) for path in paths} == {0o600}
    assert stat.S_IMODE((tmp_path / "keys").stat().st_mode) == 0o700
    before = [path.read_text() for path in paths]
    with pytest.raises(ValueError, match="holds keys already"):
        write_keys(tmp_path / "keys")
    assert [path.read_text() for path in paths] == before


def test_workers_that_were_started_elsewhere_do_the_work(tmp_path):
    ca, cert, key = map(str, write_keys(tmp_path / "keys"))
    tls = ("--tls-ca-file", ca, "--tls-cert", cert, "--tls-key", key)
    address = "tls://127.0.0.1:28786"
    quiet = ("--dashboard-address", "127.0.0.1:0")
    host = ("--host", "127.0.0.1", "--port", "28786", "--protocol", "tls")
    children = [dask("dask_scheduler", *host, *quiet, *tls)]
    try:
        for _ in range(2):
            memory = ("--nthreads", "1", "--memory-limit", "0", "--local-directory", str(tmp_path))
            listen = ("--host", "127.0.0.1", "--protocol", "tls")
            children.append(dask("dask_worker", address, *listen, *quiet, *memory, *tls))
        with open_engine(ClusterChoice(address, 0, ca, cert, key)) as engine:
            end = time.monotonic() + 60
            while engine.workers < 2 and time.monotonic() < end:
                time.sleep(0.2)
            assert engine.workers == 2
            assert dict(engine.run(square, iter(range(20)))) == {n: n * n for n in range(20)}
        other = tuple(map(str, write_keys(tmp_path / "others")))
        with pytest.raises(OSError), open_engine(ClusterChoice(address, 0, *other)):
            pass
    finally:
        for child in reversed(children):
            child.kill()
            child.wait()
