"""What the live controls cost in the real window: main-thread time, frames, gaps, start-up.

    xvfb-run -a -s "-screen 0 1920x1080x24" python benchmarks/window.py [--sizes 1024 2048]

The embedding is synthetic (a warped honeycomb of cells), so that no network runs. Every figure
stands beside its peer from the same run: a tick beside a bare redraw of the same layer, the
import beside the bare interpreter. One line a figure, then whether the goal was met.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

os.environ.setdefault("NAPARI_CONFIG", "")

import napari
import numpy as np
from qtpy.QtCore import QEventLoop, QObject, QTimer
from qtpy.QtWidgets import QApplication

from napari_pixel_embedding._napari.demo import SAMPLE, Demo
from napari_pixel_embedding._napari.widgets.form import TICK_MS
from napari_pixel_embedding.core.embedding.embedding_map import EmbeddingMap
from napari_pixel_embedding.core.io.user_folder import temporary_user_folder
from napari_pixel_embedding.core.model.config import ModelConfig
from napari_pixel_embedding.session import Engine

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from napari_pixel_embedding._napari.segment.panel import SegmentPanel

_CELL = 40
_MOVES = 200
_TICKS = 40
_SECONDS = 4.0
_BEAT_MS = 5


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sizes", type=int, nargs="+", default=[1024, 2048])
    options = parser.parse_args()
    figures = [*start_up()]
    figures += work()
    for size in options.sizes:
        with segmented(size) as panel:
            figures += [tick(panel, size), *drag(panel, size)]
    for figure in figures:
        print(figure)


@dataclass(frozen=True)
class Figure:
    """One measured number, what it is compared with, and the goal."""

    what: str
    value: float
    unit: str
    goal: float
    peer: str
    peer_value: float
    more_is_better: bool = False

    def __str__(self) -> str:
        met = self.value >= self.goal if self.more_is_better else self.value <= self.goal
        sign = "≥" if self.more_is_better else "≤"
        ratio = self.value / self.peer_value if self.peer_value else float("nan")
        return (
            f"{self.what:44s} {self.value:8.1f} {self.unit:4s} goal {sign} {self.goal:5.0f} "
            f"{'met' if met else 'MISSED':6s}  {ratio:5.2f} × {self.peer} ({self.peer_value:.1f})"
        )


# ------------------------------------------------------------------------------------- start-up


def start_up() -> Iterator[Figure]:
    """Import the package beside the interpreter; open the dock in a window that is there."""
    bare = _wall("pass")
    package = _wall("import napari_pixel_embedding")
    yield Figure("import, above the interpreter", package - bare, "ms", 50, "interpreter", bare)
    code = (
        "import sys, time, napari; from qtpy.QtWidgets import QApplication, QLabel\n"
        "viewer = napari.Viewer()\n"
        "QApplication.processEvents()\n"
        "def opened(add):\n"
        "    started = time.thread_time(); add(); QApplication.processEvents()\n"
        "    return 1e3 * (time.thread_time() - started)\n"
        "label = opened(lambda: viewer.window.add_dock_widget(QLabel('peer')))\n"
        "dock = opened(lambda: viewer.window.add_plugin_dock_widget(\n"
        "    'napari-pixel-embedding', 'Segment'))\n"
        "assert 'torch' not in sys.modules\n"
        "print(label, dock); viewer.close()\n"
    )
    times = [tuple(map(float, _python(code).split()[-2:])) for _ in range(4)]
    label, dock = np.median(times[1:], axis=0)  # the first may have compiled the package
    what = "first dock opens, own CPU of the window"
    yield Figure(what, float(dock), "ms", 150, "an empty dock", float(label))


def _wall(code: str) -> float:
    def once() -> float:
        started = time.perf_counter()
        _python(code)
        return 1e3 * (time.perf_counter() - started)

    return min(once() for _ in range(7))


def _python(code: str) -> str:
    """Run code as a user's interpreter would: with compiled files, and with a settings file."""
    with tempfile.TemporaryDirectory() as folder:
        own = {"PYTHONDONTWRITEBYTECODE": "", "NAPARI_CONFIG": str(Path(folder) / "settings.yaml")}
        done = subprocess.run(
            [sys.executable, "-c", code],
            check=True,
            capture_output=True,
            text=True,
            env={**os.environ, **own},
        )
    return done.stdout


