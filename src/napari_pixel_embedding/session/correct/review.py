"""The review queue: the user checks every object once, the most uncertain first."""

from __future__ import annotations

import operator
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from psygnal import SignalGroupDescriptor

from napari_pixel_embedding.core.clustering import MergeHeights
from napari_pixel_embedding.core.corrections.uncertainty import ambiguity
from napari_pixel_embedding.session.correct import edits
from napari_pixel_embedding.session.jobs import JobQueue, without_report
from napari_pixel_embedding.session.messages import Messages

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from napari_pixel_embedding.core.clustering import ClusterIndex, ClusterParams
    from napari_pixel_embedding.core.embedding.embedding_map import EmbeddingMap
    from napari_pixel_embedding.core.segmentation.segment import Method
    from napari_pixel_embedding.session.correct.edits import Edit
    from napari_pixel_embedding.session.jobs import Executor
    from napari_pixel_embedding.session.state.history import Accepted, BandwidthsByFrame
    from napari_pixel_embedding.session.state.session import Session

Key = tuple[int, int]
"""An object: frame and id."""

_NO_HEIGHTS = MergeHeights(np.zeros(0, np.int64), np.zeros(0), np.zeros(0))

OPEN, ACCEPTED, CORRECTED, SKIPPED = "open", "accepted", "corrected", "skipped"
"""States of an object: not reviewed, accepted, locked by a correction, skipped for now."""


@dataclass(frozen=True, eq=False)
class Target:
    """One object of the queue.

    Parameters
    ----------
    key : (int, int)
        Frame and id.
    score : float
        From 0, certain, to 1, uncertain.
    reason : str
        Why it is uncertain.
    state : str
        One of the states above.
    box : array of int, shape (2, D)
        Bounding box: first pixel, and one past the last, along ([Z,] Y, X).
    at_border : bool
        Whether it reaches the image's border along Y or X.
    """

    key: Key
    score: float
    reason: str
    state: str
    box: NDArray[np.int64]
    at_border: bool = False


@dataclass(frozen=True, eq=False)
class ReviewRequest:
    """Input of the queue; arrays hold all frames."""

    labels: NDArray[Any]
    corrections: NDArray[Any] | None
    maps: tuple[EmbeddingMap, ...]
    indices: tuple[ClusterIndex, ...]
    params: ClusterParams
    local: BandwidthsByFrame
    accepted: Accepted
    frames: bool
    method: Method = "mean_shift"


def targets(request: ReviewRequest) -> tuple[Target, ...]:
    """List all objects in the order of review; no state is "skipped".

    The most uncertain come first, and objects at the image's border after all others: most are
    pieces whose doubt is only that they are cut. The first and last planes of a volume are no
    border, because in a thin stack they would hold nearly all objects.
    """
    found: list[Target] = []
    for frame, (emap, index) in enumerate(zip(request.maps, request.indices, strict=True)):
        at: Any = frame if request.frames else ...
        labels, fixed = request.labels[at], request.corrections
        local = request.local[frame] if request.local else ()
        heights = _NO_HEIGHTS
        if request.method == "mean_shift":  # the index knows mean-shift objects only
            heights = index.merge_heights(request.params, local)
        doubts = ambiguity(labels, emap.foreground, heights, request.params)
        locked = set() if fixed is None else set(np.unique(fixed[at]).tolist())
        for id, score, reason, box in zip(
            doubts.ids.tolist(), doubts.score.tolist(), doubts.reason, doubts.boxes, strict=True
        ):
            state = _state((frame, id), id in locked, request.accepted)
            cut = _at_border(box, labels.shape)
            found.append(Target((frame, id), score, reason, state, box, cut))
    return tuple(sorted(found, key=lambda target: (target.at_border, -target.score)))


def _at_border(box: NDArray[np.int64], shape: tuple[int, ...]) -> bool:
    """Whether a bounding box reaches the first or last pixel along Y or X."""
    (low, high), sides = box[:, -2:], shape[-2:]
    return bool((low == 0).any() or (high == sides).any())


def _state(key: Key, locked: bool, accepted: Accepted) -> str:
    if not locked:
        return OPEN
    return ACCEPTED if key in accepted else CORRECTED


@dataclass
class ReviewState:
    """State of the review. Only :class:`Review` writes it.

    Parameters
    ----------
    wanted : bool
        Intention: whether the queue is kept up to date.
    skipped : frozenset of (int, int)
        Intention: objects skipped for now.
    targets : tuple of Target
        All objects in the order of review, see :func:`targets`.
    current : Target, optional
        The one that is shown.
    note : str
        Status line.
    """

    events: ClassVar[SignalGroupDescriptor] = SignalGroupDescriptor(
        equality_operators=dict.fromkeys(("targets", "current"), operator.is_)
    )

    wanted: bool = False
    skipped: frozenset[Key] = frozenset()
    targets: tuple[Target, ...] = ()
    current: Target | None = None
    note: str = ""

    def state_of(self, target: Target) -> str:
        """Return an object's state, including "skipped"."""
        return SKIPPED if target.state == OPEN and target.key in self.skipped else target.state

    @property
    def counts(self) -> Counter[str]:
        """Number of objects in each state."""
        return Counter(map(self.state_of, self.targets))

    @property
    def done(self) -> int:
        """Number of objects that were reviewed."""
        return len(self.targets) - self.counts[OPEN]


