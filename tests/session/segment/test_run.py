from __future__ import annotations

import numpy as np
import pytest

from napari_pixel_embedding.session import ImageInput
from napari_pixel_embedding.session.correct.record import record_edit
from napari_pixel_embedding.session.segment.label import label
from napari_pixel_embedding.session.segment.requests import LabelRequest, RunRequest
from napari_pixel_embedding.session.segment.run import guess_axes, run_model
from tests.session.fakes import fake_engine


@pytest.mark.parametrize(
    ("shape", "rgb", "spatial", "channels", "expected"),
    [
        ((64, 64), False, "YX", 1, "YX"),
        ((5, 64, 64), False, "YX", 1, "TYX"),  # a 2-D model goes slice by slice
        ((5, 64, 64), False, "ZYX", 1, "ZYX"),
        ((2, 64, 64), False, "YX", 2, "CYX"),
        ((5, 2, 64, 64), False, "YX", 2, "TCYX"),
        ((64, 64, 3), True, "YX", 1, "YXC"),
        ((5, 64, 64, 3), True, "YX", 3, "TYXC"),
        ((3, 5, 64, 64), False, "ZYX", 1, "TZYX"),
        ((64, 64), False, "ZYX", 1, None),
        ((3, 5, 64, 64), False, "YX", 1, None),
    ],
)
def test_axes_are_guessed_from_shape_and_model(shape, rgb, spatial, channels, expected):
    image = ImageInput(np.broadcast_to(np.uint8(0), shape), rgb=rgb)
    assert guess_axes(image, spatial, channels) == expected


@pytest.mark.parametrize(
    ("hint", "spatial", "expected"),
    [
        ("tyx", "YX", "TYX"),
        ("zyx", "YX", "TYX"),
        ("zyx", "ZYX", "ZYX"),
        ("cyx", "YX", "CYX"),
        ("012", "YX", "TYX"),
        ("yyx", "YX", "TYX"),
        ("yx", "YX", "TYX"),
    ],
)
def test_names_of_axes_count_when_they_make_sense(hint, spatial, expected):
    image = ImageInput(np.zeros((5, 4, 4)), axes_hint=hint)
    assert guess_axes(image, spatial, 1) == expected


def test_chosen_axes_are_not_guessed():
    image = ImageInput(np.zeros((2, 4, 4)), axes="ZYX")
    assert guess_axes(image, "YX", 2) == "ZYX"


def test_spacing_reaches_the_map_along_the_spatial_axes_only():
    image = ImageInput(np.ones((2, 4, 4)), axes="TYX", spacing=(60.0, 0.5, 0.25))
    request = RunRequest(image, "fake", "cpu")
    result = run_model(fake_engine(), request, lambda stage: None)
    assert [emap.spacing for emap in result.maps] == [(0.5, 0.25)] * 2


def test_progress_rises_from_zero_to_one():
    stages = []
    request = RunRequest(ImageInput(np.ones((3, 4, 4)), axes="TYX"), "fake", "cpu")
    run_model(fake_engine(), request, stages.append)
    fractions = [stage.fraction for stage in stages]
    assert fractions[0] == 0
    assert fractions == sorted(fractions)
    assert fractions[-1] < 1


def test_ids_of_one_frame_do_not_meet_those_of_another():
    before = np.array([[[1, 1, 0]], [[1, 1, 0]]])
    after = before.copy()
    after[0, 0, 2] = 1
    corrections = record_edit(fake_engine(), None, before, after, frames=True)
    np.testing.assert_array_equal(corrections, [[[1, 1, 1]], [[-1, -1, -1]]])


def test_objects_are_counted_frame_by_frame():
    request = LabelRequest(
        indices=(),
        params=None,
        clusters=np.array([[[1, 0, 7]], [[1, 0, 0]]], np.uint16),
        corrections=None,
        frames=True,
    )
    result = label(fake_engine(), request)
    assert (result.object_count, result.corrected_count) == (3, 0)


def test_corrected_objects_are_counted_without_background():
    request = LabelRequest(
        indices=(),
        params=None,
        clusters=np.array([[1, 0, 7]], np.uint16),
        corrections=np.array([[-1, 0, 9]], np.int32),
        frames=False,
    )
    result = label(fake_engine(), request)
    np.testing.assert_array_equal(result.labels, [[1, 0, 9]])
    assert (result.object_count, result.corrected_count) == (2, 1)
