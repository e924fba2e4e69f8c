"""Autosave: corrections are written after every change and offered when the image is reopened."""

from __future__ import annotations

import time
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_pixel_embedding.core.corrections.journal import SavedAnnotations, read_journal
from napari_pixel_embedding.core.corrections.journal_files import JournalInUseError, discard_journal
from napari_pixel_embedding.session.correct.earlier import (
    Found,
    Search,
    accepted_in,
    deleted_in,
    newest_first,
    notes_of,
    read_notes,
    recovery_of,
)
from napari_pixel_embedding.session.correct.journal_writer import JournalWriter
from napari_pixel_embedding.session.jobs import JobQueue, without_report
from napari_pixel_embedding.session.segment.local_cuts import fitting

if TYPE_CHECKING:
    import os
    from collections.abc import Callable

    from napari_pixel_embedding.session.correct.corrections import Corrections
    from napari_pixel_embedding.session.jobs import Executor
    from napari_pixel_embedding.session.messages import Messages
    from napari_pixel_embedding.session.state.history import Annotations, History, Step
    from napari_pixel_embedding.session.state.image import ImageInput
    from napari_pixel_embedding.session.state.results import Recovery
    from napari_pixel_embedding.session.state.session import Session

_IN_USE = (
    "These corrections are open in another viewer, which goes on saving them. Close the image "
    "there first, then run again here."
)
_CHANGED = "These corrections were changed by another viewer since; look at the list again."


@dataclass(frozen=True, eq=False)
class _Restored:
    """A restore in the undo history, and the journals that were written before and after it."""

    step: Step
    before: JournalWriter | None
    after: JournalWriter

    def lies_in(self, steps: tuple[Step, ...]) -> bool:
        """Return whether it is one of the steps, even if its local bandwidths were dropped."""
        patch = self.step.corrections
        return any(one is self.step or one.corrections is patch is not None for one in steps)


