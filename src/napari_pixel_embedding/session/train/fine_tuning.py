"""Fine-tuning in the background: a copy of the model is trained while the model stays in use."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from napari_pixel_embedding.core.inference.options import PredictOptions
from napari_pixel_embedding.core.io.binary_masks import UnseparatedObjects
from napari_pixel_embedding.session.closing import close_all
from napari_pixel_embedding.session.jobs import JobQueue, without_report
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
from napari_pixel_embedding.session.train.tuning_times import TuningTimes

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Sequence

    from napari_pixel_embedding.core.fine_tuning.config import FineTuneConfig
    from napari_pixel_embedding.core.fine_tuning.job_folder import Interrupted
    from napari_pixel_embedding.core.model.model_file import EmbeddingModel
    from napari_pixel_embedding.core.training.train import TrainProgress
    from napari_pixel_embedding.session.engine import Engine
    from napari_pixel_embedding.session.jobs import Executor
    from napari_pixel_embedding.session.messages import Messages
    from napari_pixel_embedding.session.state.image import ImageRegion
    from napari_pixel_embedding.session.state.results import Preview
    from napari_pixel_embedding.session.state.session import Session

_CHOOSE = (
    "Choose under Learn from whether every piece is an object or the ids stay as they are, then "
    "start again."
)


class FineTuning:
    """The part of the controller that fine-tunes models.

    It learns from a snapshot: what the user does meanwhile does not change the training.

    Parameters
    ----------
    session, executor, engine, messages
        Those of the controller.
    run : callable
        Runs the chosen model on the image.
    """

    def __init__(
        self,
        session: Session,
        executor: Executor,
        engine: Engine,
        messages: Messages,
        run: Callable[[], None],
    ) -> None:
        self._note = ""
        self._session = session
        self._engine = engine
        self._messages = messages
        self._run = run
        self._learning = JobQueue(executor)
        self._previews = JobQueue(executor, "newest waits")
        self._searches = JobQueue(executor)
        self._times = TuningTimes(session, executor, engine)
        self._region: ImageRegion | None = None
        self._kept_step = 0
        self._resumed: Interrupted | None = None

    # ------------------------------------------------------------------------------ learning

    def start(
        self,
        config: Any,
        others: Sequence[CorrectedImage] = (),
        folder: str = "",
        split_masks: bool | None = None,
    ) -> None:
        """Fine-tune the current model on the corrections, in the background.

        Parameters
        ----------
        config : FineTuneConfig
            Steps, learning rate and other settings.
        others : sequence of CorrectedImage
            Further images with corrections.
        folder : path
            Holds further images and corrections, ``images/NAME.*`` and ``masks/NAME.*``.
        split_masks : bool, optional
            What to do where one id in the folder covers several pieces, as in a binary mask: make
            every piece an object, or take the ids as they are. None asks.
        """
        self._messages.clear()
        if self._is_busy():
            return
        missing = self._missing(others, folder)
        if missing:
            self._messages.refuse(missing)
            return
        request = self._request(config, others, folder, split_masks)
        self._begin(partial(tune, self._engine, request))

    def resume(self) -> None:
        """Resume the interrupted fine-tuning, if there is one."""
        self._messages.clear()
        interrupted = self._session.interrupted_tuning
        if interrupted is not None and not self._is_busy():
            self._session.interrupted_tuning = None
            self._begin(partial(resume, self._engine, interrupted), interrupted)

    def measure_time(
        self,
        config: FineTuneConfig,
        others: Sequence[CorrectedImage] = (),
        folder: str = "",
        split_masks: bool | None = None,
    ) -> None:
        """Measure how long a fine-tuning would take, unless known: ``session.tuning_pace``.

        Parameters
        ----------
        config, others, folder, split_masks
            As for :meth:`start`. Nothing is measured while something else is under way.
        """
        busy = self._learning.busy or self._session.running
        if not busy and not self._missing(others, folder):
            self._times.measure(self._request(config, others, folder, split_masks))

    def _is_busy(self) -> bool:
        if self._learning.busy:
            self._messages.refuse("Fine-tuning is under way. Stop it before starting anew.")
        return self._learning.busy

    def _begin(self, work: Callable[[Any], None], interrupted: Interrupted | None = None) -> None:
        session = self._session
        self._previews.cancel()
        self._times.cancel()
        self._kept_step, self._resumed = 0, interrupted
        session.training, session.tuned_model, session.tuning = (), None, True
        session.tuning_report = session.tuning_preview = None
        session.tuning_status = "Preparing to fine-tune …"
        self._note = ""
        self._learning.start(work, done=self._done, failed=self._failed, progress=self._take_step)

    def _missing(self, others: Sequence[CorrectedImage], folder: str) -> str:
        """Return why nothing can be learnt from; empty if it can."""
        session = self._session
        if session.worked_image is None or session.model is None or not session.embedding_maps:
            return "Nothing to learn from: expected a result, found none. Run a model first."
        if session.model.config.untrainable:
            return session.model.config.untrainable
        if not others and not folder and not self._is_corrected():
            return (
                "Nothing to learn from: expected at least one corrected object, found none. "
                "Repair a few objects with the brush on the labels layer, then start."
            )
        return ""

    def _is_corrected(self) -> bool:
        corrections = self._session.corrections
        return corrections is not None and bool(np.any(corrections > 0))

    def _request(
        self,
        config: Any,
        others: Sequence[CorrectedImage],
        folder: str,
        split_masks: bool | None,
    ) -> TuneRequest:
        """Return a snapshot of what there is to learn from; nothing must be missing."""
        session, image = self._session, self._session.worked_image
        corrected_images = list(others)
        if self._is_corrected() and image is not None and session.corrections is not None:
            corrected_images.insert(0, CorrectedImage(image, session.axes, session.corrections))
        return TuneRequest(
            cast("EmbeddingModel", session.model),
            tuple(corrected_images),
            config,
            session.device,
            folder,
            session.diameter,
            split_masks,
        )

    def stop(self) -> bool:
        """Stop fine-tuning, and return whether it was under way.

        The best model so far stays in ``session.tuned_model``; there is one from the first step
        on. What was resumed is offered again where it was stopped before that.
        """
        stopped = self._learning.cancel()
        if stopped:
            self._say_stopped()
        return stopped

    def _say_stopped(self) -> None:
        session = self._session
        session.tuning = False
        session.tuning_status = f"Fine-tuning stopped: {self._kept_text()}."
        if session.tuned_model is None and self._resumed is not None:
            session.interrupted_tuning = self._resumed

    def _kept_text(self) -> str:
        if self._session.tuned_model is not None:
            return f"the model of step {self._kept_step:,} is kept"
        return "before its first step, so there is no new model"

    def _take_step(self, progress: TrainProgress | None) -> None:
        if progress is None:  # a heartbeat
            return
        session = self._session
        if progress.model is not None or progress.report is not None:
            session.tuning_report = progress.report  # none for an early model
        if progress.model is not None:
            session.tuned_model = progress.model
            self._kept_step = progress.best_step or progress.step
            self._update_preview()
        session.training = (*thinned(session.training), replace(progress, model=None))
        self._note = progress.note or self._note
        session.tuning_status = (
            f"Fine-tuning, step {progress.step} of {progress.steps} … {self._note}".rstrip()
        )

    def _done(self, _: None) -> None:
        self._session.tuning = False
        self._session.tuning_status = f"Fine-tuning finished: {self._kept_text()}."

    def _failed(self, error: Exception) -> None:
        self._session.tuning = False
        self._session.tuning_status = f"Fine-tuning was ended by an error: {self._kept_text()}."
        if isinstance(error, UnseparatedObjects):
            self._messages.refuse(f"{error.found} {_CHOOSE}")
        else:
            self._messages.fail("fine-tuning", error)
        self.find_interrupted()

    # ------------------------------------------------------------------------ the tuned model

    def use_model(self) -> None:
        """Switch to the tuned model and run it on the image; corrections stay."""
        self._messages.clear()
        tuned = self._take_model()
        if tuned is None:
            self._messages.refuse("No tuned model: fine-tune on your corrections first.")
            return
        self._session.parent_model = self._session.model
        self._session.model_source = tuned
        self._run()

    def revert_to_parent(self) -> None:
        """Switch back to the model before fine-tuning and run it on the image."""
        self._messages.clear()
        parent, self._session.parent_model = self._session.parent_model, None
        if parent is None:
            self._messages.refuse("No model to go back to: the tuned model is not in use.")
            return
        self._drop_preview()
        self._session.model_source = parent
        self._run()

    def discard_model(self) -> None:
        """Discard the tuned model; the one in use stays."""
        self._messages.clear()
        if self._take_model() is not None:
            self._session.tuning_status = "The tuned model was discarded."

    def save_model(self, path: str | os.PathLike[str]) -> bool:
        """Save the tuned model, or else the one in use; return whether it succeeded."""
        self._messages.clear()
        model = self._session.tuned_model or self._session.model
        if model is None:
            self._messages.refuse("No model to save: expected one in use, found none. Run first.")
            return False
        return self._messages.save("model", path, partial(self._engine.save_model, model, path))

    def _take_model(self) -> EmbeddingModel | None:
        """Stop fine-tuning, and return the tuned model after removing it from the session."""
        self.stop()
        session = self._session
        tuned, session.tuned_model = session.tuned_model, None
        self._drop_preview()
        return tuned

    def _drop_preview(self) -> None:
        self._previews.cancel()
        self._session.tuning_preview = None

    # ---------------------------------------------------------------- interrupted fine-tunings

    def find_interrupted(self) -> None:
        """Look for a fine-tuning that a crash ended: ``session.interrupted_tuning``."""
        self._searches.start(
            without_report(self._engine.interrupted_tunings),
            done=self._take_interrupted,
            failed=partial(self._messages.fail, "looking for an interrupted fine-tuning"),
        )

    def _take_interrupted(self, found: Sequence[Interrupted]) -> None:
        self._session.interrupted_tuning = found[0] if found else None

    def forget_interrupted(self) -> None:
        """Delete the interrupted fine-tuning, and look for another one."""
        interrupted, self._session.interrupted_tuning = self._session.interrupted_tuning, None
        if interrupted is not None:
            self._engine.forget_tuning(interrupted.folder)
            self.find_interrupted()

    # ------------------------------------------------------------------------------- preview

    def preview(self, region: ImageRegion | None) -> None:
        """Segment a region of the image with the tuned model, now and whenever it improves.

        Once the tuned model is in use, its parent segments the region.

        Parameters
        ----------
        region : ImageRegion, optional
            None for no preview.
        """
        self._region = region
        self._update_preview()

    def _update_preview(self) -> None:
        session, image, region = self._session, self._session.worked_image, self._region
        model = session.compared_model
        if model is None or image is None or region is None or session.outdated:
            return
        same = same_family(session.model, model)
        request = PreviewRequest(
            model,
            image,
            session.axes,
            region,
            session.cluster_params if same else None,
            PredictOptions(session.device, session.diameter),
        )
        self._previews.start(
            without_report(preview, self._engine, request),
            done=self._take_preview,
            failed=partial(self._messages.fail, "previewing the tuned model"),
        )

    def _take_preview(self, preview: Preview) -> None:
        if self._session.compared_model is not None:
            self._session.tuning_preview = preview

    def leave_image(self) -> None:
        """Clear the preview: it belongs to another image."""
        self._drop_preview()
        self._region = None

    def close(self) -> None:
        """Stop all jobs."""
        jobs = (self._learning, self._previews, self._searches, self._times)
        close_all(*(job.cancel for job in jobs))
        if self._session.tuning:
            self._say_stopped()
