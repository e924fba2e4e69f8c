"""Plots have the colours of napari's theme, and change with it."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
from napari.utils.theme import get_theme
from qtpy.QtGui import QColor

from napari_pixel_embedding._napari.segment.panel import SegmentPanel
from napari_pixel_embedding._napari.train.train_panel import TrainPanel
from napari_pixel_embedding._napari.widgets.plot_colors import title_axes
from napari_pixel_embedding.core.clustering import StabilityCurve


@pytest.fixture
def train_panel(dock):
    return dock(TrainPanel)


def step(number, ap=None):
    return SimpleNamespace(step=number, steps=9, losses={"total": 0.5}, validation_ap=ap)


def curve(panel):
    counts = StabilityCurve(np.array([0.5, 1.0]), np.array([9, 4]), 2.0, (1.0, 2.0))
    panel.session.stability = counts
    return panel.curve._plot


def scatter(panel):
    panel.plotted.setEnabled(True)
    panel.plotted.setChecked(True)
    return panel.plot._plot


def loss(panel):
    panel.steps._steps = (step(1), step(2, 0.5))
    panel.steps._add_plot()
    panel.steps._draw()
    return panel.steps.plot._score_plot


def surface(plot):
    """Colour of the pixel in a plot's corner, as it is drawn."""
    color = plot.grab().toImage().pixelColor(1, 1)
    return color.red(), color.green(), color.blue()


def wanted(theme, part):
    return getattr(get_theme(theme), part).as_rgb_tuple(alpha=False)


@pytest.mark.parametrize(
    ("fixture", "plot_of"),
    [("segment_panel", curve), ("embedding_panel", scatter), ("train_panel", loss)],
)
def test_a_plot_follows_the_theme_live(viewer, request, fixture, plot_of):
    plot = plot_of(request.getfixturevalue(fixture))
    for theme in ("light", "dark"):
        viewer.theme = theme
        assert surface(plot) == wanted(theme, "background")
        for side in ("left", "bottom"):
            axis = plot.getAxis(side)
            assert axis.textPen().color().getRgb()[:3] == wanted(theme, "text")
            assert axis.labelText and axis.label.isVisible()
        title_axes(plot, "other", "titles")
        titled = plot.getAxis("left").label.toHtml()
        assert QColor(*wanted(theme, "text")).name() in titled


def test_a_plot_opens_in_the_theme_that_is_there(viewer, dock):
    viewer.theme = "light"
    assert surface(curve(dock(SegmentPanel))) == wanted("light", "background")


def test_curves_are_seen_on_either_background(viewer, train_panel):
    loss(train_panel)
    for theme in ("light", "dark"):
        viewer.theme = theme
        background = np.mean(wanted(theme, "background"))
        for line in train_panel.steps.plot._curves.values():
            color = line.opts["pen"].color().getRgb()[:3]
            assert abs(np.mean(color) - background) > 60
            assert line.opts["pen"].color().name() in train_panel.steps.plot._legend.text() or (
                line is train_panel.steps.plot._curves["instance_dice"]
            )


def test_the_axis_of_the_score_ends_at_one(train_panel):
    low, high = loss(train_panel).getViewBox().viewRange()[1]
    assert low == pytest.approx(0, abs=0.06)
    assert high == pytest.approx(1, abs=0.06)
