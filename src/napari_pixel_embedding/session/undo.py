"""Undo and redo of strokes, tool edits and local bandwidths."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_pixel_embedding.session.state.history import Annotations, History, Step

if TYPE_CHECKING:
    from collections.abc import Callable

    from napari_pixel_embedding.session.state.session import Session


class Undo:
    """Undo history of manual corrections, shared by all parts of the controller.

    Parameters
    ----------
    session : Session
        Of the controller.
    changed : callable
        Called after a step was undone or redone, to update the labels.
    """

    def __init__(self, session: Session, changed: Callable[[], None]) -> None:
        self._session = session
        self._changed = changed

    def record(self, title: str, old: Annotations) -> None:
        """Add a step for what changed since ``old``."""
        session = self._session
        step = Step.between(title, old, session.annotations, session.labels_shape)
        if not step.empty:
            session.history = session.history.done(step)

    def take_back(self) -> Step | None:
        """Undo the newest step and return it; None if there is none."""
        session = self._session
        if not session.history.past:
            return None
        step = session.history.past[-1]
        session.history = session.history.undone()  # first: autosave may change to another journal
        self._show(step, step.taken_back(session.annotations, session.labels_shape))
        self._changed()
        return step

    def repeat(self) -> Step | None:
        """Redo the step that was undone last and return it; None if there is none."""
        session = self._session
        if not session.history.future:
            return None
        step = session.history.future[-1]
        session.history = session.history.redone()
        self._show(step, step.repeated(session.annotations, session.labels_shape))
        self._changed()
        return step

    def forget(self) -> None:
        """Clear the history: it belongs to another image."""
        self._session.history = History()

    def forget_local(self) -> None:
        """Drop steps that changed local bandwidths."""
        self._session.history = self._session.history.without_local()

    def _show(self, step: Step, annotations: Annotations) -> None:
        session, past = self._session, self._session.local_past
        if step.local_bandwidths is not None:
            back = bool(past) and past[-1] == annotations.local_bandwidths
            session.local_past = past[:-1] if back else (*past, session.local_bandwidths)
        session.corrections = annotations.corrections  # first, as in Corrections.change
        session.accepted = annotations.accepted
        session.deleted = annotations.deleted
        session.local_bandwidths = annotations.local_bandwidths
