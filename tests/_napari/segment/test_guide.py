"""A step that is taken is seen in the choosers of the Segment dock."""

from __future__ import annotations

import numpy as np

from napari_pixel_embedding.session.state.next_step import NextStep


def test_choices_of_a_step_are_shown_in_the_dock(segment_panel, viewer, tiny_model, qtbot, run):
    viewer.add_image(np.random.default_rng(0).random((3, 32, 32)), name="stack")
    run(segment_panel, tiny_model)
    session = segment_panel.session
    assert segment_panel.images.axes is None
    step = NextStep("", "", "run", "generic", 24.0, axes="TYX")
    segment_panel.controller.guide.take(step)
    assert segment_panel.models.source == "generic"
    assert segment_panel.models.currentText() == "generic"
    assert segment_panel.diameter.number.value() == 24
    assert segment_panel.images.axes == "TYX"
    qtbot.waitUntil(lambda: not session.running, timeout=60_000)
    assert session.model.config.name == "generic"