class Autosave:
    """The part of the controller that saves corrections to disk.

    A session writes one journal at a time, from an image's first correction on; see
    :mod:`~.corrections.journal`. A worker thread writes it; of several waiting states, only the
    newest. The main thread waits for the disk only when the image changes or the session closes.

    Restoring earlier corrections goes on with their journal, and undoing that goes back to the one
    before; what is not being written stays on the disk and is offered.

    Parameters
    ----------
    session, executor, messages, corrections
        Those of the controller.
    folder : path, optional
        Where journals go; None saves nothing.
    """

    def __init__(
        self,
        session: Session,
        executor: Executor,
        messages: Messages,
        corrections: Corrections,
        folder: str | os.PathLike[str] | None,
    ) -> None:
        self._session = session
        self._messages = messages
        self._corrections = corrections
        self._folder = None if folder is None else Path(folder)
        self._finding = JobQueue(executor)
        self._writing = JobQueue(executor, "newest waits")
        self._search: Search | None = None
        self._current: Found | None = None
        self._writer: JournalWriter | None = None
        self._opening: JournalWriter | None = None
        self._returning: JournalWriter | None = None
        self._left: list[JournalWriter] = []
        self._restores: list[_Restored] = []
        self._asked = self._saved = 0
        self._troubled = False
        for signal, slot in self._signals():
            signal.connect(slot)

    def _signals(self) -> list[tuple[Any, Any]]:
        events = self._session.events
        if self._folder is None:
            return []
        return [
            (events.image, self._image_chosen),
            (events.roi, self._part_chosen),
            (events.axes, self._part_chosen),
            (events.labels, self._look_up),
            (events.history, self._follow_history),
            (events.corrections, self._recognise),
            (events.corrections, self._changed),
            (events.local_bandwidths, self._changed),
            (events.accepted, self._changed),
            (events.deleted, self._changed),
        ]

    def close(self) -> None:
        """Disconnect, and write unsaved corrections; the journal can be restored from then on."""
        for signal, slot in self._signals():
            signal.disconnect(slot)
        self._leave_part()

    # ---------------------------------------------------------------------- identify the image

    def _image_chosen(self, image: ImageInput | None) -> None:
        """Write the previous image's corrections before they are replaced."""
        search = self._search
        if search is None or image is None or search.image.data is not image.data:
            self._part_chosen()

    def _part_chosen(self, *_: Any) -> None:
        """Write the previous corrections: each ROI, and each choice of axes, has its own."""
        self._leave_part()
        self._session.recoveries = ()

    def _leave_part(self) -> None:
        """Write unsaved corrections and release the journal."""
        self._finding.cancel()
        self._stop_opening()
        self._take_unanswered()
        self._flush()
        self._leave_journal()
        self._search = self._current = self._returning = None
        self._restores.clear()

    def _take_unanswered(self) -> None:
        """Find the key now, if there are corrections from before the search was answered."""
        search, corrections = self._search, self._session.corrections
        if search is None or self._current is not None or corrections is None:
            return
        if corrections.shape == search.shape:
            try:
                self._take(search.found_nothing())
            except Exception as error:  # the image may be gone
                self._messages.fail("saving the corrections automatically", error)

    def _recognise(self, corrections: Any) -> None:
        """Find the journal of this session whose corrections come back with their image."""
        if self._current is None and self._returning is None:
            self._returning = next((w for w in self._left if w.holds(corrections)), None)

    def _look_up(self, labels: Any) -> None:
        """Find the image's key and saved corrections, once there are labels to correct."""
        session, folder = self._session, self._folder
        if labels is None or session.image is None or folder is None or self._search is not None:
            return
        self._search = Search(
            session.image, session.roi, folder, session.labels_shape, session.has_frames
        )
        self._finding.start(
            without_report(self._search.run),
            done=self._take,
            failed=partial(self._messages.fail, "looking for earlier corrections"),
        )

    def _take(self, found: Found) -> None:
        self._current = found
        fixed = self._session.corrections
        known = (one for one in self._left if one is self._returning or one.holds(fixed))
        writer = next((one for one in known if one.key == found.key), None)
        if self._writer is None and writer is not None:
            writer.resume()
            self._writer = writer
        self._offer(found.recoveries)
        self._changed()

    def _offer(self, recoveries: tuple[Recovery, ...]) -> None:
        """Offer journals, but for the one that is being written."""
        own = None if self._writer is None else self._writer.path
        self._session.recoveries = newest_first(one for one in recoveries if one.path != own)

    # -------------------------------------------------------------------- restore and discard

    def restore(self, recovery: Recovery | None = None) -> None:
        """Restore corrections of an earlier session and go on with them; can be undone.

        Parameters
        ----------
        recovery : Recovery, optional
            One of ``session.recoveries``; by default the newest.
        """
        recovery, found = self._chosen(recovery), self._current
        if recovery is None or found is None or self._folder is None:
            return
        self._stop_opening()
        try:
            self._opening = JournalWriter.going_on(
                recovery.path, found.search.image.name, found.key
            )
        except JournalInUseError:
            self._messages.refuse(_IN_USE)
            return
        self._finding.start(
            without_report(partial(read_journal, recovery.path, found.search.shape)),
            done=partial(self._restored, recovery),
            failed=self._not_restored,
        )

    def _restored(self, recovery: Recovery, saved: SavedAnnotations) -> None:
        writer, self._opening = self._opening, None
        session, found = self._session, self._current
        if found is None or not self._flush():
            _leave(writer)
            return
        before = self._writer
        self._change_journal(self._goes_on(found, writer), recovery)
        past, frames = session.history.past, session.has_frames
        notes = read_notes(saved.notes)
        fixed = saved.corrections
        accepted = frozenset() if fixed is None else accepted_in(notes, fixed, frames)
        local = fitting(notes.local_bandwidths, session.cluster_indices)
        self._corrections.change("restore", fixed, accepted, local, deleted_in(notes))
        if session.history.past is not past and self._writer is not None:
            self._restores.append(_Restored(session.history.past[-1], before, self._writer))

    def _goes_on(self, found: Found, writer: JournalWriter | None) -> JournalWriter:
        """Return the writer of what is restored: its own journal, or a copy if it is read-only."""
        if writer is None:
            return self._new_writer(found)
        if writer.path.parent != self._folder:
            self._session.autosave_beside = True
        writer.move(self._chosen_folder(found))
        return writer

    def _not_restored(self, error: Exception) -> None:
        self._stop_opening()
        self._messages.fail("restoring corrections", error)

    def _stop_opening(self) -> None:
        writer, self._opening = self._opening, None
        _leave(writer)

    def discard(self, recovery: Recovery | None = None) -> None:
        """Delete corrections of an earlier session.

        Parameters
        ----------
        recovery : Recovery, optional
            One of ``session.recoveries``; by default the newest.
        """
        recovery = self._chosen(recovery)
        if recovery is None:
            return
        try:
            if not discard_journal(recovery.path, recovery.stamp):
                self._messages.refuse(_CHANGED)
                self._search = None
                self._look_up(self._session.labels)
                return
        except JournalInUseError:
            self._messages.refuse(_IN_USE)
        except OSError as error:
            self._messages.fail("deleting corrections", error)
            return
        self._offer(tuple(one for one in self._session.recoveries if one is not recovery))

    def _chosen(self, recovery: Recovery | None) -> Recovery | None:
        offered = self._session.recoveries
        return next((one for one in offered if recovery in (None, one)), None)

    def _follow_history(self, history: History) -> None:
        """Change the journal when a restore is undone or redone; the corrections follow."""
        for one in self._restores:
            if self._writer is one.after and one.lies_in(history.future):
                self._return_to(one.before)
                return
            if self._writer is one.before and one.lies_in(history.past):
                self._return_to(one.after)
                return

    def _return_to(self, writer: JournalWriter | None) -> None:
        self._flush()
        if writer is not None:
            writer.resume()
        self._change_journal(writer)

    def _change_journal(
        self, writer: JournalWriter | None, restored: Recovery | None = None
    ) -> None:
        """Write another journal from now on, and offer the one that was left."""
        left = self._leave_journal()
        self._writer = writer
        others = (one for one in self._session.recoveries if one is not restored)
        self._offer((*others, *left))

    def _leave_journal(self) -> tuple[Recovery, ...]:
        """Release the journal that is being written, and describe it if it holds anything."""
        writer, self._writer = self._writer, None
        if writer is None:
            return ()
        _leave(writer)
        self._left = [*(one for one in self._left if one is not writer), writer]
        fixed, stamp, frames = writer.corrections, writer.stamp, self._session.has_frames
        if fixed is None or stamp is None:
            return ()
        return (recovery_of(writer.path, stamp, writer.name, fixed, frames),)

    # ------------------------------------------------------------------------------- writing

    def save_beside(self, wanted: bool) -> None:
        """Choose whether to save corrections beside the image's file or in the user's folder."""
        self._session.autosave_beside = wanted
        if self._writer is not None and self._current is not None:
            self._writer.move(self._chosen_folder(self._current))
        self._changed()

    def _chosen_folder(self, found: Found) -> Path:
        return found.search.folders[-1 if self._session.autosave_beside else 0]

    def _new_writer(self, found: Found) -> JournalWriter:
        return JournalWriter(self._chosen_folder(found), found.search.image.name, found.key)

    def _changed(self, *_: Any) -> None:
        """Write the current state as soon as the previous write has finished."""
        self._asked += 1
        write = self._write()
        if write is not None:
            number = self._asked
            self._writing.start(
                without_report(write), done=partial(self._written, number), failed=self._failed
            )

    def _flush(self) -> bool:
        """Write unsaved corrections now; return whether they are on the disk."""
        write = self._write()
        if write is None or self._saved == self._asked:
            return True
        self._writing.cancel()
        try:
            self._written(self._asked, write())
        except OSError as error:
            elsewhere = self._session.autosave_beside
            self._failed(error)
            return elsewhere and self._flush()
        return True

    def _write(self) -> Callable[[], Path] | None:
        """Return the job that writes the current state; None if there is nothing to write."""
        session = self._session
        if self._current is None:
            return None
        if self._writer is None:
            if session.corrections is None:
                return None
            self._writer = self._new_writer(self._current)
        return partial(_write, self._writer, self._asked, session.annotations, notes_of(session))

    def _written(self, number: int, path: Path) -> None:
        self._saved, self._troubled = number, False
        self._session.autosave_path = str(path)
        self._session.autosaved = time.time()

    def _failed(self, error: Exception) -> None:
        """Report the error once; if saving beside the image fails, save in the user's folder."""
        if self._session.autosave_beside:
            self._messages.refuse(
                f"Corrections cannot be saved beside the image ({error}). "
                f"They are saved in {self._folder} from now on."
            )
            self.save_beside(False)
        elif not self._troubled:
            self._troubled = True
            self._messages.fail("saving the corrections automatically", error)


def _leave(writer: JournalWriter | None) -> None:
    if writer is not None:
        writer.leave()


def _write(writer: JournalWriter, number: int, annotations: Annotations, notes: Any) -> Path:
    writer.write(number, annotations, notes)
    return writer.path
