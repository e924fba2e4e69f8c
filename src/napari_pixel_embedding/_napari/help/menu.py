"""The menu below every tab: the guide, the keys, and diagnostics for a report."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari.qt.threading import create_worker
from napari.utils.notifications import show_error, show_info
from qtpy.QtWidgets import QApplication, QMenu, QToolButton

from napari_pixel_embedding._napari.help.guide import open_guide
from napari_pixel_embedding.session.jobs import JobQueue

if TYPE_CHECKING:
    from napari_pixel_embedding.session import Executor

_TOOLTIP = "The user guide, all keys, and what a report of a problem should contain."
_COPIED = "The diagnostics were copied: paste them into your report."


class HelpMenu(QToolButton):
    """A button with the entries *User guide*, *Keys* and *Copy diagnostics*.

    Parameters
    ----------
    heading : str
        Where the guide is opened.
    executor : Executor
        Collects the diagnostics, which loads torch and every model.
    """

    def __init__(self, heading: str, executor: Executor) -> None:
        super().__init__()
        self.setText("Help")
        self.setToolTip(_TOOLTIP)
        self.setAutoRaise(True)
        self.setStyleSheet("padding: 0px 4px; margin: 0px; border: 0px; min-height: 0px;")
        self.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)
        self._jobs = JobQueue(executor)
        menu = QMenu(self)
        self.guide = menu.addAction("User guide", lambda: open_guide(self, heading))
        self.keys = menu.addAction("Keys", self.show_keys)
        self.copy = menu.addAction("Copy diagnostics", self.copy_diagnostics)
        self.setMenu(menu)

    def show_keys(self) -> None:
        """Show the table of keys."""
        from napari_pixel_embedding._napari.help.keys import show_keys  # late: few look at it

        show_keys(self)

    def copy_diagnostics(self) -> None:
        """Copy versions, devices, memory and models to the clipboard; there are no paths in it."""
        from napari_pixel_embedding.core.diagnostics import diagnostics

        self._jobs.start(lambda _: diagnostics(), done=_copy, failed=_fail)


def copy_diagnostics() -> None:
    """Copy the diagnostics without a tab, as a command of napari's palette."""
    from napari_pixel_embedding.core.diagnostics import diagnostics

    create_worker(diagnostics, _connect={"returned": _copy, "errored": _fail})


def _copy(found: str) -> None:
    clipboard = QApplication.clipboard()
    if clipboard is not None:
        clipboard.setText(found)
        show_info(_COPIED)


def _fail(error: Exception) -> None:
    show_error(f"The diagnostics could not be collected: {error}")
