from __future__ import annotations

from functools import partial

import numpy as np
import pytest
from psygnal import EmitLoopError

from napari_pixel_embedding.session import (
    ImageInput,
    ImmediateExecutor,
    PreviousAnnotations,
    Session,
    SessionController,
)
from tests.session.fakes import FakeModel, fake_engine, predict_frames


def paint(controller, pixels, value):
    """Do what a brush stroke does."""
    before = controller.session.labels
    after = before.copy()
    after[pixels] = value
    controller.corrections.record_edit(before, after)


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

    def predict(model, pixels, *, device, augment, **options):
        asked.append((device, augment))
        return predict_frames(model, pixels, device=device, augment=augment, **options)

    engine = fake_engine(predict_frames=predict)
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

    def slow(model, image, *, progress, **options):
        progress(0.0)
        controller.cancel()
        progress(0.5)
        reached.append("too far")
        yield from predict_frames(model, image, progress=progress, **options)

    controller = SessionController(Session(), queue, fake_engine(predict_frames=slow))
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


# ------------------------------------------------------------------------------------ sliders


def test_slider_changes_the_labels(ran):
    ran.clustering.set_params(bandwidth=2.5)
    assert ran.session.cluster_params.bandwidth == 2.5
    assert np.unique(ran.session.labels).tolist() == [0, 1]
    assert ran.session.object_count == 1


def test_an_equal_value_emits_nothing(ran):
    heard = []
    ran.session.events.connect(heard.append)
    ran.clustering.set_params(bandwidth=ran.session.cluster_params.bandwidth)
    assert heard == []


def test_a_bad_value_is_refused_in_words(ran):
    params = ran.session.cluster_params
    ran.clustering.set_params(bandwidth=-1)
    assert ran.session.error == "bandwidth must be above 0, found -1."
    assert ran.session.cluster_params is params
    ran.clustering.set_params(width=3)
    assert "width" in ran.session.error


def test_slider_before_a_result_says_so(controller):
    controller.clustering.set_params(bandwidth=1.5)
    assert "Run first" in controller.session.error


def test_a_moving_slider_queues_nothing_up_and_ends_at_its_last_value(waiting, queue):
    for bandwidth in (1.2, 2.5, 1.4, 2.6):
        waiting.clustering.set_params(bandwidth=bandwidth)
    assert len(queue.jobs) == 1
    queue.work()
    queue.deliver()
    assert waiting.session.object_count == 2  # 1.2 was worth showing
    assert len(queue.jobs) == 1
    queue.settle()
    assert waiting.session.object_count == 1


def test_parameters_stay_with_the_same_kind_of_model_and_reset_with_another(ran):
    ran.clustering.set_params(bandwidth=2.5)
    ran.set_model("sibling")
    ran.run()
    assert ran.session.cluster_params.bandwidth == 2.5
    cosine = FakeModel(type(ran.session.model.config)(space="cosine"))
    ran.set_model(cosine)
    ran.run()
    assert ran.session.cluster_params.bandwidth == 1.0


# -------------------------------------------------------------------------------- corrections


def test_corrections_survive_the_slider_and_a_new_run(ran):
    paint(ran, (slice(1, 3), 3), 1)
    assert ran.session.corrected_count == 1
    ran.clustering.set_params(bandwidth=2.5)
    assert (ran.session.labels[1:3, 3] == 1).all()
    ran.set_model("another")
    ran.run()
    assert (ran.session.labels[1:3, 3] == 1).all()
    assert ran.session.corrected_count == 1


def test_erasing_survives_too(ran):
    paint(ran, (1, slice(4, 7)), 0)
    ran.clustering.set_params(bandwidth=2.5)
    assert (ran.session.labels[1] == [0, 1, 1, 0, 0, 0, 0, 0]).all()


def test_taking_back_what_was_just_painted_unlocks_it(ran):
    first = ran.session.labels
    paint(ran, (0, 0), 5)
    second, corrections = ran.session.labels, ran.session.corrections
    paint(ran, (0, 7), 6)
    ran.corrections.record_edit(ran.session.labels, second.copy())
    assert ran.session.corrections is corrections
    ran.corrections.record_edit(ran.session.labels, first.copy())
    assert ran.session.corrections is None
    assert ran.session.corrected_count == 0


