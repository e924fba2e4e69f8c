"""Take the pictures of the user guide in a real window.

    xvfb-run -a -s "-screen 0 1920x1080x24" python scripts/make_pictures.py docs/images

They are taken anew whenever the window changes; nothing in them is drawn by hand.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import napari
import numpy as np
from PIL import Image
from qtpy.QtWidgets import QApplication

from napari_pixel_embedding import synthesise_folder
from napari_pixel_embedding._napari.demo import Demo
from napari_pixel_embedding._napari.tabs import open_tab
from napari_pixel_embedding._napari.train.train_panel import TrainPanel
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

_CROP = (slice(180, 320), slice(0, 190))
"""Part of the sample ``nuclei-field`` where nuclei touch, ([y], [x])."""


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
        demo.begin("nuclei-field")
        _save_bandwidths(demo, folder / "bandwidths.png")
        demo.perform()
        _save(viewer.window.screenshot(canvas_only=False, flash=False), folder / "window.png")
        _save_widget(demo.segment_panel, folder / "segment.png")
        _save_review(demo, folder)
        _save_widget(demo.fine_tune_panel, folder / "fine_tune.png")
        _show_scatter(demo)
        _save_widget(demo.embedding_panel, folder / "embedding.png")
        _save_measurements(demo, folder)
        _save_training(viewer, folder / "train.png")
        _save_large(viewer, demo.segment_panel, folder / "large.png")
    finally:
        viewer.close()


def _save_bandwidths(demo: Demo, path: Path) -> None:
    """Put the same nuclei, cut at three bandwidths, side by side."""
    indices = demo.segment_panel.session.cluster_indices
    params = demo.segment_panel.session.cluster_params
    image = demo.segment_panel.session.image.data[_CROP]
    grey = np.clip(image / np.percentile(image, 99.5), 0, 1)
    colors = np.random.default_rng(2).uniform(0.3, 1, (2000, 3))
    pictures = []
    for bandwidth in (0.5, params.bandwidth, 3.0):
        labels = indices[0].cut(type(params)(bandwidth=bandwidth))[_CROP]
        shown = np.where(labels[..., None] > 0, colors[labels % 2000], 0)
        pictures.append(0.45 * grey[..., None] + 0.55 * shown)
    gap = np.ones((pictures[0].shape[0], 4, 3))
    row = np.concatenate([p for picture in pictures for p in (picture, gap)][:-1], axis=1)
    doubled = row.repeat(2, axis=0).repeat(2, axis=1)
    _save((255 * doubled).astype(np.uint8), path)


def _save_review(demo: Demo, folder: Path) -> None:
    """Go to one of the doubtful objects, and save the window there and the dock with a tool."""
    panel, window = demo.correct_panel, demo.correct_panel.workspace.viewer.window
    for _ in range(_DOUBTFUL):
        panel.review.next()
        _wait(lambda: panel.review.state.current is not None)
    panel.tool_layer.choose("split")
    shown = time.monotonic() + 2
    _wait(lambda: time.monotonic() > shown)
    _save(window.screenshot(canvas_only=False, flash=False), folder / "correct_window.png")
    _save_widget(panel, folder / "correct.png")
    panel.review.stop()
    panel.tool_layer.choose(None)
    panel.workspace.viewer.reset_view()


def _show_scatter(demo: Demo) -> None:
    """Turn the scatter on and let it appear."""
    panel = demo.embedding_panel
    panel.exploration.set_components(POSITION)
    panel.plotted.setChecked(True)
    end = time.monotonic() + 5
    while time.monotonic() < end:
        QApplication.processEvents()
        time.sleep(0.01)
    panel.resize(panel.width(), 640)
    QApplication.processEvents()


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
    shown = time.monotonic() + 1
    _wait(lambda: time.monotonic() > shown)
    _save(viewer.window.screenshot(canvas_only=False, flash=False), folder / "measure_window.png")
    _save_widget(panel, folder / "measure.png")
    panel.measurement.select(())


def _save_large(viewer: napari.Viewer, panel: SegmentPanel, path: Path) -> None:
    """Segment an image that is too large for the memory given, and save it half-way."""
    image = load_sample("nuclei-field")[0].data
    row = np.concatenate([image, image[:, ::-1]], axis=1)
    viewer.layers.clear()
    viewer.add_image(np.tile(np.concatenate([row, row[::-1]]), (3, 3)), name="slide")
    viewer.scene.camera.center, viewer.scene.camera.zoom = (1500, 2000), 0.6
    session = panel.session
    panel.controller.memory = 500_000_000
    panel.run()
    _wait(lambda: session.mosaic is not None and len(session.mosaic.indexed_blocks) >= 8)
    shown = time.monotonic() + 2
    _wait(lambda: time.monotonic() > shown)
    _save(viewer.window.screenshot(canvas_only=False, flash=False), path)
    panel.controller.cancel()


def _save_training(viewer: napari.Viewer, path: Path) -> None:
    """Train for a while on drawn images, and save the dock."""
    panel = TrainPanel(viewer)
    viewer.window.add_dock_widget(panel, name="Train", tabify=True)
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
        for _ in range(20):  # until the list has its place
            QApplication.processEvents()
            time.sleep(0.02)
        _save_widget(panel.widget(), path)
        training.stop()
        _wait(lambda: not state.running)


def _wait(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + _PATIENCE_S
    while not condition():
        if time.monotonic() > end:
            raise TimeoutError(f"waited for {_PATIENCE_S} s in vain")
        QApplication.processEvents()
        time.sleep(0.01)


def _save_widget(widget: QWidget, path: Path) -> None:
    widget.grab().save(str(path))


def _save(picture: np.ndarray, path: Path) -> None:
    image = Image.fromarray(picture[..., :3])
    if image.width > _WIDTH:
        image = image.resize((_WIDTH, image.height * _WIDTH // image.width), Image.LANCZOS)
    image.save(path, optimize=True)


if __name__ == "__main__":
    main()
