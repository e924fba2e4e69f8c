"""The diameter of the objects, typed or measured."""

from __future__ import annotations

import numpy as np
import pytest

from napari_pixel_embedding.session import (
    ImageInput,
    Session,
    SessionController,
)
from tests.session.fakes import embed_frames, fake_engine


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
