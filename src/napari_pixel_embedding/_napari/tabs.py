"""The plugin's docks are tabs of one place, in the order of the work."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any

import npe2
from qtpy.QtCore import QObject, Qt, QTimer
from qtpy.QtWidgets import QDockWidget, QMainWindow, QTabBar

if TYPE_CHECKING:
    from napari import Viewer
    from qtpy.QtWidgets import QWidget

PLUGIN = "napari-pixel-embedding"
TABS = ("Segment", "Explore", "Correct", "Fine-tune", "Measure", "Train", "Batch")
"""Names of the tabs, which are those in the manifest, in the order of the work."""
_NARROW = "QTabBar::tab { padding: 3px 4px; font-size: 11px; }"
"""Lets all names stand side by side in a dock of the usual width."""


def open_tab(viewer: Viewer, name: str) -> QWidget:
    """Bring a tab to the front, and open it where there is none.

    The dock is named as napari's menu names it, so that the menu finds it again; with
    ``add_plugin_dock_widget`` the menu would open a second one.

    Parameters
    ----------
    viewer : napari.Viewer
        The viewer.
    name : str
        One of :data:`TABS`.

    Returns
    -------
    QWidget
        The panel in the tab.
    """
    for tab in _tabs_of(viewer):
        if tab.name == name:
            tab.to_front()
            return tab.panel
    manager = npe2.PluginManager.instance()
    manifest = manager.get_manifest(PLUGIN)
    widgets = manifest.contributions.widgets or ()
    command = next(widget.command for widget in widgets if widget.display_name == name)
    panel: QWidget = manager.commands.execute(command, (viewer,))
    viewer.window.add_dock_widget(panel, name=f"{name} ({manifest.display_name})")
    return panel


class Tab(QObject):
    """The dock of a panel as one of the plugin's tabs.

    It joins the other tabs once, when it is docked: what the user drags away stays away.

    Parameters
    ----------
    panel : QWidget
        Has this as its attribute ``tab``.
    viewer : napari.Viewer
        The viewer itself, not napari's proxy.
    name : str
        One of :data:`TABS`.
    """

    def __init__(self, panel: QWidget, viewer: Viewer, name: str) -> None:
        super().__init__(panel)
        self.panel = panel
        self.name = name
        self.dock: QDockWidget | None = None
        self._viewer = viewer
        self._joined = False
        self._behind = False
        self._joining, self._raising = QTimer(self), QTimer(self)
        self._joining.timeout.connect(self._join)
        self._raising.timeout.connect(self.to_front)
        for timer in (self._joining, self._raising):
            timer.setSingleShot(True)

    def enter(self, dock: QDockWidget) -> None:
        """Take the dock that the panel was put into; it joins the others a moment later."""
        self.dock = dock
        dock.setWindowTitle(self.name)  # the text of the tab
        dock.visibilityChanged.connect(self._notice)
        self._joining.start()  # napari has not placed the dock yet

    def leave(self) -> None:
        """Let go of the dock, which is about to be destroyed."""
        self._joining.stop()
        self._raising.stop()
        if self.dock is not None:
            self.dock.visibilityChanged.disconnect(self._notice)
        self.dock = None

    def to_front(self) -> None:
        """Show the tab in front of the others."""
        if self.dock is not None:
            self.dock.show()
            self.dock.raise_()
            self._behind = False  # Qt says so only once the tab has moved

    def shown(self) -> None:
        """Come to the front once the dock is shown again."""
        self._raising.start()

    def hidden(self) -> None:
        """Come to the front if the menu has hidden a tab that was behind others.

        The menu hides every dock that is open, and one behind others counts as open.
        """
        self._raising.stop()
        if self._behind and self.dock is not None and self.dock.isHidden():
            self._raising.start()

    def _notice(self, visible: bool) -> None:
        if self.dock is not None and not self.dock.isHidden():
            self._behind = not visible

    def _join(self) -> None:
        others = [tab for tab in _tabs_of(self._viewer) if tab is not self]
        twin = next((tab for tab in others if tab.name == self.name), None)
        if twin is not None and self.dock is not None:
            twin.to_front()
            self._viewer.window.remove_dock_widget(self.dock)
            return
        self._joined = True
        docked = [tab for tab in others if tab._joined and _is_docked(tab)]
        if docked and _is_docked(self):
            _put_together(self, docked)
        self.to_front()


def _tabs_of(viewer: Viewer) -> list[Tab]:
    """Return the tabs of a viewer in the order of the work."""
    panels: list[Any] = []
    for name in list(viewer.window.dock_widgets):
        with suppress(RuntimeError, KeyError):  # Qt has just deleted the dock
            panels.append(viewer.window.dock_widgets[name])
    tabs = [panel.tab for panel in panels if isinstance(getattr(panel, "tab", None), Tab)]
    return sorted((tab for tab in tabs if tab.dock is not None), key=_place)


def _place(tab: Tab) -> int:
    return TABS.index(tab.name)


def _is_docked(tab: Tab) -> bool:
    return tab.dock is not None and not tab.dock.isFloating() and not tab.dock.isHidden()


def _put_together(tab: Tab, others: list[Tab]) -> None:
    """Add a tab to the first of the others and those beside it, and sort them."""
    anchor = others[0].dock
    window = anchor and anchor.parentWidget()
    if not isinstance(window, QMainWindow) or anchor is None:
        return
    beside = window.tabifiedDockWidgets(anchor)
    group = sorted([tab, others[0], *(o for o in others if o.dock in beside)], key=_place)
    window.tabifyDockWidget(anchor, tab.dock)
    for other in group[1:]:  # each goes to the end
        window.tabifyDockWidget(group[0].dock, other.dock)
    _fit_names(window)


def _fit_names(window: QMainWindow) -> None:
    """Show the names of our tabs in full."""
    for bar in window.findChildren(QTabBar):
        names = {bar.tabText(number) for number in range(bar.count())}
        if names <= {*TABS} and bar.styleSheet() != _NARROW:
            bar.setStyleSheet(_NARROW)
            bar.setElideMode(Qt.TextElideMode.ElideNone)
