"""Outline of the object that was clicked last."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from qtpy.QtCore import QObject, QTimer

from napari_pixel_embedding._napari.layers.overlay import Overlay
from napari_pixel_embedding.core.label_regions import bounding_box, outline

if TYPE_CHECKING:
    from napari import Viewer

    from napari_pixel_embedding._napari.layers.image_follower import ImageFollower
    from napari_pixel_embedding.session import Session

_SETTLE_MS = 150
"""Once a slider rests, the outline follows what has become of the object."""


class ChosenOutline(QObject):
    """Outlines the object under the pixel that was clicked last.

    Parameters
    ----------
    viewer : napari.Viewer
    session : Session
        Observed.
    follower : ImageFollower
        Keeps the layer on the image.
    """

    def __init__(self, viewer: Viewer, session: Session, follower: ImageFollower) -> None:
        super().__init__()
        self._session = session
        self._point: tuple[int, ...] | None = None
        self._place: tuple[int, tuple[slice, ...]] | None = None
        self._later = QTimer(self)
        self._later.setSingleShot(True)
        self._later.setInterval(_SETTLE_MS)
        self._later.timeout.connect(self._draw)
        self.overlay = Overlay(
            viewer,
            session,
            follower,
            "chosen",
            0,
            np.uint8,
            colormap={"colors": [[1, 0.85, 0, 0], [1, 0.85, 0, 1]], "name": "chosen"},
            blending="translucent_no_depth",
            contrast_limits=(0, 1),
        )
        session.events.labels.connect(self._labels_changed)

    def choose(self, point: tuple[int, ...] | None) -> None:
        """Outline the object at a pixel ([t,] [z,] y, x) of the labels; None outlines nothing."""
        self._point = point
        self._draw()

    def close(self) -> None:
        """Disconnect and remove the outline."""
        self._session.events.labels.disconnect(self._labels_changed)
        self._remove()

    def _labels_changed(self, *_: Any) -> None:
        if self._point is not None:
            self._later.start()

    def _remove(self) -> None:
        self._later.stop()
        self._place = None
        self.overlay.remove()

    def _draw(self) -> None:
        labels: Any = self._session.labels
        point, frames = self._point, self._session.has_frames
        if labels is None or point is None or not _within(point, labels.shape):
            self._remove()
            return
        id = labels[point]
        if id == 0:
            self._remove()
            return
        frame, part = (point[0], labels[point[0]]) if frames else (0, labels)
        self._show(frame, part == id)

    def _show(self, frame: int, inside: Any) -> None:
        region = tuple(
            slice(max(side.start - 1, 0), side.stop + 1) for side in bounding_box(inside)
        )
        if self._place is not None:
            self.overlay.show(*self._place, np.zeros(1, np.uint8))
        self._place = (frame, region)
        self.overlay.show(frame, region, outline(inside[region], 1).astype(np.uint8))


def _within(point: tuple[int, ...], shape: tuple[int, ...]) -> bool:
    return len(point) == len(shape) and all(
        0 <= n < size for n, size in zip(point, shape, strict=True)
    )
