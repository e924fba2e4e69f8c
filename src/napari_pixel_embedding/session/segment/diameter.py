"""The object diameter: set by the user, or measured by the model."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from napari_pixel_embedding.core.inference.object_scale import DIAMETERS
from napari_pixel_embedding.core.inference.options import PredictOptions
from napari_pixel_embedding.session.jobs import JobQueue
from napari_pixel_embedding.session.segment.requests import RunRequest
from napari_pixel_embedding.session.segment.run import measure

if TYPE_CHECKING:
    from napari_pixel_embedding.session.engine import Engine
    from napari_pixel_embedding.session.jobs import Executor
    from napari_pixel_embedding.session.messages import Messages
    from napari_pixel_embedding.session.state.session import DiameterSource, Session


class DiameterMeasurement:
    """The part of the controller that sets or measures the object diameter.

    Parameters
    ----------
    session, executor, engine, messages
        Those of the controller.
    """

    def __init__(
        self, session: Session, executor: Executor, engine: Engine, messages: Messages
    ) -> None:
        self._session = session
        self._engine = engine
        self._messages = messages
        self._queue = JobQueue(executor)

    def set(self, diameter: float | None, source: DiameterSource = "typed") -> None:
        """Set the typical object diameter for the next run.

        Parameters
        ----------
        diameter : float, optional
            In pixels; None for the diameter that the model expects.
        source : str
            Where the number comes from, as in :class:`Session`.
        """
        self._messages.clear()
        low, high = DIAMETERS
        if diameter is not None and not low <= diameter <= high:
            self._messages.refuse(
                f"An object diameter is from {low:g} to {high:g} pixels, found {diameter:g}. Give "
                "the typical diameter of an object in pixels of the image."
            )
            return
        self.cancel()
        self._choose(diameter, source)

    def take_measured(self, diameter: float) -> None:
        """Set the diameter that a run has measured by itself."""
        self._choose(round(diameter, 1), "automatic")

    def leave_image(self) -> None:
        """Stop measuring, and drop a diameter that a run measured: it belongs to another image."""
        self.cancel()
        if self._session.diameter_source == "automatic":
            self._choose(None, "model")

    def restore(self, diameter: float | None, source: DiameterSource) -> None:
        """Set the diameter that earlier results of the image were made with."""
        self.cancel()
        self._choose(diameter, source)

    def _choose(self, diameter: float | None, source: DiameterSource) -> None:
        self._session.diameter_source = "model" if diameter is None else source
        self._session.diameter = diameter

    def measure(self) -> None:
        """Measure the image's objects with the chosen model, and set their diameter."""
        self._messages.clear()
        session = self._session
        if session.image is None or session.model_source == "":
            self._messages.refuse(
                "Nothing to measure: expected an image and a model. Choose both, then measure."
            )
            return
        session.measuring, session.measured = True, 0.0
        options = PredictOptions(session.device)
        request = RunRequest(session.image, session.model_source, options, session.view)
        self._queue.start(
            partial(measure, self._engine, request),
            done=self._take,
            failed=self._failed,
            progress=self._show,
        )

    def cancel(self) -> bool:
        """Stop measuring, and return whether it was under way; the diameter stays what it was."""
        stopped = self._queue.cancel()
        if stopped:
            self._session.measuring = False
        return stopped

    def _show(self, fraction: float) -> None:
        self._session.measured = fraction

    def _take(self, diameter: float) -> None:
        self._session.measuring = False
        self._choose(round(diameter, 1), "measured")

    def _failed(self, error: Exception) -> None:
        self._session.measuring = False
        self._messages.fail("measuring the objects", error)
