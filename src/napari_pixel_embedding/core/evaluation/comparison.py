"""Error counts before and after a fine-tuning."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class ErrorCounts:
    """Error counts of predicted against annotated objects; ``+`` pools two of them.

    Parameters
    ----------
    objects, predicted : int
        Annotated objects that are scored, and predicted ones that the annotation covers.
    matched : int
        Matched pairs, with an IoU of at least 0.5.
    splits : int
        Unmatched objects that contain most of two or more predicted ones.
    merges : int
        Predicted objects that cover most of two or more annotated ones.
    missed : int
        Unmatched objects that are neither split nor merged.
    extra : int
        Unmatched predicted objects that are neither part of a split nor a merge.
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
        """TP / (TP + FP + FN) at an IoU of 0.5; NaN without any annotated object."""
        either = self.objects + self.predicted - self.matched
        return self.matched / either if self.objects else math.nan

    def __add__(self, other: ErrorCounts) -> ErrorCounts:
        return ErrorCounts(
            *(a + b for a, b in zip(_values(self), _values(other), strict=True)),
        )


def _values(counts: ErrorCounts) -> tuple[int, ...]:
    return tuple(vars(counts).values())


@dataclass(frozen=True)
class BeforeAfter:
    """Error counts on the same objects, of the parent and of the tuned model."""

    before: ErrorCounts
    after: ErrorCounts

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> BeforeAfter:
        """Read back what ``dataclasses.asdict`` gave."""
        return cls(ErrorCounts(**values["before"]), ErrorCounts(**values["after"]))


@dataclass(frozen=True)
class TuningReport:
    """Comparison of a tuned model with its parent, on held-out corrections and on replay.

    Parameters
    ----------
    held_back : BeforeAfter, optional
        On held-out corrected objects; None where there were too few.
    replay : BeforeAfter, optional
        On held-out images of the kind the parent was trained on; None without replay.
    """

    held_back: BeforeAfter | None = None
    replay: BeforeAfter | None = None

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> TuningReport:
        """Read back what ``dataclasses.asdict`` gave."""
        parts = (values["held_back"], values["replay"])
        return cls(*(None if part is None else BeforeAfter.from_dict(part) for part in parts))


def score_text(value: float, digits: int = 3) -> str:
    """Return a score as display text; a dash where there is none.

    Examples
    --------
    >>> score_text(0.5, 2), score_text(math.nan)
    ('0.50', '–')
    """
    return "–" if math.isnan(value) else f"{value:.{digits}f}"
