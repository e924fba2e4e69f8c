"""The verdict of a fine-tuning: one sentence that says what the table says."""

from __future__ import annotations

import pytest

from napari_pixel_embedding.core.evaluation.comparison import BeforeAfter, ErrorCounts, TuningReport


def part(before, after, objects=60):
    """Counts before and after, each as (found, false)."""
    return BeforeAfter(
        *(ErrorCounts(objects, found + false, found) for found, false in (before, after))
    )


SAME = part((50, 2), (50, 2))


@pytest.mark.parametrize(
    ("held_back", "old", "expected"),
    [
        (
            part((41, 9), (52, 4)),
            SAME,
            "Better: 41 → 52 of 60 held-back objects found; nothing lost on old data.",
        ),
        (
            part((41, 9), (41, 9)),
            SAME,
            "No better: 41 of 60 held-back objects found, as before; nothing lost on old data.",
        ),
        (part((52, 9), (41, 9)), None, "Worse: 52 → 41 of 60 held-back objects found."),
        (
            part((41, 9), (52, 4)),
            part((50, 2), (45, 2)),
            "Better here, worse on old data: 41 → 52 of 60 held-back objects found; "
            "old data: 50 → 45 of 60 found.",
        ),
        (
            part((41, 9), (41, 2)),
            part((50, 2), (50, 9)),
            "Better here, worse on old data: 41 of 60 held-back objects found, as before, 9 → 2 "
            "false ones; old data: 2 → 9 false ones.",
        ),
        (
            part((41, 0), (42, 40)),
            None,
            "Worse: 41 → 42 of 60 held-back objects found, 0 → 40 false ones.",
        ),
        (
            part((1, 0), (2, 0), objects=3),
            None,
            "Better: 1 → 2 of 3 held-back objects found; few objects, so judge by eye too.",
        ),
        (
            None,
            SAME,
            "Not compared: too few corrected objects to hold any back, judge by eye; nothing lost "
            "on old data.",
        ),
        (
            part((0, 0), (0, 3), objects=0),
            None,
            "Not compared: too few corrected objects to hold any back, judge by eye.",
        ),
    ],
    ids=["better", "same", "worse", "forgets", "false", "greedy", "few", "none", "empty"],
)
def test_the_verdict_says_what_the_table_says(held_back, old, expected):
    assert TuningReport(held_back, old).verdict() == expected


def test_the_first_word_follows_the_ap_whatever_is_found():
    counts = [(found, false) for found in (0, 5, 9) for false in (0, 4, 30)]
    for before in counts:
        for after in counts:
            both = part(before, after)
            verdict = TuningReport(both).verdict()
            rise = both.after.ap50 - both.before.ap50
            assert verdict.startswith("Better:") == (rise > 0)
            assert verdict.startswith("Worse:") == (rise < 0)
