"""Base class of the docks, and small widgets that they share."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QEvent, QSize, Qt, QTimer
from qtpy.QtWidgets import (
    QDockWidget,
    QGroupBox,
    QHBoxLayout,
    QLabel,
    QMainWindow,
    QPushButton,
    QScrollArea,
    QVBoxLayout,
    QWidget,
)

from napari_pixel_embedding._napari.workspace import Workspace

if TYPE_CHECKING:
    from collections.abc import Callable

    from napari import Viewer
    from qtpy.QtGui import QShowEvent

NO_RESULT = "Run a model first."
"""Tooltip of buttons that need a result."""

_WIDTH = 340
_TITLE = 24


class Panel(QScrollArea):
    """Base of a dock widget: scrolls if it is too high, observes the session until closed.

    Parameters
    ----------
    napari_viewer : napari.Viewer
        The panel shares its workspace (session, controller and layers).
    """

    def __init__(self, napari_viewer: Viewer) -> None:
        super().__init__()
        self.workspace = Workspace.of(napari_viewer)
        self.controller = self.workspace.controller
        self.session = self.workspace.session
        self._followed: list[tuple[Any, Callable[..., Any]]] = []
        self._docked = False
        self._sharing = QTimer(self)
        self._sharing.setSingleShot(True)
        self._sharing.timeout.connect(self.share_height)
        self.setWidgetResizable(True)
        self.setFrameShape(QScrollArea.Shape.NoFrame)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setMinimumWidth(_WIDTH)
        body = QWidget()
        self.column = QVBoxLayout(body)
        self.column.setContentsMargins(6, 6, 6, 6)
        self.column.setSpacing(8)
        self.setWidget(body)
        self.workspace.join(self)

    def follow(self, signal: Any, slot: Callable[..., Any]) -> None:
        """Call ``slot`` on every emission of ``signal`` until the panel is closed."""
        signal.connect(slot)
        self._followed.append((signal, slot))

    def retire(self) -> None:
        """Disconnect and leave the workspace; the last panel to leave closes it."""
        for signal, slot in self._followed:
            signal.disconnect(slot)
        self._followed.clear()
        self.workspace.leave(self)

    def sizeHint(self) -> QSize:
        """Return the content's height, so that nothing need be scrolled."""
        body = self.widget()
        return QSize(_WIDTH, body.sizeHint().height() if body is not None else 0)

    def share_height(self) -> None:
        """Divide the height of the dock column by the size hint of each panel."""
        window = self.window()
        if not isinstance(window, QMainWindow):
            return
        docked = [(d, d.widget()) for d in window.findChildren(QDockWidget)]
        wanted = {d: p.sizeHint().height() for d, p in docked if isinstance(p, Panel)}
        heights = [_TITLE + height for height in wanted.values()]
        window.resizeDocks(list(wanted), heights, Qt.Orientation.Vertical)

    def showEvent(self, event: QShowEvent | None) -> None:
        """Request the content's height when first shown."""
        super().showEvent(event)
        self._sharing.start()

    def event(self, event: QEvent | None) -> bool:
        """Call :meth:`retire` when napari removes the panel from its dock: the dock was closed."""
        if event is not None and event.type() == QEvent.Type.ParentChange:
            was_docked, self._docked = self._docked, self.parent() is not None
            if was_docked and not self._docked:
                self.retire()
                self.deleteLater()
        return super().event(event)


def group(title: str) -> tuple[QGroupBox, QVBoxLayout]:
    """Make a titled box and the column inside it."""
    box = QGroupBox(title)
    column = QVBoxLayout(box)
    column.setContentsMargins(8, 10, 8, 8)
    column.setSpacing(6)
    return box, column


def row(*widgets: QWidget) -> QHBoxLayout:
    """Put widgets side by side."""
    layout = QHBoxLayout()
    for widget in widgets:
        layout.addWidget(widget)
    return layout


def text(content: str = "") -> QLabel:
    """Make a label that wraps its lines and fits the available width."""
    label = QLabel(content)
    label.setWordWrap(True)
    label.setMinimumWidth(10)
    return label


def button(title: str, tooltip: str, clicked: Callable[[], Any]) -> QPushButton:
    """Make a button that calls a method."""
    made = QPushButton(title)
    made.setToolTip(tooltip)
    made.clicked.connect(lambda: clicked())
    return made


def set_enabled(widget: QWidget, tooltip: str, disabled_reason: str | None) -> None:
    """Enable a widget, or disable it with a tooltip that says why."""
    widget.setEnabled(disabled_reason is None)
    text_shown = tooltip if disabled_reason is None else f"{tooltip}\n\n{disabled_reason}"
    if text_shown != widget.toolTip():  # Qt sends events for an equal one too
        widget.setToolTip(text_shown)
