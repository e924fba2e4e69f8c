"""Measuring and exporting parts of large images, stacks, and images in odd orders of axes."""

from __future__ import annotations

import numpy as np
import pytest
import tifffile

from napari_pixel_embedding._napari.export.dialogue import open_export
from napari_pixel_embedding._napari.measure.panel import MeasurePanel
from napari_pixel_embedding.core.blockwise.roi import pixel_bytes
from napari_pixel_embedding.core.io.images import read_labels
from napari_pixel_embedding.core.model.config import ModelConfig
from tests._napari.conftest import WAIT


def measured(panel, qtbot):
    before = panel.measurement.state.table
    panel.what.button.click()
    state = panel.measurement.state
    qtbot.waitUntil(lambda: state.table is not before, timeout=WAIT)
    assert panel.session.error is None
    return state.table


def exported(panel, path, qtbot):
    dialogue = open_export(panel.workspace)
    dialogue.path.setText(str(path))
    dialogue.path.textEdited.emit(str(path))
    dialogue.export_button.click()
    state = dialogue.exporting.state
    qtbot.waitUntil(lambda: not state.running and bool(state.written or state.error), timeout=WAIT)
    assert state.error == ""
    dialogue.close()
    return path


def test_of_a_large_image_the_region_is_measured_in_its_place(
    viewer, segment_panel, dock, tiny_model, tmp_path, qtbot
):
    pixels = np.random.default_rng(0).normal(100, 20, (1100, 650)).astype(np.float32)
    viewer.add_image(pixels, name="slide", scale=(0.5, 0.5), units=("um", "um"))
    segment_panel.models.add_file(tiny_model)
    segment_panel.controller.memory = 2**17 * pixel_bytes(ModelConfig(embedding_dim=2))
    viewer.scene.camera.center, viewer.scene.camera.zoom = (420, 250), 4
    segment_panel.run_button.click()
    session = segment_panel.session
    qtbot.waitUntil(lambda: session.labels is not None and not session.filling, timeout=60_000)
    assert session.roi is not None
    panel = dock(MeasurePanel)
    table = measured(panel, qtbot)
    start, labels = np.array(session.roi.start), session.labels
    assert start.any()
    id = int(table.ids[0])
    places = np.argwhere(labels == id)
    for n, letter in enumerate("yx"):
        column = table.values(f"bbox_{letter}_min")[0]
        assert column == places[:, n].min() + start[n]
        mean = table.values(f"centroid_{letter}")[0]
        assert mean == pytest.approx(0.5 * (places[:, n].mean() + start[n]))
    assert [one.title for one in panel.what.chosen_images()] == ["slide"]
    inside = tuple(slice(a, a + n) for a, n in zip(start, labels.shape, strict=True))
    expected = pixels[inside][labels == id].mean()
    assert table.values("slide_mean")[0] == pytest.approx(expected, rel=1e-5)
    path = exported(panel, tmp_path / "part.tif", qtbot)
    assert np.array_equal(tifffile.imread(path), labels)


@pytest.mark.parametrize("axes", ["TZYX", "ZTYX", "TCYX", "CTYX"])
def test_frames_and_planes_in_any_order(
    viewer, segment_panel, dock, run, image, axes, tmp_path, qtbot
):
    rng = np.random.default_rng(0)
    sizes = dict(zip("TZCYX", (2, 3, 2, 32, 48), strict=True))
    pixels = rng.normal(100, 20, [sizes[a] for a in axes]).astype(np.float32)
    viewer.add_image(pixels, name="film", axis_labels=tuple(axes.lower()))
    choice = segment_panel.images.axes_choice
    choice.setCurrentIndex(choice.findData(axes))
    if "C" in axes:
        channel = segment_panel.channels
        channel.setCurrentIndex(channel.findData(1))
    run(segment_panel)
    session = segment_panel.session
    panel = dock(MeasurePanel)
    names = {"T": "frame", "Z": "plane"}
    wanted = [names[a] for a in axes if a in names]
    table = measured(panel, qtbot)
    assert list(table.names[1 : 1 + len(wanted)]) == wanted
    row = len(table) - 1
    at = {a: int(table.measurements[names[a]][row]) for a in axes if a in names}
    laid = np.moveaxis(pixels, [axes.index(a) for a in at], range(len(at)))[tuple(at.values())]
    frame = session.labels[table.frames[row]]
    chosen = panel.what.chosen_images()
    for one in chosen:
        plane = laid if "C" not in axes else laid[int(one.name[-1])]
        expected = plane[frame == table.ids[row]].mean()
        assert table.values(f"{one.name}_mean")[row] == pytest.approx(expected, rel=1e-5)
    assert len(chosen) == (2 if "C" in axes else 1)
    read = read_labels(exported(panel, tmp_path / "film.tif", qtbot))
    layer = panel.workspace.layers.labels_layer
    shown = np.asarray(layer.data)
    if "C" in axes and shown.ndim == len(axes):
        shown = shown.take(0, axes.index("C"))
    order = axes.replace("C", "")
    stored = read.axes
    assert np.array_equal(read.data, shown.transpose([order.index(a) for a in stored]))


def test_planes_that_were_run_one_by_one_are_rows_of_their_own(
    viewer, segment_panel, dock, run, image, qtbot
):
    viewer.add_image(np.stack([image] * 3), name="stack", scale=(2, 0.5, 0.5), units=("um",) * 3)
    run(segment_panel)
    panel = dock(MeasurePanel)
    table = measured(panel, qtbot)
    found = set(table.measurements.columns)
    assert ("plane" in found) or ("frame" in found)
    assert table.measurements.headings()["area"] == "area (µm²)"
    pixels = table.values("pixels")
    np.testing.assert_allclose(table.values("area"), pixels * 0.25)
