"""Scores against stardist.matching, a brute force, and values worked out by hand."""

import json
from itertools import product
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from napari_pixel_embedding.core.evaluation.metrics import (
    average_precision,
    difference_in_count,
    matching,
    panoptic_quality,
    symmetric_best_dice,
)
from napari_pixel_embedding.core.evaluation.overlap import Matching

DATA = Path(__file__).parent / "data"
REFERENCE = json.loads((DATA / "stardist_matching.json").read_text())
# ten pixels in a row: object 1 of six pixels, object 2 of three
TRUE = np.array([[1, 1, 1, 1, 1, 1, 0, 2, 2, 2]])
PRED = np.array([[7, 7, 7, 7, 0, 0, 0, 9, 9, 9]])


@pytest.fixture(scope="module")
def images():
    with np.load(DATA / "stardist_matching.npz") as file:
        return [(file[f"true_{i}"], file[f"pred_{i}"]) for i in range(12)]


@pytest.mark.parametrize(
    "row", REFERENCE["single"], ids=lambda r: f"{r['seed']}-{r['iou_threshold']}"
)
def test_matching_equals_stardist(images, row):
    found = matching(*images[row["seed"]], row["iou_threshold"])
    assert (found.tp, found.fp, found.fn) == (row["tp"], row["fp"], row["fn"])
    for name in ("precision", "recall", "f1"):
        assert getattr(found, name) == pytest.approx(row[name], abs=1e-5)
    assert found.average_precision == pytest.approx(row["accuracy"], abs=1e-5)
    if row["iou_threshold"] >= 0.5:  # under it stardist's sum also counts pairs it then drops
        assert found.panoptic_quality == pytest.approx(row["panoptic_quality"], abs=1e-5)


@pytest.mark.parametrize("row", REFERENCE["pooled"], ids=lambda r: str(r["iou_threshold"]))
def test_pooled_scores_equal_stardist(images, row):
    true, pred = [t for t, _ in images], [p for _, p in images]
    threshold = row["iou_threshold"]
    assert average_precision(true, pred, threshold) == pytest.approx(row["accuracy"], abs=1e-5)
    if threshold >= 0.5:
        expected = pytest.approx(row["panoptic_quality"], abs=1e-5)
        assert panoptic_quality(true, pred, threshold) == expected


def masks_of(labels):
    return [labels == k for k in np.unique(labels) if k > 0]


def best_matching(iou, row=0, used=frozenset()):
    """Every one-to-one choice tried: the most pairs, then the largest sum."""
    if row == len(iou):
        return 0, 0.0
    best = best_matching(iou, row + 1, used)
    for column, value in enumerate(iou[row]):
        if value > 0 and column not in used:
            pairs, total = best_matching(iou, row + 1, used | {column})
            best = max(best, (pairs + 1, total + value))
    return best


def small_labels(shape):
    return hnp.arrays(np.uint8, shape, elements=st.integers(0, 5))


@st.composite
def label_pairs(draw):
    shape = draw(hnp.array_shapes(min_dims=2, max_dims=3, min_side=1, max_side=6))
    return draw(small_labels(shape)), draw(small_labels(shape))


@settings(max_examples=60)
@given(label_pairs(), st.sampled_from([0.05, 0.2, 0.34, 0.5, 0.75, 1.0]))
def test_matching_equals_a_brute_force(pair, threshold):
    true, pred = masks_of(pair[0]), masks_of(pair[1])
    iou = [[(t & p).sum() / (t | p).sum() for p in pred] for t in true]
    tp, total = best_matching([[v if v >= threshold else 0 for v in row] for row in iou])
    found = matching(*pair, threshold)
    assert (found.tp, found.fp, found.fn) == (tp, len(pred) - tp, len(true) - tp)
    assert found.sum_iou == pytest.approx(total)


@given(label_pairs())
def test_best_dice_equals_a_brute_force(pair):
    masks = masks_of(pair[0]), masks_of(pair[1])
    if not (masks[0] and masks[1]):
        assert symmetric_best_dice(*pair) == float(len(masks[0]) == len(masks[1]))
        return
    dice = np.array([2 * (a & b).sum() / (a.sum() + b.sum()) for a, b in product(*masks)])
    dice = dice.reshape(len(masks[0]), len(masks[1]))
    expected = min(dice.max(axis=1).mean(), dice.max(axis=0).mean())
    assert symmetric_best_dice(*pair) == pytest.approx(expected)
    assert difference_in_count(*pair) == abs(len(masks[0]) - len(masks[1]))


