"""Clicks and wheel turns on the objects of a labels layer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from qtpy.QtCore import QObject, Signal  # type: ignore[attr-defined]

if TYPE_CHECKING:
    from collections.abc import Iterator

    from napari.layers import Labels

    from napari_pixel_embedding._napari.layers.placement import Alignment

MODIFIER = "Shift"
"""Key held with the wheel; napari uses Control for dimensions, Alt for layers, none to zoom."""

_PICKING = ("pan_zoom", "pick")


class ObjectPicker(QObject):
    """Reports the pixel of a labels layer on which the mouse was clicked or the wheel turned.

    Only callbacks of the layer are used: they are called while it is active, and the viewer's own
    bindings stay unchanged.

    Parameters
    ----------
    layer : napari.layers.Labels
        The layer.
    alignment : Alignment
        How label images lie in it.

    Attributes
    ----------
    clicked : Signal of tuple
        Index ([t,] [z,] y, x) of a pixel that was clicked without dragging or painting.
    turned : Signal of (tuple, str)
        Index of the pixel under the cursor, and "finer" or "coarser", for every notch of the
        wheel with the Shift key: up merges, down splits.
    """

    clicked = Signal(object)
    turned = Signal(object, str)

    def __init__(self, layer: Labels, alignment: Alignment) -> None:
        super().__init__()
        self._layer = layer
        self._alignment = alignment
        self._turn = 0.0
        layer.mouse_drag_callbacks.append(self._pressed)
        layer.mouse_wheel_callbacks.append(self._wheeled)

    def close(self) -> None:
        """Disconnect from the layer."""
        for callbacks, ours in (
            (self._layer.mouse_drag_callbacks, self._pressed),
            (self._layer.mouse_wheel_callbacks, self._wheeled),
        ):
            if ours in callbacks:
                callbacks.remove(ours)

    def _pressed(self, layer: Labels, event: Any) -> Iterator[None]:
        if layer.mode not in _PICKING or event.button != 1:
            return
        yield
        if event.type == "mouse_move":
            return
        point = pixel_at(layer, event)
        if point is not None:
            self.clicked.emit(self._alignment.lift_index(point))

    def _wheeled(self, layer: Labels, event: Any) -> None:
        if tuple(event.modifiers) != (MODIFIER,) or event.handled:
            return
        event.handled = True
        self._turn += float(np.clip(np.sum(event.delta), -1, 1))  # Shift may swap the axes
        if abs(self._turn) < 1:
            return  # a touchpad reports fractions of a notch
        direction, self._turn = "coarser" if self._turn > 0 else "finer", 0.0
        point = pixel_at(layer, event)
        if point is not None:
            self.turned.emit(self._alignment.lift_index(point), direction)


def pixel_at(layer: Labels, event: Any) -> tuple[int, ...] | None:
    """Find the pixel under the cursor; in a 3-D view, the first of an object along the ray.

    Parameters
    ----------
    layer : napari.layers.Labels
        Where to look.
    event : object
        A mouse event of napari's: ``position``, ``view_direction`` and ``dims_displayed``.

    Returns
    -------
    tuple of int or None
        Index into the layer's data; None outside it.
    """
    shape = layer.data.shape
    if len(event.dims_displayed) < 3 or layer.ndim < 3:
        index = np.round(layer.world_to_data(event.position)).astype(int)
        inside = bool(np.all((index >= 0) & (index < shape)))
        return tuple(index.tolist()) if inside else None
    missing = len(event.position) - layer.ndim
    start, end = layer.get_ray_intersections(
        np.asarray(event.position)[missing:],
        np.asarray(event.view_direction)[missing:],
        [axis - missing for axis in event.dims_displayed],
    )
    if start is None or end is None:
        return None
    steps = 2 * int(np.abs(end - start).max()) + 2
    ray = np.clip(np.round(np.linspace(start, end, steps)).astype(int), 0, np.subtract(shape, 1))
    hits = np.flatnonzero(layer.data[tuple(ray.T)])
    return tuple(ray[hits[0]].tolist()) if hits.size else None
