"""Edits of tools, one after another, each on the labels that the one before has left."""

from __future__ import annotations

from collections import deque
from functools import partial
from typing import TYPE_CHECKING, Any

from napari_pixel_embedding.session.correct import edits
from napari_pixel_embedding.session.jobs import JobLine

if TYPE_CHECKING:
    from collections.abc import Callable

    from napari_pixel_embedding.session.correct.corrections import Correcting
    from napari_pixel_embedding.session.jobs import Executor
    from napari_pixel_embedding.session.messages import Messages
    from napari_pixel_embedding.session.state.session import Session

_WAITING = 16
"""Edits that may wait: clicks come faster than labels on a large image, but not for ever."""


class Editing:
    """The part of the controller that does what tools ask for.

    Parameters
    ----------
    session, executor, messages
        Those of the controller.
    correcting : Correcting
        Takes the results.
    settled : callable
        Says whether the session's labels show its corrections.
    """

    def __init__(
        self,
        session: Session,
        executor: Executor,
        messages: Messages,
        correcting: Correcting,
        settled: Callable[[], bool],
    ) -> None:
        self._session = session
        self._messages = messages
        self._correcting = correcting
        self._settled = settled
        self._line = JobLine(executor)
        self._waiting: deque[edits.Edit] = deque(maxlen=_WAITING)
        session.events.labels.connect(self._go_on)

    def start(self, edit: edits.Edit) -> None:
        """Do an edit now, or after those that wait."""
        if self._session.labels is None:
            self._session.edit_status = "There are no objects yet: run a model first."
            return
        self._waiting.append(edit)
        self._go_on()

    def cancel(self) -> None:
        """Drop the edit under way and those that wait."""
        self._waiting.clear()
        self._line.cancel()

    def close(self) -> None:
        """Stop for good."""
        self.cancel()
        self._session.events.labels.disconnect(self._go_on)

    def _go_on(self, *_: Any) -> None:
        session, labels = self._session, self._session.labels
        if labels is None:
            self.cancel()
            return
        if not self._waiting or self._line.busy or not self._settled():
            return
        edit = self._waiting.popleft()
        request = edits.EditRequest(
            edit, session.corrections, labels, session.embedding_maps, session.has_frames
        )
        self._line.start(
            lambda report: edits.perform(request),
            done=partial(self._done, request),
            failed=self._failed,
        )

    def _done(self, request: edits.EditRequest, result: edits.EditResult) -> None:
        session, edit = self._session, request.edit
        if session.corrections is not request.corrections:
            self._waiting.appendleft(edit)  # the user painted meanwhile: once more, on top of that
        else:
            session.edit_status = result.message
            accepted = session.accepted
            if result.accepted is not None:
                accepted = accepted | {(edit.frame, result.accepted)}
            self._correcting.change(edit.title, result.corrections, accepted)
        self._go_on()

    def _failed(self, error: Exception) -> None:
        if isinstance(error, ValueError):  # a click beside an object is no fault
            self._session.edit_status = str(error)
        else:
            self._messages.fail("editing the object", error)
        self._go_on()