@given(label_pairs(), st.permutations(range(1, 6)), st.integers(1, 2**40))
def test_names_of_objects_do_not_matter(pair, names, gap):
    true, pred = pair
    renamed = np.concatenate([[0], np.array(names) * gap])[pred]
    assert average_precision(true, pred, 0.3) == average_precision(true, renamed, 0.3)
    assert symmetric_best_dice(true, pred) == pytest.approx(symmetric_best_dice(true, renamed))
    assert difference_in_count(true, pred) == difference_in_count(true, renamed)


@given(label_pairs())
def test_scores_are_symmetric_and_perfect_on_the_same_image(pair):
    for score in (average_precision, symmetric_best_dice, panoptic_quality):
        assert score(*pair) == pytest.approx(score(*pair[::-1]))
        assert score(pair[0], pair[0]) == pytest.approx(1.0)


def test_values_by_hand():
    found = matching(TRUE, PRED, 0.5)
    assert (found.tp, found.fp, found.fn) == (2, 0, 0)
    assert found.sum_iou == pytest.approx(4 / 6 + 1)
    np.testing.assert_allclose(average_precision(TRUE, PRED, [0.5, 0.7]), [1.0, 1 / 3])
    assert panoptic_quality(TRUE, PRED, 0.7) == pytest.approx(1 / 2)
    assert symmetric_best_dice(TRUE, PRED) == pytest.approx((0.8 + 1) / 2)
    assert difference_in_count(TRUE, np.where(PRED == 9, 0, PRED)) == 1.0


def test_an_iou_equal_to_the_threshold_matches_only_once():
    found = matching([[1, 1, 1, 1]], [[1, 1, 2, 2]], 0.5)
    assert (found.tp, found.fp, found.fn, found.sum_iou) == (1, 1, 0, 0.5)


def test_the_larger_number_of_pairs_wins_over_the_larger_iou():
    # 1 fits 3 best (0.75), but only 1 with 4 and 2 with 3 give both a partner
    true = np.array([[1, 1, 1, 1, 1, 1, 1, 2, 2, 2]])
    pred = np.array([[4, 3, 3, 3, 3, 3, 3, 3, 0, 0]])
    found = matching(true, pred, 0.1)
    assert found.tp == 2
    assert found.sum_iou == pytest.approx(1 / 7 + 1 / 9)


def test_lists_pool_ap_and_average_the_rest():
    empty = np.zeros_like(TRUE)
    true, pred = [TRUE, TRUE], [TRUE, empty]
    assert average_precision(true, pred) == pytest.approx(2 / 4)
    assert symmetric_best_dice(true, pred) == pytest.approx(0.5)
    assert difference_in_count(true, pred) == 1.0
    assert average_precision(TRUE.tolist(), PRED.tolist()) == average_precision(TRUE, PRED)


def test_empty_images_are_perfect_and_one_empty_image_is_not():
    empty = np.zeros((3, 3), np.uint16)
    full = np.ones((3, 3), np.uint16)
    for score in (average_precision, symmetric_best_dice, panoptic_quality):
        assert score(empty, empty) == 1.0
        assert score(full, empty) == score(empty, full) == 0.0
    assert Matching(0.5, 0, 0, 0, 0.0).f1 == 1.0
    assert Matching(0.5, 0, 3, 0, 0.0).recall == 0.0


@pytest.mark.parametrize("dtype", [bool, "uint8", ">u2", "int32", "uint64", "float64"])
def test_every_dtype_and_layout_is_scored_alike(dtype):
    true, pred = TRUE.astype(dtype), PRED.astype(dtype)
    wide = np.repeat(true, 3, axis=1)[:, ::3]
    assert not wide.flags.c_contiguous
    expected = average_precision(true.astype(np.int64), pred.astype(np.int64), 0.6)
    assert average_precision(wide, np.asfortranarray(pred), 0.6) == expected


@pytest.mark.parametrize(
    ("true", "pred", "threshold", "message"),
    [
        (TRUE, PRED[:, 1:], 0.5, r"same shape, found \(1, 10\) and \(1, 9\)"),
        ([TRUE], [PRED, PRED], 0.5, "same number of images, found 1 and 2"),
        ([], [], 0.5, "at least one|at least one pixel"),
        (TRUE - 1, PRED, 0.5, "found the id -1"),
        (TRUE * 0.5, PRED, 0.5, "whole numbers"),
        (TRUE, PRED, 0.0, "iou_threshold must be over 0"),
        (TRUE, PRED, [0.5, 1.5], "iou_threshold must be over 0"),
        ([TRUE, 3], [PRED, 3], 0.5, "a mixture"),
    ],
)
def test_bad_input_is_refused_in_words(true, pred, threshold, message):
    with pytest.raises(ValueError, match=message):
        average_precision(true, pred, threshold)