def test_what_was_painted_while_another_image_was_shown_is_recorded(ran, image):
    paint(ran, (0, 0), 7)
    shown, corrections = ran.session.labels, ran.session.corrections
    ran.set_image(ImageInput(np.zeros((3, 3)), "YX"))
    found = shown.copy()
    found[0, 7] = 8
    ran.set_image(image, PreviousAnnotations(corrections, (), "YX", shown, found))
    ran.run()
    assert (ran.session.labels[0, 0], ran.session.labels[0, 7]) == (7, 8)
    assert ran.session.corrected_count == 2


def test_reset_brings_the_clusters_back(ran):
    clusters = ran.session.clusters
    paint(ran, (0, 0), 5)
    ran.corrections.reset()
    assert ran.session.corrections is None
    np.testing.assert_array_equal(ran.session.labels, clusters)


def test_a_cut_under_way_does_not_undo_a_stroke(waiting, queue):
    waiting.clustering.set_params(bandwidth=2.5)
    queue.work()  # cut without the stroke, answer on the way
    paint(waiting, (0, 0), 7)
    seen = []
    waiting.session.events.labels.connect(lambda labels: seen.append(int(labels[0, 0])))
    queue.settle()
    assert seen == [7]
    assert waiting.session.object_count == 2


def test_an_edit_needs_no_new_cut(waiting, queue):
    clusters = waiting.session.clusters
    paint(waiting, (0, 0), 7)
    queue.settle()
    assert waiting.session.clusters is clusters


def test_corrections_that_do_not_fit_are_left_out_and_said(ran, image):
    paint(ran, (0, 0), 7)
    ran.set_image(ImageInput(image.data[None], "TYX"), PreviousAnnotations(ran.session.corrections))
    ran.run()
    assert ran.session.corrections is None
    assert "(4, 8)" in ran.session.error
    assert "(1, 4, 8)" in ran.session.error


def test_corrections_of_an_image_can_be_given_back(ran, image):
    paint(ran, (0, 0), 7)
    corrections = ran.session.corrections
    ran.set_image(ImageInput(np.zeros((3, 3)), "YX"))
    assert ran.session.corrections is None
    ran.set_image(image, PreviousAnnotations(corrections))
    ran.run()
    assert ran.session.labels[0, 0] == 7


def test_choosing_the_same_image_anew_keeps_everything(ran, image):
    paint(ran, (0, 0), 7)
    labels = ran.session.labels
    ran.set_image(ImageInput(image.data, None, "renamed"))
    assert ran.session.labels is labels
    assert ran.session.corrections is not None


def test_arrays_are_replaced_never_written(ran):
    labels, kept = ran.session.labels, ran.session.labels.copy()
    paint(ran, (0, 0), 7)
    ran.clustering.set_params(bandwidth=2.5)
    np.testing.assert_array_equal(labels, kept)


def test_save_and_load_corrections(ran):
    assert not ran.corrections.save("none.tif")
    assert "No corrections" in ran.session.error
    paint(ran, (0, 0), 7)
    assert ran.corrections.save("mine.tif")
    ran.corrections.reset()
    ran.corrections.load("mine.tif")
    assert ran.session.labels[0, 0] == 7


def test_loading_says_what_does_not_fit(ran, controller):
    ran.corrections.load("missing.tif")
    assert "missing.tif" in ran.session.error
    paint(ran, (0, 0), 7)
    ran.corrections.save("mine.tif")
    ran.set_image(ImageInput(np.ones((2, 2)), "YX"))
    ran.corrections.load("mine.tif")
    assert "press Run" in ran.session.error
    ran.run()
    ran.corrections.load("mine.tif")
    assert "(4, 8)" in ran.session.error
    assert ran.session.corrections is None


# ------------------------------------------------------------------------------------ colours


def test_colours_are_made_when_wanted_and_keep_their_basis(ran):
    assert ran.session.embedding_rgb is None
    ran.colors.show(True)
    basis = ran.session.color_basis
    assert ran.session.embedding_rgb.shape == (4, 8, 3)
    ran.run()
    assert ran.session.color_basis is basis
    ran.colors.refit()
    assert ran.session.color_basis is not basis
    ran.colors.show(False)
    assert ran.session.embedding_rgb is None


