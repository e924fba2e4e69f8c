"""One labels layer: written in place, and read back after every edit of the user."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from qtpy.QtCore import QObject, QTimer

from napari_pixel_embedding._napari.placement import Alignment

if TYPE_CHECKING:
    from collections.abc import Iterator

    from napari.layers import Labels
    from numpy.typing import NDArray

    from napari_pixel_embedding.session import SessionController


class LabelsEditor(QObject):
    """One labels layer: written in place, and read back after every edit of the user.

    A brush stroke is recorded one turn of the event loop after napari reports it, because some
    reports come before the pixels are written; while the mouse button is down, nothing is
    pushed, so that no new cut wipes out half a stroke. Writing drops the layer's undo history
    where the user had one: undoing would bring pixels of the labels before.

    Parameters
    ----------
    layer : napari.layers.Labels
        Its array is replaced by one of our own.
    controller : SessionController
        Told of edits.
    """

    def __init__(self, layer: Labels, controller: SessionController) -> None:
        super().__init__()
        self.layer = layer
        self._controller = controller
        self._session = controller.session
        self._alignment = Alignment.of(self._session)
        self._buffer: NDArray[Any] = np.zeros(0, np.uint16)
        self._shown: NDArray[Any] | None = None
        self._wanted: NDArray[Any] | None = None
        self._writing = self._in_stroke = self._touched = False
        self._later = QTimer(self)
        self._later.setSingleShot(True)
        self._later.timeout.connect(self._settle)
        layer.events.paint.connect(self._painted)
        layer.events.set_data.connect(self._data_set)
        layer.mouse_drag_callbacks.append(self._watch_stroke)

    def close(self) -> None:
        """Let the layer alone from now on."""
        self._later.stop()
        self.layer.events.paint.disconnect(self._painted)
        self.layer.events.set_data.disconnect(self._data_set)
        if self._watch_stroke in self.layer.mouse_drag_callbacks:
            self.layer.mouse_drag_callbacks.remove(self._watch_stroke)

    def show(self, labels: NDArray[Any]) -> None:
        """Show ``labels``, once the edits that are under way have been recorded."""
        self._wanted = labels
        if self._in_stroke:
            return
        if self._touched:
            self._settle()
        else:
            self._push(labels)

    # --------------------------------------------------------------------------- to napari

    def _push(self, labels: NDArray[Any]) -> None:
        self._writing = True
        try:
            self._write(labels)
        finally:
            self._writing = False
        self._shown = labels

    def _write(self, labels: NDArray[Any]) -> None:
        in_place = self._fits(labels)
        if in_place and self._touched and np.array_equal(self._buffer, labels):
            return  # the layer shows it already, and its undo history still holds
        if in_place:
            np.copyto(self._buffer, labels)
            self.layer.refresh(thumbnail=False, highlight=False, extent=False)
        else:
            self._alignment = Alignment.of(self._session)
            self._buffer = labels.copy()
            self.layer.data = self._alignment.lay(self._buffer)
        self._drop_history()

    def _fits(self, labels: NDArray[Any]) -> bool:
        return (
            self._shown is not None
            and self._alignment == Alignment.of(self._session)
            and (self._buffer.shape, self._buffer.dtype) == (labels.shape, labels.dtype)
            and _same_memory(self.layer.data, self._buffer)
        )

    def _drop_history(self) -> None:
        if not self._touched:
            return
        mode = self.layer.mode
        self.layer.editable = False  # the public way to empty the undo history
        self.layer.editable = True
        self.layer.mode = mode
        self._touched = False

    # ------------------------------------------------------------------------- from napari

    def _watch_stroke(self, layer: Labels, event: Any) -> Iterator[None]:
        self._in_stroke = True
        yield
        while event.type == "mouse_move":
            yield
        self._in_stroke = False
        self._later.start()

    def _painted(self, event: Any) -> None:
        self._touched = True
        self._later.start()

    def _data_set(self, event: Any) -> None:
        """Look at the pixels when they may have changed: undo and redo say nothing else."""
        replaced = self._shown is not None and not _same_memory(self.layer.data, self._buffer)
        if not self._writing and (self._touched or replaced):
            self._touched = True
            self._later.start()

    def _settle(self) -> None:
        """Record what the user changed; with nothing to record, show what waits."""
        self._later.stop()
        if self._in_stroke or self._shown is None:
            return
        before, after = self._shown, self._read()
        if after is not None and not np.array_equal(after, before):
            self._shown = after
            self._controller.record_edit(before, after)
        elif self._wanted is not None and self._wanted is not self._shown:
            self._push(self._wanted)

    def _read(self) -> NDArray[Any] | None:
        """Copy the layer's pixels, or nothing when someone gave it data of another shape."""
        if _same_memory(self.layer.data, self._buffer):
            return self._buffer.copy()
        data = np.asarray(self.layer.data)
        if data.shape != self._alignment.lay(self._buffer).shape:
            return None
        return self._alignment.lift(data).copy()


def _same_memory(data: Any, buffer: NDArray[Any]) -> bool:
    """Whether writing into ``buffer`` writes into a layer's ``data``."""
    return isinstance(data, np.ndarray) and np.may_share_memory(data, buffer)
