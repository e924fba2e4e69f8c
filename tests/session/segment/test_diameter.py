"""The diameter of the objects, typed or measured."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from napari_pixel_embedding.session import (
    ImageInput,
    ImmediateExecutor,
    Session,
    SessionController,
)
from tests.session.fakes import (
    FakeConfig,
    FakeModel,
    embed_frames,
    fake_engine,
    measure_diameter,
)


def test_a_run_goes_by_the_diameter_that_was_chosen(image, queue):
    asked = []

    def remember(model, stack, options, progress):
        asked.append(options.diameter)
        yield from embed_frames(model, stack, options, progress)

    controller = SessionController(Session(), queue, fake_engine(embed_frames=remember))
    controller.set_image(image)
    controller.set_model("fake")
    for diameter in (None, 12.5):
        controller.diameter.set(diameter)
        controller.run()
        queue.settle()
    assert asked == [None, 12.5]


@pytest.mark.parametrize("diameter", [-1.0, 0.5, 1e6, float("nan")])
def test_a_diameter_that_makes_no_sense_is_refused(controller, diameter):
    controller.diameter.set(30)
    controller.diameter.set(diameter)
    assert "An object diameter is from 2 to 4000 pixels" in controller.session.error
    assert controller.session.diameter == 30


def test_the_diameter_is_measured(controller, image):
    controller.diameter.measure()
    assert "Nothing to measure" in controller.session.error
    controller.set_image(image)
    controller.set_model("fake")
    seen = []
    controller.session.events.measured.connect(seen.append)
    controller.diameter.measure()
    assert (controller.session.diameter, controller.session.measuring) == (4.1, False)
    assert seen == [0.5, 1.0]
    assert controller.session.error is None


def test_an_image_without_objects_has_no_diameter(controller):
    controller.set_image(ImageInput(np.zeros((8, 8)), "YX"))
    controller.set_model("fake")
    controller.diameter.set(7)
    controller.diameter.measure()
    assert controller.session.error == (
        "expected an image with objects, found none: give the diameter by hand."
    )
    assert (controller.session.diameter, controller.session.measuring) == (7, False)


@pytest.mark.parametrize("how", ["typed", "other image", "closed"])
def test_a_measurement_that_is_overtaken_changes_nothing(waiting, queue, how):
    waiting.diameter.measure()
    assert waiting.session.measuring
    if how == "typed":
        waiting.diameter.set(9)
    elif how == "other image":
        waiting.set_image(ImageInput(np.ones((5, 5)), "YX"))
    else:
        waiting.close()
    assert not waiting.session.measuring
    queue.settle()
    assert waiting.session.diameter == (9 if how == "typed" else None)


def volumes(image, measure_diameter=measure_diameter, executor=None):
    """Return a controller with an image and a model of volumes."""
    engine = fake_engine(
        load_model=lambda name: FakeModel(FakeConfig(name=name, axes="ZYX")),
        measure_diameter=measure_diameter,
    )
    controller = SessionController(Session(), executor or ImmediateExecutor(), engine)
    controller.set_image(image)
    controller.set_model("fake")
    return controller


@pytest.fixture
def stack():
    data = np.zeros((3, 4, 8), np.uint8)
    data[:, 1:3, 1:3] = 200
    return ImageInput(data, "ZYX", "stack")


def test_a_run_on_a_volume_measures_by_itself_and_says_so(stack):
    controller = volumes(stack)
    controller.run()
    session = controller.session
    assert (session.diameter, session.diameter_source) == (4.1, "automatic")
    assert "The objects' diameter was measured: 4.1 pixels." in session.status
    controller.run()  # known by now
    assert "measured" not in session.status


def test_a_volume_with_a_diameter_of_the_user_is_not_measured(stack):
    controller = volumes(stack)
    controller.diameter.set(9.0)
    controller.run()
    assert (controller.session.diameter, controller.session.diameter_source) == (9.0, "typed")
    assert "measured" not in controller.session.status


def test_a_diameter_typed_during_the_run_stays(stack, queue):
    controller = volumes(stack, executor=queue)
    controller.run()
    queue.work()
    controller.diameter.set(9.0)
    queue.settle()
    assert (controller.session.diameter, controller.session.diameter_source) == (9.0, "typed")


def test_a_volume_without_objects_is_run_with_the_models_diameter(stack):
    dark = ImageInput(np.zeros((3, 4, 8)), "ZYX", "dark")
    controller = volumes(dark)
    controller.run()
    assert controller.session.labels is not None
    assert (controller.session.error, controller.session.diameter) == (None, None)


@pytest.mark.parametrize(
    ("source", "kept"),
    [("typed", 9.0), ("drawn", 9.0), ("measured", 9.0), ("suggested", 9.0), ("automatic", None)],
)
def test_what_a_run_measured_goes_with_its_image(controller, image, stack, source, kept):
    controller.set_image(image)
    controller.diameter.set(9.0, source)
    assert controller.session.diameter_source == source
    controller.set_image(replace(image, name="renamed"))  # the same pixels
    assert controller.session.diameter == 9.0
    controller.set_image(stack)
    assert controller.session.diameter == kept
    assert (controller.session.diameter_source == "model") == (kept is None)


def test_a_measured_diameter_is_said_to_be(controller, image):
    controller.set_image(image)
    controller.set_model("fake")
    controller.diameter.measure()
    assert controller.session.diameter_source == "measured"
    controller.diameter.set(None)
    assert controller.session.diameter_source == "model"


@pytest.mark.parametrize("by_itself", [True, False])
def test_a_model_of_objects_of_any_size_measures_by_itself(image, by_itself):
    engine = fake_engine(
        load_model=lambda name: FakeModel(FakeConfig(name=name, measures_diameter=by_itself)),
        measure_diameter=measure_diameter,
    )
    controller = SessionController(Session(), ImmediateExecutor(), engine)
    controller.set_image(image)
    controller.set_model("fake")
    controller.run()
    session = controller.session
    assert session.diameter_source == ("automatic" if by_itself else "model")
    assert ("diameter was measured" in session.status) == by_itself
