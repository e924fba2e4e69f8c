"""Settings and fixtures that every test shares, and how the tests are shared out to workers."""

from __future__ import annotations

import gc
import os
import subprocess
import sys
import tempfile
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, settings

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import napari

os.environ["NAPARI_CONFIG"] = ""  # neither read nor write the user's settings
os.environ["NAPARI_STRICT_QT"] = "raise"  # a widget left behind fails its test
os.environ["NAPARI_ENSURE_PLUGIN_MAIN_THREAD"] = "1"
os.environ.setdefault("QT_API", "pyqt6")
os.environ["NAPARI_PIXEL_EMBEDDING_HOME"] = tempfile.mkdtemp()  # nor the user's unfinished work

# The same examples each time, and no clock: a busy machine or a first compilation is no failure.
settings.register_profile(
    "suite", deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("suite")

WORKER = "PYTEST_XDIST_WORKER"
"""Environment variable that pytest-xdist sets in each worker."""

COMPILE = "from napari_pixel_embedding.core.clustering import warm_up; warm_up()"
COMPILING = pytest.StashKey["subprocess.Popen[bytes]"]()

WINDOW = "tests/_napari/"
LONG = "tests/test_wheel.py"
"""A file of one long test."""


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers() -> int:
    """Two workers or more; beyond four all would wait for those with the window tests."""
    return min(max(os.cpu_count() or 1, 2), 4)


def pytest_configure(config: pytest.Config) -> None:
    """Prepare what workers share: threads that fit the machine, and compiled kernels."""
    workers = len(config.getoption("tx", None) or ())
    if workers == 0 or WORKER in os.environ:
        return
    threads = str(max(1, (os.cpu_count() or 1) // workers))
    for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS"):
        os.environ.setdefault(name, threads)
    compiling = subprocess.Popen([sys.executable, "-c", COMPILE])
    config.stash[COMPILING] = compiling
    config.add_cleanup(compiling.wait)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_node_collection_finished(node: Any) -> None:
    """Let no worker begin before the kernels are compiled: each would compile all of them."""
    node.config.stash[COMPILING].wait()


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Give each file, for its fixtures' sake, and each folder of window tests to one worker.

    The groups of ``--dist loadgroup`` would say the same, but get lost with pytest 9.2 and
    pytest-xdist 3.8: the one no longer reads the private name that the other writes.
    """
    from xdist.scheduler import LoadScopeScheduling

    class Shares(LoadScopeScheduling):
        def _split_scope(self, nodeid: str) -> str:
            return _share(nodeid)

    config.option.loadscopereorder = False  # see pytest_collection_modifyitems
    return Shares(config, log)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Let what takes longest start first."""
    if WORKER in os.environ:
        items.sort(key=lambda item: not item.nodeid.startswith((WINDOW, LONG)))


def _share(nodeid: str) -> str:
    path = nodeid.split("::")[0]
    return path.rpartition("/")[0] if path.startswith(WINDOW) else path


def pytest_collection_finish() -> None:
    """Leave out of every later garbage collection what the tests have imported: it stays anyway.

    Closing a viewer collects garbage several times, each over a million objects without this.
    """
    gc.collect()
    gc.freeze()


@pytest.fixture
def viewer(make_napari_viewer: Callable[..., napari.Viewer]) -> Iterator[napari.Viewer]:
    """A viewer that waits for running workers before it closes."""
    yield make_napari_viewer()
    wait_for_workers()


def wait_for_workers() -> None:
    """Ask napari's workers to quit, wait for them, and let their last signals arrive."""
    from napari.qt.threading import WorkerBase
    from qtpy.QtCore import QCoreApplication

    WorkerBase.await_workers(60_000)
    QCoreApplication.processEvents()
