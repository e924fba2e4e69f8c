"""The user guide in a window of its own, opened at a section."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QPoint, Qt, QUrl
from qtpy.QtGui import QDesktopServices, QTextCursor
from qtpy.QtWidgets import QTextBrowser, QToolButton

if TYPE_CHECKING:
    from qtpy.QtWidgets import QWidget

_NAME = "user_guide.md"
_PACKAGE = Path(__file__).parents[2]
_PLACES = (_PACKAGE / _NAME, _PACKAGE.parents[1] / "docs" / _NAME)
"""In an installed package, and beside the sources."""
_IMAGE = re.compile(r"!\[[^]]*]\([^)]*\)")
_SIZE = (720, 640)
_HELP_SIZE = 18


@cache
def guide_text() -> str:
    """Return the guide that belongs to this version, without its pictures, as Markdown."""
    path = next(path for path in _PLACES if path.is_file())
    return _IMAGE.sub("", path.read_text(encoding="utf-8"))


class Guide(QTextBrowser):
    """The user guide, scrolled to a section.

    Parameters
    ----------
    parent : QWidget
        It closes with this widget's window.
    """

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self.setWindowFlag(Qt.WindowType.Window)
        self.setWindowTitle("User guide")
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.resize(*_SIZE)
        self.setOpenLinks(False)
        self.anchorClicked.connect(self._follow_link)
        self.setMarkdown(guide_text())

    def go_to(self, heading: str) -> None:
        """Scroll until a heading is at the top, and put the cursor there."""
        found = self._find(heading)
        if found is None:
            return
        self.setTextCursor(found)
        bar: Any = self.verticalScrollBar()
        bar.setValue(bar.value() + self.cursorRect(found).top())

    def _find(self, heading: str) -> QTextCursor | None:
        document: Any = self.document()
        block = document.begin()
        while block.isValid():
            if block.blockFormat().headingLevel() and block.text() == heading:
                return QTextCursor(block)
            block = block.next()
        return None

    def _follow_link(self, url: QUrl) -> None:
        """Open a link to the web; other pages are not in the window."""
        if url.scheme() in ("http", "https"):
            QDesktopServices.openUrl(url)


def open_guide(widget: QWidget, heading: str) -> Guide:
    """Show the guide at a heading, in the window that is open already if there is one."""
    window: Any = widget.window()
    guide: Guide = window.findChild(Guide) or Guide(window)
    guide.show()
    guide.raise_()
    guide.go_to(heading)
    return guide


class HelpMark(QToolButton):
    """A question mark in the corner of a box, which opens the guide.

    Parameters
    ----------
    box : QWidget
        It stands in its upper right corner.
    title, heading : str
        Title of the box, and heading of its section in the guide.
    """

    def __init__(self, box: QWidget, title: str, heading: str) -> None:
        super().__init__(box)
        self._box = box
        self.heading = heading
        self.setText("?")
        self.setAccessibleName(f"Help on {title}")
        self.setToolTip(f"Open the user guide at “{heading}”.")
        self.setFixedSize(_HELP_SIZE, _HELP_SIZE)
        self.setAutoRaise(True)
        self.clicked.connect(lambda: open_guide(self, heading))

    def place(self) -> None:
        """Move into the corner; to be called when the box is resized."""
        self.move(QPoint(self._box.width() - self.width() - 2, 0))
        self.raise_()
