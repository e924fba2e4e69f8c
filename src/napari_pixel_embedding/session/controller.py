"""The one hand that changes a session: intentions in, a consistent session out."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from napari_pixel_embedding.session.correct.autosave import Autosave
from napari_pixel_embedding.session.correct.corrections import Correcting
from napari_pixel_embedding.session.correct.edit_queue import Editing
from napari_pixel_embedding.session.engine import Engine
from napari_pixel_embedding.session.explore.colors import Colors, color
from napari_pixel_embedding.session.jobs import JobLine
from napari_pixel_embedding.session.large_image.mosaic import MosaicFiller
from napari_pixel_embedding.session.messages import Messages, empty_message
from napari_pixel_embedding.session.segment.clustering import Cutting
from napari_pixel_embedding.session.segment.diameter import Measuring
from napari_pixel_embedding.session.segment.requests import RunRequest, RunResult, Stage
from napari_pixel_embedding.session.segment.run import (
    embedded_message,
    run_model,
    same_family,
    start_params,
)
from napari_pixel_embedding.session.state.results import PreviousAnnotations
from napari_pixel_embedding.session.train.fine_tuning import FineTuning
from napari_pixel_embedding.session.undo import Undoing

if TYPE_CHECKING:
    import os
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from napari_pixel_embedding.core.blockwise.roi import Viewport
    from napari_pixel_embedding.core.inference.segment import Method
    from napari_pixel_embedding.core.model.model_file import EmbeddingModel
    from napari_pixel_embedding.session.correct.edits import Edit
    from napari_pixel_embedding.session.jobs import Executor
    from napari_pixel_embedding.session.segment.local_cuts import Direction
    from napari_pixel_embedding.session.state.image import CorrectedImage, ImageInput, ImageRegion
    from napari_pixel_embedding.session.state.session import Session


class SessionController:
    """Takes what the user wants and keeps the session consistent with it.

    No method raises on what a user can do wrong: the message goes to ``session.error``, and
    everything else stays as it was.

    Parameters
    ----------
    session : Session
        The state to keep; nothing else writes it.
    executor : Executor
        Runs the work.
    engine : Engine, optional
        The functions the work consists of; the core's own by default.
    memory : int, optional
        Bytes that a run may take: larger images are worked on in parts, beginning with what is in
        view. By default what the machine bears when the run begins. Can be changed.
    autosave_folder : path, optional
        Where corrections are saved by themselves after every change; nowhere by default.
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
        self._messages = Messages(session)
        self._engine = engine or Engine()
        self.memory = memory
        self._runs = JobLine(executor)
        self._colorings = JobLine(executor)
        self._undoing = Undoing(session, self._update)
        self._cutting = Cutting(session, executor, self._engine, self._messages, self._undoing)
        self._correcting = Correcting(
            session, self._engine, self._messages, self._undoing, self._update
        )
        self._editing = Editing(
            session, executor, self._messages, self._correcting, lambda: self._cutting.settled
        )
        self._autosave = Autosave(
            session, executor, self._messages, self._correcting, autosave_folder
        )
        self._measuring = Measuring(session, executor, self._engine, self._messages)
        self._tuning = FineTuning(session, executor, self._engine, self._messages)
        self._mosaic_filler = MosaicFiller(session, executor, self._engine, self._messages)

    # ---------------------------------------------------------------- image, model, device

    def set_image(self, image: ImageInput, earlier: PreviousAnnotations | None = None) -> bool:
        """Choose the image to work on; results of another image are discarded.

        Parameters
        ----------
        image : ImageInput
            With the array of the present image, corrections and results stay.
        earlier : PreviousAnnotations, optional
            What is left of earlier work on this image, when it is not the present one.

        Returns
        -------
        bool
            Whether the image was taken; ``session.error`` says why not.
        """
        self._messages.clear()
        if 0 in image.shape:
            self._messages.refuse(empty_message(image))
            return False
        present = self.session.image
        self.session.image = image
        if present is None or present.data is not image.data:
            self._discard_results()
            self._restore(earlier or PreviousAnnotations())
        return True

    def _restore(self, earlier: PreviousAnnotations) -> None:
        self.session.axes, self.session.roi = earlier.axes, earlier.roi
        self.session.whole_image = earlier.whole_image
        self.session.local_bandwidths = earlier.local_bandwidths
        self._correcting.restore(earlier)

    def set_model(self, source: str | EmbeddingModel) -> None:
        """Choose the model of the next run; present results stay until it succeeds.

        Parameters
        ----------
        source : str or EmbeddingModel
            A bundled name, the path of a model file, or a loaded model.
        """
        self.session.model_source = source

    def set_view(self, view: Viewport | None) -> None:
        """Say what of the image is looked at: a run of a large one begins there.

        Parameters
        ----------
        view : sequence of (float, float), optional
            First and last position along each axis of the image, in its pixels.
        """
        self.session.view = view

    def set_device(self, device: str) -> None:
        """Choose where networks run from now on: "auto", "cpu", "cuda" or "mps"."""
        self.session.device = device

    def set_augment(self, augment: int) -> None:
        """Choose from how many sides networks look at the image from now on: 1, 4 or 8."""
        self.session.augment = augment

    def set_diameter(self, diameter: float | None) -> None:
        """Choose the typical diameter of objects, in pixels, that the next run goes by.

        Parameters
        ----------
        diameter : float, optional
            None for what the model expects.
        """
        self._messages.clear()
        self._measuring.set(diameter)

    def measure_diameter(self) -> None:
        """Measure the objects of the image with the chosen model, and choose their diameter."""
        self._messages.clear()
        self._measuring.start()

    def _update(self) -> None:
        self._cutting.update()

    def _discard_results(self) -> None:
        self._runs.cancel()
        self._editing.cancel()
        self._measuring.cancel()
        self._colorings.cancel()
        self._cutting.discard()
        self._tuning.leave_image()
        self._mosaic_filler.discard()
        session = self.session
        session.running = False
        session.embedding_rgb = None
        session.cluster_indices = ()
        session.embedding_maps = ()

    # ------------------------------------------------------------------------------- run

    def run(self) -> None:
        """Run the model on the image; corrections stay, also when the model is another one."""
        self._messages.clear()
        session = self.session
        if session.image is None:
            self._messages.refuse(
                "Nothing to segment: expected an image layer, found none. "
                "Open an image, choose it under Image, then press Run."
            )
            return
        if session.model_source == "":
            self._messages.refuse("No model: expected a bundled name or a file. Choose a model.")
            return
        request = RunRequest(
            session.image,
            session.model_source,
            session.device,
            session.augment,
            session.diameter,
            session.view,
            self.memory,
        )
        self._mosaic_filler.stop()
        session.progress, session.status, session.running = 0.0, "Waiting …", True
        self._runs.start(
            partial(run_model, self._engine, request),
            done=self._take_run,
            failed=partial(self._run_failed, "segmenting"),
            progress=self._show_stage,
        )

    def cancel(self) -> None:
        """Stop the run under way; results so far stay."""
        if self._runs.cancel():
            self.session.running = False
            self.session.status = "Cancelled; nothing was changed."
        self._mosaic_filler.stop()

    def _show_stage(self, stage: Stage) -> None:
        self.session.progress = stage.fraction
        self.session.status = stage.text

    def _take_run(self, result: RunResult) -> None:
        session = self.session
        shape = session.labels_shape if session.embedding_maps else None
        moved = session.roi != result.roi
        if moved:
            self._leave_roi(result)
        self._cutting.cancel()
        self._editing.cancel()
        self._colorings.cancel()
        if session.cluster_params is None or not same_family(session.model, result.model):
            session.cluster_params = start_params(result, session.diameter)
            session.color_basis = None
            session.local_bandwidths = session.local_past = ()
            self._undoing.forget_local()
            self._mosaic_filler.forget_places()
        session.model, session.axes = result.model, result.axes
        session.embedding_maps, session.cluster_indices = result.maps, result.indices
        if moved:
            self._enter_roi(result)
        self._cutting.keep_fitting()
        self._correcting.keep_fitting(shape)
        session.progress, session.running = 1.0, False
        session.status = embedded_message(result, session.view)
        self._cutting.update()
        self._update_colors()
        self._mosaic_filler.follow(result)

    def _leave_roi(self, result: RunResult) -> None:
        """Keep what was fixed by hand in the part of the image that was worked on until now."""
        left = self.session.roi
        self.session.roi = result.roi  # strokes under way are recorded before anything changes
        self._mosaic_filler.leave(left, result)

    def _enter_roi(self, result: RunResult) -> None:
        """Go on with what was fixed by hand in the part of the image that is worked on now."""
        corrections, local = self._mosaic_filler.enter(result)
        self._correcting.move(corrections, local)

    def _run_failed(self, doing: str, error: Exception) -> None:
        self.session.running = False
        self.session.status = "Stopped by an error; earlier results were kept."
        self._messages.fail(doing, error)

    # ---------------------------------------------------------------------------- clusters

    def set_cluster_params(self, **changes: Any) -> None:
        """Change how clusters are cut; the labels follow.

        Parameters
        ----------
        **changes
            Fields of :class:`~.clustering.ClusterParams`.
        """
        self._cutting.set_params(**changes)

    def set_method(self, method: Method) -> None:
        """Choose how clusters are made: "mean_shift", live, or "mutex", anew at every change."""
        self._messages.clear()
        self._cutting.set_method(method)

    def choose_bandwidth(self) -> None:
        """Set the bandwidth to the middle of the widest plateau of ``session.stability``."""
        self._messages.clear()
        self._cutting.choose_bandwidth()

    def refine(self, point: tuple[int, ...], direction: Direction) -> None:
        """Cut one object finer or coarser than the sliders say, by one step.

        Parameters
        ----------
        point : tuple of int
            Index ([t,] [z,] y, x) of a pixel of the object in ``session.labels``.
        direction : {"finer", "coarser"}
            Whether to split the object or to merge it with a neighbour. Where there is no such
            step, ``session.cut_status`` says so.
        """
        self._cutting.refine(point, direction)

    def undo_refining(self) -> None:
        """Take back the last change of a single object's bandwidth."""
        self._cutting.undo()

    def reset_refining(self) -> None:
        """Cut all objects with the slider's bandwidth again; that can be undone."""
        self._cutting.reset()

    # ------------------------------------------------------------------------- corrections

    def record_edit(self, before: NDArray[Any], after: NDArray[Any]) -> None:
        """Take what the user painted as corrections.

        Parameters
        ----------
        before, after : array, shape ([T,] [Z,] Y, X)
            The label image as it was shown, and as the user left it; neither is written into.
        """
        self._correcting.record_edit(before, after)

    def edit(self, edit: Edit) -> None:
        """Do what a tool asks for, in the background; can be undone.

        Parameters
        ----------
        edit : Edit
            From :mod:`~.correct.edits`. What came of it, or why it cannot
            be, is said in ``session.edit_status``.
        """
        self._editing.start(edit)

    def undo(self) -> None:
        """Take back the newest stroke, edit, or change of a single object's bandwidth."""
        step = self._undoing.undo()
        self.session.edit_status = "There is nothing to undo." if step is None else ""

    def redo(self) -> None:
        """Repeat what was taken back last."""
        step = self._undoing.redo()
        self.session.edit_status = "There is nothing to redo." if step is None else ""

    def reset_corrections(self) -> None:
        """Forget all corrections, so that the labels become the clusters again; can be undone."""
        self._messages.clear()
        self._mosaic_filler.reset()
        self._correcting.reset()

    def restore_recovery(self) -> None:
        """Take up what was done to this image in an earlier session; can be undone."""
        self._autosave.restore()

    def discard_recovery(self) -> None:
        """Drop what was done to this image in an earlier session, and do not offer it again."""
        self._autosave.discard()

    def save_beside_image(self, wanted: bool) -> None:
        """Save corrections beside the image's file from now on, or in the user's folder."""
        self._autosave.save_beside(wanted)

    def save_corrections(self, path: str | os.PathLike[str]) -> bool:
        """Write the corrections to a file; says whether that went well."""
        self._messages.clear()
        try:
            corrections = self._mosaic_filler.gathered()
        except ValueError as error:
            self._messages.fail("saving the corrections", error)
            return False
        if corrections is None:
            self._messages.refuse("No corrections to save: paint on the labels layer first.")
            return False
        return self._write("corrections", self._engine.save_corrections, path, corrections)

    def load_corrections(self, path: str | os.PathLike[str]) -> None:
        """Read corrections of this image from a file, in place of the present ones."""
        self._messages.clear()
        self._correcting.load(path, self._mosaic_filler.scatter)

    def show_colors(self, wanted: bool) -> None:
        """Keep the embedding's colours up to date from now on, or drop them."""
        self.session.colors_wanted = wanted
        if not wanted:
            self._colorings.cancel()
            self.session.embedding_rgb = None
        self._update_colors()

    def refit_colors(self) -> None:
        """Choose the colours anew from the present embedding."""
        self.session.color_basis = None
        self._update_colors()

    def _update_colors(self) -> None:
        session = self.session
        if not session.colors_wanted or not session.embedding_maps:
            return
        maps, basis, frames = session.embedding_maps, session.color_basis, self.session.has_frames
        self._colorings.start(
            lambda report: color(self._engine, maps, basis, frames),
            done=self._take_colors,
            failed=partial(self._messages.fail, "colouring the embedding"),
        )

    def _take_colors(self, colors: Colors) -> None:
        self.session.color_basis = colors.basis
        self.session.embedding_rgb = colors.rgb

    # -------------------------------------------------------------------------- fine-tuning

    def start_fine_tuning(
        self, config: Any, others: Sequence[CorrectedImage] = (), folder: str = ""
    ) -> None:
        """Tune the present model on the corrections, in the background.

        Parameters
        ----------
        config : FineTuneConfig
            How long and how hard to learn.
        others : sequence of CorrectedImage
            Further images with corrections.
        folder : path
            Holds further images and corrections, ``images/NAME.*`` and ``masks/NAME.*``.
        """
        self._messages.clear()
        self._tuning.start(config, others, folder)

    def find_interrupted_tuning(self) -> None:
        """Look for a fine-tuning that a crash has ended: ``session.interrupted_tuning``."""
        self._tuning.find_interrupted()

    def resume_fine_tuning(self) -> None:
        """Go on with the interrupted fine-tuning."""
        self._messages.clear()
        self._tuning.resume()

    def forget_interrupted_tuning(self) -> None:
        """Throw the interrupted fine-tuning away."""
        self._tuning.forget_interrupted()

    def preview_tuning(self, region: ImageRegion | None) -> None:
        """Show what the tuned model makes of a field of the image, now and as it learns."""
        self._tuning.set_region(region)

    def stop_fine_tuning(self) -> None:
        """Stop learning; the best model so far stays."""
        self._tuning.stop()

    def use_tuned_model(self) -> None:
        """Work with the tuned model from now on: runs it on the image; corrections stay."""
        self._messages.clear()
        tuned = self._tuning.take_model()
        if tuned is None:
            self._messages.refuse("No tuned model: fine-tune on your corrections first.")
            return
        self.session.parent_model = self.session.model
        self.session.model_source = tuned
        self.run()

    def revert_to_parent(self) -> None:
        """Work with the model before fine-tuning again: runs it on the image."""
        self._messages.clear()
        parent, self.session.parent_model = self.session.parent_model, None
        if parent is None:
            self._messages.refuse("No model to go back to: the tuned model is not in use.")
            return
        self.session.model_source = parent
        self.run()

    def discard_tuned_model(self) -> None:
        """Forget the tuned model; the present one stays."""
        self._messages.clear()
        if self._tuning.take_model() is not None:
            self.session.tuning_status = "The tuned model was discarded."

    def save_model(self, path: str | os.PathLike[str]) -> bool:
        """Write the tuned model, or else the one in use, to a file; says whether it went well."""
        self._messages.clear()
        model = self.session.tuned_model or self.session.model
        if model is None:
            self._messages.refuse("No model to save: expected one in use, found none. Run first.")
            return False
        return self._write("model", lambda p, m: self._engine.save_model(m, p), path, model)

    def close(self) -> None:
        """Stop everything; the session keeps what it has."""
        self._tuning.close()
        self._cutting.cancel()
        self._editing.close()
        self._autosave.close()
        self._runs.cancel()
        self._measuring.cancel()
        self._colorings.cancel()
        self._mosaic_filler.close()

    def _write(self, what: str, write: Any, path: Any, content: Any) -> bool:
        try:
            write(path, content)
        except Exception as error:
            self._messages.fail(f"saving the {what}", error)
            return False
        self.session.status = f"Saved the {what} as {path}."
        return True
