"""Fine-tuning in the background: one model learns while the other stays in use."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_pixel_embedding.session import pipeline
from napari_pixel_embedding.session.jobs import JobLine

if TYPE_CHECKING:
    from napari_pixel_embedding.core.checkpoint import EmbeddingModel
    from napari_pixel_embedding.core.training import TrainProgress
    from napari_pixel_embedding.session.engine import Engine
    from napari_pixel_embedding.session.jobs import Executor
    from napari_pixel_embedding.session.messages import Messages
    from napari_pixel_embedding.session.state import Session


class FineTuning:
    """The part of the controller that tunes models.

    It learns from a snapshot: what the user does meanwhile changes nothing of it.

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
        self._line = JobLine(executor)

    def start(self, config: Any) -> None:
        """Start learning from the session's corrections, or say why that cannot be."""
        session = self._session
        if self._line.busy:
            self._messages.refuse("Fine-tuning is under way. Stop it before starting anew.")
            return
        request = self._request(config)
        if request is None:
            return
        session.training, session.tuned_model, session.tuning = (), None, True
        session.tuning_status = "Preparing to fine-tune …"
        self._line.start(
            partial(pipeline.tune, self._engine, request),
            done=self._done,
            failed=self._failed,
            progress=self._take_step,
        )

    def _request(self, config: Any) -> pipeline.TuneRequest | None:
        session, corrections = self._session, self._session.corrections
        if session.image is None or session.model is None or not session.embedding_maps:
            self._messages.refuse(
                "Nothing to learn from: expected a result, found none. Run a model first."
            )
            return None
        if corrections is None or not np.any(corrections > 0):
            self._messages.refuse(
                "Nothing to learn from: expected at least one corrected object, found none. "
                "Repair a few objects with the brush on the labels layer, then start."
            )
            return None
        return pipeline.TuneRequest(
            session.model, session.image, session.axes, corrections, config, session.device
        )

    def stop(self) -> None:
        """Stop learning; the best model so far stays in the session."""
        if self._line.cancel():
            self._session.tuning = False
            best = self._session.tuned_model is not None
            kept = "the best model so far is kept" if best else "too early for a model to keep"
            self._session.tuning_status = f"Fine-tuning stopped: {kept}."

    def take_model(self) -> EmbeddingModel | None:
        """Stop learning and hand out the tuned model; the session has none any more."""
        self.stop()
        tuned, self._session.tuned_model = self._session.tuned_model, None
        return tuned

    def _take_step(self, progress: TrainProgress) -> None:
        session = self._session
        if progress.model is not None:
            session.tuned_model = progress.model
        session.training = (*session.training, replace(progress, model=None))
        session.tuning_status = f"Fine-tuning, step {progress.step} of {progress.steps} …"

    def _done(self, _: None) -> None:
        self._session.tuning = False
        self._session.tuning_status = (
            "Fine-tuning finished: use the tuned model, save or discard it."
        )

    def _failed(self, error: Exception) -> None:
        self._session.tuning = False
        self._session.tuning_status = (
            "Fine-tuning was ended by an error; the model in use is unchanged."
        )
        self._messages.fail("fine-tuning", error)
