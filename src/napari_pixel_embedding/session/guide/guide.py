"""The guide: keeps the next step that is offered, and takes it."""

from __future__ import annotations

import logging
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from napari_pixel_embedding.session.correct.review import ReviewRequest
from napari_pixel_embedding.session.guide.look import LookRequest, ResultLook, look_at_result
from napari_pixel_embedding.session.guide.steps import next_step
from napari_pixel_embedding.session.jobs import JobQueue, without_report

if TYPE_CHECKING:
    from collections.abc import Callable

    from napari_pixel_embedding.core.clustering import ClusterParams
    from napari_pixel_embedding.session.engine import Engine
    from napari_pixel_embedding.session.jobs import Executor
    from napari_pixel_embedding.session.segment.clustering import Clustering
    from napari_pixel_embedding.session.segment.diameter import DiameterMeasurement
    from napari_pixel_embedding.session.state.image import ImageInput
    from napari_pixel_embedding.session.state.next_step import NextStep
    from napari_pixel_embedding.session.state.session import Session

_logger = logging.getLogger(__name__)
_CHEAP = (
    "image",
    "earlier_run",
    "running",
    "object_count",
    "corrected_count",
    "tuning",
    "tuned_model",
    "tuning_report",
    "parent_model",
    "model_source",
    "outdated",
)
"""Fields that the step is made anew from when they change."""


class Guide:
    """The part of the controller that keeps ``session.next_step``, and takes it.

    The first labels after a run are looked at once, in a worker; later changes of the labels only
    change the count.

    Parameters
    ----------
    session, executor, engine
        Those of the controller.
    diameter, clustering
        Parts of the controller.
    run : callable
        Starts a run, as :meth:`SessionController.run` does.
    """

    def __init__(
        self,
        session: Session,
        executor: Executor,
        engine: Engine,
        diameter: DiameterMeasurement,
        clustering: Clustering,
        run: Callable[..., None],
    ) -> None:
        self._session = session
        self._engine = engine
        self._diameter = diameter
        self._clustering = clustering
        self._run = run
        self._queue = JobQueue(executor)
        self._look: ResultLook | None = None
        self._looked_at: Any = ()
        for name in _CHEAP:
            getattr(session.events, name).connect(self._update)
        session.events.embedding_maps.connect(self._forget)
        session.events.labels.connect(self._follow_labels)
        self._update()

    def close(self) -> None:
        """Stop looking; the last step stays."""
        self._queue.cancel()

    def take(self, step: NextStep) -> None:
        """Make the choices of a step with the action "run", and start the run.

        The choices are written to the session, where the dock follows them: model, diameter, axes,
        method. Steps with another action change nothing here: the window opens their tab.

        Parameters
        ----------
        step : NextStep
            Usually ``session.next_step``.
        """
        if step.action != "run":
            return
        session = self._session
        if step.model is not None:
            session.model_source = step.model
        if step.axes is not None and session.image is not None:
            session.image = replace(session.image, axes=step.axes)
        if step.diameter is not None:
            self._diameter.set(step.diameter, "suggested")
        if step.method is not None:
            self._clustering.set_method(step.method)
        self._run(measure_diameter=step.measure_diameter)

    # ------------------------------------------------------------------- following the session

    def _update(self, *_: Any) -> None:
        self._session.next_step = next_step(self._session, self._look)

    def _forget(self, *_: Any) -> None:
        self._queue.cancel()
        self._look, self._looked_at = None, ()
        self._update()

    def _follow_labels(self, *_: Any) -> None:
        self._update()
        session = self._session
        maps, params = session.embedding_maps, session.cluster_params
        image = session.image if session.roi is None else session.worked_image
        if not maps or maps is self._looked_at or params is None or image is None:
            return
        if session.labels is None or session.labels.shape != session.labels_shape:
            return
        self._looked_at = maps
        request = _request(session, image, params)
        self._queue.start(
            without_report(look_at_result, self._engine, request),
            done=self._take_look,
            failed=self._failed,
        )

    def _take_look(self, look: ResultLook) -> None:
        self._look = look
        self._update()

    def _failed(self, error: Exception) -> None:
        """Log it: a look that fails is a defect, and nothing the user could mend."""
        _logger.error("unexpected error while looking at the result", exc_info=error)


def _request(session: Session, image: ImageInput, params: ClusterParams) -> LookRequest:
    model: Any = session.model
    review = ReviewRequest(
        session.labels,  # type: ignore[arg-type]
        session.corrections,
        session.embedding_maps,
        session.cluster_indices,
        params,
        session.local_bandwidths,
        session.accepted,
        session.has_frames,
        session.method,
    )
    return LookRequest(image, session.axes, model, session.diameter, session.device, review)
