"""What a viewer shows of an image layer."""

from __future__ import annotations

from itertools import product
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from napari import Viewer
    from napari.layers import Image, Labels
    from numpy.typing import NDArray

    from napari_pixel_embedding.core.blockwise.roi import Viewport

_SHARE = 0.95
"""Of the canvas, that boxes fill which are brought into view."""


def view_of(viewer: Viewer, layer: Image | Labels) -> Viewport:
    """Return the first and last position in view along each axis of a layer, in its finest pixels.

    All transforms between layer and world are applied: for a rotated layer, the result is the
    bounding rectangle of the visible part. In a 3-D view, displayed axes count as visible whole.

    Parameters
    ----------
    viewer : napari.Viewer
    layer : napari.layers.Image or Labels
    """
    corners = np.array([layer.world_to_data(at) for at in _corners(viewer)])
    low, high = corners.min(axis=0), corners.max(axis=0)
    displayed = {axis - viewer.dims.ndim + layer.ndim for axis in viewer.dims.displayed}
    shape = (layer.data[0] if layer.multiscale else layer.data).shape
    view = []
    for axis in range(layer.ndim):
        if axis not in displayed:
            at = float(np.round(low[axis]))
            view.append((at, at + 1))
        elif viewer.dims.ndisplay == 3:
            view.append((0.0, float(shape[axis])))
        else:
            view.append((float(low[axis]) + 0.5, float(high[axis]) + 0.5))
    return tuple(view)


class SavedCamera:
    """Centre and zoom of a viewer's camera, to go back to.

    Parameters
    ----------
    viewer : napari.Viewer
    """

    def __init__(self, viewer: Viewer) -> None:
        self._viewer = viewer
        camera = _camera(viewer)
        self._center, self._zoom = tuple(camera.center), float(camera.zoom)
        self._point = viewer.dims.point

    def restore(self) -> None:
        """Move camera and sliders back."""
        camera = _camera(self._viewer)
        camera.center, camera.zoom = self._center, self._zoom
        for axis, value in enumerate(self._point[: self._viewer.dims.ndim]):
            self._viewer.dims.set_point(axis, value)


def show_boxes(viewer: Viewer, layers: Sequence[Image | Labels], boxes: Sequence[Viewport]) -> None:
    """Move the camera so that a box of each layer is in view, along the last two displayed axes.

    Parameters
    ----------
    viewer : napari.Viewer
    layers : sequence of napari.layers.Image or Labels
    boxes : sequence of Viewport
        First and last position along each axis of each layer, in its pixels.
    """
    corners = [
        np.asarray(layer.data_to_world(corner))[-viewer.dims.ndim :]
        for layer, box in zip(layers, boxes, strict=True)
        for corner in product(*box)
    ]
    axes = [axis - viewer.dims.ndim for axis in viewer.dims.displayed][-2:]
    points = np.array([corner[axes] for corner in corners])
    low, high = points.min(axis=0), points.max(axis=0)
    camera = _camera(viewer)
    camera.center = (*camera.center[:-2], *((low + high) / 2).tolist())
    size = np.array(_canvas_size(viewer), float)
    camera.zoom = float((_SHARE * size / np.maximum(high - low, 1e-9)).min())


def _corners(viewer: Viewer) -> Iterator[NDArray[np.float64]]:
    """Yield the positions in the world of the canvas's corners."""
    point = np.array(viewer.dims.point, float)
    axes = list(viewer.dims.displayed)[-2:]
    camera = _camera(viewer)
    middle = np.array(camera.center[-2:], float)
    half = np.array(_canvas_size(viewer), float) / camera.zoom / 2
    for signs in product((-1, 1), repeat=2):
        point[axes] = middle + half * signs
        yield point.copy()


def _camera(viewer: Any) -> Any:
    """Return the camera; its place depends on napari's version."""
    return getattr(viewer, "scene", viewer).camera


def _canvas_size(viewer: Any) -> tuple[int, int]:
    """Return height and width of the canvas, which older versions of napari keep private."""
    canvas = getattr(viewer, "canvas", None)
    size: tuple[int, int] = viewer._canvas_size if canvas is None else canvas.size
    return size
