"""Outlines of the corrected objects."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from qtpy.QtCore import QObject, QTimer, Signal  # type: ignore[attr-defined]

from napari_pixel_embedding._napari.layers.overlay import Overlay
from napari_pixel_embedding._napari.layers.pointer import Pointer
from napari_pixel_embedding.core.label_regions import inner_outlines
from napari_pixel_embedding.session.jobs import JobQueue, without_report

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_pixel_embedding._napari.workspace import Workspace

_SETTLE_MS = 100
"""Strokes and edits that follow each other sooner are drawn together."""


class CorrectedOutlines(QObject):
    """Outlines every corrected object of the frame in view.

    Corrections do not depend on the sliders, so moving one costs nothing. Outlines are computed in
    the background.

    Parameters
    ----------
    workspace : Workspace
        Of the viewer.

    Attributes
    ----------
    removed : Signal
        The user deleted the layer, which switches the outlines off.
    """

    removed = Signal()

    def __init__(self, workspace: Workspace) -> None:
        super().__init__()
        self._viewer = workspace.viewer
        self._session = workspace.session
        self._follower = workspace.layers.follower
        self._queue = JobQueue(workspace.executor, "newest waits")
        self._shown = True
        self._removing = False
        self._frame = 0
        self._later = QTimer(self)
        self._later.setSingleShot(True)
        self._later.setInterval(_SETTLE_MS)
        self._later.timeout.connect(self._compute)
        self.overlay = Overlay(
            self._viewer,
            self._session,
            self._follower,
            "corrected",
            0,
            np.uint8,
            colormap={"colors": [[1, 1, 1, 0], [1, 1, 1, 1]], "name": "corrected"},
            blending="translucent_no_depth",
            contrast_limits=(0, 1),
        )
        for signal, slot in self._signals():
            signal.connect(slot)
        self._later.start()

    def _signals(self) -> list[tuple[Any, Any]]:
        events = self._session.events
        return [
            (events.corrections, self._changed),
            (events.embedding_maps, self._begin),
            (events.image, self._begin),
            (self._viewer.dims.events.current_step, self._follow_frame),
            (self._viewer.layers.events.removed, self._layer_removed),
        ]

    def close(self) -> None:
        """Disconnect and remove the outlines."""
        for signal, slot in self._signals():
            signal.disconnect(slot)
        self._stop()

    def show(self, shown: bool) -> None:
        """Switch the outlines on or off."""
        self._shown = shown
        if shown:
            self._later.start()
        else:
            self._stop()

    def _stop(self) -> None:
        self._later.stop()
        self._queue.cancel()
        self._remove()

    def _remove(self) -> None:
        self._removing = True
        self.overlay.remove()
        self._removing = False

    def _begin(self, *_: Any) -> None:
        """Remove outlines that lie elsewhere, or belong to another image."""
        self._queue.cancel()
        self._remove()
        self._changed()

    def _changed(self, *_: Any) -> None:
        if self._shown:
            self._later.start()

    def _follow_frame(self, *_: Any) -> None:
        if self._session.has_frames and self._frame_in_view() != self._frame:
            self._changed()

    def _layer_removed(self, event: Any) -> None:
        if event.value is self.overlay.layer and not self._removing:
            self.removed.emit()

    def _frame_in_view(self) -> int:
        pointer = Pointer.of(self._follower, self._session)
        return 0 if pointer is None else pointer.view(self._viewer.dims)[0]

    def _compute(self) -> None:
        corrections = self._session.corrections
        if corrections is None or corrections.shape != self._session.labels_shape:
            self._queue.cancel()
            self._remove()
            return
        self._frame = frame = self._frame_in_view() if self._session.has_frames else 0
        part = corrections[frame] if self._session.has_frames else corrections
        self._queue.start(
            without_report(_outlines, corrections, frame, part),
            done=self._take,
            failed=lambda error: self._remove(),
        )

    def _take(self, found: tuple[Any, int, NDArray[np.uint8]]) -> None:
        corrections, frame, values = found
        if corrections is not self._session.corrections or not self._shown:
            return  # newer ones are computed already
        if values.any():
            self.overlay.show(frame, (slice(None),) * values.ndim, values)
        else:
            self._remove()


def _outlines(
    corrections: NDArray[Any], frame: int, part: NDArray[Any]
) -> tuple[NDArray[Any], int, NDArray[np.uint8]]:
    return corrections, frame, inner_outlines(part).view(np.uint8)
