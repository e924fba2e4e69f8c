"""Keyboard shortcuts of the tools, bound on one labels layer, never on the viewer."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from napari.layers import Layer

UNDO, REDO = "Control-Z", "Control-Shift-Z"
ESCAPE = "Escape"
KEYS = {
    "merge": "J",
    "split": "S",
    "add": "A",
    "delete": "D",
    "fill": "H",
    "smooth": "R",
    "accept": "K",
    "unlock": "U",
    "compare": "C",
    "next": "N",
    "skip": "Q",
}
"""Letters that neither napari's viewer nor its labels layers use: join, holes, round, keep."""


def key_text(key: str) -> str:
    """Return a key as display text: "Ctrl+Z"; on a Mac, "⌘Z".

    Examples
    --------
    >>> key_text("J")
    'J'
    """
    if sys.platform == "darwin":
        return key.replace("Control-", "⌘").replace("Shift-", "⇧")
    return key.replace("Control-", "Ctrl+").replace("Shift-", "Shift+")


class Shortcuts:
    """Key bindings on one layer; closing restores those of the layer's class.

    Parameters
    ----------
    layer : napari.layers.Layer
    actions : mapping of str to callable
        What each key does; called without arguments.
    """

    def __init__(self, layer: Layer, actions: Mapping[str, Callable[[], Any]]) -> None:
        self._layer = layer
        self._keys = tuple(actions)
        for key, action in actions.items():
            layer.bind_key(key, _ignoring_the_layer(action), overwrite=True)

    def close(self) -> None:
        """Remove the key bindings."""
        for key in self._keys:
            self._layer.bind_key(key, None)


def _ignoring_the_layer(action: Callable[[], Any]) -> Callable[[Any], None]:
    def run(layer: Any) -> None:
        action()

    return run
