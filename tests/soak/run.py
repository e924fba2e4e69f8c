"""Use the window for long, and look at what stays: memory, objects, threads, callbacks, gaps.

    xvfb-run -a -s "-screen 0 1920x1080x24" python -m tests.soak.run [--share 0.1]

Slider ticks, runs, strokes with undo, and every dock opened and closed, each after a warm-up of as
many, 150 at most: what is kept once, such as Qt's caches, takes some hundred openings to be full.
Memory is the process's resident size after a garbage collection, at the beginning and at the end of
a phase. A gap is the CPU time that the window's thread takes between two beats of a timer of 5 ms,
during which the window does not answer. What is left counts where there is more of it than a
twentieth of what was done. Cancelling is timed from the click to the moment when no worker works
any more.
"""

from __future__ import annotations

import argparse
import ctypes
import gc
import os
import sys
import threading
import time
from collections import Counter
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

os.environ.setdefault("NAPARI_CONFIG", "")
os.environ.setdefault("QT_API", "pyqt6")

import napari
import numpy as np
import psutil
from qtpy.QtCore import QCoreApplication, QEvent, QEventLoop, QTimer
from qtpy.QtWidgets import QApplication

from napari_pixel_embedding._napari.tabs import TABS
from napari_pixel_embedding.core.datasets.samples import load_sample
from napari_pixel_embedding.core.io.user_folder import temporary_user_folder

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

PLUGIN = "napari-pixel-embedding"
TICKS, RUNS, STROKES, OPENINGS, CANCELS = 5000, 200, 300, 100, 10
WARM_UP = 150
MOST_MB, MOST_GAP_MS, MOST_CANCEL_S = 20.0, 100.0, 2.0


@dataclass
class Phase:
    """What one phase cost."""

    name: str
    count: int
    grown_mb: float = 0.0
    kept: dict[str, int] = field(default_factory=dict)
    gaps: list[float] = field(default_factory=list)

    def __str__(self) -> str:
        gaps = 1e3 * np.array(self.gaps or [0.0])
        kept = ", ".join(f"{n} {name}" for name, n in self.kept.items()) or "nothing"
        return (
            f"{self.name:22} {self.count:6,} times: {self.grown_mb:+7.1f} MB, left {kept}; "
            f"gaps p99 {np.quantile(gaps, 0.99):5.1f} ms, longest {gaps.max():5.1f} ms"
        )


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--share", type=float, default=1.0, help="of all counts, for a trial")
    share = parser.parse_args().share
    with temporary_user_folder(), window() as soak:
        soak.run()
        phases = [
            soak.phase("slider ticks", soak.tick, int(TICKS * share)),
            soak.phase("runs", soak.run, int(RUNS * share)),
            soak.phase("strokes and undo", soak.stroke, int(STROKES * share)),
            *(
                soak.phase(
                    f"opening {name}", lambda name=name: soak.open(name), int(OPENINGS * share)
                )
                for name in TABS
            ),
        ]
        cancels = [soak.cancel() for _ in range(max(int(CANCELS * share), 2))]
    for phase in phases:
        print(phase)
    print(f"cancelling: longest {max(cancels):.2f} s of {len(cancels)} (goal: ≤ {MOST_CANCEL_S:g})")
    return _verdict(phases, cancels)


def _verdict(phases: list[Phase], cancels: list[float]) -> int:
    grown = sum(max(phase.grown_mb, 0) for phase in phases)
    gaps = 1e3 * np.concatenate([phase.gaps for phase in phases])
    kept = sum((Counter(phase.kept) for phase in phases), Counter())
    p99 = float(np.quantile(gaps, 0.99))
    print(f"grown in all {grown:.1f} MB (goal: ≤ {MOST_MB:g}); left: {dict(kept) or 'nothing'}")
    print(f"gaps: p99 {p99:.1f} ms (goal: ≤ {MOST_GAP_MS:g}) of {len(gaps):,} beats")
    failed = grown > MOST_MB or kept or p99 > MOST_GAP_MS or max(cancels) > MOST_CANCEL_S
    empty = any(phase.count == 0 or not phase.gaps for phase in phases)
    if empty:
        print("some phase did nothing: nothing was measured")
    return int(bool(failed or empty))


