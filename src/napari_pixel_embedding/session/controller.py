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
from napari_pixel_embedding.session.messages import Messages, empty_message
from napari_pixel_embedding.session.segment.clustering import Clustering
from napari_pixel_embedding.session.segment.diameter import DiameterMeasurement
from napari_pixel_embedding.session.segment.requests import RunRequest, RunResult, Stage
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
    from collections.abc import Sequence

    from napari_pixel_embedding.core.blockwise.roi import Viewport
    from napari_pixel_embedding.core.model.model_file import EmbeddingModel
    from napari_pixel_embedding.session.jobs import Executor
    from napari_pixel_embedding.session.state.image import ImageInput
    from napari_pixel_embedding.session.state.session import Session

_CHANGED = "The image has changed since the run: press Run again. Corrections are kept."
_REMOVED = "The image was removed: choose another one under Image, then press Run."
_LEFT_OUT = (
    "“{}” now has the shape {}: the corrections belong to another shape and were left out. "
    "The labels layer that shows them stays."
)


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
                self._left_out = _LEFT_OUT.format(image.name, image.shape)
                earlier = PreviousAnnotations()
            self._restore(earlier)
        return True

    def image_changed(self) -> None:
        """Stop all work on the image: it was given other pixels.

        Labels and corrections stay as they are, and nothing is cut any more until the image is
        chosen again and run. ``session.outdated`` and ``session.error`` say so.
        """
        stopped = self._stop_work()
        told = self.session.outdated
        self._freeze(_CHANGED)
        if stopped or (not told and self.session.embedding_maps):
            self._messages.refuse(f"{_stopped('changed', stopped)} {_CHANGED}".strip())

    def image_removed(self, *, shown: bool) -> None:
        """Stop all work on the image: it was removed from the viewer.

        Parameters
        ----------
        shown : bool
            Whether its labels are still shown: they can be cut and corrected further.
        """
        stopped = self._stop_work()
        self._gone = _REMOVED
        if not shown:
            self._freeze(_REMOVED)
        if stopped:
            self._messages.refuse(_stopped("removed", stopped))

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

    def set_model(self, source: str | EmbeddingModel) -> None:
        """Choose the model of the next run; current results stay until it succeeds.

        Parameters
        ----------
        source : str or EmbeddingModel
            A bundled name, the path of a model file, or a loaded model.
        """
        self.session.model_source = source

    def set_view(self, view: Viewport | None) -> None:
        """Set the part of the image in view; a run of a large image starts there.

        Parameters
        ----------
        view : sequence of (float, float), optional
            First and last position along each axis of the image, in its pixels.
        """
        self.session.view = view

    def set_device(self, device: str) -> None:
        """Set the device that networks run on: "auto", "cpu", "cuda" or "mps"."""
        self.session.device = device

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
        session.running, session.outdated = False, ""
        session.embedding_rgb = None
        session.cluster_indices = ()
        session.embedding_maps = ()

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
        if session.image is None:
            self._messages.refuse(
                "Nothing to segment: expected an image layer, found none. "
                "Open an image, choose it under Image, then press Run."
            )
            return
        if self._gone:
            self._messages.refuse(self._gone)
            return
        if session.model_source == "":
            self._messages.refuse("No model: expected a bundled name or a file. Choose a model.")
            return
        request = RunRequest(
            session.image,
            session.model_source,
            PredictOptions(session.device, session.diameter, augment=session.augment),
            session.view,
            self.memory,
            measure_diameter,
        )
        self.mosaic.stop()
        session.progress, session.status, session.running = 0.0, "Waiting …", True
        self._runs.start(
            partial(run_model, self._engine, request),
            done=partial(self._take_run, session.diameter),
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
        self.session.progress = stage.fraction
        self.session.status = stage.text

    def _take_run(self, asked: float | None, result: RunResult) -> None:
        session = self.session
        if result.measured is not None and session.diameter == asked:
            self.diameter.take_measured(result.measured)
        shape = session.labels_shape if session.embedding_maps else None
        moved = session.roi != result.roi
        if moved:
            self._leave_roi(result)
        self.clustering.cancel()
        self.edits.cancel()
        self.colors.cancel()
        session.outdated = ""
        if session.cluster_params is None or not same_family(session.model, result.model):
            session.cluster_params = start_params(result, session.diameter)
            session.color_basis = None
            session.local_bandwidths = session.local_past = ()
            self._undo.forget_local()
            self.mosaic.forget_places()
        session.model, session.axes, session.layout = result.model, result.axes, result.layout
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


def _stopped(how: str, work: Sequence[str]) -> str:
    """Return a sentence about work that was stopped; empty for none.

    Examples
    --------
    >>> _stopped("removed", ["the run", "fine-tuning"])
    'The image was removed: the run and fine-tuning were stopped.'
    """
    if not work:
        return ""
    return (
        f"The image was {how}: {' and '.join(work)} {'was' if len(work) == 1 else 'were'} stopped."
    )
