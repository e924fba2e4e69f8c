"""Take the pictures of the user guide in a real window.

    xvfb-run -a -s "-screen 0 1920x1080x24" python scripts/make_pictures.py docs/images

They are taken anew whenever the window changes; nothing in them is drawn by hand.
"""

from __future__ import annotations

import argparse
import time
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import napari
import numpy as np
from PIL import Image, ImageQt
from qtpy.QtWidgets import QApplication

from napari_pixel_embedding import synthesise_folder
from napari_pixel_embedding._napari.demo import SAMPLE, Demo
from napari_pixel_embedding._napari.tabs import open_tab
from napari_pixel_embedding.core.datasets.samples import load_sample
from napari_pixel_embedding.core.embedding.scatter import POSITION
from napari_pixel_embedding.core.io.user_folder import temporary_user_folder

if TYPE_CHECKING:
    from collections.abc import Callable

    from qtpy.QtWidgets import QWidget

    from napari_pixel_embedding._napari.segment.panel import SegmentPanel

_WIDTH = 1400
_PATIENCE_S = 600
_DOUBTFUL = 6
"""Which of the doubtful nuclei is shown: one away from the image's border."""

_CROP = (slice(120, 500), slice(40, 512))
"""Part of the sample in which cells touch, ([y], [x])."""

_BANDWIDTHS = (0.6, 1.2, 3.0)
_FRAMES = 14
_FRAME_MS = 220
_MOVING = (900, 520)
"""Width and height of the moving picture."""


