"""Undo and redo: one history for strokes, tools and single objects' bandwidths."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_pixel_embedding.session.state.history import Annotations, History, Step

if TYPE_CHECKING:
    from collections.abc import Callable

    from napari_pixel_embedding.session.state.session import Session


class Undo:
    """Keeps the history of what was done by hand, for all parts of the controller.

    Parameters
    ----------
    session : Session
        Of the controller.
    changed : callable
        Called when a step was taken back or repeated: labels have to follow.
    """

    def __init__(self, session: Session, changed: Callable[[], None]) -> None:
        self._session = session
        self._changed = changed

    def record(self, title: str, old: Annotations) -> None:
        """Note what was done since ``old``."""
        session = self._session
        step = Step.between(title, old, session.annotations, session.labels_shape)
        if not step.empty:
            session.history = session.history.done(step)

    def take_back(self) -> Step | None:
        """Take the newest step back and return it; None when there is none."""
        session = self._session
        if not session.history.past:
            return None
        step = session.history.past[-1]
        self._show(step, step.taken_back(session.annotations, session.labels_shape))
        session.history = session.history.undone()
        self._changed()
        return step

    def repeat(self) -> Step | None:
        """Repeat the step that was taken back last and return it; None when there is none."""
        session = self._session
        if not session.history.future:
            return None
        step = session.history.future[-1]
        self._show(step, step.repeated(session.annotations, session.labels_shape))
        session.history = session.history.redone()
        self._changed()
        return step

    def forget(self) -> None:
        """Empty the history: it belongs to another image."""
        self._session.history = History()

    def forget_local(self) -> None:
        """Forget steps that changed single objects' bandwidths."""
        self._session.history = self._session.history.without_local()

    def _show(self, step: Step, annotations: Annotations) -> None:
        session, past = self._session, self._session.local_past
        if step.local_bandwidths is not None:
            back = bool(past) and past[-1] == annotations.local_bandwidths
            session.local_past = past[:-1] if back else (*past, session.local_bandwidths)
        session.accepted = annotations.accepted
        session.local_bandwidths = annotations.local_bandwidths
        session.corrections = annotations.corrections
