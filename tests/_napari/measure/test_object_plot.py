"""The plot of the objects by itself: points, many points, histograms, values that are unknown."""

from __future__ import annotations

import numpy as np
import pytest

from napari_pixel_embedding._napari.measure import object_plot
from napari_pixel_embedding._napari.measure.object_plot import ObjectPlot, Shown
from napari_pixel_embedding._napari.widgets.plot_colors import PlotColors


@pytest.fixture
def plot(qtbot):
    made = ObjectPlot()
    made.show_colors(PlotColors.of("dark"))
    yield made
    made.close()
    made.deleteLater()


def values(count):
    rng = np.random.default_rng(0)
    return rng.normal(size=count), rng.normal(5, 2, size=count)


def test_unknown_values_are_not_drawn(plot):
    x, y = values(9)
    x[2], y[5] = np.nan, np.inf
    plot.show_objects(Shown(x, "area (µm²)", y, "mean"))
    assert len(plot._points.getData()[0]) == 7
    plot.show_selected(np.arange(6))
    assert len(plot._chosen.getData()[0]) == 4
    assert plot._plot.getAxis("bottom").labelText == "area (µm²)"
    plot.show_objects(Shown(x, "area (µm²)"))
    assert plot._bars.getData()[1].sum() == 2 * 8  # each bin has two ends
    plot.show_selected(np.array([0, 2]))
    assert plot._chosen_bars.getData()[1].sum() == 2
    assert len(plot._points.getData()[0]) == 0


def test_many_points_are_a_picture_in_which_the_selected_are_marked(plot, monkeypatch):
    monkeypatch.setattr(object_plot, "_MANY", 100)
    x, y = values(500)
    y[0] = np.nan
    plot.show_objects(Shown(x, "a", y, "b"))
    assert plot._density.isVisible()
    assert len(plot._points.getData()[0]) == 0
    assert np.expm1(plot._density.image).sum() == pytest.approx(499)
    rows = np.flatnonzero(x > 1)
    plot.show_selected(rows)
    marked = np.argwhere(plot._chosen_density.image > 0)
    column = (x[rows] - np.nanmin(x[1:])) / np.ptp(x[1:]) * 512
    assert abs(marked[:, 1].min() - np.floor(column.min())) <= 1
    plot.show_selected(np.array([], int))
    assert not plot._chosen_density.isVisible()
    plot.show_objects(Shown(x[:50], "a", y[:50], "b"))
    assert not plot._density.isVisible()
    assert len(plot._points.getData()[0]) == 49


@pytest.mark.parametrize("column", [np.zeros(4), np.full(4, np.nan), np.zeros(0)])
def test_columns_without_any_spread(plot, column):
    for shown in (Shown(column, "a"), Shown(column, "a", column, "b")):
        plot.show_objects(shown)
        plot.show_selected(np.arange(len(column)))
