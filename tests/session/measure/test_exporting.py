"""Exports in the background: what is written, errors, cancelling."""

from __future__ import annotations

import numpy as np
import tifffile

from napari_pixel_embedding.core.measurement.measure import measure_objects
from napari_pixel_embedding.session import ImmediateExecutor
from napari_pixel_embedding.session.measure.exporting import Exporting, ExportRequest
from tests.session.fakes import QueueExecutor

LABELS = np.kron(np.arange(1, 7).reshape(2, 3), np.ones((4, 4), int))


def test_labels_and_tables_are_written(tmp_path):
    part = Exporting(ImmediateExecutor())
    part.start(ExportRequest(tmp_path / "a.tif", "tiff", LABELS, "YX", (0.5, 0.5), "µm"))
    assert part.state.written == tmp_path / "a.tif"
    assert np.array_equal(tifffile.imread(tmp_path / "a.tif"), LABELS)
    part.start(ExportRequest(tmp_path / "a.csv", None, table=measure_objects(LABELS)))
    assert len((tmp_path / "a.csv").read_text().splitlines()) == 7
    assert not part.state.running


def test_an_error_says_why_and_the_next_export_forgets_it(tmp_path):
    part = Exporting(ImmediateExecutor())
    part.start(ExportRequest(tmp_path / "a.png", "overlay", LABELS, "YX"))
    assert "An overlay needs the image" in part.state.error
    assert part.state.written is None
    part.start(ExportRequest(tmp_path / "a.tif", "tiff", LABELS, "YX"))
    assert part.state.error == ""


def test_a_cancelled_export_leaves_nothing(tmp_path):
    queue = QueueExecutor()
    part = Exporting(queue)
    part.start(ExportRequest(tmp_path / "a.geojson", "geojson", LABELS, "YX"))
    assert part.state.running
    assert part.cancel()
    queue.settle()
    assert not part.state.running
    assert list(tmp_path.iterdir()) == []
    assert not part.cancel()


def test_what_is_painted_later_is_not_written(tmp_path):
    labels, seen = LABELS.copy(), []
    from napari_pixel_embedding.session.measure import exporting

    request = ExportRequest(tmp_path / "a.geojson", "geojson", labels, "YX")

    def report(fraction):
        labels[...] = 0
        seen.append(fraction)

    path = exporting.write(request, report)
    assert seen
    assert path.read_text().count('"Feature"') == 6
