"""The brush paints new objects: its id is one that no object has."""

from __future__ import annotations

import numpy as np
import pytest


@pytest.fixture
def ran(viewer, segment_panel, tiny_model, qtbot):
    image = np.zeros((40, 60), np.float32)
    for column in (4, 24, 44):
        image[10:24, column : column + 12] = 200
    viewer.add_image(image, name="cells")
    segment_panel.models.add_file(tiny_model)
    segment_panel.run_button.click()
    qtbot.waitUntil(lambda: segment_panel.session.labels is not None, timeout=30_000)
    return segment_panel


def test_the_brush_starts_at_a_free_id(ran):
    layer = ran.workspace.layers.labels_layer
    assert layer.selected_label not in np.unique(layer.data)


def test_a_brush_that_is_taken_up_later_has_an_id_that_is_free_then(ran, qtbot):
    layer = ran.workspace.layers.labels_layer
    taken = layer.selected_label
    layer.data_setitem(np.nonzero(np.pad(np.ones((4, 4), bool), ((30, 6), (2, 54)))), taken)
    qtbot.waitUntil(lambda: ran.session.corrected_count == 1)
    layer.mode = "paint"
    assert layer.selected_label not in np.unique(layer.data)
    layer.mode = "pan_zoom"
    layer.selected_label = taken
    layer.mode = "paint"
    assert layer.selected_label == taken, "the user's own choice stays"


def test_a_gap_is_taken_where_16_bits_are_full_at_the_end(ran):
    layer = ran.workspace.layers.labels_layer
    free = layer.selected_label
    layer.data[0, 0] = np.iinfo(np.uint16).max
    ran.workspace.layers.offer_free_id()
    assert layer.selected_label == free
