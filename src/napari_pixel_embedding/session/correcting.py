"""Corrections: recorded, taken back, saved and loaded."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_pixel_embedding.session import pipeline

if TYPE_CHECKING:
    import os
    from collections.abc import Callable

    from numpy.typing import NDArray

    from napari_pixel_embedding.session.engine import Engine
    from napari_pixel_embedding.session.messages import Messages
    from napari_pixel_embedding.session.state import Earlier, Session

_UNDOABLE = 4
"""Strokes whose undoing unlocks what they locked; each holds two images in memory."""


@dataclass(frozen=True, eq=False)
class _Stroke:
    """Labels and corrections as they were before a stroke."""

    labels: NDArray[Any]
    corrections: NDArray[Any] | None


class Correcting:
    """The part of the controller that keeps the user's corrections.

    Parameters
    ----------
    session, engine, messages
        Those of the controller.
    changed : callable
        Called when the corrections are others: labels have to follow.
    """

    def __init__(
        self, session: Session, engine: Engine, messages: Messages, changed: Callable[[], None]
    ) -> None:
        self._session = session
        self._engine = engine
        self._messages = messages
        self._changed = changed
        self._strokes: deque[_Stroke] = deque(maxlen=_UNDOABLE)

    def set(self, corrections: NDArray[Any] | None) -> None:
        """Replace all corrections; the strokes so far cannot be taken back any more."""
        self._strokes.clear()
        self._take(corrections)

    def _take(self, corrections: NDArray[Any] | None) -> None:
        self._session.corrections = corrections
        self._changed()

    def record_edit(self, before: NDArray[Any], after: NDArray[Any]) -> None:
        """Take what the user painted as corrections, or take back what was just undone."""
        if self._strokes and np.array_equal(self._strokes[-1].labels, after):
            self._take(self._strokes.pop().corrections)
            return
        corrections = self._session.corrections
        recorded = self._recorded(corrections, before, after)
        if recorded is not None:
            self._strokes.append(_Stroke(before, corrections))
            self._take(recorded)

    def _recorded(
        self, corrections: NDArray[Any] | None, before: NDArray[Any], after: NDArray[Any]
    ) -> NDArray[Any] | None:
        frames = self._session.has_frames
        try:
            return pipeline.record_edit(self._engine, corrections, before, after, frames)
        except ValueError as error:
            self._messages.fail("recording the edit", error)
            return None

    def take_up(self, earlier: Earlier) -> None:
        """Go on with corrections from earlier, and with what was painted since."""
        self.set(earlier.corrections)
        shown, found = earlier.shown, earlier.found
        if shown is None or found is None or np.array_equal(shown, found):
            return
        recorded = self._recorded(earlier.corrections, shown, found)
        if recorded is not None:
            self._take(recorded)

    def load(self, path: str | os.PathLike[str]) -> None:
        """Read corrections of this image from a file, or say why that cannot be."""
        if not self._session.embedding_maps:
            self._messages.refuse("Corrections belong to a result, found none: press Run first.")
            return
        try:
            corrections = self._engine.load_corrections(path)
        except Exception as error:
            self._messages.fail("loading corrections", error)
            return
        shape = self._session.labels_shape
        if corrections.shape != shape:
            self._messages.refuse(
                f"The corrections in {path} are for an image of shape {corrections.shape}, "
                f"found {shape}. Choose the file that belongs to this image."
            )
            return
        self._session.status = f"Loaded corrections from {path}."
        self.set(corrections)

    def keep_fitting(self) -> None:
        """Leave out corrections of another shape than the present labels, and say so."""
        session = self._session
        corrections, shape = session.corrections, session.labels_shape
        if corrections is not None and corrections.shape != shape:
            self._strokes.clear()
            session.corrections = None
            self._messages.refuse(
                f"The corrections have the shape {corrections.shape}, the image with axes "
                f"{session.axes} has {shape}: they were left out. "
                "Choose the former axes and run again to go on with them."
            )
