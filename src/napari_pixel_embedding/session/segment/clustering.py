"""Clustering with the sliders' parameters, and local bandwidths of single objects."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

from napari_pixel_embedding.session.jobs import JobQueue, without_report
from napari_pixel_embedding.session.segment.label import label
from napari_pixel_embedding.session.segment.local_cuts import fitting, refine, stability
from napari_pixel_embedding.session.segment.requests import Labelling, LabelRequest
from napari_pixel_embedding.session.state.history import LONGEST, count_deleted

if TYPE_CHECKING:
    from napari_pixel_embedding.core.clustering import ClusterIndex, ClusterParams, StabilityCurve
    from napari_pixel_embedding.core.segmentation.segment import Method
    from napari_pixel_embedding.session.engine import Engine
    from napari_pixel_embedding.session.jobs import Executor
    from napari_pixel_embedding.session.messages import Messages
    from napari_pixel_embedding.session.segment.local_cuts import Direction
    from napari_pixel_embedding.session.state.history import BandwidthsByFrame
    from napari_pixel_embedding.session.state.session import Session
    from napari_pixel_embedding.session.undo import Undo


class Clustering:
    """The part of the controller that makes the labels and the stability curve.

    One clustering runs at a time, from the session's state when the previous one has finished.
    Every result is shown, so the labels keep up with a slider that moves faster.

    Parameters
    ----------
    session, executor, engine, messages
        Those of the controller.
    undo : Undo
        Records changes of local bandwidths.
    """

    def __init__(
        self,
        session: Session,
        executor: Executor,
        engine: Engine,
        messages: Messages,
        undo: Undo,
    ) -> None:
        self._session = session
        self._engine = engine
        self._messages = messages
        self._undo = undo
        self._labellings, self._refinings, self._curves = (JobQueue(executor) for _ in range(3))
        self._answered: LabelRequest | None = None
        self._curve_of: tuple[tuple[ClusterIndex, ...], ClusterParams] | None = None

    @property
    def settled(self) -> bool:
        """Whether the session's labels show its corrections."""
        answered = self._answered
        return answered is not None and answered.corrections is self._session.corrections

    def cancel(self) -> None:
        """Cancel the running jobs."""
        for queue in (self._labellings, self._refinings, self._curves):
            queue.cancel()

    def discard(self) -> None:
        """Drop all results and local bandwidths: they belong to another image."""
        self.cancel()
        self._answered = self._curve_of = None
        session = self._session
        session.labels = session.clusters = session.stability = None
        session.object_count = session.corrected_count = session.deleted_count = 0
        session.median_size = 0.0
        session.cut_status = ""
        session.local_past = session.local_bandwidths = ()
        self._undo.forget()

    # ------------------------------------------------------------------------------ labels

    def set_params(self, **changes: Any) -> None:
        """Change cluster parameters and update the labels.

        Parameters
        ----------
        **changes
            Fields of :class:`~.clustering.ClusterParams`.
        """
        params = self._session.cluster_params
        if params is None:
            self._messages.refuse("Nothing to cluster: expected a result, found none. Run first.")
            return
        try:
            wanted = replace(params, **changes)
        except (ValueError, TypeError) as error:
            self._messages.refuse(str(error))
            return
        if wanted != params and not self._refuse_outdated():
            self._session.cluster_params = wanted
            self.update()

    def set_method(self, method: Method) -> None:
        """Choose the clustering method and update the labels.

        Parameters
        ----------
        method : {"mean_shift", "mutex"}
            Live from the index, or by mutex watershed, computed again at every change.
        """
        self._messages.clear()
        if not self._refuse_outdated():
            self._session.method = method
            self.update()

    def _refuse_outdated(self) -> bool:
        """Refuse to cut results that no longer belong to the image; return whether they do not."""
        outdated = self._session.outdated
        if outdated:
            self._messages.refuse(outdated)
        return bool(outdated)

    def update(self) -> None:
        """Update labels and stability curve from the session's state."""
        session = self._session
        if session.cluster_indices and session.cluster_params is not None:
            self._update_labels(session.cluster_params)
            if not (
                self._labellings.busy or session.outdated
            ):  # labels first: both need the same tree
                self._update_curve(session.cluster_params)

    def _update_labels(self, params: ClusterParams) -> None:
        session, answered = self._session, self._answered
        request = LabelRequest(
            session.cluster_indices,
            params,
            None,
            session.corrections,
            session.has_frames,
            session.local_bandwidths,
            session.embedding_maps,
            session.method,
        )
        if session.outdated:
            if answered is None:
                return
            # Nothing is cut any more, but corrections still show.
            request = replace(answered, corrections=session.corrections)
        if answered is not None and request.has_clusters_of(answered):
            if request.corrections is answered.corrections:
                return
            request = replace(request, clusters=session.clusters)
        if not self._labellings.busy:
            self._labellings.start(
                without_report(label, self._engine, request),
                done=partial(self._take_labels, request),
                failed=partial(self._labels_failed, request),
            )

    def _take_labels(self, request: LabelRequest, result: Labelling) -> None:
        session = self._session
        self._answered = request
        session.clusters = result.clusters
        if request.corrections is session.corrections:
            session.object_count = result.object_count
            session.median_size = result.median_size
            session.deleted_count = count_deleted(
                session.deleted, session.corrections, session.has_frames
            )
            session.corrected_count = result.corrected_count + session.deleted_count
            session.labels = result.labels
        # else the user painted meanwhile: these labels lack the stroke
        self.update()

    def _labels_failed(self, request: LabelRequest, error: Exception) -> None:
        self._answered, self._session.clusters = request, None
        self._messages.fail("clustering", error)
        self.update()

    # --------------------------------------------------------------------------- the curve

    def _update_curve(self, params: ClusterParams) -> None:
        indices, done = self._session.cluster_indices, self._curve_of
        if done is not None and done[0] is indices:
            params = replace(params, bandwidth=done[1].bandwidth)  # the curve covers all bandwidths
            if params == done[1]:
                return
        if not self._curves.busy:
            self._curves.start(
                without_report(stability, indices, params),
                done=partial(self._take_curve, (indices, params)),
                failed=partial(self._curve_failed, (indices, params)),
            )

    def _take_curve(self, request: Any, curve: StabilityCurve) -> None:
        self._curve_of = request
        self._session.stability = curve
        self.update()

    def _curve_failed(self, request: Any, error: Exception) -> None:
        self._curve_of = request
        self._messages.fail("counting objects", error)

    def choose_bandwidth(self) -> None:
        """Set the bandwidth to the middle of the widest plateau of ``session.stability``."""
        self._messages.clear()
        curve = self._session.stability
        if curve is None:
            self._messages.refuse("Nothing to choose from: expected a result. Run a model first.")
        else:
            self.set_params(bandwidth=curve.auto_bandwidth)

    # ---------------------------------------------------------------------- single objects

    def refine(self, point: tuple[int, ...], direction: Direction) -> None:
        """Split one object, or merge it with a neighbour, by one step.

        Parameters
        ----------
        point : tuple of int
            Index ([t,] [z,] y, x) of a pixel of the object in ``session.labels``.
        direction : {"finer", "coarser"}
            Whether to split the object or to merge it with a neighbour. Where there is no such
            step, ``session.cut_status`` says so.
        """
        session = self._session
        disabled_reason = self._disabled_reason(point)
        session.cut_status = disabled_reason or ""
        if disabled_reason is not None or self._refinings.busy:
            return  # a wheel turns faster than objects split: one step at a time
        place = (point[0], point[1:]) if session.has_frames else (0, point)
        indices, params, local = self._recipe()
        self._refinings.start(
            without_report(refine, indices, params, local, place, direction),
            done=partial(self._take_refined, (indices, params, local), direction),
            failed=partial(self._messages.fail, "cutting the object"),
        )

    def _disabled_reason(self, point: tuple[int, ...]) -> str | None:
        session = self._session
        if session.labels is None or session.cluster_params is None:
            return "There are no objects yet: run a model first."
        if session.outdated:
            return session.outdated
        if session.method != "mean_shift":
            return "Single objects can be split or merged among live clusters only."
        if session.corrections is not None and session.corrections[point] > 0:
            return "This object is corrected: it stays as you painted it."
        return None if session.labels[point] else "There is no object here."

    def _recipe(self) -> Any:
        session = self._session
        return session.cluster_indices, session.cluster_params, session.local_bandwidths

    def _take_refined(
        self, recipe: Any, direction: Direction, local: BandwidthsByFrame | None
    ) -> None:
        if recipe != self._recipe():
            return  # the slider moved meanwhile: the result is for another object
        if local is None:
            limit = "inside this object" if direction == "finer" else "around this object"
            self._session.cut_status = f"There is nothing {direction} {limit}."
        else:
            self._set_local(direction, local)

    def undo_refining(self) -> None:
        """Undo the last change of a local bandwidth, whatever came after it."""
        session = self._session
        if not session.local_past:
            return
        *past, last = session.local_past
        newest = session.history.past[-1] if session.history.past else None
        if newest is not None and newest.local_bandwidths is not None:
            self._undo.take_back()
        else:
            self._set_local("undo of a bandwidth", last)
        session.local_past = tuple(past)

    def reset_refining(self) -> None:
        """Remove all local bandwidths, so that only the slider's counts; can be undone."""
        if any(self._session.local_bandwidths):
            self._set_local("reset", ((),) * len(self._session.local_bandwidths))

    def keep_fitting(self) -> None:
        """Drop local bandwidths that do not fit the current indices."""
        session = self._session
        kept = fitting(session.local_bandwidths, session.cluster_indices)
        if kept is not session.local_bandwidths:
            session.local_past = ()
            session.local_bandwidths = kept
            self._undo.forget_local()

    def _set_local(self, title: str, local: BandwidthsByFrame) -> None:
        session, old = self._session, self._session.annotations
        session.cut_status = ""
        session.local_past = (*session.local_past, session.local_bandwidths)[-LONGEST:]
        session.local_bandwidths = local
        self._undo.record(title, old)
        self.update()
