"""Runs a session's jobs in threads; the only file of the plugin that uses threads."""

from __future__ import annotations

import contextlib
import logging
import threading
from concurrent.futures import ThreadPoolExecutor, wait
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QObject, Qt, Signal  # type: ignore[attr-defined]

if TYPE_CHECKING:
    from collections.abc import Callable
    from concurrent.futures import Future

    from napari_pixel_embedding.session import Job

_WORKERS = 15
"""One each for a run, the labels, the colours, fine-tuning, what is explored (similarity, plot and
selection), a training (its folder, itself and its worst images), the blocks of a large image and
their labels, the table of measurements, what is selected in it, and an export. None waits for
another."""
_PATIENCE_S = 1.0
"""How long closing waits for what was cancelled: most of it ends within a tile."""


_logger = logging.getLogger(__name__)


def prepare(work: Callable[[], Any]) -> None:
    """Run a warm-up, which only makes later work faster, in a daemon thread.

    Closing the window or the program does not wait for it.
    """

    def run() -> None:
        try:
            work()
        except Exception:  # the real work will raise and report it again
            _logger.debug("preparing failed", exc_info=True)

    threading.Thread(target=run, name="prepare-pixel-embedding", daemon=True).start()


class ThreadExecutor(QObject):
    """Runs jobs in threads and delivers their answers in the thread it was made in.

    Python threads are used rather than Qt's, so that closing a window destroys no thread objects.

    Parameters
    ----------
    parent : QObject, optional
        Qt parent.
    """

    _answered = Signal(object)

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._closed = False
        self._running: set[Future[None]] = set()
        self._pool = ThreadPoolExecutor(_WORKERS, thread_name_prefix="pixel-embedding")
        self._answered.connect(self._deliver, Qt.ConnectionType.QueuedConnection)

    def submit(self, job: Job[Any]) -> None:
        """Run ``job`` in a thread as soon as one is free; none after :meth:`close`."""
        if self._closed:  # a delayed signal may come when all is over
            return
        future = self._pool.submit(job.run, self._post)
        self._running.add(future)
        future.add_done_callback(self._running.discard)

    def close(self) -> None:
        """Accept no more jobs and wait a moment for running ones, which should have been cancelled.

        Where one goes on, as the building of a large index does, the window does not wait for it:
        nobody hears its answer, and the program ends after it.
        """
        self._closed = True
        self._pool.shutdown(wait=False, cancel_futures=True)
        wait(set(self._running), _PATIENCE_S)

    def _post(self, answer: Callable[[], None]) -> None:
        if self._closed:
            return
        with contextlib.suppress(RuntimeError):  # the window is gone, with the receiver
            self._answered.emit(answer)

    def _deliver(self, answer: Callable[[], None]) -> None:
        answer()
