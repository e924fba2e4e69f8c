"""The image is removed from the viewer, or given other pixels, at any moment."""

from __future__ import annotations

import numpy as np
import pytest

from napari_pixel_embedding.core.inference.layout import Layout
from napari_pixel_embedding.session import ImageInput, Session, SessionController
from napari_pixel_embedding.session.state.results import PreviousAnnotations
from tests.session.fakes import QueueExecutor, fake_engine
from tests.session.strokes import paint

ROWS = np.zeros((4, 8), np.float32)
ROWS[:, 1:3] = ROWS[:, 5:7] = 1


@pytest.fixture
def queue():
    return QueueExecutor()


@pytest.fixture
def controller(queue):
    made = SessionController(Session(), queue, fake_engine())
    made.set_image(ImageInput(ROWS, "YX"))
    made.set_model("a")
    return made


@pytest.fixture
def ran(controller, queue):
    controller.run()
    queue.settle()
    return controller


def lose(controller, how):
    if how == "changed":
        controller.image_changed()
    else:
        controller.image_removed(shown=False)


@pytest.mark.parametrize("how", ["changed", "removed"])
@pytest.mark.parametrize("delivered", [False, True])
def test_a_run_ends_and_says_so(controller, queue, how, delivered):
    session = controller.session
    controller.run()
    if delivered:
        queue.work()  # its answers are on the way
    lose(controller, how)
    assert not session.running
    assert f"The image was {how}: the run was stopped." in session.error
    queue.settle()
    assert session.labels is None and session.embedding_maps == ()


@pytest.mark.parametrize("how", ["changed", "removed"])
def test_labels_that_are_being_cut_never_appear(controller, queue, how):
    controller.run()
    queue.work()
    queue.deliver()  # the run is done, its first cut waits
    lose(controller, how)
    queue.settle()
    assert controller.session.labels is None


@pytest.mark.parametrize("how", ["changed", "removed"])
def test_measuring_and_fine_tuning_end_too(ran, queue, how):
    session = ran.session
    paint(ran, (0, 0), 7)
    queue.settle()
    ran.diameter.measure()
    ran.fine_tuning.start(None)
    lose(ran, how)
    assert not session.measuring and not session.tuning
    assert "measuring the objects and fine-tuning were stopped." in session.error
    assert (
        session.tuning_status
        == "Fine-tuning stopped: before its first step, so there is no new model."
    )
    queue.settle()
    assert session.diameter is None


def test_a_tick_after_other_pixels_shows_nothing_and_says_so(ran, queue):
    session, labels, params = ran.session, ran.session.labels, ran.session.cluster_params
    ran.image_changed()
    assert "press Run again" in session.error
    for tick in (
        lambda: ran.clustering.set_params(bandwidth=2.5),
        lambda: ran.clustering.set_method("mutex"),
        ran.clustering.choose_bandwidth,
    ):
        session.error = None
        tick()
        queue.settle()
        assert session.error == session.outdated != ""
        assert (session.labels is labels, session.cluster_params) == (True, params)
        assert session.method == "mean_shift"
    ran.clustering.refine((0, 1), "coarser")
    assert session.cut_status == session.outdated
    ran.colors.show(True)
    queue.settle()
    assert session.embedding_rgb is None


def test_a_tick_on_the_way_is_dropped(ran, queue):
    labels = ran.session.labels
    ran.clustering.set_params(bandwidth=2.5)
    ran.image_changed()
    queue.settle()
    paint(ran, (0, 0), 7)
    queue.settle()
    assert ran.session.object_count == 3  # two and the painted one: cut as before
    assert ran.session.labels is not labels


def test_new_pixels_in_a_row_are_said_once(ran):
    said = []
    ran.image_changed()
    ran.session.events.error.connect(said.append)
    ran.image_changed()
    assert said == []


def test_corrections_of_the_same_shape_are_there_after_the_next_run(ran, queue):
    session = ran.session
    ran.image_changed()
    paint(ran, (0, 0), 7)
    queue.settle()
    assert session.labels[0, 0] == 7
    ran.set_image(ImageInput(ROWS[::-1].copy(), "YX"), session.kept_annotations)
    assert session.outdated == "" and session.labels is None
    ran.run()
    queue.settle()
    assert session.error is None
    assert session.labels[0, 0] == 7
    ran.clustering.set_params(bandwidth=2.5)
    queue.settle()
    assert session.object_count == 2  # it cuts again


def test_corrections_of_another_shape_are_left_out_and_said_after_the_run(ran, queue):
    session = ran.session
    paint(ran, (0, 0), 7)
    queue.settle()
    ran.image_changed()
    ran.set_image(ImageInput(np.ones((6, 6), np.float32), "YX"), session.kept_annotations)
    ran.run()
    queue.settle()
    assert session.corrections is None and session.labels.shape == (6, 6)
    assert "(6, 6)" in session.error and "left out" in session.error
    ran.run()
    queue.settle()
    assert session.error is None  # said once


def test_the_same_array_with_other_pixels_is_cut_again_only_after_the_run(ran, queue):
    session = ran.session
    ran.image_changed()
    ran.set_image(ImageInput(ROWS, "YX"))
    assert session.outdated and session.labels is not None
    ran.run()
    queue.settle()
    assert session.outdated == ""


@pytest.mark.parametrize("how", ["changed", "removed"])
def test_an_image_that_is_gone_is_not_run(ran, queue, how):
    lose(ran, how)
    labels = ran.session.labels
    ran.run()
    queue.settle()
    assert f"The image {'has' if how == 'changed' else 'was'} {how}" in ran.session.error
    assert ran.session.labels is labels and not ran.session.running
    ran.set_image(ImageInput(ROWS, "YX"))
    ran.run()
    queue.settle()
    assert ran.session.error is None


def test_labels_that_are_still_shown_are_cut_further(ran, queue):
    ran.image_removed(shown=True)
    assert ran.session.error is None
    ran.clustering.set_params(bandwidth=2.5)
    queue.settle()
    assert ran.session.object_count == 1


@pytest.mark.parametrize(
    ("axes", "corrected", "shape", "fits"),
    [
        ("YX", (4, 8), (4, 8), True),
        ("YX", (4, 8), (4, 9), False),
        ("YXC", (4, 8), (4, 8, 3), True),
        ("TCYX", (2, 4, 8), (2, 3, 4, 8), True),
        ("TCYX", (2, 4, 8), (4, 8), False),
        ("", (4, 8), (5, 5), True),
    ],
)
def test_whether_earlier_corrections_fit(axes, corrected, shape, fits):
    layout = Layout(axes, (1,) * len(axes), "YX") if axes else None
    earlier = PreviousAnnotations(np.zeros(corrected, np.int32), layout=layout)
    assert earlier.fits(ImageInput(np.zeros(shape))) == fits