class Soak:
    """A viewer with the Segment dock, and the work that is repeated in it."""

    def __init__(self, viewer: napari.Viewer, model: str) -> None:
        self.viewer = viewer
        self.field = viewer.add_image(np.asarray(load_sample("nuclei-field")[0].data)[:256, :256])
        self.large = viewer.add_image(
            np.zeros((2048, 2048), np.float32), name="large", visible=False
        )
        viewer.layers.selection.active = self.field
        self.panel = viewer.window.add_plugin_dock_widget(PLUGIN, TABS[0])[1]
        self.panel.models.add_file(model)
        self.workspace, self.session = self.panel.workspace, self.panel.session
        self.turn = 0

    # ------------------------------------------------------------------------------ work

    def tick(self) -> None:
        """Move the bandwidth, wait for the labels."""
        self.turn += 1
        bandwidth = 0.6 + 2.3 * (self.turn * 0.618 % 1)
        self.panel.form.widget("bandwidth").value = round(bandwidth, 2)
        self.until(lambda: self.workspace.controller.clustering.settled)
        self.quiet()

    def run(self) -> None:
        """Press Run, wait for the labels."""
        self.viewer.layers.selection.active = self.field
        before = self.session.labels
        self.panel.run_button.click()
        self.until(lambda: self.session.labels is not before and not self.session.running)
        self.quiet()

    def stroke(self) -> None:
        """Paint, and take it back."""
        self.turn += 1
        layer = self.workspace.layers.labels_layer
        layer.brush_size = 6
        layer.paint((20 + self.turn * 7 % 200, 20 + self.turn * 11 % 200), 900)
        self.until(lambda: self.session.corrections is not None)
        self.quiet()
        self.workspace.controller.corrections.undo()
        self.quiet()

    def open(self, name: str) -> None:
        """Open a dock and close it; of the Segment dock another one keeps the workspace."""
        other = TABS[2] if name == TABS[0] else None
        if other is not None:
            keeper = self.viewer.window.add_plugin_dock_widget(PLUGIN, other)[1]
            self.close(self.panel)
        _, panel = self.viewer.window.add_plugin_dock_widget(PLUGIN, name)
        spin(30)
        if other is None:
            self.close(panel)
        else:
            self.panel = panel
            self.close(keeper)

    def cancel(self) -> float:
        """Run on a large image, cancel; return the seconds until nothing works any more."""
        self.viewer.layers.selection.active = self.large
        self.panel.run_button.click()
        self.until(lambda: self.session.progress > 0)
        spin(100)
        began = time.perf_counter()
        self.panel.footer.cancel_button.click()
        self.quiet()
        return time.perf_counter() - began

    def close(self, panel: Any) -> None:
        """Close a dock."""
        with suppress(LookupError):  # napari has closed it
            self.viewer.window.remove_dock_widget(panel)
        QCoreApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)
        spin(10)

    # --------------------------------------------------------------------------- measuring

    def phase(self, name: str, work: Callable[[], Any], count: int) -> Phase:
        """Do some work many times, after a warm-up."""
        for _ in range(max(min(count, WARM_UP), 2)):
            work()
        before, rss = left(self.viewer), resident()
        phase = Phase(name, count)
        with beats(phase.gaps):
            for _ in range(count):
                work()
        after = left(self.viewer)
        phase.grown_mb = (resident() - rss) / 2**20
        few = max(count // 20, 2)  # such as the last dock, which something still refers to
        grown = {key: after[key] - before[key] for key in after}
        phase.kept = {key: n for key, n in grown.items() if n > few}
        print(phase, file=sys.stderr, flush=True)
        return phase

    def until(self, condition: Callable[[], bool]) -> None:
        """Let the window work until something holds."""
        end = time.monotonic() + 120
        while not condition():
            if time.monotonic() > end:
                raise TimeoutError(self.session.status)
            spin(1)

    def quiet(self) -> None:
        """Let the window work until no worker does."""
        executor = self.workspace.executor
        self.until(lambda: not executor._running)
        spin(2)


@contextmanager
def window() -> Iterator[Soak]:
    """Open a viewer with a small, quick model."""
    viewer = napari.Viewer(show=True)
    viewer.window.resize(1366, 768)
    try:
        yield Soak(viewer, "nuclei-fast")
    finally:
        viewer.close()


@contextmanager
def beats(gaps: list[float]) -> Iterator[None]:
    """Note the CPU time of this thread between two beats of a timer."""
    last = time.thread_time()

    def beat() -> None:
        nonlocal last
        now = time.thread_time()
        gaps.append(now - last)
        last = now

    timer = QTimer()
    timer.timeout.connect(beat)
    timer.start(5)
    try:
        yield
    finally:
        timer.stop()


def spin(milliseconds: int) -> None:
    """Let the window work for a while."""
    loop = QEventLoop()
    QTimer.singleShot(milliseconds, loop.quit)
    loop.exec()


def resident() -> int:
    """Resident size of this process in bytes, without what is free already."""
    for _ in range(3):
        gc.collect()
        QApplication.processEvents()
    with suppress(OSError, AttributeError):  # of glibc: the allocator keeps pages for later
        ctypes.CDLL("libc.so.6").malloc_trim(0)
    return int(psutil.Process().memory_info().rss)


def left(viewer: napari.Viewer) -> Counter[str]:
    """Count what may pile up: our objects, threads, processes, widgets, and callbacks."""
    resident()  # what a finalizer lets go is collected with the next collection
    ours = Counter(
        type(one).__name__
        for one in gc.get_objects()
        if str(type(one).__module__).startswith("napari_pixel_embedding")
        and type(one).__module__.split(".")[1] in ("_napari", "session")
    )
    found = Counter({f"{name} objects": n for name, n in ours.items()})
    found["threads"] = len(
        [t for t in threading.enumerate() if not t.name.startswith("pixel-embedding")]
    )
    found["processes"] = len(psutil.Process().children(recursive=True))
    found["windows"] = len(QApplication.topLevelWidgets())
    found["callbacks of layers"] = len(viewer.layers.events.inserted.callbacks)
    found["callbacks of the selection"] = len(viewer.layers.selection.events.active.callbacks)
    found["layers"] = len(viewer.layers)
    return found


if __name__ == "__main__":
    raise SystemExit(main())
