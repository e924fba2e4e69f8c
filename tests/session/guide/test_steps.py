"""The next step for each state of a session."""

from __future__ import annotations

import numpy as np
import pytest

from napari_pixel_embedding.core.evaluation.comparison import BeforeAfter, ErrorCounts, TuningReport
from napari_pixel_embedding.core.inference.trial import Candidate
from napari_pixel_embedding.session import ImageInput, Session
from napari_pixel_embedding.session.guide.look import ResultLook
from napari_pixel_embedding.session.guide.steps import next_step
from napari_pixel_embedding.session.state.next_step import NextStep

BETTER = TuningReport(BeforeAfter(ErrorCounts(8, 4, 2), ErrorCounts(8, 8, 8)))
PHASE = Candidate("cells-phase", 60.0)


def session(**changes) -> Session:
    """Return a session after a run that found 122 objects."""
    image = ImageInput(np.zeros((4, 4)), name="plate")
    usual = {"image": image, "labels": np.zeros((4, 4), int), "object_count": 122}
    return Session(**{**usual, **changes})


def test_before_a_run():
    assert next_step(Session(), None).sentence == "Choose an image and a model, then press Run."
    chosen = session(labels=None, object_count=0)
    assert next_step(chosen, None) == NextStep("Press Run to segment “plate”.")
    assert next_step(session(running=True), None).action == "none"


@pytest.mark.parametrize(
    ("look", "changes", "step"),
    [
        (None, {}, NextStep("")),
        (ResultLook(), {}, NextStep("", "Measure them", "measure")),
        (
            ResultLook(doubtful=14),
            {},
            NextStep("", "Review 14 doubtful ones", "review"),
        ),
        (
            ResultLook(doubtful=1),
            {},
            NextStep("", "Review the doubtful one", "review"),
        ),
        (
            ResultLook(doubtful=14),
            {"object_count": 9},  # another bandwidth since
            NextStep("", "Review 9 doubtful ones", "review"),
        ),
        (
            ResultLook("fragments", 128, PHASE),
            {},
            NextStep(
                "They look fragmented.",
                "Try cells-phase at 60 px",
                "run",
                "cells-phase",
                60.0,
            ),
        ),
        (
            ResultLook("blobs", 3),
            {},
            NextStep("They look merged.", "Correct a few, then fine-tune", "correct"),
        ),
        (ResultLook("nothing"), {"object_count": 0}, NextStep("")),
        (
            ResultLook("planes", 3, Candidate("volume", 16.0)),
            {},
            NextStep(
                "The stack was taken plane by plane.",
                "Run the model volume with the diameter measured",
                "run",
                "volume",
                measure_diameter=True,
            ),
        ),
        (
            ResultLook("planes", 3),
            {},
            NextStep(
                "The stack was taken plane by plane.",
                "Review 3 doubtful ones",
                "review",
            ),
        ),
        (
            ResultLook("fragments", 3, PHASE),  # who corrects has decided to stay
            {"corrected_count": 7},
            NextStep("", "Fine-tune on 7 corrected objects", "fine_tune"),
        ),
        (
            ResultLook(),
            {"corrected_count": 1},
            NextStep("", "Fine-tune on 1 corrected object", "fine_tune"),
        ),
        (
            ResultLook(),
            {"tuning": True, "corrected_count": 1},
            NextStep("Fine-tuning is under way.", "See how it goes", "fine_tune"),
        ),
        (
            ResultLook(),
            {"tuned_model": object(), "tuning_report": BETTER},
            NextStep(BETTER.verdict(), "See the comparison", "fine_tune"),
        ),
        (None, {"outdated": "The image is gone."}, NextStep("The image is gone.")),
        (
            ResultLook(),
            {"tuned_model": object(), "corrected_count": 1},
            NextStep("The tuned model is ready.", "See the comparison", "fine_tune"),
        ),
    ],
)
def test_after_a_run(look, changes, step):
    assert next_step(session(**changes), look) == step


def test_with_the_tuned_model_in_use_the_objects_are_measured():
    tuned = object()
    using = session(parent_model=object(), model=tuned, model_source=tuned, corrected_count=3)
    assert next_step(using, ResultLook()).action == "measure"
    using.model_source = "generic"  # another one was chosen since
    assert next_step(using, ResultLook()).action == "fine_tune"
