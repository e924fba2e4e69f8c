"""Segmenting a large image around its ROI, block by block."""

from __future__ import annotations

import math
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

from napari_pixel_embedding.core.blockwise.memory import memory_budget
from napari_pixel_embedding.session.closing import close_all
from napari_pixel_embedding.session.jobs import JobQueue, without_report
from napari_pixel_embedding.session.large_image.blocks import (
    Growth,
    MosaicLabelsRequest,
    Plan,
    cut_mosaic,
    grow,
)
from napari_pixel_embedding.session.state.whole_image import WholeImageCorrections, parts_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_pixel_embedding.core.blockwise.mosaic import Mosaic
    from napari_pixel_embedding.core.blockwise.roi import ROI
    from napari_pixel_embedding.session.engine import Engine
    from napari_pixel_embedding.session.jobs import Executor
    from napari_pixel_embedding.session.messages import Messages
    from napari_pixel_embedding.session.segment.requests import RunResult, Source
    from napari_pixel_embedding.session.state.history import BandwidthsByFrame
    from napari_pixel_embedding.session.state.results import MosaicLabels
    from napari_pixel_embedding.session.state.session import Session


class MosaicFiller:
    """The part of the controller that segments a large image around its ROI.

    All other parts treat the ROI as the whole image. This one segments the blocks around it in the
    background and clusters them again after each clustering of the ROI. It also keeps the
    corrections of earlier ROIs.

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
        self._fills = JobQueue(executor)
        self._cuts = JobQueue(executor, "newest waits")
        self._source: Source | None = None
        self._asked: MosaicLabelsRequest | None = None
        session.events.labels.connect(self.update)

    def stop(self) -> bool:
        """Stop making blocks and keep finished ones; return whether any were being made."""
        stopped = self._fills.cancel()
        if stopped:
            session = self._session
            session.filling = False
            count = 0 if session.mosaic is None else len(session.mosaic.indexed_blocks)
            session.mosaic_status = f"Stopped: {_blocks(count)} kept. Run makes the others."
        return stopped

    def freeze(self) -> None:
        """Cluster no more: the blocks belong to other pixels, and the next run makes all anew."""
        self._cuts.cancel()
        self._source = self._asked = None

    def close(self) -> None:
        """Stop all jobs and disconnect from the session."""
        close_all(
            self._cuts.cancel,
            self.stop,
            partial(self._session.events.labels.disconnect, self.update),
        )

    def discard(self) -> None:
        """Drop all blocks and all corrections outside the ROI: they belong to another image."""
        self._forget_blocks()
        self._session.roi = self._session.whole_image = None

    def _forget_blocks(self) -> None:
        self._fills.cancel()
        self._cuts.cancel()
        self._source = self._asked = None
        session = self._session
        session.filling, session.mosaic_status, session.mosaic_progress = False, "", 0.0
        session.mosaic = session.mosaic_labels = None

    # --------------------------------------------------------------- corrections

    def reset(self) -> None:
        """Drop the corrections outside the ROI; local bandwidths stay."""
        kept = self._session.whole_image
        if kept is not None:
            empty = WholeImageCorrections.empty(kept.corrections.shape)
            self._session.whole_image = replace(kept, corrections=empty.corrections)
            self.update()

    def forget_places(self) -> None:
        """Drop local bandwidths outside the ROI: they belong to another model."""
        if self._session.whole_image is not None:
            self._session.whole_image = replace(self._session.whole_image, places=())

    def leave(self, roi: ROI | None, result: RunResult) -> None:
        """Store the corrections of ``roi``, or of the whole image, before another ROI."""
        session = self._session
        shape, frames = _extent(result)
        kept = session.whole_image or WholeImageCorrections.empty(shape)
        if roi is not None or session.corrections is not None or any(session.local_bandwidths):
            parts = parts_of(roi, shape, frames)
            kept = kept.write(parts, session.corrections, session.local_bandwidths)
        session.whole_image = kept

    def enter(self, result: RunResult) -> tuple[NDArray[Any] | None, BandwidthsByFrame]:
        """Return the corrections and local bandwidths of a run's ROI."""
        session = self._session
        kept = session.whole_image or WholeImageCorrections.empty(_extent(result)[0])
        if result.roi is None:
            session.whole_image = None
        return kept.read(parts_of(result.roi, *_extent(result)))

    def all_corrections(self) -> NDArray[Any] | None:
        """Return the corrections of the whole image as one array; None where there are none.

        Raises
        ------
        ValueError
            If that array does not fit into memory.
        """
        session, roi, kept = self._session, self._session.roi, self._session.whole_image
        if roi is None or kept is None:
            return session.corrections
        kept = kept.write((roi,), session.corrections, session.local_bandwidths)
        if kept.corrections.is_empty:
            return None
        needed, memory = 4 * math.prod(session.whole_shape), memory_budget()
        if needed > memory:
            raise ValueError(
                f"Corrections of an image of shape {session.whole_shape} take {needed / 2**30:.1f} "
                f"GiB as one file's pixels, found {memory / 2**30:.1f} GiB of memory to spare. "
                "They are saved part by part all the same; close other programs to write one file."
            )
        return kept.dense(session.whole_shape[0] if session.has_frames else None)

    def replace_corrections(self, corrections: NDArray[Any]) -> NDArray[Any] | None:
        """Replace the corrections of the whole image, and return those of the ROI."""
        session, roi, kept = self._session, self._session.roi, self._session.whole_image
        if roi is None or kept is None:
            return corrections
        shape = kept.corrections.shape
        frames = len(corrections) if session.has_frames else None
        parts = parts_of(None, shape, frames)
        found = WholeImageCorrections.empty(shape).write(parts, corrections, ())
        session.whole_image = replace(kept, corrections=found.corrections)
        return session.whole_image.read((roi,))[0]

    # ------------------------------------------------------------------------------ blocks

    def follow(self, result: RunResult) -> None:
        """Start making the blocks around a run's ROI; blocks that are still valid are kept."""
        source, roi = result.source, result.roi
        if source is None or roi is None:
            self._forget_blocks()
            return
        if self._source is None or not self._same_blocks(self._source, source):
            self._forget_blocks()
        self._source, self._asked = source, None
        session = self._session
        session.filling, session.mosaic_status = True, "Segmenting the other blocks …"
        self._fills.start(
            grow(self._engine, source, roi, result.indices[0], session.mosaic),
            done=self._finished,
            failed=self._failed,
            progress=self._take,
        )

    def take_back(self, mosaic: Mosaic | None, result: RunResult) -> None:
        """Take back the blocks of a result that is about to be followed again."""
        self._session.mosaic, self._source = mosaic, result.source

    def _same_blocks(self, old: Source, new: Source) -> bool:
        same = old.image.is_same(new.image) and old.axes == new.axes
        before, after = (replace(one.request.options, device="auto") for one in (old, new))
        return same and before == after and self._engine.same_model(old.model, new.model)

    def _take(self, growth: Growth) -> None:
        session, planned = self._session, growth.plan
        session.mosaic_progress = growth.done / len(planned.blocks)
        session.mosaic_status = f"Other blocks: {int(growth.done):,} of {_blocks(planned.count)} …"
        if growth.mosaic is not None:
            session.mosaic = growth.mosaic
            self.update()

    def _finished(self, planned: Plan) -> None:
        session = self._session
        session.filling = False
        made, count = len(planned.blocks), planned.count
        session.mosaic_status = (
            f"The whole image is segmented, in {_blocks(count)}."
            if made == count
            else f"{made:,} of {_blocks(count)} are segmented, as many as fit into memory. "
            "Move the view and run again to continue there."
        )
        self.update()

    def _failed(self, error: Exception) -> None:
        self._session.filling = False
        self._session.mosaic_status = "Stopped by an error; finished blocks are kept."
        self._messages.fail("segmenting the other blocks", error)

    # ------------------------------------------------------------------------------ labels

    def update(self, *_: Any) -> None:
        """Cluster the blocks again if their parameters or corrections have changed."""
        request = None if self._session.outdated else self._request()
        if request is not None and not request.is_answered_by(self._asked):
            self._asked = request
            self._cuts.start(
                without_report(cut_mosaic, request),
                done=self._show,
                failed=partial(self._messages.fail, "clustering the other blocks"),
            )

    def _show(self, mosaic_labels: MosaicLabels) -> None:
        self._session.mosaic_labels = mosaic_labels

    def _request(self) -> MosaicLabelsRequest | None:
        session = self._session
        mosaic, params, roi = session.mosaic, session.cluster_params, session.roi
        if mosaic is None or params is None or roi is None or session.whole_image is None:
            return None
        over = roi.level > 0 and not session.filling
        request = MosaicLabelsRequest(mosaic, params, session.whole_image, roi)
        fixed = (session.corrections if over else None, session.local_bandwidths)
        return replace(request, fixed=fixed, preview_is_over=over)


def _extent(result: RunResult) -> tuple[tuple[int, ...], int | None]:
    """Return the whole image's shape along ([Z,] Y, X), and its number of frames, if any."""
    shape, frames = result.maps[0].shape, len(result.maps)
    if result.source is not None:
        shape, frames = result.source.shape, result.source.frames
    return shape, frames if "T" in result.axes else None


def _blocks(count: int) -> str:
    return "1 block" if count == 1 else f"{count:,} blocks"
