"""Review in the viewer: camera, outline of the current object, states as layer features."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from qtpy.QtCore import QEasingCurve, QObject, QVariantAnimation
from superqt.utils import qdebounced

from napari_pixel_embedding._napari.layers.overlay import Overlay
from napari_pixel_embedding._napari.layers.placement import Alignment
from napari_pixel_embedding._napari.layers.pointer import Pointer
from napari_pixel_embedding.core.label_regions import outline

if TYPE_CHECKING:
    from napari import Viewer
    from napari.layers import Labels
    from numpy.typing import NDArray

    from napari_pixel_embedding._napari.workspace import Workspace
    from napari_pixel_embedding.session.correct.review import Review, Target

_FLIGHT_MS = 250
_SETTLE_MS = 150
_SHARE = 5
"""Side of the view, in sides of the object."""

_NEAREST = 8
"""Largest zoom, in canvas pixels per image pixel."""

_MARGIN = 3
_USUAL_CANVAS = 600.0


class ReviewLayer(QObject):
    """Shows a review's current object in the viewer.

    Parameters
    ----------
    workspace : Workspace
        Of the viewer.
    review : Review
        Observed.
    """

    def __init__(self, workspace: Workspace, review: Review) -> None:
        super().__init__()
        self._workspace = workspace
        self._viewer = workspace.viewer
        self._session = workspace.session
        self._review = review
        self._flight = _Flight(self._viewer, self)
        self._place: tuple[int, tuple[slice, ...]] | None = None
        self._at: tuple[int, int] | None = None
        self._settle = qdebounced(self._settled, timeout=_SETTLE_MS, parent=self)
        self.overlay = Overlay(
            self._viewer,
            self._session,
            workspace.layers.follower,
            "review",
            0,
            np.uint8,
            colormap="green",
            blending="additive",
            contrast_limits=(0, 1),
        )
        for signal, slot in self._signals():
            signal.connect(slot)

    def _signals(self) -> list[tuple[Any, Any]]:
        events = self._review.state.events
        return [
            (events.current, self._follow_current),
            (events.targets, self._settle),
            (events.skipped, self._settle),
            (self._viewer.dims.events.point, self._settle),
        ]

    def close(self) -> None:
        """Disconnect and remove the outline; features stay."""
        for signal, slot in self._signals():
            signal.disconnect(slot)
        self._settle.cancel()
        self._flight.stop()
        self.overlay.remove()

    # ---------------------------------------------------------------------------- the object

    def _follow_current(self, target: Target | None) -> None:
        layer = self._workspace.layers.labels_layer
        if target is None or layer is None or self._session.labels is None:
            self._place = self._at = None
            self.overlay.remove()
            return
        if target.key != self._at:  # else it is the same one after a tick of a slider
            self._at = target.key
            self._outline(target)
            layer.selected_label = target.key[1]
            self._fly(layer, target)

    def _outline(self, target: Target) -> None:
        frame, id = target.key
        labels: Any = self._session.labels
        labels = labels[frame] if self._session.has_frames else labels
        region = tuple(
            slice(max(int(a) - _MARGIN, 0), min(int(b) + _MARGIN, size))
            for a, b, size in zip(*target.box, labels.shape, strict=True)
        )
        if self._place is not None:
            self.overlay.show(*self._place, np.zeros(1, np.uint8))
        self._place = (frame, region)
        self.overlay.show(frame, region, outline(labels[region] == id, 1).astype(np.uint8))

    def _fly(self, layer: Labels, target: Target) -> None:
        """Centre the view on the object, at a zoom suited to judging it."""
        frame = (target.key[0],) if self._session.has_frames else ()
        low, high = ((*frame, *end.tolist()) for end in target.box)
        middle = (np.array(low) + np.maximum(np.array(high) - 1, low)) / 2
        laid = self._laid(layer, middle)
        world = np.asarray(layer.data_to_world(laid))
        before = self._viewer.dims.ndim - len(world)
        shown = [axis - before for axis in self._viewer.dims.displayed if axis >= before]
        for axis in set(range(len(world))) - set(shown):
            self._viewer.dims.set_point(axis + before, world[axis])
        # World vectors of one pixel along Y and X: the layer may be turned, sheared and scaled.
        pixel = np.array(
            [layer.data_to_world(laid + one) - world for one in np.eye(len(laid))[-2:]]
        )
        extent = float((np.diff(target.box, axis=0)[0][-2:] @ np.abs(pixel))[-2:].max())
        nearest = _NEAREST / float(np.linalg.norm(pixel, axis=1).min())
        zoom = min(_canvas(self._viewer) / (_SHARE * extent), nearest)
        center = tuple(world[axis] for axis in shown)
        self._flight.start((0.0,) * (3 - len(center)) + center, zoom)

    def _laid(self, layer: Labels, index: NDArray[np.float64]) -> NDArray[np.float64]:
        """Convert an index into label images to one into the layer."""
        return np.asarray(Alignment.of(self._session).lay_index(index.tolist()), float)

    # ------------------------------------------------------------------------------ features

    def _settled(self, *_: Any) -> None:
        """Update once sliders and frames have stopped changing."""
        current = self._review.state.current
        if current is not None and self._session.labels is not None:
            self._outline(current)
        self._write_features()

    def _write_features(self) -> None:
        """Write each object's review state into the layer's features."""
        layer, state = self._workspace.layers.labels_layer, self._review.state
        if layer is None or not state.targets:
            return
        frames = self._session.has_frames
        pointer = Pointer.of(self._workspace.layers.follower, self._session)
        in_view = 0 if pointer is None else pointer.view(self._viewer.dims)[0]
        # Ids belong to a frame. Of equal ones the status bar shows the last: the frame in view.
        rows = sorted(state.targets, key=lambda t: (t.key[0] == in_view, t.key))
        table: dict[str, Any] = {
            "index": [t.key[1] for t in rows],
            "review": [state.state_of(t) for t in rows],
            "doubt": [round(t.score, 3) for t in rows],
            "reason": [t.reason for t in rows],
        }
        if frames:
            table["frame"] = [t.key[0] for t in rows]
        layer.features = table


class _Flight(QObject):
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