class Review:
    """Review of a session's objects, the most uncertain first.

    Parameters
    ----------
    session : Session
        Observed, never written.
    edit : callable
        Called with the edit that accepts or deletes an object.
    executor : Executor
        Runs the jobs.
    """

    def __init__(self, session: Session, edit: Callable[[Edit], None], executor: Executor) -> None:
        self.state = ReviewState()
        self._edit = edit
        self._session = session
        self._messages = Messages(session)
        self._queue = JobQueue(executor, "newest waits")
        self._seen: frozenset[Key] = frozenset()
        self._step_wanted = False
        session.events.labels.connect(self._update)  # accepting an object changes labels too
        session.events.embedding_maps.connect(self._begin)

    def close(self) -> None:
        """Disconnect from the session."""
        events = self._session.events
        events.labels.disconnect(self._update)
        events.embedding_maps.disconnect(self._begin)
        self._queue.cancel()

    # -------------------------------------------------------------------------- intentions

    def next(self) -> None:
        """Go to the most uncertain object not reviewed yet, then to skipped ones."""
        if self._session.labels is None:
            self.state.note = "There are no objects yet: run a model first."
            return
        if not self.state.wanted:
            self.state.wanted = self._step_wanted = True
            self._update()
        elif self._queue.busy:
            self._step_wanted = True
        else:
            self._step()

    def stop(self) -> None:
        """End the review; decisions so far stay."""
        self.state.wanted = self._step_wanted = False
        self._queue.cancel()
        self.state.current, self.state.note = None, ""

    def accept(self) -> bool:
        """Lock the current object, then go to the next one; return whether there was one."""
        return self._decide(edits.lock)

    def delete(self) -> bool:
        """Delete the current object, then go to the next one; return whether there was one."""
        return self._decide(edits.delete)

    def skip(self) -> None:
        """Skip the current object for now and go to the next one."""
        current = self.state.current
        if current is not None:
            self.state.skipped = self.state.skipped | {current.key}
            self.next()

    def look_at(self, key: Key) -> None:
        """Go to an object by its frame and id."""
        found = next((t for t in self.state.targets if t.key == key), None)
        if found is not None:
            self._show(found)

    # ------------------------------------------------------------------------------- steps

    def _decide(self, edit: Callable[[int, edits.Pixel], Edit]) -> bool:
        current = self.state.current
        pixel = None if current is None else self._pixel(current)
        if current is not None and pixel is not None:
            self._step_wanted = True
            self._edit(edit(current.key[0], pixel))
        return current is not None

    def _step(self) -> None:
        state = self.state
        waiting = [t for t in state.targets if state.state_of(t) == OPEN]
        chosen = _first(waiting, self._seen)
        if chosen is None and waiting:
            self._seen = frozenset()  # all were shown, some without a decision: start over
            chosen = _first(waiting, frozenset())
        if chosen is None and state.skipped:
            left = [t for t in state.targets if state.state_of(t) == SKIPPED]
            state.skipped = frozenset()
            chosen = _first(left, frozenset())
        self._show(chosen)

    def _show(self, target: Target | None) -> None:
        state = self.state
        state.current = target
        if target is None:
            state.note = "All objects are reviewed." if state.targets else "There are no objects."
        else:
            self._seen = self._seen | {target.key}
            border = ", at the image’s border" if target.at_border else ""
            state.note = f"Object {target.key[1]}{border}: {target.reason}."

    def _pixel(self, target: Target) -> edits.Pixel | None:
        """Return a pixel of an object in the session's labels; None when it is not there."""
        frame, id = target.key
        labels: Any = self._session.labels
        labels = labels[frame] if self._session.has_frames else labels
        region = tuple(slice(a, b) for a, b in zip(*target.box.tolist(), strict=True))
        inside = np.argwhere(labels[region] == id)
        return tuple((inside[0] + target.box[0]).tolist()) if len(inside) else None

    # ------------------------------------------------------------------- following the session

    def _begin(self, *_: Any) -> None:
        """Clear the skipped objects: ids now refer to other objects."""
        self._queue.cancel()
        self._seen = self.state.skipped = frozenset()
        self._step_wanted = False
        self.state.current, self.state.targets, self.state.note = None, (), ""

    def _update(self, *_: Any) -> None:
        session, params = self._session, self._session.cluster_params
        if not self.state.wanted or session.labels is None or params is None:
            return
        request = ReviewRequest(
            session.labels,
            session.corrections,
            session.embedding_maps,
            session.cluster_indices,
            params,
            session.local_bandwidths,
            session.accepted,
            session.has_frames,
            session.method,
        )
        self._queue.start(
            without_report(targets, request),
            done=self._take,
            failed=self._not_sorted,
        )

    def _not_sorted(self, error: Exception) -> None:
        self.state.wanted = self._step_wanted = False  # the next press tries again
        self._messages.fail("sorting objects by uncertainty", error)

    def _take(self, found: tuple[Target, ...]) -> None:
        state, current = self.state, self.state.current
        state.targets = found
        if current is not None:
            state.current = next((t for t in found if t.key == current.key), None)
        if self._step_wanted and not self._queue.busy:
            self._step_wanted = False
            self._step()


def _first(among: Sequence[Target], seen: frozenset[Key]) -> Target | None:
    return next((t for t in among if t.key not in seen), None)
