"""Around a field: the rest of a large image, block by block, and its labels."""

from __future__ import annotations

import math
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

from napari_pixel_embedding.core.blockwise.memory import memory_budget
from napari_pixel_embedding.session.jobs import JobLine
from napari_pixel_embedding.session.large_image.blocks import (
    Growth,
    Plan,
    RestRequest,
    cut_rest,
    grow,
)
from napari_pixel_embedding.session.live import LiveLine
from napari_pixel_embedding.session.state.whole_image import Elsewhere, parts_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_pixel_embedding.core.blockwise.roi import Field
    from napari_pixel_embedding.session.engine import Engine
    from napari_pixel_embedding.session.jobs import Executor
    from napari_pixel_embedding.session.messages import Messages
    from napari_pixel_embedding.session.segment.requests import RunResult, Source
    from napari_pixel_embedding.session.state.history import Locals
    from napari_pixel_embedding.session.state.results import Rest
    from napari_pixel_embedding.session.state.session import Session


class Surroundings:
    """The part of the controller that works on what is around a field.

    The field is an image of its own to everything else. Here the blocks around it are made in the
    background, cut again after the field has been, and what was fixed by hand in one field is
    kept while another one is worked on.

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
        self._fills = JobLine(executor)
        self._cuts = LiveLine(executor)
        self._source: Source | None = None
        self._asked: RestRequest | None = None
        session.events.labels.connect(self.update)

    def stop(self) -> bool:
        """Make no more blocks; those there are stay. Says whether any were being made."""
        stopped = self._fills.cancel()
        if stopped:
            session = self._session
            session.filling = False
            count = 0 if session.mosaic is None else len(session.mosaic.pieces)
            session.rest_status = f"Stopped: {_blocks(count)} kept. Run goes on with the rest."
        return stopped

    def close(self) -> None:
        """Stop everything, and follow the session no more."""
        self._session.events.labels.disconnect(self.update)
        self.stop()
        self._cuts.cancel()

    def discard(self) -> None:
        """Forget all blocks, and what was fixed by hand: the image is another one."""
        self._forget_blocks()
        self._session.field = self._session.elsewhere = None

    def _forget_blocks(self) -> None:
        self._fills.cancel()
        self._cuts.cancel()
        self._source = self._asked = None
        session = self._session
        session.filling, session.rest_status, session.rest_progress = False, "", 0.0
        session.mosaic = session.rest = None

    # --------------------------------------------------------------- what was fixed by hand

    def reset(self) -> None:
        """Forget the corrections elsewhere; single cuts stay."""
        kept = self._session.elsewhere
        if kept is not None:
            empty = Elsewhere.nothing(kept.corrections.shape)
            self._session.elsewhere = replace(kept, corrections=empty.corrections)
            self.update()

    def forget_places(self) -> None:
        """Forget the single cuts elsewhere: they belong to another model."""
        if self._session.elsewhere is not None:
            self._session.elsewhere = replace(self._session.elsewhere, places=())

    def leave(self, field: Field | None, result: RunResult) -> None:
        """Keep what was fixed in ``field``, or in the whole image, while another is worked on."""
        session = self._session
        shape, frames = _extent(result)
        kept = session.elsewhere or Elsewhere.nothing(shape)
        if field is not None or session.corrections is not None or any(session.local_bandwidths):
            parts = parts_of(field, shape, frames)
            kept = kept.put_away(parts, session.corrections, session.local_bandwidths)
        session.elsewhere = kept

    def enter(self, result: RunResult) -> tuple[NDArray[Any] | None, Locals]:
        """Give corrections and single cuts of the part of the image that a run worked on."""
        session = self._session
        kept = session.elsewhere or Elsewhere.nothing(_extent(result)[0])
        if result.field is None:
            session.elsewhere = None
        return kept.take_out(parts_of(result.field, *_extent(result)))

    def gathered(self) -> NDArray[Any] | None:
        """Give the corrections of the whole image as one array; None where there are none.

        Raises
        ------
        ValueError
            When that array is too large for the memory there is.
        """
        session, field, kept = self._session, self._session.field, self._session.elsewhere
        if field is None or kept is None:
            return session.corrections
        kept = kept.put_away((field,), session.corrections, session.local_bandwidths)
        if kept.corrections.is_empty:
            return None
        needed, memory = 4 * math.prod(session.whole_shape), memory_budget()
        if needed > memory:
            raise ValueError(
                f"Corrections of an image of shape {session.whole_shape} take {needed / 2**30:.1f} "
                f"GiB as one file's pixels, found {memory / 2**30:.1f} GiB of memory to spare. "
                "They are kept by themselves, part by part; close other programs to write them."
            )
        return kept.dense(session.whole_shape[0] if session.has_frames else None)

    def scatter(self, corrections: NDArray[Any]) -> NDArray[Any] | None:
        """Take corrections of the whole image, and give those of the field."""
        session, field, kept = self._session, self._session.field, self._session.elsewhere
        if field is None or kept is None:
            return corrections
        shape = kept.corrections.shape
        frames = len(corrections) if session.has_frames else None
        parts = parts_of(None, shape, frames)
        found = Elsewhere.nothing(shape).put_away(parts, corrections, ())
        session.elsewhere = replace(kept, corrections=found.corrections)
        return session.elsewhere.take_out((field,))[0]

    # ------------------------------------------------------------------------------ blocks

    def follow(self, result: RunResult) -> None:
        """Make the blocks around the field of a run, going on with those that still hold."""
        source, field = result.source, result.field
        if source is None or field is None:
            self._forget_blocks()
            return
        if self._source is None or not self._same_blocks(self._source, source):
            self._forget_blocks()
        self._source, self._asked = source, None
        session = self._session
        session.filling, session.rest_status = True, "The rest of the image follows …"
        self._fills.start(
            grow(self._engine, source, field, result.indices[0], session.mosaic),
            done=self._finished,
            failed=self._failed,
            progress=self._take,
        )

    def _same_blocks(self, old: Source, new: Source) -> bool:
        same = old.image.data is new.image.data and old.axes == new.axes
        for name in ("augment", "diameter"):
            same = same and getattr(old.request, name) == getattr(new.request, name)
        return same and self._engine.same_model(old.model, new.model)

    def _take(self, growth: Growth) -> None:
        session, planned = self._session, growth.plan
        session.rest_progress = growth.done / len(planned.blocks)
        session.rest_status = f"The rest: {int(growth.done):,} of {_blocks(planned.count)} …"
        if growth.mosaic is not None:
            session.mosaic = growth.mosaic
            self.update()

    def _finished(self, planned: Plan) -> None:
        session = self._session
        session.filling = False
        made, count = len(planned.blocks), planned.count
        session.rest_status = (
            f"The whole image is segmented, in {_blocks(count)}."
            if made == count
            else f"{made:,} of {_blocks(count)} are segmented, as many as memory bears. "
            "Look elsewhere and run again to go on there."
        )
        self.update()

    def _failed(self, error: Exception) -> None:
        self._session.filling = False
        self._session.rest_status = "Stopped by an error; finished blocks are kept."
        self._messages.fail("segmenting the rest of the image", error)

    # ------------------------------------------------------------------------------ labels

    def update(self, *_: Any) -> None:
        """Cut the blocks as the session now says, if anything of it is news."""
        request = self._request()
        if request is not None and not request.is_answered_by(self._asked):
            self._asked = request
            self._cuts.start(
                partial(cut_rest, request),
                done=self._show,
                failed=partial(self._messages.fail, "clustering the rest of the image"),
            )

    def _show(self, rest: Rest) -> None:
        self._session.rest = rest

    def _request(self) -> RestRequest | None:
        session = self._session
        mosaic, params, field = session.mosaic, session.cluster_params, session.field
        if mosaic is None or params is None or field is None or session.elsewhere is None:
            return None
        over = field.level > 0 and not session.filling
        request = RestRequest(mosaic, params, session.elsewhere, field)
        fixed = (session.corrections if over else None, session.local_bandwidths)
        return replace(request, fixed=fixed, preview_is_over=over)


def _extent(result: RunResult) -> tuple[tuple[int, ...], int | None]:
    """Pixels of the whole image along ([Z,] Y, X), and its frames where it has that axis."""
    shape, frames = result.maps[0].shape, len(result.maps)
    if result.source is not None:
        shape, frames = result.source.shape, result.source.frames
    return shape, frames if "T" in result.axes else None


def _blocks(count: int) -> str:
    return "1 block" if count == 1 else f"{count:,} blocks"