# ----------------------------------------------------------------------------------- the window


def honeycomb(size: int, channels: int = 16) -> EmbeddingMap:
    """Touching cells on a jittered grid, each a random vector with noise; half of them merge."""
    from scipy.spatial import cKDTree

    rng = np.random.default_rng(0)
    grid = np.arange(_CELL / 2, size, _CELL)
    centres = np.stack(np.meshgrid(grid, grid, indexing="ij"), -1).reshape(-1, 2)
    centres += rng.uniform(-0.3 * _CELL, 0.3 * _CELL, centres.shape)
    y, x = np.indices((size, size), np.float32)
    pixels = np.stack([y.ravel(), x.ravel()], -1)
    near, cell = cKDTree(centres).query(pixels, k=2, workers=-1)
    gap = (near[:, 1] - near[:, 0]).reshape(size, size)
    vectors = rng.normal(0, 0.4, (len(centres), channels)).astype(np.float32)
    embedding = vectors[cell[:, 0]].reshape(size, size, channels).transpose(2, 0, 1).copy()
    embedding += rng.normal(0, 0.08, embedding.shape).astype(np.float32)
    foreground = np.clip(0.5 + gap / 8, 0, 1).astype(np.float32)
    return EmbeddingMap(embedding, foreground)


@dataclass(frozen=True, eq=False)
class _Model:
    config: ModelConfig


@contextmanager
def segmented(size: int) -> Iterator[SegmentPanel]:
    """A window of 1200 × 800 with an image, its objects, and the panel."""
    emap = honeycomb(size)
    engine = Engine(
        load_model=lambda source: _Model(ModelConfig(name="synthetic", embedding_dim=16)),
        embed_frames=lambda *args, **options: iter([emap]),
    )
    viewer = napari.Viewer()
    viewer.window.resize(1200, 800)
    _, panel = viewer.window.add_plugin_dock_widget("napari-pixel-embedding", "Segment")
    viewer.add_image(emap.foreground, name="synthetic")
    panel.controller._engine = panel.controller.clustering._engine = engine
    panel.run_button.click()
    _until(lambda: panel.session.stability is not None and panel.curve is not None)
    _idle(1.0)
    try:
        yield panel
    finally:
        viewer.close()
        QApplication.processEvents()


def _until(done: Callable[[], bool], seconds: float = 120.0) -> None:
    """Let the window live; waiting itself costs next to no CPU time."""
    end = time.monotonic() + seconds
    waker = QTimer()  # or a wait without events would never end
    waker.start(50)
    while not done():
        QApplication.processEvents(QEventLoop.ProcessEventsFlag.WaitForMoreEvents)
        if time.monotonic() > end:
            raise SystemExit(f"waited for {seconds:.0f} s and nothing happened")


def _idle(seconds: float) -> None:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        QApplication.processEvents()
        time.sleep(0.002)


# ------------------------------------------------------------------------------------ one tick


def tick(panel: SegmentPanel, size: int) -> Figure:
    """Main-thread CPU of one slider move, from signal to picture, beside a bare redraw."""
    slider = panel.form.widget("bandwidth")
    layer: Any = panel.workspace.layers.labels_layer
    canvas = panel.workspace.viewer.window._qt_viewer.canvas._scene_canvas
    places = iter(np.tile([1.1, 2.6], 1000))
    changed, drawn = Counter(), Counter()
    pictures: list[int] = []  # drawn at each change

    def note(event: Any) -> None:
        pictures.append(drawn.count)

    def move() -> None:
        before = changed.count
        slider.value = float(next(places))
        _until(lambda: changed.count > before and drawn.count > pictures[-1])

    def redraw() -> None:
        before = drawn.count
        canvas.update()
        _until(lambda: drawn.count > before)

    layer.events.labels_update.connect(note)
    with changed.of(layer.events.labels_update), drawn.of(canvas.events.draw):
        bare = float(np.median([_thread_ms(redraw) for _ in range(_TICKS)]))
        whole = float(np.median([_thread_ms(move) for _ in range(_TICKS)]))
    return Figure(
        f"tick at {size}², main-thread CPU above a redraw",
        whole - bare,
        "ms",
        2 * bare,
        "a bare redraw",
        bare,
    )


