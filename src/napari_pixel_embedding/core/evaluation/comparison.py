"""Error counts before and after a fine-tuning."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

_FEW = 10
"""Held-back objects below which a comparison may be chance."""


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
    def false(self) -> int:
        """Predicted objects that match none, pieces of a split and merged ones included."""
        return self.predicted - self.matched

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

    @property
    def change(self) -> float:
        """By how much the AP rose; 0 where there is none."""
        rise = self.after.ap50 - self.before.ap50
        return 0.0 if math.isnan(rise) else rise

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

    def verdict(self) -> str:
        """Return in one sentence whether the tuned model is better: where its AP at 0.5 is higher.

        Examples
        --------
        >>> before, after = ErrorCounts(60, 60, 41), ErrorCounts(60, 60, 52)
        >>> TuningReport(BeforeAfter(before, after), BeforeAfter(after, after)).verdict()
        'Better: 41 → 52 of 60 held-back objects found; nothing lost on old data.'
        """
        held, old = self.held_back, self.replay
        if held is None or not held.before.objects:
            parts = ["too few corrected objects to hold any back, judge by eye", _loss_text(old)]
            return f"Not compared: {'; '.join(filter(None, parts))}."
        how = "Better" if held.change > 0 else "Worse" if held.change < 0 else "No better"
        if held.change > 0 and old is not None and old.change < 0:
            how = "Better here, worse on old data"
        few = "few objects, so judge by eye too" if held.before.objects < _FEW else ""
        parts = [_found_text(held), _loss_text(old), few]
        return f"{how}: {'; '.join(filter(None, parts))}."


def _found_text(part: BeforeAfter) -> str:
    """Say how many held-back objects are found, and the false ones where they decide."""
    before, after = part.before, part.after
    objects = f"{before.objects:,} held-back object{'' if before.objects == 1 else 's'} found"
    if after.matched != before.matched:
        found = f"{before.matched:,} → {after.matched:,} of {objects}"
        agree = (after.matched > before.matched) == (part.change > 0)
    else:
        found, agree = f"{after.matched:,} of {objects}, as before", part.change == 0
    return found if agree else f"{found}, {before.false:,} → {after.false:,} false ones"


def _loss_text(old: BeforeAfter | None) -> str:
    if old is None or not old.before.objects:
        return ""
    if old.change >= 0 and old.after.matched >= old.before.matched:
        return "nothing lost on old data"
    before, after = old.before, old.after
    if after.matched < before.matched:
        return f"old data: {before.matched:,} → {after.matched:,} of {before.objects:,} found"
    return f"old data: {before.false:,} → {after.false:,} false ones"


def score_text(value: float, digits: int = 3) -> str:
    """Return a score as display text; a dash where there is none.

    Examples
    --------
    >>> score_text(0.5, 2), score_text(math.nan)
    ('0.50', '–')
    """
    return "–" if math.isnan(value) else f"{value:.{digits}f}"
