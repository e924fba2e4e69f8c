from __future__ import annotations

import numpy as np
import pytest

from napari_pixel_embedding.session import (
    ImageInput,
    ImmediateExecutor,
    Session,
    SessionController,
)
from tests.session.fakes import QueueExecutor, fake_engine


@pytest.fixture
def image():
    """Two bright objects in a row: columns 1–2 and 4–6."""
    data = np.zeros((4, 8), np.uint8)
    data[1:3, 1:3] = data[1:3, 4:7] = 200
    return ImageInput(data, "YX", "two objects")


@pytest.fixture
def controller():
    """A controller whose work is done before its methods return."""
    return SessionController(Session(), ImmediateExecutor(), fake_engine())


@pytest.fixture
def ran(controller, image):
    """The same after a first run."""
    controller.set_image(image)
    controller.set_model("fake")
    controller.run()
    return controller


@pytest.fixture
def queue():
    return QueueExecutor()


@pytest.fixture
def waiting(queue, image):
    """A controller whose work waits in ``queue``, after a first run."""
    controller = SessionController(Session(), queue, fake_engine())
    controller.set_image(image)
    controller.set_model("fake")
    controller.run()
    queue.settle()
    return controller
