"""A labels layer that is written in place and read back after the user's edits."""

from __future__ import annotations

from contextlib import nullcontext
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from qtpy.QtCore import QObject, QTimer

from napari_pixel_embedding._napari.layers.placement import Alignment
from napari_pixel_embedding._napari.layers.shortcuts import REDO, UNDO, Shortcuts
from napari_pixel_embedding.core.label_regions import free_ids

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager

    from napari.layers import Labels
    from numpy.typing import NDArray

    from napari_pixel_embedding.session import SessionController

_PAINTING = ("paint", "fill", "polygon")
"""Modes of a labels layer in which the selected label is written."""
_LAST_ID = 2**16 - 1
"""Above it a free id is looked for among the gaps, so that 16 bits hold it."""


@dataclass(frozen=True, eq=False)
class Shown:
    """What a labels layer shows.

    Parameters
    ----------
    labels : array, shape ([T,] [Z,] Y, X)
        As last shown, or as last recorded from the user's edits.
    buffer : array of the same shape and type
        The layer's array.
    alignment : Alignment
        How the buffer lies in the layer.
    """

    labels: NDArray[Any]
    buffer: NDArray[Any]
    alignment: Alignment

    def lies_in(self, layer: Labels) -> bool:
        """Whether writing into the buffer writes into the layer."""
        return isinstance(layer.data, np.ndarray) and np.may_share_memory(layer.data, self.buffer)

    def read(self, layer: Labels) -> NDArray[Any] | None:
        """Return a copy of the layer's pixels; None if its data now has another shape."""
        if self.lies_in(layer):
            return self.buffer.copy()
        data = np.asarray(layer.data)
        if data.shape != self.alignment.lay(self.buffer).shape:
            return None
        return self.alignment.lift(data).copy()


