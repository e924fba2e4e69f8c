"""Demo on a sample: interactive, or scripted to write a screenshot without a screen."""

from __future__ import annotations

import contextlib
import time
from functools import partial
from typing import TYPE_CHECKING, Any

import napari
import numpy as np
from qtpy.QtWidgets import QApplication, QMainWindow

from napari_pixel_embedding._napari.tabs import PLUGIN, open_tab
from napari_pixel_embedding.core.io.user_folder import temporary_user_folder

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from napari_pixel_embedding._napari.correct.panel import CorrectPanel
    from napari_pixel_embedding._napari.explore.panel import EmbeddingPanel
    from napari_pixel_embedding._napari.segment.panel import SegmentPanel
    from napari_pixel_embedding._napari.train.fine_tune_panel import FineTunePanel

SAMPLE = "phase-contrast"
"""The sample that is shown: cells that touch, of which the bandwidth parts or joins many."""
_MODELS = {SAMPLE: "cells-phase", "embryo-3d": "volume"}
"""Bundled models for the samples that the first in the list is not made for."""
_PATIENCE_S = 300
_TUNING_STEPS = 20
_GAP = 1.03
"""Offset from one image to the next, in sizes of an image."""


class DemoFailed(ValueError):
    """A step of the demonstration did not do what it should; the message says which.

    A ValueError, so that the command line shows its message and ends with an error.
    """


def run_demo(screenshot: Path | None = None, sample: str = SAMPLE) -> int:
    """Open napari on a sample with all panels, and segment it with the bundled model.

    Parameters
    ----------
    screenshot : Path, optional
        With it, the demo runs by itself: the slider moves, two cells are repaired, a fine-tuning
        starts; then the screenshot is written and the window closes. Without it, the window stays
        open once the sample is segmented.
    sample : str
        Key of a sample in *File > Open Sample > Pixel Embedding*.

    Returns
    -------
    int
        Exit status, 0 when all went well.

    Raises
    ------
    DemoFailed
        With ``screenshot``, when a step fails.
    """
    if screenshot is not None:
        with temporary_user_folder():  # else the next start would offer the demo's corrections
            _perform(screenshot, sample)
        return 0
    demo = Demo(_viewer())
    with contextlib.suppress(DemoFailed):  # the window shows what went wrong, and stays
        demo.begin(sample)
    napari.run()
    return 0


def _viewer() -> napari.Viewer:
    return napari.Viewer(title="napari-pixel-embedding", show=True)


def _perform(screenshot: Path, sample: str) -> None:
    """Run all scripted steps and write a screenshot."""
    viewer = _viewer()
    demo = Demo(viewer)
    try:
        demo.begin(sample)
        demo.perform()
        viewer.window.screenshot(str(screenshot), canvas_only=False, flash=False)
        demo.fine_tune_panel.stop_button.click()
    finally:
        viewer.close()