class Counter:
    """Counts how often something happens."""

    def __init__(self) -> None:
        self.count = 0

    def __call__(self, event: Any) -> None:
        self.count += 1

    @contextmanager
    def of(self, emitter: Any) -> Iterator[None]:
        emitter.connect(self, position="last")
        try:
            yield
        finally:
            emitter.disconnect(self)


def _thread_ms(action: Callable[[], object]) -> float:
    started = time.thread_time()
    action()
    return 1e3 * (time.thread_time() - started)


# -------------------------------------------------------------------------------------- a drag


class Heart(QObject):
    """Beats in the GUI thread; the longest pause is the longest time the window was deaf.

    Pauses are counted in the thread's own CPU time, which other programs cannot prolong.
    """

    def __init__(self) -> None:
        super().__init__()
        self._timer = QTimer(self)
        self._timer.timeout.connect(self._beat)
        self._last, self._last_cpu = time.perf_counter(), time.thread_time()
        self.worst = self.worst_cpu = 0.0
        self._timer.start(_BEAT_MS)

    def _beat(self) -> None:
        now, cpu = time.perf_counter(), time.thread_time()
        self.worst = max(self.worst, now - self._last)
        self.worst_cpu = max(self.worst_cpu, cpu - self._last_cpu)
        self._last, self._last_cpu = now, cpu

    def stop(self) -> tuple[float, float]:
        """Return the longest pause, and the most CPU time between two beats, in ms."""
        self._timer.stop()
        self._beat()
        return 1e3 * self.worst, 1e3 * self.worst_cpu


def drag(panel: SegmentPanel, size: int) -> Iterator[Figure]:
    """Move the slider 200 times in 4 s, as a hand does; count pictures and deaf moments."""
    session, slider = panel.session, panel.form.widget("bandwidth")
    layer: Any = panel.workspace.layers.labels_layer
    canvas = panel.workspace.viewer.window._qt_viewer.canvas._scene_canvas
    values = np.linspace(slider.min, slider.max, _MOVES)
    changed, pictures = Counter(), set()

    def drawn(event: Any) -> None:
        pictures.add(changed.count)  # several redraws of the same labels are one picture

    canvas.events.draw.connect(drawn, position="last")
    with changed.of(layer.events.labels_update):
        heart, started, moved = Heart(), time.perf_counter(), 0
        while (elapsed := time.perf_counter() - started) < _SECONDS:
            while moved < _MOVES and moved <= elapsed / _SECONDS * _MOVES:
                slider.value = float(values[moved])
                moved += 1
            QApplication.processEvents()
            time.sleep(0.001)
        gap, cpu = heart.stop()
    canvas.events.draw.disconnect(drawn)
    _until(lambda: session.cluster_params.bandwidth == slider.value)
    yield Figure(
        f"frames at {size}², {_MOVES} moves in 4 s",
        len(pictures) / _SECONDS,
        "/s",
        20,
        "moves that the slider reports",
        1000 / TICK_MS,
        more_is_better=True,
    )
    yield Figure(f"worst gap of the GUI thread at {size}²", gap, "ms", 100, "heartbeat", _BEAT_MS)
    yield Figure(f"the same of its own CPU time at {size}²", cpu, "ms", 30, "heartbeat", _BEAT_MS)


# ------------------------------------------------------------------- a run and a fine-tuning


def work() -> Iterator[Figure]:
    """Run a bundled model, then fine-tune on two corrections until the preview is there."""
    viewer = napari.Viewer()
    with temporary_user_folder():
        demo = Demo(viewer)
        demo.open(SAMPLE)
        yield _gap("first run", 100, demo.segment)
        demo.repair_two()
        yield _gap("fine-tuning until its preview", 250, lambda: _tune(demo))
        demo.fine_tune_panel.stop_button.click()
        viewer.close()


def _gap(what: str, goal: float, act: Callable[[], object]) -> Figure:
    heart = Heart()
    act()
    _, cpu = heart.stop()
    return Figure(f"worst CPU gap, {what}", cpu, "ms", goal, "heartbeat", _BEAT_MS)


def _tune(demo: Demo) -> None:
    demo.fine_tune()
    session = demo.segment_panel.session
    demo.fine_tune_panel.comparison.look()
    _until(lambda: session.tuning_preview is not None)


if __name__ == "__main__":
    main()
