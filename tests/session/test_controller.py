from __future__ import annotations

from functools import partial

import numpy as np
import pytest
from psygnal import EmitLoopError

from napari_pixel_embedding.session import (
    ImageInput,
    ImmediateExecutor,
    Session,
    SessionController,
)
from tests.session.fakes import embed_frames, fake_engine
from tests.session.strokes import paint

# ------------------------------------------------------------------------------------ running


def test_run_goes_from_image_to_labels(ran, image):
    session = ran.session
    expected = np.zeros((4, 8), np.uint16)
    expected[1:3, 1:3] = 1
    expected[1:3, 4:7] = 2
    np.testing.assert_array_equal(session.labels, expected)
    assert (session.axes, session.object_count, session.running) == ("YX", 2, False)
    assert (session.progress, session.error) == (1.0, None)


def test_a_stack_is_segmented_frame_by_frame(controller, image):
    stack = np.stack([image.data, np.zeros_like(image.data)])
    controller.set_image(ImageInput(stack, "TYX"))
    controller.set_model("fake")
    controller.run()
    assert len(controller.session.embedding_maps) == 2
    assert controller.session.labels.shape == (2, 4, 8)
    assert controller.session.labels.max(axis=(1, 2)).tolist() == [2, 0]


def test_device_and_number_of_views_reach_the_network(image):
    asked = []

    def embed(model, stack, options, progress):
        asked.append((options.device, options.augment))
        return embed_frames(model, stack, options, progress)

    engine = fake_engine(embed_frames=embed)
    controller = SessionController(Session(), ImmediateExecutor(), engine)
    controller.set_image(image)
    controller.set_model("fake")
    controller.run()
    controller.set_device("cpu")
    controller.set_augment(4)
    controller.run()
    assert asked == [("auto", 1), ("cpu", 4)]


@pytest.mark.parametrize("missing", ["image", "model"])
def test_run_says_what_is_missing(controller, image, missing):
    if missing == "image":
        controller.set_model("fake")
    else:
        controller.set_image(image)
    controller.run()
    assert missing in controller.session.error
    assert not controller.session.running


def test_the_same_message_twice_is_news_twice(controller):
    heard = []
    controller.session.events.error.connect(heard.append)
    controller.run()
    controller.run()
    assert [text for text in heard if text] == [controller.session.error] * 2


def test_an_error_keeps_the_last_good_labels(ran):
    labels, index = ran.session.labels, ran.session.cluster_indices
    ran.set_model("corrupt")
    ran.run()
    assert "corrupt is damaged" in ran.session.error
    assert ran.session.labels is labels
    assert ran.session.cluster_indices is index
    assert not ran.session.running
    ran.clustering.set_params(bandwidth=2.5)  # and the sliders still work
    assert ran.session.object_count == 1


def test_a_defect_is_named_and_logged(ran, image, caplog):
    def broken(*args, **kwargs):
        raise ZeroDivisionError("oops")

    controller = SessionController(
        Session(), ImmediateExecutor(), fake_engine(build_cluster_index=broken)
    )
    controller.set_image(image)
    controller.set_model("fake")
    controller.run()
    assert controller.session.error == (
        "Unexpected error while segmenting: ZeroDivisionError: oops"
    )
    assert caplog.records[0].exc_info[0] is ZeroDivisionError


def test_cancel_drops_the_run_and_keeps_what_was_there(waiting, queue):
    labels = waiting.session.labels
    waiting.run()
    assert waiting.session.running
    queue.work()  # the network is done, its answer is on the way
    waiting.cancel()
    queue.settle()
    assert not waiting.session.running
    assert waiting.session.labels is labels
    assert "Cancelled" in waiting.session.status


def test_cancel_reaches_the_network(queue, image):
    reached = []

    def slow(model, stack, options, progress):
        progress(0.0)
        controller.cancel()
        progress(0.5)
        reached.append("too far")
        yield from embed_frames(model, stack, options, progress)

    controller = SessionController(Session(), queue, fake_engine(embed_frames=slow))
    controller.set_image(image)
    controller.set_model("fake")
    controller.run()
    queue.settle()
    assert reached == []
    assert controller.session.labels is None


def test_a_late_answer_for_another_image_is_dropped(waiting, queue, image):
    waiting.run()
    queue.work()
    other = ImageInput(np.zeros((3, 3)), "YX", "other")
    waiting.set_image(other)
    queue.settle()
    assert waiting.session.image is other
    assert waiting.session.labels is None
    assert waiting.session.embedding_maps == ()
    assert not waiting.session.running


def test_running_twice_counts_the_second(waiting, queue):
    waiting.run()
    waiting.set_model("second")
    waiting.run()
    queue.settle()
    assert waiting.session.model.config.name == "second"


def test_an_image_without_pixels_is_refused(controller):
    assert not controller.set_image(ImageInput(np.zeros((0, 5)), "YX"))
    assert "(0, 5)" in controller.session.error
    assert controller.session.image is None


# ------------------------------------------------------------------------------------ closing


def test_close_stops_everything(waiting, queue):
    waiting.run()
    waiting.clustering.set_params(bandwidth=2.5)
    waiting.close()
    labels = waiting.session.labels
    queue.settle()
    assert waiting.session.labels is labels


def test_every_part_is_closed_whatever_the_others_raise(controller, monkeypatch):
    closed = []

    def fail(part):
        closed.append(part)
        raise RuntimeError(part)

    steps = {"fine_tuning": "close", "edits": "close", "autosave": "close", "mosaic": "close"}
    steps |= {"clustering": "cancel", "diameter": "cancel", "colors": "cancel", "_runs": "cancel"}
    for part, method in steps.items():
        monkeypatch.setattr(getattr(controller, part), method, partial(fail, part))
    with pytest.raises(ExceptionGroup) as caught:
        controller.close()
    assert sorted(closed) == sorted(steps)
    assert [str(error) for error in caught.value.exceptions] == closed


def test_a_broken_listener_stops_no_clean_up(waiting, queue):
    """A widget that Qt has destroyed raises when the fine-tuning ends."""
    paint(waiting, (0, 0), 7)
    queue.settle()

    def broken(tuning):
        raise RuntimeError("wrapped C/C++ object has been deleted")

    waiting.fine_tuning.start(None)
    waiting.session.events.tuning.connect(broken)
    waiting.run()
    waiting.diameter.measure()
    waiting.colors.show(True)
    waiting.clustering.set_params(bandwidth=2.5)
    with pytest.raises(EmitLoopError):
        waiting.close()
    assert len(queue.jobs) >= 4
    assert all(job.cancelled for job in queue.jobs)
