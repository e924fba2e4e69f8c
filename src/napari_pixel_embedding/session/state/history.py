"""Undo history of strokes, tool edits and local bandwidths."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from napari_pixel_embedding.core.clustering.params import LocalBandwidths
from napari_pixel_embedding.core.corrections.corrections import NOT_CORRECTED, no_corrections
from napari_pixel_embedding.core.corrections.patch import Patch

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray


LONGEST = 100
"""Steps that can be undone."""

BandwidthsByFrame = tuple[LocalBandwidths, ...]
"""Objects with a bandwidth of their own: one tuple for every frame."""

Accepted = frozenset[tuple[int, int]]
"""Objects that were accepted as they are: frame and id of each."""

Deleted = frozenset[tuple[int, ...]]
"""Objects that were deleted: the frame and a pixel ([z,] y, x) of each."""


@dataclass(frozen=True, eq=False)
class Annotations:
    """Manual corrections of one image; the fields are those of ``Session``."""

    corrections: NDArray[Any] | None
    local_bandwidths: BandwidthsByFrame
    accepted: Accepted
    deleted: Deleted = frozenset()


@dataclass(frozen=True, eq=False)
class Step:
    """Difference made by one action; None for what it did not change.

    Parameters
    ----------
    title : str
        What was done, as in "Undo merge".
    corrections : Patch, optional
    local_bandwidths, accepted, deleted : tuple of two, optional
        Before and after.
    """

    title: str
    corrections: Patch | None = None
    local_bandwidths: tuple[BandwidthsByFrame, BandwidthsByFrame] | None = None
    accepted: tuple[Accepted, Accepted] | None = None
    deleted: tuple[Deleted, Deleted] | None = None

    @classmethod
    def between(cls, title: str, old: Annotations, new: Annotations, shape: Sequence[int]) -> Step:
        """Return the step from one state to another; ``shape`` is that of the labels."""
        return cls(
            title,
            _patch(old.corrections, new.corrections, shape),
            _pair(old.local_bandwidths, new.local_bandwidths),
            _pair(old.accepted, new.accepted),
            _pair(old.deleted, new.deleted),
        )

    @property
    def empty(self) -> bool:
        """Whether it changes nothing."""
        parts = (self.corrections, self.local_bandwidths, self.accepted, self.deleted)
        return all(part is None for part in parts)

    def without_local(self) -> Step:
        """Return the step without its changes of local bandwidths."""
        return replace(self, local_bandwidths=None)

    def taken_back(self, annotations: Annotations, shape: Sequence[int]) -> Annotations:
        """Return the state before the step, given the one after."""
        patch = None if self.corrections is None else self.corrections.reverted
        return self._changed(annotations, patch, 0, shape)

    def repeated(self, annotations: Annotations, shape: Sequence[int]) -> Annotations:
        """Return the state after the step, given the one before."""
        patch = None if self.corrections is None else self.corrections.applied
        return self._changed(annotations, patch, 1, shape)

    def _changed(
        self,
        annotations: Annotations,
        patch: Callable[[NDArray[Any]], NDArray[Any]] | None,
        side: int,
        shape: Sequence[int],
    ) -> Annotations:
        corrections = annotations.corrections
        if patch is not None:
            corrections = none_if_empty(patch(_whole(corrections, shape)))
        local, accepted, deleted = self.local_bandwidths, self.accepted, self.deleted
        return Annotations(
            corrections,
            annotations.local_bandwidths if local is None else local[side],
            annotations.accepted if accepted is None else accepted[side],
            annotations.deleted if deleted is None else deleted[side],
        )


@dataclass(frozen=True, eq=False)
class History:
    """Done steps and undone steps; immutable.

    Parameters
    ----------
    past, future : tuple of Step
        Done steps, the newest last; undone steps, the next to redo last.
    """

    past: tuple[Step, ...] = ()
    future: tuple[Step, ...] = ()

    def done(self, step: Step) -> History:
        """Add a step and drop the undone ones."""
        return History((*self.past, step)[-LONGEST:])

    def undone(self) -> History:
        """Move the newest done step to the undone ones."""
        return History(self.past[:-1], (*self.future, self.past[-1]))

    def redone(self) -> History:
        """Move the next undone step to the done ones."""
        return History((*self.past, self.future[-1]), self.future[:-1])

    def without_local(self) -> History:
        """Drop changes of local bandwidths: they belong to another model."""
        sides = [
            tuple(step for step in (old.without_local() for old in side) if not step.empty)
            for side in (self.past, self.future)
        ]
        return History(*sides)


def none_if_empty(corrections: NDArray[Any] | None) -> NDArray[Any] | None:
    """Return None for corrections that correct nothing."""
    if corrections is None or not (corrections != NOT_CORRECTED).any():
        return None
    return corrections


def _patch(
    old: NDArray[Any] | None, new: NDArray[Any] | None, shape: Sequence[int]
) -> Patch | None:
    if old is new:
        return None
    return Patch.between(_whole(old, shape), _whole(new, shape))


def _whole(corrections: NDArray[Any] | None, shape: Sequence[int]) -> NDArray[Any]:
    return no_corrections(shape) if corrections is None else corrections


def _pair(old: Any, new: Any) -> Any:
    return None if old == new else (old, new)


def count_deleted(deleted: Deleted, corrections: NDArray[Any] | None, frames: bool) -> int:
    """Return how many of the deleted objects are still background by correction."""
    if corrections is None:
        return 0
    parts = corrections if frames else corrections[None]
    known = [one for one in deleted if _within(one, parts.shape)]
    return sum(int(parts[one] == 0) for one in known)


def _within(index: tuple[int, ...], shape: tuple[int, ...]) -> bool:
    return len(index) == len(shape) and all(
        0 <= n < size for n, size in zip(index, shape, strict=True)
    )