class Demo:
    """Drives the panels of one viewer as a user would.

    Parameters
    ----------
    viewer : napari.Viewer
        An empty one.
    """

    def __init__(self, viewer: napari.Viewer) -> None:
        self._viewer = viewer
        self.embedding_panel: EmbeddingPanel = self._open("Explore")
        self.correct_panel: CorrectPanel = self._open("Correct")
        self.fine_tune_panel: FineTunePanel = self._open("Fine-tune")
        self.segment_panel: SegmentPanel = self._open("Segment")
        self._session = self.segment_panel.session
        self._fill_screen()

    def _open(self, name: str) -> Any:
        return open_tab(self._viewer, name)

    def _fill_screen(self) -> None:
        window = self.segment_panel.window()
        screen = None if window is None else window.screen()
        if window is not None and screen is not None:
            window.setGeometry(screen.availableGeometry())

    # ------------------------------------------------------------------------------- steps

    def open(self, sample: str) -> None:
        """Open the sample, and choose its image and a model for it."""
        layers = self._viewer.open_sample(PLUGIN, sample)
        self._viewer.layers.selection.active = layers[0]
        if sample in _MODELS:
            self.segment_panel.models.choose(_MODELS[sample])
        self._turn()

    def segment(self) -> None:
        """Press Run and wait for the labels."""
        wrong = self.segment_panel.marks.error  # what is wrong keeps Run from being pressed
        if wrong is not None:
            raise DemoFailed(f"could not segment: {wrong}")
        self.segment_panel.run_button.click()
        self._wait("segment", lambda: self._session.labels is not None)

    def begin(self, sample: str) -> None:
        """Open the sample, segment it, and show its embedding as colours."""
        self.open(sample)
        self.segment()
        self.show_colors()

    def perform(self) -> None:
        """Run the scripted steps: slider, brush, fine-tuning."""
        self.move_slider()
        self.repair_two()
        self.fine_tune()

    def show_colors(self) -> None:
        """Turn the embedding layer on, beside the image and its objects."""
        self.embedding_panel.shown.setChecked(True)
        self._wait("colour the embedding", lambda: self._session.embedding_rgb is not None)
        self._move_aside(self.embedding_panel.workspace.layers.colors_layer)
        self._viewer.reset_view()

    def _move_aside(self, layer: Any) -> None:
        """Move a colour image below the others, or beside them where that fills the canvas."""
        size = np.multiply(layer.data.shape[-3:-1], layer.scale[-2:])
        before, last = layer.translate[:-2], layer.translate[-2:]
        layer.translate = (*before, *(last + _aside(size, self._canvas_size())))

    def _canvas_size(self) -> tuple[int, int]:
        window = self.correct_panel.window()
        canvas = window.centralWidget() if isinstance(window, QMainWindow) else None
        return (1, 1) if canvas is None else (canvas.height(), canvas.width())

    def move_slider(self) -> None:
        """Drag the bandwidth to its end and back, and check that the object count changes."""
        slider = self.segment_panel.form.widget("bandwidth")
        start, counts = slider.value, set()
        for value in (*np.linspace(start, slider.min, 8), *np.linspace(slider.min, start, 8)):
            slider.value = float(value)
            self._wait_for_bandwidth(float(slider.value))
            counts.add(self._session.object_count)
        if len(counts) < 2:
            raise DemoFailed(f"moving the bandwidth changed nothing: always {counts} objects")

    def _wait_for_bandwidth(self, value: float) -> None:
        def arrived() -> bool:
            params = self._session.cluster_params
            return params is not None and abs(params.bandwidth - value) < 1e-6

        self._wait("follow the slider", arrived)
        self._turn(0.1)

    def repair_two(self) -> None:
        """Paint over two objects with napari's own brush, as for a correction."""
        layer = self.segment_panel.workspace.layers.labels_layer
        if layer is None:
            raise DemoFailed("there is no labels layer to paint on")
        for wanted, position in enumerate(_two_objects(layer.data), start=1):
            layer.brush_size = 12
            layer.paint(position, int(layer.data[position]) or int(layer.data.max()) + 1)
            layer.fill(position, int(layer.data.max()) + 1)
            self._wait("record a correction", partial(self._has_corrected, wanted))

    def _has_corrected(self, count: int) -> bool:
        return bool(self._session.corrected_count >= count)

    def fine_tune(self) -> None:
        """Start a short fine-tuning and wait for the first model that is compared."""
        panel = self.fine_tune_panel
        panel.forms[0].widget("steps").value = _TUNING_STEPS
        panel.start_button.click()
        self._wait("fine-tune", self._is_compared)
        self._turn(0.2)

    def _is_compared(self) -> bool:
        session = self._session
        return session.tuned_model is not None and session.tuning_report is not None

    # ----------------------------------------------------------------------------- waiting

    def _wait(self, what: str, done: Callable[[], bool]) -> None:
        """Process Qt events until a condition holds."""
        end = time.monotonic() + _PATIENCE_S
        while not done():
            if self._session.error is not None:
                raise DemoFailed(f"could not {what}: {self._session.error}")
            if time.monotonic() > end:
                raise DemoFailed(f"could not {what} within {_PATIENCE_S} s")
            self._turn(0.01)
        self._turn()

    def _turn(self, seconds: float = 0.0) -> None:
        end = time.monotonic() + seconds
        QApplication.processEvents()
        while time.monotonic() < end:
            time.sleep(0.005)
            QApplication.processEvents()


def _aside(size: Any, canvas: tuple[int, int]) -> Any:
    """Return the offset (y, x) of a second image so that both are shown as large as possible."""
    steps = [np.array([_GAP * size[0], 0.0]), np.array([0.0, _GAP * size[1]])]
    below, beside = (float(np.min(np.divide(canvas, size + step))) for step in steps)
    return steps[0] if below >= beside else steps[1]


def _two_objects(labels: Any) -> list[tuple[int, ...]]:
    """Find a pixel inside each of the two objects nearest to the middle of a label image."""
    pixels = np.argwhere(labels > 0)
    if len(pixels) == 0:
        raise DemoFailed("the model found no object to repair")
    middle = np.array(labels.shape) / 2
    pixels = pixels[np.argsort(((pixels - middle) ** 2).sum(axis=1))]
    ids = labels[tuple(pixels.T)]
    _, first = np.unique(ids, return_index=True)
    return [tuple(int(n) for n in pixels[i]) for i in sorted(first)[:2]]
