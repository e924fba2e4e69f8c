"""Manual corrections: recording, undo, saving and loading."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_pixel_embedding.core.inference.layout import rows_last
from napari_pixel_embedding.core.io.binary_masks import UnseparatedObjects
from napari_pixel_embedding.session.correct.record import erased_objects, record_edit
from napari_pixel_embedding.session.state.history import none_if_empty

if TYPE_CHECKING:
    import os
    from collections.abc import Callable

    from numpy.typing import NDArray

    from napari_pixel_embedding.session.engine import Engine
    from napari_pixel_embedding.session.large_image.mosaic import MosaicFiller
    from napari_pixel_embedding.session.messages import Messages
    from napari_pixel_embedding.session.state.history import (
        Accepted,
        BandwidthsByFrame,
        Deleted,
        Step,
    )
    from napari_pixel_embedding.session.state.results import PreviousAnnotations
    from napari_pixel_embedding.session.state.session import Session
    from napari_pixel_embedding.session.undo import Undo

_REMEMBERED = 4
"""Latest strokes that napari's own undo can revert; each holds two images in memory."""


@dataclass(frozen=True, eq=False)
class _Stroke:
    """A brush stroke's history step, and labels, corrections and deleted objects before it."""

    step: Step
    labels: NDArray[Any]
    corrections: NDArray[Any] | None
    deleted: Deleted