def test_colours_wanted_before_the_run_come_with_it(controller, image):
    controller.colors.show(True)
    controller.set_image(image)
    controller.set_model("fake")
    controller.run()
    assert controller.session.embedding_rgb is not None


# -------------------------------------------------------------------------------- fine-tuning


def test_tuning_reports_and_keeps_its_model_beside_the_parent(ran):
    parent = ran.session.model
    paint(ran, (0, 0), 7)
    ran.fine_tuning.start(None)
    assert [step.step for step in ran.session.training] == [1, 2, 3]
    assert all(step.model is None for step in ran.session.training)
    assert ran.session.tuned_model.config.name == "tuned"
    assert ran.session.model is parent
    assert not ran.session.tuning


def test_use_runs_the_tuned_model_and_keeps_corrections(ran):
    paint(ran, (0, 0), 7)
    ran.fine_tuning.start(None)
    ran.fine_tuning.use_model()
    assert ran.session.model.config.name == "tuned"
    assert ran.session.tuned_model is None
    assert ran.session.labels[0, 0] == 7


def test_discard_leaves_the_parent(ran):
    paint(ran, (0, 0), 7)
    ran.fine_tuning.start(None)
    ran.fine_tuning.discard_model()
    assert ran.session.tuned_model is None
    assert ran.session.model.config.name == "fake"
    ran.fine_tuning.use_model()
    assert "No tuned model" in ran.session.error


def test_stop_keeps_the_best_so_far(waiting, queue):
    paint(waiting, (0, 0), 7)
    queue.settle()
    waiting.fine_tuning.start(None)
    queue.work()
    for _ in range(2):
        queue.answers.popleft()()
    waiting.fine_tuning.stop()
    queue.settle()
    assert len(waiting.session.training) == 2
    assert waiting.session.tuned_model is not None
    assert not waiting.session.tuning


def test_tuning_twice_at_once_is_refused(waiting, queue):
    paint(waiting, (0, 0), 7)
    queue.settle()
    waiting.fine_tuning.start(None)
    waiting.fine_tuning.start(None)
    assert "under way" in waiting.session.error
    assert waiting.session.tuning


def test_tuning_without_a_result_or_corrections_says_so(controller, ran):
    ran.fine_tuning.start(None)
    assert "at least one corrected object" in ran.session.error
    fresh = SessionController(Session(), ImmediateExecutor(), fake_engine())
    fresh.fine_tuning.start(None)
    assert "Run a model first" in fresh.session.error


def test_an_error_in_tuning_keeps_the_model(image):
    def broken(*args, **kwargs):
        raise ValueError("crop must be from 32 to 1024, found 1.")
        yield

    controller = SessionController(Session(), ImmediateExecutor(), fake_engine(fine_tune=broken))
    controller.set_image(image)
    controller.set_model("fake")
    controller.run()
    paint(controller, (0, 0), 7)
    controller.fine_tuning.start(None)
    assert controller.session.error.startswith("crop must be")
    assert controller.session.model.config.name == "fake"
    assert not controller.session.tuning


def test_save_prefers_the_tuned_model(ran):
    saved = {}
    controller = SessionController(
        ran.session,
        ImmediateExecutor(),
        fake_engine(save_model=lambda model, path: saved.update({path: model.config.name})),
    )
    controller.fine_tuning.save_model("a")
    paint(controller, (0, 0), 7)
    controller.fine_tuning.start(None)
    controller.fine_tuning.save_model("b")
    assert saved == {"a": "fake", "b": "tuned"}


def test_save_errors_are_said(ran):
    def full(model, path):
        raise OSError(28, "No space left on device")

    controller = SessionController(ran.session, ImmediateExecutor(), fake_engine(save_model=full))
    assert not controller.fine_tuning.save_model("a")
    assert "No space left" in ran.session.error


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


def test_a_run_goes_by_the_diameter_that_was_chosen(image, queue):
    asked = []

    def remember(model, image, *, diameter, **options):
        asked.append(diameter)
        yield from predict_frames(model, image, **options)

    controller = SessionController(Session(), queue, fake_engine(predict_frames=remember))
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
