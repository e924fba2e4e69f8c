"""Moving the camera to an object."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from qtpy.QtCore import QEasingCurve, QObject, QVariantAnimation

if TYPE_CHECKING:
    from napari import Viewer
    from napari.layers import Labels
    from numpy.typing import NDArray

    from napari_pixel_embedding._napari.layers.placement import Alignment

_FLIGHT_MS = 250
_SHARE = 5
"""Side of the view, in sides of the object."""

_NEAREST = 8
"""Largest zoom, in canvas pixels per image pixel."""

_USUAL_CANVAS = 600.0


class Flight(QObject):
    """Moves the camera smoothly.

    Parameters
    ----------
    viewer : napari.Viewer
    parent : QObject
        Qt parent.
    """

    def __init__(self, viewer: Viewer, parent: QObject) -> None:
        super().__init__(parent)
        self._viewer = viewer
        self._from = self._to = np.zeros(4)
        self._animation = QVariantAnimation(self)
        self._animation.setDuration(_FLIGHT_MS)
        self._animation.setStartValue(0.0)
        self._animation.setEndValue(1.0)
        self._animation.setEasingCurve(QEasingCurve.Type.InOutQuad)
        self._animation.valueChanged.connect(self._move)

    def start(self, center: tuple[float, ...], zoom: float) -> None:
        """Move the camera smoothly to a center and zoom."""
        self._animation.stop()
        camera = _camera(self._viewer)
        self._from = np.array([*_three(camera.center), np.log(camera.zoom)])
        self._to = np.array([*center, np.log(zoom)])
        self._animation.start()

    def to_box(
        self, layer: Labels, alignment: Alignment, frame: int | None, box: NDArray[np.int64]
    ) -> None:
        """Centre the view on an object, at a zoom suited to judging it.

        Parameters
        ----------
        layer : napari.layers.Labels
            The object is in it.
        alignment : Alignment
            How label images lie in the layer.
        frame : int, optional
            Where label images have frames.
        box : array of int, shape (2, D)
            First pixel of the object, and one past the last, along ([Z,] Y, X).
        """
        before = () if frame is None else (frame,)
        low, high = ((*before, *end.tolist()) for end in box)
        middle = (np.array(low) + np.maximum(np.array(high) - 1, low)) / 2
        laid = np.asarray(alignment.lay_index(middle.tolist()), float)
        world = np.asarray(layer.data_to_world(laid))
        missing = self._viewer.dims.ndim - len(world)
        shown = [axis - missing for axis in self._viewer.dims.displayed if axis >= missing]
        for axis in set(range(len(world))) - set(shown):
            self._viewer.dims.set_point(axis + missing, world[axis])
        # World vectors of one pixel along Y and X: the layer may be turned, sheared and scaled.
        pixel = np.array(
            [layer.data_to_world(laid + one) - world for one in np.eye(len(laid))[-2:]]
        )
        extent = float((np.diff(box, axis=0)[0][-2:] @ np.abs(pixel))[-2:].max())
        nearest = _NEAREST / float(np.linalg.norm(pixel, axis=1).min())
        zoom = min(_canvas(self._viewer) / (_SHARE * extent), nearest)
        center = tuple(world[axis] for axis in shown)
        self.start((0.0,) * (3 - len(center)) + center, zoom)

    def stop(self) -> None:
        """Stop moving."""
        self._animation.stop()

    def _move(self, share: float) -> None:
        camera = _camera(self._viewer)
        now = self._from + share * (self._to - self._from)
        camera.center, camera.zoom = tuple(now[:3]), float(np.exp(now[3]))


def _camera(viewer: Viewer) -> Any:
    """Return the camera, which newer versions of napari keep in a scene."""
    return getattr(viewer, "scene", viewer).camera


def _canvas(viewer: Viewer) -> float:
    """Return the shorter side of the canvas, in pixels; a default where napari does not tell it."""
    canvas = getattr(viewer, "canvas", None)
    return float(min(canvas.size)) if canvas is not None else _USUAL_CANVAS


def _three(center: tuple[float, ...]) -> tuple[float, ...]:
    return (0.0,) * (3 - len(center)) + tuple(center)
