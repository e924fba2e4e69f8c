"""Fine-tuning in the background: one model learns while the other stays in use."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_pixel_embedding.session.jobs import JobLine
from napari_pixel_embedding.session.live import LiveLine
from napari_pixel_embedding.session.segment.run import same_family
from napari_pixel_embedding.session.state.image import CorrectedImage
from napari_pixel_embedding.session.train.curves import thinned
from napari_pixel_embedding.session.train.fine_tuning_jobs import (
    PreviewRequest,
    TuneRequest,
    preview,
    resume,
    tune,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from napari_pixel_embedding.core.fine_tuning.job_folder import Interrupted
    from napari_pixel_embedding.core.model.model_file import EmbeddingModel
    from napari_pixel_embedding.core.training.train import TrainProgress
    from napari_pixel_embedding.session.engine import Engine
    from napari_pixel_embedding.session.jobs import Executor
    from napari_pixel_embedding.session.messages import Messages
    from napari_pixel_embedding.session.state.image import ImageRegion
    from napari_pixel_embedding.session.state.results import Preview
    from napari_pixel_embedding.session.state.session import Session


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
        self._looks = LiveLine(executor)
        self._searches = JobLine(executor)
        self._region: ImageRegion | None = None

    # ------------------------------------------------------------------------------ learning

    def start(self, config: Any, others: Sequence[CorrectedImage], folder: str) -> None:
        """Start learning from corrections, or say why that cannot be."""
        if self._is_busy():
            return
        request = self._request(config, others, folder)
        if request is not None:
            self._begin(partial(tune, self._engine, request))

    def resume(self) -> None:
        """Go on with the interrupted fine-tuning, where there is one."""
        interrupted = self._session.interrupted_tuning
        if interrupted is not None and not self._is_busy():
            self._session.interrupted_tuning = None
            self._begin(partial(resume, self._engine, interrupted))

    def _is_busy(self) -> bool:
        if self._line.busy:
            self._messages.refuse("Fine-tuning is under way. Stop it before starting anew.")
        return self._line.busy

    def _begin(self, work: Callable[[Any], None]) -> None:
        session = self._session
        self._looks.cancel()
        session.training, session.tuned_model, session.tuning = (), None, True
        session.tuning_report = session.tuning_preview = None
        session.tuning_status = "Preparing to fine-tune …"
        self._line.start(work, done=self._done, failed=self._failed, progress=self._take_step)

    def _request(
        self, config: Any, others: Sequence[CorrectedImage], folder: str
    ) -> TuneRequest | None:
        session, image = self._session, self._session.worked_image
        if image is None or session.model is None or not session.embedding_maps:
            self._messages.refuse(
                "Nothing to learn from: expected a result, found none. Run a model first."
            )
            return None
        lessons = list(others)
        if session.corrections is not None and np.any(session.corrections > 0):
            lessons.insert(0, CorrectedImage(image, session.axes, session.corrections))
        if not lessons and not folder:
            self._messages.refuse(
                "Nothing to learn from: expected at least one corrected object, found none. "
                "Repair a few objects with the brush on the labels layer, then start."
            )
            return None
        return TuneRequest(
            session.model, tuple(lessons), config, session.device, folder, session.diameter
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
        self._looks.cancel()
        session = self._session
        tuned, session.tuned_model, session.tuning_preview = session.tuned_model, None, None
        return tuned

    def _take_step(self, progress: TrainProgress | None) -> None:
        if progress is None:  # only a sign of life
            return
        session = self._session
        if progress.report is not None:
            session.tuning_report = progress.report
        if progress.model is not None:
            session.tuned_model = progress.model
            self.look()
        session.training = (*thinned(session.training), replace(progress, model=None))
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
        self.find_interrupted()

    # ---------------------------------------------------------------- what was left unfinished

    def find_interrupted(self) -> None:
        """Look for a fine-tuning that a crash has ended."""
        self._searches.start(
            lambda report: self._engine.interrupted_tunings(),
            done=self._take_interrupted,
            failed=partial(self._messages.fail, "looking for an interrupted fine-tuning"),
        )

    def _take_interrupted(self, found: Sequence[Interrupted]) -> None:
        self._session.interrupted_tuning = found[0] if found else None

    def forget_interrupted(self) -> None:
        """Throw the interrupted fine-tuning away; the next one, if any, is offered then."""
        interrupted, self._session.interrupted_tuning = self._session.interrupted_tuning, None
        if interrupted is not None:
            self._engine.forget_tuning(interrupted.folder)
            self.find_interrupted()

    # ------------------------------------------------------------------------------- preview

    def set_region(self, region: ImageRegion | None) -> None:
        """Choose the field of the image that is looked at with each better model."""
        self._region = region
        self.look()

    def look(self) -> None:
        """Segment the field with the tuned model, where there are both."""
        session, image, region = self._session, self._session.worked_image, self._region
        if session.tuned_model is None or image is None or region is None:
            return
        same = same_family(session.model, session.tuned_model)
        request = PreviewRequest(
            session.tuned_model,
            image,
            session.axes,
            region,
            session.cluster_params if same else None,
            session.device,
            session.diameter,
        )
        self._looks.start(
            partial(preview, self._engine, request),
            done=self._take_preview,
            failed=partial(self._messages.fail, "previewing the tuned model"),
        )

    def _take_preview(self, preview: Preview) -> None:
        if self._session.tuned_model is not None:
            self._session.tuning_preview = preview

    def leave_image(self) -> None:
        """Forget the preview: the image is another one."""
        self._looks.cancel()
        self._region = self._session.tuning_preview = None

    def close(self) -> None:
        """Stop everything."""
        self.stop()
        self._looks.cancel()
        self._searches.cancel()