class LabelsEditor(QObject):
    """A labels layer that is written in place and read back after the user's edits.

    A brush stroke is recorded one turn of the event loop after napari reports it, because some
    reports come before the pixels are written; while the mouse button is down, nothing is written,
    so that new labels do not erase half a stroke. Writing clears the layer's own undo history,
    which would bring back pixels of earlier labels. On this layer, the undo and redo keys use the
    session's history instead, which covers strokes and tools.

    Parameters
    ----------
    layer : napari.layers.Labels
        Its array is replaced by the editor's.
    controller : SessionController
        Receives edits.
    quietly : callable, optional
        Returns a context manager around each update of pixels. Without it, napari redraws its layer
        list at every update.
    flat : callable, optional
        Whether the viewer shows a 2-D layer as it is: in two dimensions, with its axes in order.
    """

    def __init__(
        self,
        layer: Labels,
        controller: SessionController,
        quietly: Callable[[], AbstractContextManager[Any]] = nullcontext,
        flat: Callable[[], bool] = lambda: False,
    ) -> None:
        super().__init__()
        self._quietly = quietly
        self._flat = flat
        self.layer = layer
        self._controller = controller
        self._session = controller.session
        self._shown: Shown | None = None
        self._wanted: NDArray[Any] | None = None
        self._writing = self._in_stroke = self._touched = False
        self._later = QTimer(self)
        self._later.setSingleShot(True)
        self._later.timeout.connect(self._settle)
        layer.events.paint.connect(self._painted)
        layer.events.mode.connect(self._mode_changed)
        self._offered = 0
        layer.events.set_data.connect(self._data_set)
        layer.mouse_drag_callbacks.append(self._watch_stroke)
        self._keys = Shortcuts(layer, {UNDO: self.undo, REDO: self.redo})

    @property
    def shown(self) -> Shown | None:
        """What the layer shows; None if unknown."""
        return self._shown

    def adopt(self, shown: Shown | None, found: NDArray[Any] | None) -> None:
        """Take over a layer again: ``found`` is recorded already, later painting is not.

        Parameters
        ----------
        shown : Shown, optional
            What the layer showed when it was left.
        found : array, optional
            Its label image now.
        """
        if shown is not None and found is not None:
            self._shown = replace(shown, labels=found)
            self._touched = True  # its undo history is older than what will be shown

    def close(self) -> None:
        """Disconnect from the layer."""
        self._later.stop()
        self._keys.close()
        self.layer.events.paint.disconnect(self._painted)
        self.layer.events.mode.disconnect(self._mode_changed)
        self.layer.events.set_data.disconnect(self._data_set)
        if self._watch_stroke in self.layer.mouse_drag_callbacks:
            self.layer.mouse_drag_callbacks.remove(self._watch_stroke)

    def finish(self) -> None:
        """Record what the user changed so far, even in the middle of a stroke."""
        self._in_stroke = False
        self._settle()

    def show(self, labels: NDArray[Any]) -> None:
        """Show ``labels`` once the edits under way have been recorded."""
        self._wanted = labels
        if self._in_stroke:
            return
        if self._touched:
            self._settle()
        else:
            self._push(labels)

    def offer_free_id(self) -> None:
        """Give the brush an id that is not in use: a stroke is a new object, never a merge."""
        data = self.layer.data
        used = np.arange(int(data.max()) + 1) if data.max() < _LAST_ID else np.unique(data)
        self._offered = int(free_ids(used, 1)[0])
        self.layer.selected_label = self._offered

    def _mode_changed(self) -> None:
        """Renew the id that was offered before, when a tool that paints is taken."""
        if self.layer.mode in _PAINTING and self.layer.selected_label == self._offered:
            self.offer_free_id()

    def undo(self) -> None:
        """Undo the newest step of the session's history, including a stroke just made."""
        if not self._in_stroke:
            self._settle()
            self._controller.corrections.undo()

    def redo(self) -> None:
        """Redo the step that was undone last."""
        if not self._in_stroke:
            self._settle()
            self._controller.corrections.redo()

    # --------------------------------------------------------------------------- to napari

    def _push(self, labels: NDArray[Any]) -> None:
        self._writing = True
        try:
            self._shown = self._write(labels)
        finally:
            self._writing = False

    def _write(self, labels: NDArray[Any]) -> Shown:
        shown = self._shown
        if shown is None or not self._fits(shown, labels):
            shown = Shown(labels, labels.copy(), Alignment.of(self._session))
            self.layer.data = shown.alignment.lay(shown.buffer)
        elif self._touched and np.array_equal(shown.buffer, labels):
            return replace(shown, labels=labels)  # the undo history stays valid
        else:
            np.copyto(shown.buffer, labels)
            with self._quietly():
                self._redraw()
        self._drop_history()
        return replace(shown, labels=labels)

    def _redraw(self) -> None:
        """Show what was written into the layer's array.

        Where the array is all that the layer shows, and its texture too, the event of napari's own
        brush is enough: ``refresh`` would slice it again, and set transforms that are the same.
        """
        if self._flat() and _is_texture(self.layer):
            self.layer.events.labels_update(data=self.layer.data, offset=(0, 0))
        else:
            self.layer.refresh(thumbnail=False, highlight=False, extent=False)

    def _fits(self, shown: Shown, labels: NDArray[Any]) -> bool:
        same_kind = (shown.buffer.shape, shown.buffer.dtype) == (labels.shape, labels.dtype)
        aligned = shown.alignment == Alignment.of(self._session)
        return same_kind and aligned and shown.lies_in(self.layer)

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
        """Check the pixels when they may have changed: undo and redo emit only this event."""
        replaced = self._shown is not None and not self._shown.lies_in(self.layer)
        if not self._writing and (self._touched or replaced):
            self._touched = True
            self._later.start()

    def _settle(self) -> None:
        """Record what the user changed; if nothing, show the labels that wait."""
        self._later.stop()
        shown = self._shown
        if self._in_stroke or shown is None:
            return
        after = shown.read(self.layer)
        if after is not None and not np.array_equal(after, shown.labels):
            self._shown = replace(shown, labels=after)
            self._controller.corrections.record_edit(shown.labels, after)
        elif self._wanted is not None and self._wanted is not shown.labels:
            self._push(self._wanted)


def _is_texture(layer: Labels) -> bool:
    """Whether a layer's array is drawn as it is: whole, without contours, in at most 16 bits."""
    plain = layer.visible and layer.contour == 0 and layer.ndim == 2 and not layer.multiscale
    known = hasattr(layer.events, "labels_update")
    return bool(known and plain and layer.data.dtype in (np.uint8, np.uint16))
