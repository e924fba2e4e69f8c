"""The controller: it and its parts make every change to a session."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from napari_pixel_embedding.core.inference.options import PredictOptions
from napari_pixel_embedding.session.closing import close_all
from napari_pixel_embedding.session.correct.autosave import Autosave
from napari_pixel_embedding.session.correct.corrections import Corrections
from napari_pixel_embedding.session.correct.edit_queue import EditQueue
from napari_pixel_embedding.session.engine import Engine
from napari_pixel_embedding.session.explore.colors import EmbeddingColors
from napari_pixel_embedding.session.guide.guide import Guide
from napari_pixel_embedding.session.jobs import JobQueue
from napari_pixel_embedding.session.large_image.mosaic import MosaicFiller
from napari_pixel_embedding.session.messages import (
    CHANGED,
    LEFT_OUT,
    NO_IMAGE,
    NO_MODEL,
    REMOVED,
    Messages,
    empty_message,
    stopped_message,
)
from napari_pixel_embedding.session.recipe.record import with_source
from napari_pixel_embedding.session.segment.clustering import Clustering
from napari_pixel_embedding.session.segment.diameter import DiameterMeasurement
from napari_pixel_embedding.session.segment.requests import RunRequest, RunResult, Stage
from napari_pixel_embedding.session.segment.returning import KeptResults, choose_as_in, continues
from napari_pixel_embedding.session.segment.run import (
    embedded_message,
    run_model,
    same_family,
    start_params,
)
from napari_pixel_embedding.session.state.results import PreviousAnnotations
from napari_pixel_embedding.session.train.fine_tuning import FineTuning
from napari_pixel_embedding.session.undo import Undo

if TYPE_CHECKING:
    import os

    from napari_pixel_embedding.core.blockwise.roi import Viewport
    from napari_pixel_embedding.core.model.model_file import EmbeddingModel
    from napari_pixel_embedding.session.jobs import Executor
    from napari_pixel_embedding.session.state.image import ImageInput
    from napari_pixel_embedding.session.state.session import Session


class SessionController:
    """Applies the user's actions to a session and keeps it consistent.

    The controller itself chooses image, model and device, and runs the model. Its parts do
    everything else, for example ``controller.clustering.set_params(bandwidth=1.2)``. A user's
    mistake never raises: the message goes to ``session.error``, and everything else stays
    unchanged.

    Parameters
    ----------
    session : Session
        The state to change; nothing else writes it.
    executor : Executor
        Runs the jobs.
    engine : Engine, optional
        Functions that the jobs call; those of the core by default.
    memory : int, optional
        Memory limit of a run in bytes: larger images are segmented in parts, starting with the part
        in view. By default, the memory that is free when the run starts. Can be changed.
    autosave_folder : path, optional
        Where corrections are saved after every change; by default they are not.

    Attributes
    ----------
    clustering : Clustering
        Clusters with the sliders' parameters; splits and merges single objects.
    corrections : Corrections
        Records, undoes, saves and loads manual corrections.
    edits : EditQueue
        Runs the edits of the tools.
    autosave : Autosave
        Saves corrections after every change, and restores those of an earlier session.
    diameter : DiameterMeasurement
        Sets or measures the typical diameter of the objects.
    colors : EmbeddingColors
        Shows the embedding in colours.
    fine_tuning : FineTuning
        Fine-tunes the model on the corrections.
    guide : Guide
        Keeps ``session.next_step`` and takes it: ``guide.take(step)``.
    mosaic : MosaicFiller
        Segments a large image around the ROI, block by block.
    """

    def __init__(
        self,
        session: Session,
        executor: Executor,
        engine: Engine | None = None,
        memory: int | None = None,
        autosave_folder: str | os.PathLike[str] | None = None,
    ) -> None:
        self.session = session
        self.memory = memory
        self._engine = engine = engine or Engine()
        self._messages = messages = Messages(session)
        self._runs = JobQueue(executor)
        self._gone = ""  # why the image cannot be run again without choosing it
        self._left_out = ""  # to be said after the run
        self._result: RunResult | None = None
        self._undo = undo = Undo(session, self._update_labels)
        common = (session, executor, engine, messages)
        self.mosaic = MosaicFiller(*common)
        self.diameter = DiameterMeasurement(*common)
        self.colors = EmbeddingColors(*common)
        self.clustering = Clustering(*common, undo)
        self.fine_tuning = FineTuning(*common, self.run)
        self.corrections = Corrections(
            session, engine, messages, undo, self.mosaic, self._update_labels
        )
        self.edits = EditQueue(
            session, executor, messages, self.corrections, lambda: self.clustering.settled
        )
        self.autosave = Autosave(session, executor, messages, self.corrections, autosave_folder)
        self.guide = Guide(session, executor, engine, self.diameter, self.clustering, self.run)

    def close(self) -> None:
        """Stop all jobs; results so far stay.

        Every part is closed, even if another one raises; errors are raised at the end.
        """
        close_all(
            self.fine_tuning.close,
            self.clustering.cancel,
            self.edits.close,
            self.autosave.close,
            self._runs.cancel,
            self.diameter.cancel,
            self.colors.cancel,
            self.mosaic.close,
            self.guide.close,
        )

    def _update_labels(self) -> None:
        self.clustering.update()

    # ---------------------------------------------------------------- image, model, device

    def set_image(self, image: ImageInput, earlier: PreviousAnnotations | None = None) -> bool:
        """Choose the image to work on; results of another image are discarded.

        Parameters
        ----------
        image : ImageInput
            If it has the array of the current image, corrections and results stay.
        earlier : PreviousAnnotations, optional
            Earlier annotations of this image; used only if it is not the current one.

        Returns
        -------
        bool
            Whether the image was accepted; ``session.error`` says why not.
        """
        self._messages.clear()
        if 0 in image.shape:
            self._messages.refuse(empty_message(image))
            return False
        present = self.session.image
        self.session.image, self._gone, self._left_out = image, "", ""
        if present is None or present.data is not image.data:
            self._discard_results()
            earlier = earlier or PreviousAnnotations()
            if not earlier.fits(image):
                self._left_out = LEFT_OUT.format(image.name, image.shape)
                earlier = PreviousAnnotations()
            self._restore(earlier)
        return True

    @property
    def kept_results(self) -> KeptResults | None:
        """The results, to be taken back when their image is chosen again; None without any."""
        image, result = self.session.image, self._result
        if image is None or result is None or self.session.outdated:
            return None
        return KeptResults.of(self.session, image, result)

    def take_back(self, kept: KeptResults) -> None:
        """Take back the results of the image that was just chosen again."""
        image = self.session.image
        if image is not None and image.data is kept.image.data:
            kept.choose_again(self.session, self.diameter)
            self.mosaic.take_back(kept.mosaic, kept.result)
            self._take_result(kept.result, kept.run_source)
            kept.restore_history(self.session)

    def image_changed(self) -> None:
        """Stop all work on the image: it was given other pixels.

        Labels and corrections stay as they are, and nothing is cut any more until the image is
        chosen again and run. ``session.outdated`` and ``session.error`` say so.
        """
        stopped = self._stop_work()
        told = self.session.outdated
        self._freeze(CHANGED)
        if stopped or (not told and self.session.embedding_maps):
            self._messages.refuse(f"{stopped_message('changed', stopped)} {CHANGED}".strip())

    def image_removed(self, *, shown: bool) -> None:
        """Stop all work on the image: it was removed from the viewer.

        Parameters
        ----------
        shown : bool
            Whether its labels are still shown: they can be cut and corrected further.
        """
        stopped = self._stop_work()
        self._gone = REMOVED
        if not shown:
            self._freeze(REMOVED)
        if stopped:
            self._messages.refuse(stopped_message("removed", stopped))

    def _stop_work(self) -> list[str]:
        """Stop all jobs that read the image; return what was under way."""
        work = {
            "the run": self._runs.cancel,
            "segmenting the other blocks": self.mosaic.stop,
            "measuring the objects": self.diameter.cancel,
            "fine-tuning": self.fine_tuning.stop,
        }
        stopped = [name for name, stop in work.items() if stop()]
        self.fine_tuning.leave_image()
        if self.session.running:
            self.session.running = False
            self.session.status = "Stopped; nothing was changed."
        return stopped

    def _freeze(self, reason: str) -> None:
        """Keep labels as they are: they belong to pixels that are no longer shown."""
        self._gone = self.session.outdated = reason
        self.edits.cancel()
        self.colors.cancel()
        self.clustering.cancel()
        self.mosaic.freeze()

    def _restore(self, earlier: PreviousAnnotations) -> None:
        self.session.axes, self.session.roi = earlier.axes, earlier.roi
        self.session.layout = earlier.layout
        self.session.whole_image = earlier.whole_image
        self.session.local_bandwidths = earlier.local_bandwidths
        self.corrections.restore(earlier)
        if earlier.run is not None:
            choose_as_in(earlier.run, self.session, self.diameter)

    def set_model(self, source: str | EmbeddingModel) -> None:
        """Choose the model of the next run; current results stay until it succeeds.

        Parameters
        ----------
        source : str or EmbeddingModel
            A bundled name, the path of a model file, or a loaded model.
        """
        self.session.model_source = source

    def set_view(self, view: Viewport | None) -> None:
        """Set the part of the image in view, in its pixels; a run of a large image starts there."""
        self.session.view = view

    def set_device(self, device: str) -> None:
        """Set the device that networks run on: "auto", "cpu", "cuda" or "mps"."""
        self.session.device = device

    def set_tile(self, side: int | None) -> None:
        """Set the largest side of a tile along Y and X; None for the usual one."""
        self.session.tile = side

    def set_augment(self, augment: int) -> None:
        """Set the number of orientations that predictions are averaged over: 1, 4 or 8."""
        self.session.augment = augment

    def _discard_results(self) -> None:
        self._runs.cancel()
        self.edits.cancel()
        self.diameter.leave_image()
        self.colors.cancel()
        self.clustering.discard()
        self.fine_tuning.leave_image()
        self.mosaic.discard()
        session = self.session
        self._result = session.earlier_run = session.run_record = None
        session.outdated = session.status = session.edit_status = session.autosave_path = ""
        session.running, session.progress, session.autosaved = False, 0.0, 0.0
        if not session.tuning and session.tuned_model is None:
            session.tuning_status, session.training, session.tuning_report = "", (), None
        session.embedding_rgb = None
        session.cluster_indices = session.embedding_maps = ()

    # ------------------------------------------------------------------------------- run

    def run(self, *, measure_diameter: bool = False) -> None:
        """Run the model on the image; corrections stay, even with another model.

        Parameters
        ----------
        measure_diameter : bool
            Whether to measure the diameter of the objects first, whatever was chosen. Volumes are
            measured anyway where no diameter was chosen.
        """
        self._messages.clear()
        session = self.session
        reason = NO_IMAGE if session.image is None else self._gone
        if reason or session.image is None or session.model_source == "":
            self._messages.refuse(reason or NO_MODEL)
            return
        request = RunRequest(
            session.image,
            session.model_source,
            PredictOptions(
                session.device, session.diameter, augment=session.augment, tile=session.tile
            ),
            session.view,
            self.memory,
            measure_diameter,
        )
        self.mosaic.stop()
        session.progress, session.status, session.running = 0.0, "Waiting …", True
        self._runs.start(
            partial(run_model, self._engine, request),
            done=partial(self._take_run, request),
            failed=self._run_failed,
            progress=self._show_stage,
        )

    def cancel(self) -> None:
        """Stop the run under way; results so far stay."""
        if self._runs.cancel():
            self.session.running = False
            self.session.status = "Cancelled; nothing was changed."
        self.mosaic.stop()

    def _show_stage(self, stage: Stage) -> None:
        self.session.progress, self.session.status = stage.fraction, stage.text

    def _take_run(self, request: RunRequest, result: RunResult) -> None:
        if result.measured is not None and self.session.diameter == request.options.diameter:
            self.diameter.take_measured(result.measured)
        self._take_result(result, request.model)

    def _take_result(self, result: RunResult, source: str | EmbeddingModel) -> None:
        session = self.session
        session.run_source = source
        shape = session.labels_shape if session.embedding_maps else None
        moved = session.roi != result.roi
        if moved:
            self._leave_roi(result)
        self.clustering.cancel()
        self.edits.cancel()
        self.colors.cancel()
        session.outdated = ""
        self._result, run, session.earlier_run = result, session.earlier_run, None
        kept = continues(run, result) or same_family(session.model, result.model)
        if session.cluster_params is None or not kept:
            session.cluster_params = start_params(result, session.diameter)
            session.color_basis = None
            session.local_bandwidths = session.local_past = ()
            self._undo.forget_local()
            self.mosaic.forget_places()
        session.model, session.axes, session.layout = result.model, result.axes, result.layout
        session.run_record = with_source(result.record, session)
        session.embedding_maps, session.cluster_indices = result.maps, result.indices
        if moved:
            self._enter_roi(result)
        self.clustering.keep_fitting()
        self.corrections.keep_fitting(shape)
        session.progress, session.running = 1.0, False
        session.status = embedded_message(result)
        self.clustering.update()
        self.colors.update()
        self.mosaic.follow(result)
        if self._left_out:
            self._messages.refuse(self._left_out)
            self._left_out = ""

    def _leave_roi(self, result: RunResult) -> None:
        """Store the corrections of the previous ROI."""
        left = self.session.roi
        self.session.roi = result.roi  # strokes under way are recorded before anything changes
        self.mosaic.leave(left, result)

    def _enter_roi(self, result: RunResult) -> None:
        """Load the corrections of the new ROI."""
        corrections, local = self.mosaic.enter(result)
        self.corrections.move(corrections, local)

    def _run_failed(self, error: Exception) -> None:
        self.session.running = False
        self.session.status = "Stopped by an error; earlier results were kept."
        self._messages.fail("segmenting", error)
