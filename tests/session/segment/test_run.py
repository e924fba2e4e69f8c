from __future__ import annotations

import threading
from dataclasses import replace

import numpy as np
import pytest

from napari_pixel_embedding.core.inference.options import PredictOptions
from napari_pixel_embedding.session import ImageInput
from napari_pixel_embedding.session.correct.record import record_edit
from napari_pixel_embedding.session.segment.label import label
from napari_pixel_embedding.session.segment.requests import LabelRequest, RunRequest
from napari_pixel_embedding.session.segment.run import run_model
from napari_pixel_embedding.session.warm_up import WarmUp
from tests.session.fakes import FakeConfig, fake_engine


def test_the_image_s_own_words_for_its_axes_count():
    config = FakeConfig(in_channels=3)
    image = ImageInput(np.zeros((3, 4, 4)))
    assert image.layout_for(config).axes == "CYX"
    assert replace(image, axes_hint="tyx").layout_for(config).axes == "TYX"
    assert replace(image, axes="tyx").layout_for(config).axes == "TYX"
    color = ImageInput(np.zeros((4, 4, 3)), rgb=True)
    assert color.layout_for(FakeConfig()).axes == "YXC"
    with pytest.raises(ValueError, match="Give its axes"):
        ImageInput(np.zeros((2, 3, 5, 4, 4))).layout_for(FakeConfig())


def test_spacing_reaches_the_map_along_the_spatial_axes_only():
    image = ImageInput(np.ones((2, 4, 4)), axes="TYX", spacing=(60.0, 0.5, 0.25))
    request = RunRequest(image, "fake", PredictOptions("cpu"))
    result = run_model(fake_engine(), request, lambda stage: None)
    assert [emap.spacing for emap in result.maps] == [(0.5, 0.25)] * 2


def test_progress_rises_from_zero_to_one():
    stages = []
    request = RunRequest(ImageInput(np.ones((3, 4, 4)), axes="TYX"), "fake", PredictOptions("cpu"))
    run_model(fake_engine(), request, stages.append)
    fractions = [stage.fraction for stage in stages]
    assert fractions[0] == 0
    assert fractions == sorted(fractions)
    assert fractions[-1] < 1


def test_a_run_says_that_it_waits_for_the_kernels():
    compiling, stages = threading.Event(), []
    warm_up = WarmUp(lambda: compiling.wait(5))
    thread = threading.Thread(target=warm_up)
    thread.start()
    while not warm_up.under_way:
        pass

    def report(stage):
        stages.append(stage.text)
        if stage.text.startswith("Compiling"):
            compiling.set()

    request = RunRequest(ImageInput(np.ones((4, 4)), axes="YX"), "fake", PredictOptions("cpu"))
    run_model(fake_engine(warm_up=warm_up), request, report)
    thread.join()
    assert "Compiling kernels, once …" in stages
    assert stages[-1] == "Finding clusters …"


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


@pytest.mark.parametrize(("fill", "said"), [(0, "only one value (0)"), (np.nan, "no finite value")])
def test_a_run_says_when_the_image_has_no_contents(controller, fill, said):
    controller.set_model("fake")
    controller.set_image(ImageInput(np.full((64, 64), fill, np.float32), "YX", "empty"))
    controller.run()
    assert f"The image has {said}: there is nothing to segment." in controller.session.status


def test_a_run_names_the_empty_frame(controller):
    film = np.random.default_rng(0).normal(100, 5, (3, 64, 64)).astype(np.float32)
    film[:, 20:40, 20:40] += 200
    film[1] = 0
    controller.set_model("fake")
    controller.set_image(ImageInput(film, "TYX", "film"))
    controller.run()
    assert controller.session.status.endswith("Frame 2 of 3 has only one value (0).")


def test_a_run_says_when_there_is_almost_no_signal(controller):
    noise = np.random.default_rng(0).normal(100, 5, (64, 64)).astype(np.float32)
    controller.set_model("fake")
    controller.set_image(ImageInput(noise, "YX", "dark"))
    controller.run()
    assert "almost no signal" in controller.session.status
    noise[20:40, 20:40] += 200
    controller.set_image(ImageInput(noise.copy(), "YX", "cell"))
    controller.run()
    assert "almost no signal" not in controller.session.status
