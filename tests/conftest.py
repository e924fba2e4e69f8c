"""Settings and fixtures that every test shares."""

from __future__ import annotations

import gc
import os
import tempfile
from typing import TYPE_CHECKING

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
