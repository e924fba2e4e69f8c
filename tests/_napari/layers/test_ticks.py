"""A tick of a slider shows what a full refresh of the layer would show, and costs less."""

from __future__ import annotations

import numpy as np
import pytest

from napari_pixel_embedding._napari.layers.placement import Grid
from napari_pixel_embedding._napari.segment.panel import SegmentPanel

WAIT = 30_000


@pytest.fixture
def ran(shown, tiny_model, qtbot):
    """Three cells, segmented in a window that is shown."""
    image = np.zeros((40, 60), np.float32)
    for column in (4, 24, 44):
        image[10:24, column : column + 12] = 200
    panel = SegmentPanel(shown)
    shown.window.add_dock_widget(panel, name="Segment")
    shown.add_image(image, name="cells")
    panel.models.add_file(tiny_model)
    panel.run_button.click()
    qtbot.waitUntil(lambda: panel.session.labels is not None, timeout=WAIT)
    return panel


@pytest.fixture
def layer(ran):
    return ran.workspace.layers.labels_layer


@pytest.fixture
def refreshes(layer):
    """How often the layer is sliced and placed anew."""
    heard = []
    layer.events.set_data.connect(heard.append)
    return heard


def tick(panel, qtbot):
    """Move a slider so that other objects come out."""
    session = panel.session
    before = session.labels
    panel.form.widget("bandwidth").value = 0.6
    qtbot.waitUntil(lambda: session.labels is not before, timeout=WAIT)
    assert (before != session.labels).any()
    return session.labels


def picture(viewer):
    return np.asarray(viewer.screenshot(flash=False, canvas_only=True)).astype(int)


def is_whole(viewer, layer):
    """Whether a full refresh changes nothing of what is shown."""
    seen = picture(viewer)
    layer.refresh()
    return np.abs(seen - picture(viewer)).max() == 0


def test_a_tick_shows_its_labels_without_a_refresh(ran, layer, refreshes, shown, qtbot):
    before = picture(shown)
    labels = tick(ran, qtbot)
    assert refreshes == []
    assert (before != picture(shown)).any()
    assert is_whole(shown, layer)
    assert layer.get_value((15, 8)) == labels[15, 8]  # what the status bar and the tools read


def test_contours_are_drawn_anew(ran, layer, refreshes, shown, qtbot):
    layer.contour = 2
    refreshes.clear()
    tick(ran, qtbot)
    assert refreshes
    assert is_whole(shown, layer)


@pytest.mark.parametrize("turned", [{"order": (1, 0)}, {"ndisplay": 3}])
def test_another_view_is_refreshed(ran, layer, refreshes, shown, qtbot, turned):
    for name, value in turned.items():
        setattr(shown.dims, name, value)
    refreshes.clear()
    tick(ran, qtbot)
    assert refreshes
    assert is_whole(shown, layer)


def test_a_hidden_layer_shows_the_newest_labels_later(ran, layer, shown, qtbot):
    layer.visible = False
    labels = tick(ran, qtbot)
    layer.visible = True
    assert layer.get_value((15, 8)) == labels[15, 8]
    assert is_whole(shown, layer)


def test_a_tick_places_the_layer_only_after_something_has_moved(ran, layer, shown, qtbot):
    follower = ran.workspace.layers.follower
    assert follower.has_placed(layer, Grid())
    layer.translate = (5, 5)  # by hand: it stays
    tick(ran, qtbot)
    assert tuple(layer.translate) == (5, 5)
    shown.layers["cells"].scale = (2, 2)
    assert tuple(layer.scale) == (2, 2)
    assert not follower.has_placed(layer, Grid((1.0, 1.0), (1.0, 1.0)))
