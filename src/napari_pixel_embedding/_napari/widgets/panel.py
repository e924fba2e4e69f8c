"""Base class of the docks."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar

from qtpy.QtCore import QEvent, QSize, Qt, QTimer
from qtpy.QtWidgets import QDockWidget, QScrollArea, QVBoxLayout, QWidget

from napari_pixel_embedding._napari.tabs import Tab
from napari_pixel_embedding._napari.widgets.controls import (
    NO_RESULT,
    Fold,
    Section,
    button,
    folded,
    group,
    named_rows,
    row,
    set_enabled,
    text,
)
from napari_pixel_embedding._napari.widgets.footer import Footer
from napari_pixel_embedding._napari.widgets.names import name_fields, order_tabs
from napari_pixel_embedding._napari.widgets.wheel import WheelGuard
from napari_pixel_embedding._napari.workspace import Workspace
from napari_pixel_embedding.session.closing import close_all

if TYPE_CHECKING:
    from collections.abc import Callable

    from napari import Viewer
    from qtpy.QtGui import QHideEvent, QShowEvent

__all__ = [
    "NO_RESULT",
    "Panel",
    "Section",
    "button",
    "folded",
    "group",
    "named_rows",
    "row",
    "set_enabled",
    "text",
]

_WIDTH = 340


class Panel(QWidget):
    """Base of a dock: contents that scroll if they are too high, above the common footer.

    Parameters
    ----------
    napari_viewer : napari.Viewer
        The panel shares its workspace (session, controller and layers).

    Attributes
    ----------
    NAME : str
        Name of its tab, one of :data:`~napari_pixel_embedding._napari.tabs.TABS`.
    GUIDE : str
        Heading of its section in the user guide.
    column : QVBoxLayout
        Where a subclass puts its contents.
    """

    NAME: ClassVar[str]
    GUIDE: ClassVar[str]

    def __init__(self, napari_viewer: Viewer) -> None:
        super().__init__()
        self.workspace = Workspace.of(napari_viewer)
        self.controller = self.workspace.controller
        self.session = self.workspace.session
        self._followed: list[tuple[Any, Callable[..., Any]]] = []
        self.tab = Tab(self, self.workspace.viewer, self.NAME)
        self.setMinimumWidth(_WIDTH)
        self.area = QScrollArea()
        self.area.setWidgetResizable(True)
        self.area.setFrameShape(QScrollArea.Shape.NoFrame)
        self.area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self._body = body = QWidget()
        self.column = QVBoxLayout(body)
        self.column.setContentsMargins(6, 6, 6, 6)
        self.column.setSpacing(8)
        self.area.setWidget(body)
        self._guard = WheelGuard(self.area)
        self._ordering = QTimer(self)  # once the fields lie where they are shown
        self._ordering.setSingleShot(True)
        self._ordering.timeout.connect(partial(order_tabs, self))
        self.footer = Footer(self.workspace, self.follow, self.GUIDE)
        whole = QVBoxLayout(self)
        whole.setContentsMargins(0, 0, 0, 0)
        whole.setSpacing(0)
        whole.addWidget(self.area, 1)
        whole.addWidget(self.footer)
        # First of all that its destruction brings about: what Qt has destroyed must hear no more.
        self.destroyed.connect(partial(_stop_following, self._followed))
        self.workspace.join(self)

    def widget(self) -> QWidget:
        """Return the contents, which scroll."""
        return self._body

    def follow(self, signal: Any, slot: Callable[..., Any]) -> None:
        """Call ``slot`` on every emission of ``signal`` until the panel is closed."""
        signal.connect(slot)
        self._followed.append((signal, slot))

    def retire(self) -> None:
        """Disconnect and leave the workspace; the last panel to leave closes it."""
        close_all(partial(_stop_following, self._followed), partial(self.workspace.leave, self))

    def sizeHint(self) -> QSize:
        """Return the height of contents and footer, so that nothing need be scrolled."""
        heights = (self.widget().sizeHint().height(), self.footer.sizeHint().height())
        return QSize(_WIDTH, sum(heights))

    def showEvent(self, event: QShowEvent | None) -> None:
        """Come to the front when the dock is shown again."""
        super().showEvent(event)
        self._ordering.start()
        self.tab.shown()

    def hideEvent(self, event: QHideEvent | None) -> None:
        """Tell the tab that the dock was hidden."""
        super().hideEvent(event)
        self.tab.hidden()

    def event(self, event: QEvent | None) -> bool:
        """Follow the dock; call :meth:`retire` when napari takes the panel out: it was closed."""
        if event is not None and event.type() == QEvent.Type.ParentChange:
            dock = self.parent()
            if isinstance(dock, QDockWidget):
                self.tab.enter(dock)
                name_fields(self)
                for fold in self.findChildren(Fold):
                    fold.toggled.connect(lambda _: self._ordering.start())
            elif self.tab.dock is not None:
                leave = partial(Panel.retire, self)  # also when a part that retires before raises
                close_all(self.tab.leave, self.retire, leave, self.deleteLater)
        return super().event(event)


def _stop_following(followed: list[tuple[Any, Callable[..., Any]]]) -> None:
    """Disconnect what a panel follows, all of it whatever raises; nothing the second time."""
    steps = [partial(signal.disconnect, slot) for signal, slot in followed]
    followed.clear()
    close_all(*steps)