def main() -> None:
    """Drive the demo once and save the window, the panels and three bandwidths."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    folder = parser.parse_args().folder
    folder.mkdir(parents=True, exist_ok=True)
    with temporary_user_folder():  # no corrections of an earlier run are offered
        _take_pictures(folder)


def _take_pictures(folder: Path) -> None:
    viewer = napari.Viewer(title="napari-pixel-embedding", show=True)
    demo = Demo(viewer)
    try:
        demo.begin(SAMPLE)
        _save_bandwidths(demo, folder / "bandwidths.png")
        _save_moving(demo, folder / "slider.gif")
        demo.perform()
        _save(viewer.window.screenshot(canvas_only=False, flash=False), folder / "window.png")
        _save_widget(demo.segment_panel, folder / "segment.png")
        _save_review(demo, folder)
        demo.fine_tune_panel.tab.to_front()
        _let_pass(0.5)
        _save_widget(demo.fine_tune_panel, folder / "fine_tune.png")
        _show_scatter(demo)
        _save_widget(demo.embedding_panel, folder / "embedding.png")
        _save_measurements(demo, folder)
        _save_training(viewer, folder / "train.png")
        _save_batch(viewer, folder / "batch.png")
    finally:
        viewer.close()
    _save_large(folder / "large.png")


def _save_bandwidths(demo: Demo, path: Path) -> None:
    """Put the same cells, cut at three bandwidths, side by side."""
    indices = demo.segment_panel.session.cluster_indices
    params = demo.segment_panel.session.cluster_params
    image = demo.segment_panel.session.image.data[_CROP]
    grey = np.clip(image / np.percentile(image, 99.5), 0, 1)
    colors = np.random.default_rng(2).uniform(0.3, 1, (2000, 3))
    pictures = []
    for bandwidth in _BANDWIDTHS:
        labels = indices[0].cut(replace(params, bandwidth=bandwidth))[_CROP]
        shown = np.where(labels[..., None] > 0, colors[labels % 2000], 0)
        pictures.append(0.45 * grey[..., None] + 0.55 * shown)
    gap = np.ones((pictures[0].shape[0], 4, 3))
    row = np.concatenate([p for picture in pictures for p in (picture, gap)][:-1], axis=1)
    _save((255 * row).astype(np.uint8), path)


def _save_moving(demo: Demo, path: Path) -> None:
    """Drag the bandwidth through its range and back, and record canvas and sliders."""
    panel = demo.segment_panel
    slider, canvas = panel.form.widget("bandwidth"), panel.workspace.viewer
    start, frames = slider.value, []
    for value in np.geomspace(slider.min, slider.max, _FRAMES):
        slider.value = float(value)
        demo._wait_for_bandwidth(float(slider.value))
        frames.append(_beside(canvas.screenshot(canvas_only=True, flash=False), panel.objects))
    slider.value = start
    demo._wait_for_bandwidth(start)
    frames += frames[-2:0:-1]
    frames = [frame.quantize(96, dither=Image.Dither.NONE) for frame in frames]
    frames[0].save(
        path, save_all=True, append_images=frames[1:], duration=_FRAME_MS, loop=0, optimize=True
    )


def _beside(canvas: np.ndarray, widget: QWidget) -> Image.Image:
    """Put what is drawn on the canvas, without its empty margins, and a widget side by side."""
    drawn = np.argwhere(canvas[..., :3].max(axis=-1) > 0)
    (top, left), (bottom, right) = drawn.min(axis=0), drawn.max(axis=0) + 1
    picture = Image.fromarray(canvas[top:bottom, left : (left + right) // 2, :3])
    grabbed = ImageQt.fromqpixmap(widget.grab()).convert("RGB")
    width, height = _MOVING
    grabbed.thumbnail((width // 2, height))
    picture.thumbnail((width - grabbed.width, height))
    frame = Image.new("RGB", (picture.width + grabbed.width, max(picture.height, grabbed.height)))
    frame.paste(picture, (0, 0))
    frame.paste(grabbed, (picture.width, 0))
    return frame


def _save_review(demo: Demo, folder: Path) -> None:
    """Go to one of the doubtful objects, and save the window there and the dock with a tool."""
    panel, window = demo.correct_panel, demo.correct_panel.workspace.viewer.window
    for _ in range(_DOUBTFUL):
        panel.review.next()
        _wait(lambda: panel.review.state.current is not None)
    panel.tool_layer.choose("split")
    panel.tab.to_front()
    _let_pass(2)
    _save(window.screenshot(canvas_only=False, flash=False), folder / "correct_window.png")
    _save_widget(panel, folder / "correct.png")
    panel.review.stop()
    panel.tool_layer.choose(None)
    panel.workspace.viewer.reset_view()


def _show_scatter(demo: Demo) -> None:
    """Turn the scatter on and let it appear."""
    panel = demo.embedding_panel
    panel.exploration.set_components(POSITION)
    panel.tab.to_front()
    panel.plotted.setChecked(True)
    _let_pass(5)


def _save_measurements(demo: Demo, folder: Path) -> None:
    """Measure the objects, select the large ones in the scatter, and save the window and dock."""
    viewer = demo.segment_panel.workspace.viewer
    panel = open_tab(viewer, "Measure")
    state = panel.measurement.state
    panel.what.button.click()
    _wait(lambda: state.table is not None)
    panel.up.setCurrentIndex(panel.up.findData("uncertainty"))
    panel.up.activated.emit(panel.up.currentIndex())
    areas = state.table.values("area")
    panel.measurement.select_between("area", np.percentile(areas, 80), areas.max())
    _wait(lambda: panel.layers.selection is not None)
    viewer.reset_view()
    _let_pass(1)
    _save(viewer.window.screenshot(canvas_only=False, flash=False), folder / "measure_window.png")
    _save_widget(panel, folder / "measure.png")
    panel.measurement.select(())


def _save_large(path: Path) -> None:
    """Segment an image that is too large for the memory given, and save it half-way.

    In a window of its own: drivers that draw without a graphics card have crashed in the other.
    """
    viewer = napari.Viewer(title="napari-pixel-embedding", show=True)
    try:
        _fill_large(viewer, open_tab(viewer, "Segment"), path)
    finally:
        viewer.close()


def _fill_large(viewer: napari.Viewer, panel: SegmentPanel, path: Path) -> None:
    window = viewer.window._qt_window
    window.setGeometry(window.screen().availableGeometry())
    image = load_sample("nuclei-field")[0].data
    row = np.concatenate([image, image[:, ::-1]], axis=1)
    viewer.add_image(np.tile(np.concatenate([row, row[::-1]]), (2, 2)), name="slide")
    viewer.scene.camera.center, viewer.scene.camera.zoom = (1000, 1400), 0.8
    session = panel.session
    panel.controller.memory = 250_000_000
    panel.run()
    _wait(lambda: session.mosaic is not None and len(session.mosaic.indexed_blocks) >= 6)
    _let_pass(2)
    _save(viewer.window.screenshot(canvas_only=False, flash=False), path)
    panel.controller.cancel()


def _save_training(viewer: napari.Viewer, path: Path) -> None:
    """Train for a while on drawn images, and save the dock."""
    panel = open_tab(viewer, "Train")
    training, state = panel.training, panel.training.state
    with TemporaryDirectory() as folder:
        for _ in synthesise_folder(f"{folder}/cells", count=20, shape=(128, 128)):
            pass
        training.choose_folder(f"{folder}/cells")
        _wait(lambda: state.plan is not None)
        training.choose_output(f"{folder}/my_cells")
        training.change_recipe(
            size="tiny",
            model={"embedding_dim": 8, "coordinate_scale": state.plan.median_diameter / 4},
            training={"steps": 240, "crop": 96, "validate_every": 30},
        )
        panel.start()
        _wait(lambda: bool(state.steps) and state.steps[-1].step >= 180)
        training.find_worst()
        _wait(lambda: bool(state.worst_images))
        panel.tab.to_front()
        _let_pass(0.5)  # until the list has its place
        _save_widget(panel.widget(), path)
        training.stop()
        _wait(lambda: not state.running)
    viewer.window.remove_dock_widget(panel)


def _save_batch(viewer: napari.Viewer, path: Path) -> None:
    """Segment a folder of images in a process of its own, and save the dock while it runs."""
    panel = open_tab(viewer, "Batch")
    with TemporaryDirectory() as folder:
        images = Path(folder) / "screen" / "plate1"
        images.mkdir(parents=True)
        pixels = load_sample("nuclei-field")[0].data
        for number in range(48):
            np.save(images / f"well_{number:02}.npy", np.roll(pixels, 40 * number, axis=1))
        panel.take_data(images)
        panel.start()
        _wait(lambda: panel.runs.state.progress.done >= 6)
        panel.tab.to_front()
        _let_pass(0.5)
        _save_widget(panel, path)
        panel.runs.stop()
        _wait(lambda: not panel.runs.is_running)
    viewer.window.remove_dock_widget(panel)


def _wait(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + _PATIENCE_S
    while not condition():
        if time.monotonic() > end:
            raise TimeoutError(f"waited for {_PATIENCE_S} s in vain")
        QApplication.processEvents()
        time.sleep(0.01)


def _let_pass(seconds: float) -> None:
    end = time.monotonic() + seconds
    _wait(lambda: time.monotonic() > end)


def _save_widget(widget: QWidget, path: Path) -> None:
    widget.grab().save(str(path))


def _save(picture: np.ndarray, path: Path) -> None:
    image = Image.fromarray(picture[..., :3])
    if image.width > _WIDTH:
        image = image.resize((_WIDTH, image.height * _WIDTH // image.width), Image.LANCZOS)
    image.save(path, optimize=True)


if __name__ == "__main__":
    main()
