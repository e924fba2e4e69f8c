"""Review in the viewer: camera, outline of the current object, states as layer features."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from qtpy.QtCore import QObject
from superqt.utils import qdebounced

from napari_pixel_embedding._napari.features import put_features
from napari_pixel_embedding._napari.flight import Flight
from napari_pixel_embedding._napari.layers.overlay import Overlay
from napari_pixel_embedding._napari.layers.placement import Alignment
from napari_pixel_embedding._napari.layers.pointer import Pointer
from napari_pixel_embedding.core.label_regions import outline

if TYPE_CHECKING:
    from napari.layers import Labels

    from napari_pixel_embedding._napari.workspace import Workspace
    from napari_pixel_embedding.session.correct.review import Review, Target

_SETTLE_MS = 150
_MARGIN = 3


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
        self._flight = Flight(self._viewer, self)
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
        frame = target.key[0] if self._session.has_frames else None
        self._flight.to_box(layer, Alignment.of(self._session), frame, target.box)

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
        put_features(layer, table)
