"""Colours of plots, taken from napari's theme."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from napari.utils.theme import get_theme

if TYPE_CHECKING:
    from napari_pixel_embedding._napari.widgets.panel import Panel

Color = tuple[int, int, int]
_LABEL = "8pt"


@dataclass(frozen=True)
class PlotColors:
    """Colours of a theme: of the surface, of text and axes, and whether the theme is light.

    Parameters
    ----------
    background, text : tuple of int
        Red, green and blue, 0 to 255.
    light : bool
    """

    background: Color
    text: Color
    light: bool

    @classmethod
    def of(cls, theme: str) -> PlotColors:
        """Return the colours of one of napari's themes by its name."""
        found = get_theme(theme)
        background, text = (_rgb(color) for color in (found.background, found.text))
        return cls(background, text, found.type == "light")

    def pick(self, on_dark: Any, on_light: Any) -> Any:
        """Return the one of two colours that is seen on the background."""
        return on_light if self.light else on_dark

    def paint(self, plot: Any) -> None:
        """Colour a plot's surface, axes and axis titles."""
        plot.setBackground(self.background)
        for side in ("left", "bottom"):
            axis = plot.getAxis(side)
            axis.setPen(self.text)
            axis.setTextPen(self.text)


class Plot(Protocol):
    """A plot that can be coloured."""

    def show_colors(self, colors: PlotColors) -> None:
        """Draw with other colours."""


def follow_theme(panel: Panel, plot: Plot) -> None:
    """Colour a plot as napari's theme is, until its panel is closed."""
    viewer = panel.workspace.viewer

    def show(*_: Any) -> None:
        plot.show_colors(PlotColors.of(viewer.theme))

    panel.follow(viewer.events.theme, show)
    show()


def title_axes(plot: Any, bottom: str, left: str) -> None:
    """Write titles at a plot's axes, in the colour of their numbers."""
    for side, title in (("bottom", bottom), ("left", left)):
        axis = plot.getAxis(side)
        axis.enableAutoSIPrefix(False)
        color = axis.textPen().color().name()  # a new title would have Qt's own
        plot.setLabel(side, title, **{"font-size": _LABEL, "color": color})


def _rgb(color: Any) -> Color:
    red, green, blue = color.as_rgb_tuple(alpha=False)
    return red, green, blue
