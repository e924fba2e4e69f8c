"""Queue of tool edits: each runs on the labels that the previous one left."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from napari_pixel_embedding.session.correct import edits
from napari_pixel_embedding.session.jobs import JobQueue

if TYPE_CHECKING:
    from collections.abc import Callable

    from napari_pixel_embedding.session.correct.corrections import Corrections
    from napari_pixel_embedding.session.jobs import Executor, Work
    from napari_pixel_embedding.session.messages import Messages
    from napari_pixel_embedding.session.state.session import Session

    Answer = tuple[edits.EditRequest, edits.EditResult]

_MOST_WAITING = 16
"""Largest number of waiting edits: on a large image, clicks come faster than labels."""


class EditQueue:
    """The part of the controller that runs the edits of the tools.

    Parameters
    ----------
    session, executor, messages
        Those of the controller.
    corrections : Corrections
        Receives the results.
    settled : callable
        Returns whether the session's labels show its corrections.
    """

    def __init__(
        self,
        session: Session,
        executor: Executor,
        messages: Messages,
        corrections: Corrections,
        settled: Callable[[], bool],
    ) -> None:
        self._session = session
        self._messages = messages
        self._corrections = corrections
        self._queue = JobQueue(
            executor, "first in, first out", most_waiting=_MOST_WAITING, ready=settled
        )
        session.events.labels.connect(self._follow_labels)

    def start(self, edit: edits.Edit) -> None:
        """Run an edit in the background, after the waiting ones; can be undone.

        Parameters
        ----------
        edit : Edit
            From :mod:`~.correct.edits`. ``session.edit_status`` says what it did, or why it failed.
        """
        if self._session.labels is None:
            self._session.edit_status = "There are no objects yet: run a model first."
        elif self._session.outdated:
            self._session.edit_status = self._session.outdated
        else:
            self._put(edit)

    def cancel(self) -> None:
        """Cancel the running edit and drop the waiting ones."""
        self._queue.cancel()

    def close(self) -> None:
        """Cancel all edits and disconnect from the session."""
        self.cancel()
        self._session.events.labels.disconnect(self._follow_labels)

    def _follow_labels(self, *_: Any) -> None:
        self._queue.resume()

    def _put(self, edit: edits.Edit, first: bool = False) -> None:
        self._queue.start_prepared(
            partial(self._prepare, edit), done=self._take, failed=self._failed, first=first
        )

    def _prepare(self, edit: edits.Edit) -> Work[Answer]:
        session = self._session
        labels: Any = session.labels  # not None: edits wait only if there are labels
        request = edits.EditRequest(
            edit, session.corrections, labels, session.embedding_maps, session.has_frames
        )
        return lambda report: (request, edits.perform(request))

    def _take(self, answer: Answer) -> None:
        request, result = answer
        session, edit = self._session, request.edit
        if session.corrections is not request.corrections:
            self._put(edit, first=True)  # painted meanwhile: repeat on the new labels
            return
        session.edit_status = result.message
        accepted = session.accepted | edit.accepts_all
        if result.accepted is not None and edit.frame is not None:
            accepted = accepted | {(edit.frame, result.accepted)}
        deleted = session.deleted | result.deleted
        if edit.deletes is not None and edit.frame is not None:
            deleted = deleted | {(edit.frame, *map(int, edit.deletes))}
        self._corrections.change(edit.title, result.corrections, accepted, deleted=deleted)

    def _failed(self, error: Exception) -> None:
        if isinstance(error, ValueError):  # a click outside an object is no failure
            self._session.edit_status = str(error)
        else:
            self._messages.fail("editing the object", error)