class Corrections:
    """The part of the controller that keeps the user's corrections.

    Parameters
    ----------
    session, engine, messages
        Those of the controller.
    undo : Undo
        Records every change.
    mosaic : MosaicFiller
        Keeps the corrections of a large image outside the ROI.
    changed : callable
        Called after the corrections have changed, to update the labels.
    """

    def __init__(
        self,
        session: Session,
        engine: Engine,
        messages: Messages,
        undo: Undo,
        mosaic: MosaicFiller,
        changed: Callable[[], None],
    ) -> None:
        self._session = session
        self._engine = engine
        self._messages = messages
        self._undo = undo
        self._mosaic = mosaic
        self._changed = changed
        self._strokes: deque[_Stroke] = deque(maxlen=_REMEMBERED)

    def change(
        self,
        title: str,
        corrections: NDArray[Any] | None,
        accepted: Accepted | None = None,
        local_bandwidths: BandwidthsByFrame | None = None,
        deleted: Deleted | None = None,
    ) -> None:
        """Replace the corrections and any other value given, as one undo step with this title."""
        session, old = self._session, self._session.annotations
        session.corrections = none_if_empty(corrections)  # first: each event saves what is there
        if local_bandwidths is not None:
            session.local_bandwidths = local_bandwidths
        if accepted is not None:
            session.accepted = accepted
        if deleted is not None:
            session.deleted = deleted
        self._undo.record(title, old)
        self._changed()

    def undo(self) -> None:
        """Undo the newest stroke, edit, or change of a single object's bandwidth."""
        step = self._undo.take_back()
        self._session.edit_status = "There is nothing to undo." if step is None else ""

    def redo(self) -> None:
        """Redo the step that was undone last."""
        step = self._undo.repeat()
        self._session.edit_status = "There is nothing to redo." if step is None else ""

    def reset(self) -> None:
        """Remove all corrections, so that the labels equal the clusters again; can be undone."""
        self._messages.clear()
        self._mosaic.reset()
        self.change("clear", None, frozenset(), deleted=frozenset())

    def record_edit(self, before: NDArray[Any], after: NDArray[Any]) -> None:
        """Record what the user painted as corrections.

        If ``after`` equals the labels before the last stroke, that stroke is undone.

        Parameters
        ----------
        before, after : array, shape ([T,] [Z,] Y, X)
            The label image as shown, and after the user's edit; neither is modified.
        """
        try:
            self._record_edit(before, after)
        except Exception as error:
            self._messages.fail("recording the edit", error)

    def _record_edit(self, before: NDArray[Any], after: NDArray[Any]) -> None:
        if self._was_undone(after):
            return
        corrections, deleted = self._session.corrections, self._session.deleted
        recorded = self._recorded(corrections, before, after)
        if recorded is not None:
            erased = erased_objects(before, after, self._session.has_frames)
            self.change("stroke", recorded, deleted=self._session.deleted | erased)
            step = self._session.history.past[-1]
            self._strokes.append(_Stroke(step, before, corrections, deleted))

    def _was_undone(self, after: NDArray[Any]) -> bool:
        """Undo one step if napari's own undo has just reverted the last stroke."""
        past = self._session.history.past
        if not self._strokes or not past or self._strokes[-1].step is not past[-1]:
            return False
        if not np.array_equal(self._strokes[-1].labels, after):
            return False
        stroke = self._strokes.pop()
        self._session.history = self._session.history.undone()
        self._session.corrections = stroke.corrections
        self._session.deleted = stroke.deleted
        self._changed()
        return True

    def _recorded(
        self, corrections: NDArray[Any] | None, before: NDArray[Any], after: NDArray[Any]
    ) -> NDArray[Any] | None:
        frames = self._session.has_frames
        try:
            return record_edit(self._engine, corrections, before, after, frames)
        except Exception as error:
            self._messages.fail("recording the edit", error)
            return None

    def restore(self, earlier: PreviousAnnotations) -> None:
        """Restore earlier corrections, and record what was painted since."""
        self._forget()
        session = self._session
        session.accepted, session.deleted = earlier.accepted, earlier.deleted
        session.corrections = earlier.corrections
        shown, found = earlier.shown, earlier.found
        if shown is not None and found is not None and not np.array_equal(shown, found):
            recorded = self._recorded(earlier.corrections, shown, found)
            if recorded is not None:
                session.corrections = recorded
                session.deleted = session.deleted | erased_objects(shown, found, session.has_frames)
        self._changed()

    def move(self, corrections: NDArray[Any] | None, local_bandwidths: BandwidthsByFrame) -> None:
        """Switch to another ROI's corrections and an empty history."""
        self._forget()
        session = self._session
        session.local_past, session.local_bandwidths = (), local_bandwidths
        session.accepted, session.deleted = frozenset(), frozenset()
        session.corrections = corrections
        self._changed()

    def save(self, path: str | os.PathLike[str]) -> bool:
        """Write the corrections of the whole image to a file; return whether it succeeded."""
        self._messages.clear()
        try:
            corrections = self._mosaic.all_corrections()
        except ValueError as error:
            self._messages.fail("saving the corrections", error)
            return False
        if corrections is None:
            self._messages.refuse("No corrections to save: paint on the labels layer first.")
            return False
        write = partial(self._engine.save_corrections, path, *self._laid(corrections))
        return self._messages.save("corrections", path, write)

    def load(self, path: str | os.PathLike[str], split_masks: bool | None = None) -> str:
        """Load corrections of this image from a file, replacing the current ones.

        Parameters
        ----------
        path : path
            Any label image; −1 is not corrected.
        split_masks : bool, optional
            What to do where one id covers several pieces, as in a binary mask: make every piece an
            object, or take the ids as they are.

        Returns
        -------
        str
            What was found where ``split_masks`` is needed and None, and nothing was loaded;
            empty otherwise.
        """
        read = partial(self._engine.load_corrections, path, split_masks=split_masks)
        return self._take(read, str(path))

    def take(self, labels: Any, name: str, split_masks: bool | None = None) -> str:
        """Take a label image as corrections of this image, replacing the current ones.

        Parameters
        ----------
        labels : array_like of int, shape ([T,] [Z,] Y, X)
            Any label image; −1 is not corrected.
        name : str
            Name in messages.
        split_masks
            As in :meth:`load`, which also says what is returned.
        """
        read = partial(self._engine.corrections_from, labels, name=name, split_masks=split_masks)
        return self._take(read, name)

    def _take(self, read: Callable[..., NDArray[Any]], name: str) -> str:
        self._messages.clear()
        session = self._session
        if not session.embedding_maps:
            self._messages.refuse("Corrections belong to a result, found none: press Run first.")
            return ""
        try:
            corrections = read(session.layout)
        except UnseparatedObjects as question:
            return question.found
        except Exception as error:
            self._messages.fail("loading corrections", error)
            return ""
        session.status = f"Loaded corrections from {name}."
        self.change(
            "load",
            self._mosaic.replace_corrections(corrections),
            frozenset(),
            deleted=frozenset(),
        )
        return ""

    def _laid(self, corrections: NDArray[Any]) -> tuple[NDArray[Any], str | None]:
        """Return corrections as a file holds them: with the image's axes, which are named."""
        layout = self._session.layout
        if layout is None:
            return corrections, None
        return rows_last(layout.lay(corrections), layout.label_axes)

    def keep_fitting(self, shape_before: tuple[int, ...] | None) -> None:
        """Drop corrections that do not fit the labels' shape, and report it.

        Parameters
        ----------
        shape_before : tuple of int, optional
            Shape of the labels that the history belongs to.
        """
        session = self._session
        corrections, shape = session.corrections, session.labels_shape
        if shape_before is not None and shape_before != shape:
            self._forget()
        if corrections is not None and corrections.shape != shape:
            self._forget()
            session.corrections, session.accepted = None, frozenset()
            session.deleted = frozenset()
            self._messages.refuse(
                f"The corrections have the shape {corrections.shape}, the image read with axes "
                f"{session.axes} has {shape}: they were left out. "
                "Choose the former axes and run again to go on with them."
            )

    def _forget(self) -> None:
        self._strokes.clear()
        self._undo.forget()
