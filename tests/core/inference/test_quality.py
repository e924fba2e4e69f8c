"""Signs of a wrong model or diameter, on arrays whose measurements are known by hand."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from napari_pixel_embedding.core.inference.quality import (
    CONFIDENT,
    Quality,
    find_problem,
    measure_quality,
)

GOOD = Quality(100, 20.0, 22.0, 0.01, 0.2, 0.9)


def squares(side: int, gap: int = 2) -> np.ndarray:
    """Nine squares in a field of 64² pixels."""
    labels = np.zeros((64, 64), np.uint16)
    for id in range(9):
        y, x = (1 + (side + gap) * k for k in divmod(id, 3))
        labels[y : y + side, x : x + side] = id + 1
    return labels


def test_what_is_measured():
    labels = np.zeros((10, 10), int)
    labels[0:4, 0:4] = 3  # 16 pixels, next to the second one
    labels[0:4, 4:5] = 7  # 4 pixels
    labels[8, 8] = 9  # alone
    distance = np.zeros((10, 10))
    distance[1, 1], distance[2, 4], distance[8, 8] = 0.9, 0.5, 0.1
    found = measure_quality(labels, distance)
    assert (found.count, found.confidence) == (3, 0.5)
    assert found.touching == pytest.approx(2 / 3)
    assert found.diameter == pytest.approx(2 * np.sqrt(4 / np.pi))
    assert found.main_diameter == pytest.approx(2 * np.sqrt(16 / np.pi))
    assert found.largest == pytest.approx(0.16)


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_contact_counts_along_every_axis_of_a_volume(axis):
    labels = np.zeros((6, 6, 6), int)
    labels[2:4, 2:4, 2:4] = 1
    beyond = [slice(2, 4)] * 3
    beyond[axis] = slice(4, 6)
    labels[tuple(beyond)] = 2
    assert measure_quality(labels, None).touching == 1
    labels[tuple(beyond)] = 0
    assert measure_quality(labels, None).touching == 0


def test_planes_further_apart_make_objects_larger():
    labels = np.ones((2, 8, 8), int)
    near, far = (measure_quality(labels, None, (z, 0.5, 0.5)) for z in (0.5, 4.0))
    assert far.diameter == pytest.approx(2 * near.diameter)


def test_no_objects_are_a_finding():
    found = measure_quality(np.zeros((8, 8), int), np.zeros((8, 8)))
    assert found.count == 0
    assert find_problem(found, 20.0) == "nothing"


def test_a_single_object_nearly_everywhere_is_a_finding():
    labels = np.ones((10, 10), int)
    labels[0] = 0
    assert find_problem(measure_quality(labels, np.ones((10, 10))), 20.0) == "everything"
    labels[1] = 0
    assert find_problem(measure_quality(labels, np.ones((10, 10))), 20.0) is None


@pytest.mark.parametrize(
    ("changes", "finding"),
    [
        ({}, None),
        ({"confidence": CONFIDENT}, None),
        ({"confidence": CONFIDENT - 0.01}, "doubtful"),
        ({"diameter": 47.0, "main_diameter": 50.0}, None),  # large, and the model is sure
        (
            {"confidence": 0.3, "diameter": 11.0, "main_diameter": 19.0, "touching": 0.7},
            "fragments",
        ),
        ({"confidence": 0.3, "diameter": 11.0, "main_diameter": 19.0}, "doubtful"),
        ({"confidence": 0.3, "diameter": 9.0, "main_diameter": 9.5, "touching": 0.1}, "small"),
        ({"confidence": 0.3, "main_diameter": 31.0}, "blobs"),
        # without a distance output, sizes alone tell, and must be far off
        ({"confidence": None, "main_diameter": 31.0}, None),
        ({"confidence": None, "main_diameter": 81.0}, "blobs"),
        ({"confidence": None, "diameter": 7.0, "touching": 0.7}, "fragments"),
        ({"confidence": None, "diameter": 9.0, "touching": 0.7}, None),
    ],
)
def test_findings(changes, finding):
    assert find_problem(replace(GOOD, **changes), 20.0) == finding


def test_a_model_that_knows_no_diameter_is_judged_by_its_confidence():
    assert find_problem(GOOD, None) is None
    assert find_problem(replace(GOOD, confidence=0.3), None) == "doubtful"
    assert find_problem(replace(GOOD, confidence=None), None) is None


def test_squares_far_larger_than_expected_are_merged_objects():
    found = measure_quality(squares(16), None)
    assert find_problem(found, 18.0) is None
    assert find_problem(found, 4.0) == "blobs"


def test_a_model_of_long_objects_must_be_surer_to_be_trusted():
    labels = squares(16)
    distance = np.where(labels > 0, 0.85, 0.0)
    others, long_ones = (measure_quality(labels, distance, drifts=d) for d in (False, True))
    assert others.confidence == pytest.approx(0.85)
    assert find_problem(others, 18.0) is None
    assert find_problem(long_ones, 18.0) == "doubtful"
    sure = measure_quality(labels, np.where(labels > 0, 0.97, 0.0), drifts=True)
    assert find_problem(sure, 18.0) is None
