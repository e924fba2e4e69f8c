"""Icons of the Correct dock, drawn in the colours of napari's theme."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from napari.utils.theme import get_theme
from qtpy.QtCore import QByteArray, QSize, Qt
from qtpy.QtGui import QIcon, QPainter, QPixmap
from qtpy.QtSvg import QSvgRenderer
from qtpy.QtWidgets import QSizePolicy, QToolButton

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Any

_FOLDER = Path(__file__).parent / "svg"
_SIDE = 18
_RATIO = 3
"""Pixels of a drawn icon per pixel of an ordinary screen: sharp on dense ones too."""

_ON = "#ffffff"
"""Colour on a button that is checked, see :data:`_STYLE`."""

_STYLE = """
QToolButton { background-color: rgba(128, 128, 128, 70); border: 0; border-radius: 2px;
              padding: 3px 0; font-size: 8pt; }
QToolButton:hover { background-color: rgba(128, 128, 128, 130); }
QToolButton:pressed, QToolButton:checked { background-color: #2f6fd6; color: white; }
QToolButton:focus { border: 1px solid #2f6fd6; }
QToolButton:disabled { background-color: rgba(128, 128, 128, 30); color: rgba(128, 128, 128, 190); }
"""


def icon_button(
    title: str, key: str, clicked: Callable[[], Any], wide: bool = False
) -> QToolButton:
    """Make a button of an icon, a title and a key, without the icon yet.

    Parameters
    ----------
    title, key : str
    clicked : callable
    wide : bool
        Whether the icon is beside the text; by default it is above.
    """
    styles = Qt.ToolButtonStyle
    made = QToolButton()
    made.setText(f"{title} {key}")
    made.setAccessibleName(title)
    made.setIconSize(QSize(_SIDE, _SIDE))
    made.setToolButtonStyle(
        styles.ToolButtonTextBesideIcon if wide else styles.ToolButtonTextUnderIcon
    )
    made.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
    made.setFocusPolicy(Qt.FocusPolicy.TabFocus)
    made.setStyleSheet(_STYLE)
    made.clicked.connect(lambda: clicked())
    return made


def draw_icons(buttons: Mapping[str, QToolButton], theme: str) -> None:
    """Give each button the icon of its name, in the colours of a theme of napari's."""
    colors = get_theme(theme)
    usual, faint = colors.icon.as_hex(), colors.highlight.as_hex()
    for name, made in buttons.items():
        made.setIcon(_icon((_FOLDER / f"{name}.svg").read_text(), usual, faint))


def _icon(svg: str, usual: str, faint: str) -> QIcon:
    made = QIcon()
    for color, mode, state in (
        (usual, QIcon.Mode.Normal, QIcon.State.Off),
        (_ON, QIcon.Mode.Normal, QIcon.State.On),
        (faint, QIcon.Mode.Disabled, QIcon.State.Off),
    ):
        made.addPixmap(_drawn(svg.replace("currentColor", color)), mode, state)
    return made


def _drawn(svg: str) -> QPixmap:
    pixmap = QPixmap(_SIDE * _RATIO, _SIDE * _RATIO)
    pixmap.fill(Qt.GlobalColor.transparent)
    painter = QPainter(pixmap)
    QSvgRenderer(QByteArray(svg.encode())).render(painter)
    painter.end()
    pixmap.setDevicePixelRatio(_RATIO)
    return pixmap
