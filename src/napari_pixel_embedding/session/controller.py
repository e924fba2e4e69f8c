"""The one hand that changes a session: intentions in, a consistent session out."""

from __future__ import annotations

import math
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

from napari_pixel_embedding.session import pipeline
from napari_pixel_embedding.session.engine import Engine
from napari_pixel_embedding.session.jobs import JobLine
from napari_pixel_embedding.session.messages import Messages, size_message
from napari_pixel_embedding.session.tuning import FineTuning

if TYPE_CHECKING:
    import os

    from numpy.typing import NDArray

    from napari_pixel_embedding.core.checkpoint import EmbeddingModel
    from napari_pixel_embedding.core.clustering import ClusterParams
    from napari_pixel_embedding.session.jobs import Executor
    from napari_pixel_embedding.session.state import ImageInput, Session

MAX_PIXELS = 2**26
"""Largest image, in pixels without channels, that is worked on at once (8192 × 8192)."""


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
    max_pixels : int
        Images with more pixels, channels not counted, are refused.
    """

    def __init__(
        self,
        session: Session,
        executor: Executor,
        engine: Engine | None = None,
        max_pixels: int = MAX_PIXELS,
    ) -> None:
        self.session = session
        self._messages = Messages(session)
        self._engine = engine or Engine()
        self._max_pixels = max_pixels
        self._runs = JobLine(executor)
        self._labellings = JobLine(executor)
        self._colorings = JobLine(executor)
        self._tuning = FineTuning(session, executor, self._engine, self._messages)
        self._cut_with: ClusterParams | None = None
        self._labels_wanted = False

    # ---------------------------------------------------------------- image, model, device

    def set_image(self, image: ImageInput, corrections: NDArray[Any] | None = None) -> bool:
        """Choose the image to work on; results of another image are discarded.

        Parameters
        ----------
        image : ImageInput
            With the array of the present image, corrections and results stay.
        corrections : array of int32, optional
            Corrections of this image from earlier, when it is not the present one.

        Returns
        -------
        bool
            Whether the image was taken; ``session.error`` says why not.
        """
        self._messages.clear()
        pixels = math.prod(image.shape[:-1] if image.rgb else image.shape)
        if not 1 <= pixels <= self._max_pixels:
            self._messages.refuse(size_message(image, pixels, self._max_pixels))
            return False
        present = self.session.image
        if present is None or present.data is not image.data:
            self._discard_results()
            self.session.corrections = corrections
        self.session.image = image
        return True

    def set_model(self, source: str | EmbeddingModel) -> None:
        """Choose the model of the next run; present results stay until it succeeds.

        Parameters
        ----------
        source : str or EmbeddingModel
            A bundled name, the path of a model file, or a loaded model.
        """
        self.session.model_source = source

    def set_device(self, device: str) -> None:
        """Choose where networks run from now on: "auto", "cpu", "cuda" or "mps"."""
        self.session.device = device

    def _discard_results(self) -> None:
        for line in (self._runs, self._labellings, self._colorings):
            line.cancel()
        session = self.session
        session.running = False
        session.embedding_rgb = None
        session.labels = session.clusters = None
        session.object_count = session.corrected_count = 0
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
        request = pipeline.RunRequest(session.image, session.model_source, session.device)
        session.progress, session.status, session.running = 0.0, "Waiting …", True
        self._runs.start(
            partial(pipeline.run_model, self._engine, request),
            done=self._take_run,
            failed=partial(self._run_failed, "segmenting"),
            progress=self._show_stage,
        )

    def cancel(self) -> None:
        """Stop the run under way; results so far stay."""
        if self._runs.cancel():
            self.session.running = False
            self.session.status = "Cancelled; nothing was changed."

    def _show_stage(self, stage: pipeline.Stage) -> None:
        self.session.progress = stage.fraction
        self.session.status = stage.text

    def _take_run(self, result: pipeline.RunResult) -> None:
        session = self.session
        self._labellings.cancel()
        self._colorings.cancel()
        if session.cluster_params is None or not pipeline.same_family(session.model, result.model):
            session.cluster_params = result.model.config.cluster_params()
            session.color_basis = None
        self._cut_with = None
        session.model, session.axes = result.model, result.axes
        session.embedding_maps, session.cluster_indices = result.maps, result.indices
        self._drop_unfitting_corrections()
        session.progress, session.running = 1.0, False
        session.status = f"Embedded “{result.image.name}” with {result.model.config.name}."
        self._update_labels()
        self._update_colors()

    def _drop_unfitting_corrections(self) -> None:
        corrections = self.session.corrections
        if corrections is not None and corrections.shape != self._labels_shape():
            self.session.corrections = None
            self._messages.refuse(
                f"The corrections have the shape {corrections.shape}, the image with axes "
                f"{self.session.axes} has {self._labels_shape()}: they were left out. "
                "Choose the former axes and run again to go on with them."
            )

    def _labels_shape(self) -> tuple[int, ...]:
        maps = self.session.embedding_maps
        frame = tuple(maps[0].shape)
        return (len(maps), *frame) if self._has_frames else frame

    @property
    def _has_frames(self) -> bool:
        return "T" in self.session.axes

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
            Fields of :class:`~napari_pixel_embedding.core.clustering.ClusterParams`.
        """
        params = self.session.cluster_params
        if params is None:
            self._messages.refuse("Nothing to cluster: expected a result, found none. Run first.")
            return
        try:
            wanted = replace(params, **changes)
        except (ValueError, TypeError) as error:
            self._messages.refuse(str(error))
            return
        if wanted != params:
            self.session.cluster_params = wanted
            self._update_labels()

    def _update_labels(self) -> None:
        """Make labels from the session as it is; while that is done, only remember to repeat.

        An answer under way is still worth showing, so a slider that moves faster than the cut
        does not starve the picture.
        """
        session = self.session
        if not session.cluster_indices or session.cluster_params is None:
            return
        if self._labellings.busy:
            self._labels_wanted = True
            return
        self._labels_wanted = False
        params, corrections = session.cluster_params, session.corrections
        clusters = session.clusters if params == self._cut_with else None
        request = pipeline.LabelRequest(
            session.cluster_indices, params, clusters, corrections, self._has_frames
        )
        self._labellings.start(
            lambda report: pipeline.label(self._engine, request),
            done=partial(self._take_labels, request),
            failed=self._labels_failed,
        )

    def _take_labels(self, request: pipeline.LabelRequest, result: pipeline.Labelling) -> None:
        session = self.session
        self._cut_with = request.params
        session.clusters = result.clusters
        if request.corrections is session.corrections:
            session.object_count = result.object_count
            session.corrected_count = result.corrected_count
            session.labels = result.labels
        else:  # the user painted meanwhile: these labels lack the stroke
            self._labels_wanted = True
        if self._labels_wanted:
            self._update_labels()

    def _labels_failed(self, error: Exception) -> None:
        self._labels_wanted = False
        self._messages.fail("clustering", error)

    # ------------------------------------------------------------------------- corrections

    def record_edit(self, before: NDArray[Any], after: NDArray[Any]) -> None:
        """Take what the user painted as corrections.

        Parameters
        ----------
        before, after : array, shape ([T,] [Z,] Y, X)
            The label image as it was shown, and as the user left it; neither is written into.
        """
        corrections, frames = self.session.corrections, self._has_frames
        try:
            recorded = pipeline.record_edit(self._engine, corrections, before, after, frames)
        except ValueError as error:
            self._messages.fail("recording the edit", error)
            return
        self._set_corrections(recorded)

    def reset_corrections(self) -> None:
        """Forget all corrections; the labels become the clusters again."""
        self._messages.clear()
        self._set_corrections(None)

    def save_corrections(self, path: str | os.PathLike[str]) -> bool:
        """Write the corrections to a file; says whether that went well."""
        self._messages.clear()
        if self.session.corrections is None:
            self._messages.refuse("No corrections to save: paint on the labels layer first.")
            return False
        save = self._engine.save_corrections
        return self._write("corrections", save, path, self.session.corrections)

    def load_corrections(self, path: str | os.PathLike[str]) -> None:
        """Read corrections of this image from a file, in place of the present ones."""
        self._messages.clear()
        if not self.session.embedding_maps:
            self._messages.refuse("Corrections belong to a result, found none: press Run first.")
            return
        try:
            corrections = self._engine.load_corrections(path)
        except Exception as error:
            self._messages.fail("loading corrections", error)
            return
        if corrections.shape != self._labels_shape():
            self._messages.refuse(
                f"The corrections in {path} are for an image of shape {corrections.shape}, "
                f"found {self._labels_shape()}. Choose the file that belongs to this image."
            )
            return
        self.session.status = f"Loaded corrections from {path}."
        self._set_corrections(corrections)

    def _set_corrections(self, corrections: NDArray[Any] | None) -> None:
        self.session.corrections = corrections
        self._update_labels()

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
        maps, basis, frames = session.embedding_maps, session.color_basis, self._has_frames
        self._colorings.start(
            lambda report: pipeline.color(self._engine, maps, basis, frames),
            done=self._take_colors,
            failed=partial(self._messages.fail, "colouring the embedding"),
        )

    def _take_colors(self, colors: pipeline.Colors) -> None:
        self.session.color_basis = colors.basis
        self.session.embedding_rgb = colors.rgb

    # -------------------------------------------------------------------------- fine-tuning

    def start_fine_tuning(self, config: Any) -> None:
        """Tune the present model on the corrections, in the background.

        Parameters
        ----------
        config : FineTuneConfig
            How long and how hard to learn.
        """
        self._messages.clear()
        self._tuning.start(config)

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
        self.session.model_source = tuned
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
        self._tuning.stop()
        for line in (self._runs, self._labellings, self._colorings):
            line.cancel()

    def _write(self, what: str, write: Any, path: Any, content: Any) -> bool:
        try:
            write(path, content)
        except Exception as error:
            self._messages.fail(f"saving the {what}", error)
            return False
        self.session.status = f"Saved the {what} as {path}."
        return True
