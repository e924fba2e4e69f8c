from __future__ import annotations

import numpy as np
import pytest
from qtpy.QtCore import QCoreApplication, QEvent

from napari_pixel_embedding._napari.demo import SAMPLE, Demo, DemoFailed, _aside


@pytest.fixture
def demo(viewer):
    made = Demo(viewer)
    yield made
    panels = (
        made.segment_panel,
        made.embedding_panel,
        made.correct_panel,
        made.fine_tune_panel,
    )
    for panel in panels:
        viewer.window.remove_dock_widget(panel)
    QCoreApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)


def test_the_bundled_model_goes_through_the_whole_loop(viewer, demo):
    demo.begin("nuclei-small")
    session = demo.segment_panel.session
    truth = viewer.layers["nuclei-small ground truth"].data
    objects = len(np.unique(truth)) - 1
    assert 0.7 * objects < session.object_count < 1.4 * objects
    demo.perform()
    assert session.error is None
    assert session.corrected_count == 2
    assert session.tuned_model.config.provenance["parent"] == "nuclei-fluo"
    assert {layer.name for layer in viewer.layers} >= {
        "nuclei-small objects",
        "nuclei-small embedding",
    }


def test_the_first_picture_is_one_on_which_the_bandwidth_matters(demo):
    demo.open(SAMPLE)
    demo.segment()
    session, slider = demo.segment_panel.session, demo.segment_panel.form.widget("bandwidth")
    assert session.model.config.name == "cells-phase"
    counts = []
    for value in (slider.min, slider.max):
        slider.value = value
        demo._wait_for_bandwidth(value)
        counts.append(session.object_count)
    assert counts[0] > 1.3 * counts[1] > 40  # touching cells are parted, or joined


def test_a_failing_step_is_named(demo, tmp_path):
    demo.open("nuclei-small")
    broken = tmp_path / "broken.safetensors"
    broken.write_text("no model")
    demo.segment_panel.models.add_file(str(broken))
    with pytest.raises(DemoFailed, match=r"could not segment: broken\.safetensors"):
        demo.segment()


def test_the_command_line_ends_with_the_message(monkeypatch, capsys, tmp_path):
    from napari_pixel_embedding import cli
    from napari_pixel_embedding._napari import demo as module

    def fail(*args, **options):
        raise DemoFailed("could not segment: no memory")

    monkeypatch.setattr(module, "run_demo", fail)
    assert cli.main(["demo", "--screenshot", str(tmp_path / "a.png")]) != 0
    key_text = capsys.readouterr().err
    assert "could not segment: no memory" in key_text
    assert "Traceback" not in key_text


def test_pictures_fill_the_canvas():
    wide, high = np.array([100.0, 200.0]), np.array([200.0, 100.0])
    assert _aside(wide, (800, 800))[0] > 0  # below
    assert _aside(high, (800, 800))[1] > 0  # beside
    assert _aside(wide, (400, 1600))[1] > 0
