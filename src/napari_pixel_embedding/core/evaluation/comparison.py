"""What a fine-tuning has changed, in numbers that a user can judge."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class ErrorCounts:
    """How predicted objects fit known ones; add two for the counts of both.

    Parameters
    ----------
    objects, predicted : int
        Known objects that count, and predicted ones that can be judged by what is known.
    matched : int
        Pairs of both with an IoU of at least 0.5.
    splits : int
        Objects without a partner in which two or more predicted ones lie mostly.
    merges : int
        Predicted objects that cover most of two or more known ones.
    missed : int
        Objects without a partner that are neither split nor merged.
    extra : int
        Predicted objects without a partner that are neither part of a split nor a merge.
    """

    objects: int = 0
    predicted: int = 0
    matched: int = 0
    splits: int = 0
    merges: int = 0
    missed: int = 0
    extra: int = 0

    @property
    def ap50(self) -> float:
        """TP / (TP + FP + FN); 1 where there is nothing to find and nothing was found."""
        either = self.objects + self.predicted - self.matched
        return self.matched / either if either else 1.0

    def __add__(self, other: ErrorCounts) -> ErrorCounts:
        return ErrorCounts(
            *(a + b for a, b in zip(_values(self), _values(other), strict=True)),
        )


def _values(counts: ErrorCounts) -> tuple[int, ...]:
    return tuple(vars(counts).values())


@dataclass(frozen=True)
class BeforeAfter:
    """The same objects, found by the parent and by the tuned model."""

    before: ErrorCounts
    after: ErrorCounts

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> BeforeAfter:
        """Read back what ``dataclasses.asdict`` gave."""
        return cls(ErrorCounts(**values["before"]), ErrorCounts(**values["after"]))


@dataclass(frozen=True)
class TuningReport:
    """What a tuned model finds that its parent did not, and what it has forgotten.

    Parameters
    ----------
    held_back : BeforeAfter, optional
        Corrected objects that were not learnt from; None where there were too few.
    replay : BeforeAfter, optional
        Objects like those that the parent was trained on, not learnt from either; None
        without replay.
    """

    held_back: BeforeAfter | None = None
    replay: BeforeAfter | None = None

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> TuningReport:
        """Read back what ``dataclasses.asdict`` gave."""
        parts = (values["held_back"], values["replay"])
        return cls(*(None if part is None else BeforeAfter.from_dict(part) for part in parts))
