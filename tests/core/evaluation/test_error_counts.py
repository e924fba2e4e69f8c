"""Splits, merges, missed and extra objects, where all or a part of an image is known."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_pixel_embedding.core.evaluation.comparison import BeforeAfter, ErrorCounts, TuningReport
from napari_pixel_embedding.core.evaluation.error_counts import count_errors, restrict_to_known
from napari_pixel_embedding.core.evaluation.metrics import average_precision


def counts(true, pred, counted=None):
    found = count_errors(np.array([true]), np.array([pred]), counted)
    assert found.matched + found.missed <= found.objects
    return {name: value for name, value in vars(found).items() if value}


@pytest.mark.parametrize(
    ("true", "pred", "expected"),
    [
        ([1, 1, 0, 2, 2], [7, 7, 0, 9, 9], {"objects": 2, "predicted": 2, "matched": 2}),
        ([1, 1, 0, 0], [0, 0, 0, 0], {"objects": 1, "missed": 1}),
        ([0, 0, 0, 0], [0, 3, 3, 0], {"predicted": 1, "extra": 1}),
        ([1, 1, 1, 1], [2, 2, 3, 3], {"objects": 1, "predicted": 2, "matched": 1}),
        ([1, 1, 1, 1, 1], [2, 2, 3, 3, 0], {"objects": 1, "predicted": 2, "splits": 1}),
        ([1, 1, 2, 2, 3, 3], [4] * 6, {"objects": 3, "predicted": 1, "merges": 1}),
        ([1, 1, 2, 2], [3, 0, 0, 0], {"objects": 2, "predicted": 1, "matched": 1, "missed": 1}),
        ([1, 1, 0, 0, 0], [0, 3, 3, 3, 3], {"objects": 1, "predicted": 1, "missed": 1, "extra": 1}),
    ],
    ids=["right", "missed", "extra", "halves", "split", "merge", "one of two", "beside"],
)
def test_kinds_by_hand(true, pred, expected):
    assert counts(true, pred) == expected


@pytest.mark.parametrize(
    ("true", "pred", "expected"),
    [
        ([1, 1, 2, 2], [0, 7, 7, 0], {"objects": 2, "predicted": 1, "missed": 2, "extra": 1}),
        ([0, 1, 1, 0], [7, 7, 8, 8], {"objects": 1, "predicted": 2, "missed": 1, "extra": 2}),
    ],
    ids=["half of each is no merge", "half of each is no split"],
)
def test_half_is_not_most(true, pred, expected):
    assert counts(true, pred) == expected


@pytest.mark.parametrize(
    ("true", "kept"),
    [([1, 1, -1, -1], True), ([1, -1, -1, -1], False), ([0, 0, 2, 2], True), ([0, 2, 2, 2], False)],
    ids=["half unknown", "more", "half in what does not count", "more of it"],
)
def test_what_lies_half_in_the_unknown_is_judged(true, kept):
    pred = restrict_to_known([true], [[5, 5, 5, 5]], counted=[1]).pred
    assert pred.tolist() == [[5 * kept] * 4]


def test_what_is_not_known_is_not_judged():
    true = [1, 1, -1, -1, -1, 0, 2, 2]
    assert counts(true, [5, 5, 6, 6, 6, 0, 7, 7]) == {"objects": 2, "predicted": 2, "matched": 2}
    assert counts(true, [5, 5, 5, 0, 0, 0, 7, 7])["matched"] == 2  # it reaches into the unknown
    assert counts(true, [5, 5, 0, 0, 0, 8, 7, 7])["extra"] == 1  # known background


def test_only_objects_that_count_count():
    true, pred = [1, 1, 2, 2, 0, 3, 3], [5, 5, 0, 0, 0, 6, 0]
    assert counts(true, pred, [1]) == {"objects": 1, "predicted": 1, "matched": 1}
    assert counts(true, pred, [2]) == {"objects": 1, "missed": 1}
    merged = counts([1, 1, 2, 2], [5, 5, 5, 5], [1])
    assert merged == {"objects": 1, "predicted": 1, "matched": 1, "merges": 1}


def test_shapes_must_agree():
    with pytest.raises(ValueError, match="y_true and y_pred"):
        restrict_to_known(np.zeros((2, 3), int), np.zeros((3, 2), int))


@given(
    st.lists(st.integers(0, 3), min_size=1, max_size=12).flatmap(
        lambda true: st.tuples(
            st.just(true), st.lists(st.integers(0, 3), min_size=len(true), max_size=len(true))
        )
    )
)
def test_on_full_labels_the_precision_is_the_usual_one(pair):
    true, pred = (np.array([values]) for values in pair)
    found = count_errors(true, pred)
    if found.objects:
        assert found.ap50 == pytest.approx(average_precision(true, pred, 0.5))
    assert count_errors(np.full_like(true, -1), pred) == ErrorCounts()


def test_counts_add_up_and_survive_a_file():
    one, two = ErrorCounts(3, 4, 2, 1, 0, 1, 0), ErrorCounts(1, 1, 1)
    assert one + two == ErrorCounts(4, 5, 3, 1, 0, 1, 0)
    assert (one + two).ap50 == 3 / 6
    assert math.isnan(ErrorCounts().ap50)
    assert math.isnan(ErrorCounts(0, 3).ap50)
    from dataclasses import asdict

    for report in (TuningReport(BeforeAfter(one, two)), TuningReport(None, BeforeAfter(two, one))):
        assert TuningReport.from_dict(asdict(report)) == report
