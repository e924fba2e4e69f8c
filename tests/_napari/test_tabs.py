"""Docks as tabs of one place: order, front, tearing off, the menu, and heights."""

from __future__ import annotations

from pathlib import Path
from typing import get_args

import npe2
import numpy as np
import pytest
from qtpy.QtWidgets import QMainWindow, QTabBar

import napari_pixel_embedding
from napari_pixel_embedding._napari.tabs import PLUGIN, TABS, open_tab
from napari_pixel_embedding._napari.widgets.footer import TAB_OF
from napari_pixel_embedding.session.state.next_step import Action
from tests._napari.conftest import SCREEN, WAIT


@pytest.fixture
def settle(qtbot):
    """Let a tab take its place."""

    def wait(*panels):
        qtbot.waitUntil(lambda: not any(p.tab._joining.isActive() for p in panels), timeout=WAIT)
        qtbot.wait(20)

    return wait


def tab_names(panel):
    """Names on the tab bar that the panel's dock is on, in order; the one in front is last."""
    window = panel.window()
    assert isinstance(window, QMainWindow)
    for bar in window.findChildren(QTabBar):
        names = [bar.tabText(i) for i in range(bar.count())]
        if bar.isVisible() and panel.tab.name in names:
            return names, bar.tabText(bar.currentIndex())
    return [], None


def test_tabs_are_those_of_the_manifest_in_its_order():
    manifest = npe2.PluginManifest.from_file(
        Path(napari_pixel_embedding.__file__).parent / "napari.yaml"
    )
    widgets = manifest.contributions.widgets
    assert tuple(widget.display_name for widget in widgets) == TABS


def test_every_step_that_opens_a_tab_has_one():
    assert set(get_args(Action)) - {"none", "run"} == set(TAB_OF)
    assert set(TAB_OF.values()) <= set(TABS)


@pytest.mark.parametrize("order", [TABS, TABS[::-1], (TABS[2], TABS[0], TABS[4], TABS[1])])
def test_tabs_stand_in_the_order_of_the_work(shown, settle, order):
    panels = [open_tab(shown, name) for name in order]
    settle(*panels)
    names, front = tab_names(panels[0])
    assert names == sorted(order, key=TABS.index)
    assert front == order[-1]


def test_opening_again_brings_to_the_front(shown, settle):
    segment, correct = (open_tab(shown, name) for name in ("Segment", "Correct"))
    settle(segment, correct)
    assert open_tab(shown, "Segment") is segment
    assert tab_names(segment)[1] == "Segment"


def menu(name):
    """Choose an entry of napari's menu, as the plugin's menu and the layers' menus do."""
    from napari._app_model import get_app_model

    get_app_model().commands.execute_command(f"{PLUGIN}.{name.lower()}").result()


def test_the_menu_brings_a_tab_behind_others_to_the_front(shown, settle, qtbot):
    segment, correct = (open_tab(shown, name) for name in ("Segment", "Correct"))
    settle(segment, correct)
    menu("Segment")
    qtbot.waitUntil(lambda: tab_names(segment)[1] == "Segment", timeout=WAIT)
    menu("Segment")  # in front: the menu hides it, as every dock of napari
    qtbot.waitUntil(lambda: segment.tab.dock.isHidden(), timeout=WAIT)
    qtbot.wait(20)
    assert segment.tab.dock.isHidden()
    menu("Segment")
    qtbot.waitUntil(lambda: tab_names(segment)[1] == "Segment", timeout=WAIT)
    assert len(shown.window.dock_widgets) == 2


def test_a_second_dock_of_a_kind_gives_way_to_the_first(shown, settle, qtbot):
    segment, correct = (open_tab(shown, name) for name in ("Segment", "Correct"))
    settle(segment, correct)
    shown.window.add_plugin_dock_widget(PLUGIN, "Segment")  # under another name than the menu's
    qtbot.waitUntil(lambda: len(shown.window.dock_widgets) == 2, timeout=WAIT)
    assert tab_names(segment) == (["Segment", "Correct"], "Segment")


def test_a_torn_off_tab_stays_where_it_is(shown, settle):
    segment, correct = (open_tab(shown, name) for name in ("Segment", "Correct"))
    settle(segment, correct)
    segment.tab.dock.setFloating(True)
    explore = open_tab(shown, "Explore")
    settle(explore)
    assert segment.tab.dock.isFloating()
    assert tab_names(explore)[0] == ["Explore", "Correct"]
    open_tab(shown, "Segment")
    assert segment.tab.dock.isFloating()


def test_a_restored_window_has_its_tabs_again(shown, settle):
    panels = [open_tab(shown, name) for name in TABS[:3]]
    settle(*panels)
    window = panels[0].window()
    state = window.saveState()
    panels[1].tab.dock.setFloating(True)
    window.restoreState(state)
    settle(*panels)
    assert tab_names(panels[0])[0] == list(TABS[:3])


def fit_screen(panel, qtbot):
    """Make the window as high as a laptop's screen again: docks that came may have stretched it."""
    panel.window().resize(*SCREEN)
    qtbot.waitUntil(lambda: panel.window().height() <= SCREEN[1], timeout=WAIT)
    qtbot.wait(20)


@pytest.mark.parametrize("name", TABS)
def test_a_tab_needs_no_scroll_bar_on_a_laptop(shown, settle, name, record_property, qtbot):
    panels = [open_tab(shown, one) for one in TABS]
    settle(*panels)
    panel = open_tab(shown, name)
    settle(panel)
    record_property("height", panel.widget().sizeHint().height())
    fit_screen(panel, qtbot)
    assert not panel.area.verticalScrollBar().isVisible()
    assert panel.footer.isVisible()


def test_segment_with_all_its_results_needs_no_scroll_bar(shown, settle, run, image, qtbot):
    panel = open_tab(shown, "Segment")
    panels = [open_tab(shown, one) for one in TABS[1:]]
    settle(panel, *panels)
    open_tab(shown, "Segment")
    shown.add_image(image)
    run(panel)
    qtbot.waitUntil(lambda: panel.curve is not None and panel.curve.isVisible(), timeout=WAIT)
    panel.workspace.layers._clicked = (32, 48)
    panel.workspace.layers.clicked.emit((32, 48))
    panel.session.running = True  # the footer is highest with progress below a status
    settle(panel)
    assert panel.cuts.finer.isVisible()
    assert panel.footer.progress.isVisible()
    fit_screen(panel, qtbot)
    assert not panel.area.verticalScrollBar().isVisible()
    panel.session.running = False


def test_advanced_opens_when_it_is_the_question(viewer, segment_panel):
    panel = segment_panel
    viewer.add_image(np.zeros((8, 16, 16), np.float32))
    panel.models.show_source("nuclei-fluo")
    assert not panel.advanced.isExpanded()  # a 2-D model takes a stack plane by plane
    viewer.add_image(np.zeros((3, 4, 5, 16, 16), np.float32))
    assert panel.advanced.isExpanded()


def test_advanced_opens_with_the_mutex_watershed(segment_panel):
    assert not segment_panel.advanced.isExpanded()
    segment_panel.session.method = "mutex"
    assert segment_panel.advanced.isExpanded()
