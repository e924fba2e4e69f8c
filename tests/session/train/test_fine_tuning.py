"""Fine-tuning beside the work: what is learnt from, what is shown, what a crash leaves behind."""

from dataclasses import replace

import numpy as np
import pytest

from napari_pixel_embedding.core.fine_tuning.config import FineTuneConfig
from napari_pixel_embedding.core.fine_tuning.job_folder import Interrupted
from napari_pixel_embedding.core.fine_tuning.pace import Pace
from napari_pixel_embedding.core.io.binary_masks import UnseparatedObjects
from napari_pixel_embedding.core.training.worker_process import ProcessEnded
from napari_pixel_embedding.session import (
    CorrectedImage,
    ImageInput,
    ImageRegion,
    ImmediateExecutor,
    Session,
    SessionController,
)
from napari_pixel_embedding.session.train.fine_tuning_jobs import TuneRequest, tune
from tests.session.fakes import (
    FakeConfig,
    FakeModel,
    FakeReport,
    FakeStep,
    QueueExecutor,
    fake_engine,
)
from tests.session.strokes import paint

FIELD = ImageRegion(None, (slice(0, 3), slice(2, 7)))
LEFT = Interrupted("a folder", ("two objects",), "fake", 50, 300)


def prepared(image, executor=None, **functions):
    """A controller after a run, with object 7 corrected."""
    engine = fake_engine(**functions)
    controller = SessionController(Session(), executor or ImmediateExecutor(), engine)
    controller.set_image(image)
    controller.set_model("fake")
    controller.run()
    if executor is not None:
        executor.settle()
    before = controller.session.labels
    after = before.copy()
    after[0, 0] = 7
    controller.corrections.record_edit(before, after)
    return controller


def learnt_from(seen):
    def fine_tune(model, images, corrections, config, **options):
        seen.append((images, corrections, options))
        yield FakeStep(1, 1, {}, None, FakeModel())

    return fine_tune


def test_corrections_of_several_images_are_learnt_from(image):
    seen = []
    controller = prepared(image, fine_tune=learnt_from(seen))
    other = CorrectedImage(
        ImageInput(np.ones((2, 3, 3)), name="stack"), "TYX", np.ones((2, 3, 3), int)
    )
    controller.fine_tuning.start(None, [other])
    images, corrections, options = seen[0]
    assert images[0] is image.data and images[1] is other.image.data
    assert corrections[0] is controller.session.corrections
    assert (options["axes"], options["names"]) == (["YX", "TYX"], ["two objects", "stack"])


def test_stacks_are_learnt_from_with_the_spacing_of_their_planes(image):
    seen = []
    controller = prepared(replace(image, spacing=(2.0, 0.5)), fine_tune=learnt_from(seen))
    stack = ImageInput(np.ones((2, 3, 3)), spacing=(9.0, 1.0, 0.5))
    unknown = ImageInput(np.ones((3, 3)))
    others = [CorrectedImage(one, None, np.ones((3, 3), int)) for one in (stack, unknown)]
    controller.fine_tuning.start(None, others)
    assert seen[0][2]["spacing"] == [(2.0, 0.5), (1.0, 0.5), None]


def test_it_learns_at_the_scale_that_the_run_went_by(image):
    seen = []
    controller = prepared(image, fine_tune=learnt_from(seen))
    for diameter in (None, 25.0):
        controller.diameter.set(diameter)
        controller.fine_tuning.start(None)
    assert [options["diameter"] for _, _, options in seen] == [None, 25.0]


def test_other_images_are_enough(ran, image):
    other = CorrectedImage(ImageInput(np.ones((3, 3))), "YX", np.ones((3, 3), int))
    ran.fine_tuning.start(None, [other])
    assert ran.session.error is None
    assert ran.session.tuned_model is not None


def test_a_folder_is_read_by_the_worker(image):
    seen, corrected_image = (
        [],
        CorrectedImage(ImageInput(np.ones((3, 3)), name="file"), "YX", np.ones((3, 3))),
    )

    def read(folder, config, split_masks):
        assert (folder, config.name, split_masks) == ("pairs", "fake", True)
        return [corrected_image]

    controller = prepared(image, fine_tune=learnt_from(seen), read_corrected_images=read)
    controller.fine_tuning.start(None, folder="pairs", split_masks=True)
    assert seen[0][2]["names"] == ["two objects", "file"]


def test_the_report_comes_with_the_steps(ran, image):
    controller = prepared(image)
    controller.fine_tuning.start(None)
    assert controller.session.tuning_report.verdict() == "report 3"


def test_a_tuned_model_in_use_can_be_reverted(image):
    controller = prepared(image)
    parent = controller.session.model
    controller.fine_tuning.revert_to_parent()
    assert "No model to go back to" in controller.session.error
    controller.fine_tuning.start(None)
    controller.fine_tuning.use_model()
    assert controller.session.model.config.name == "tuned"
    assert controller.session.parent_model is parent
    controller.fine_tuning.revert_to_parent()
    assert controller.session.model is parent
    assert controller.session.parent_model is None
    assert controller.session.labels[0, 0] == 7


def test_long_curves_are_thinned_but_keep_their_scores(image):
    def fine_tune(*args, **options):
        for step in range(1, 5001):
            yield FakeStep(step, 5000, {}, 0.5 if step % 101 == 0 else None)

    controller = prepared(image, fine_tune=fine_tune)
    controller.fine_tuning.start(None)
    steps = controller.session.training
    assert len(steps) < 2100
    assert [s.step for s in steps] == sorted(s.step for s in steps)
    assert steps[-1].step == 5000
    assert sum(s.validation_ap is not None for s in steps) == 49


# ------------------------------------------------------------------------------------ preview


def test_a_field_is_shown_as_soon_as_there_is_a_model(image):
    controller = prepared(image)
    controller.fine_tuning.preview(FIELD)
    assert controller.session.tuning_preview is None
    controller.fine_tuning.start(None)
    preview = controller.session.tuning_preview
    assert preview.region == FIELD
    np.testing.assert_array_equal(preview.labels, image.data[:3, 2:7] > 0)
    moved = replace(FIELD, pixels=(slice(1, 3), slice(0, 4)))
    controller.fine_tuning.preview(moved)
    assert controller.session.tuning_preview.region == moved


@pytest.mark.parametrize("end", ["use_model", "discard_model"])
def test_the_preview_goes_with_its_model(image, end):
    controller = prepared(image)
    controller.fine_tuning.preview(FIELD)
    controller.fine_tuning.start(None)
    getattr(controller.fine_tuning, end)()
    assert controller.session.tuning_preview is None


def test_another_image_has_no_preview_and_a_late_one_is_dropped(image):
    queue = QueueExecutor()
    controller = prepared(image, queue)
    controller.fine_tuning.preview(FIELD)
    controller.fine_tuning.start(None)
    queue.settle()
    assert controller.session.tuning_preview is not None
    controller.fine_tuning.preview(FIELD)
    queue.work()
    controller.set_image(ImageInput(np.ones((4, 8)), "YX"))
    queue.deliver()
    assert controller.session.tuning_preview is None


def test_an_error_in_the_preview_leaves_the_tuning_alone(image):
    def broken(*args, **options):
        raise ValueError("no such field")

    controller = prepared(image, segment_region=broken)
    controller.fine_tuning.preview(FIELD)
    controller.fine_tuning.start(None)
    assert controller.session.error == "no such field"
    assert controller.session.tuned_model is not None


# ------------------------------------------------------------------------------ after a crash


def test_what_a_crash_left_is_offered_and_goes_on(image):
    left = [LEFT]

    def crashing(*args, **options):
        yield FakeStep(1, 3, {}, None, FakeModel())
        raise ProcessEnded("the training process was ended by the signal SIGKILL.")

    def go_on(folder, *, heartbeat):
        heartbeat()
        left.remove(LEFT)
        yield FakeStep(3, 3, {}, None, FakeModel(FakeConfig("resumed")))

    controller = prepared(
        image, fine_tune=crashing, interrupted_tunings=lambda: list(left), resume_tuning=go_on
    )
    controller.fine_tuning.start(None)
    session = controller.session
    assert "SIGKILL" in session.error
    assert session.tuned_model is not None, "the best before the crash is kept"
    assert session.interrupted_tuning is LEFT
    controller.fine_tuning.resume()
    assert session.error is None
    assert session.tuned_model.config.name == "resumed"
    assert session.interrupted_tuning is None
    controller.fine_tuning.resume()  # nothing to go on with
    assert session.error is None


def test_what_the_last_start_left_is_found_and_can_be_thrown_away(image):
    left = [LEFT]

    def forget(folder):
        assert folder == "a folder"
        left.clear()

    controller = prepared(image, interrupted_tunings=lambda: list(left), forget_tuning=forget)
    controller.fine_tuning.find_interrupted()
    assert controller.session.interrupted_tuning is LEFT
    controller.fine_tuning.forget_interrupted()
    assert controller.session.interrupted_tuning is None
    controller.fine_tuning.forget_interrupted()


def test_tuning_is_closed_when_it_is_stopped():
    closed = []

    def steps(*args, **kwargs):
        try:
            while True:
                yield "step"
        finally:
            closed.append(True)

    def report(item):
        raise RuntimeError("stop")

    request = TuneRequest(None, (), None, "cpu")
    with pytest.raises(RuntimeError):
        tune(fake_engine(fine_tune=steps), request, report)
    assert closed == [True]


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
    assert waiting.session.tuning_status == "Fine-tuning stopped: the model of step 2 is kept."


def test_a_stop_before_the_first_step_says_that_nothing_is_there(waiting, queue):
    paint(waiting, (0, 0), 7)
    queue.settle()
    waiting.fine_tuning.start(None)
    waiting.fine_tuning.stop()
    assert "before its first step" in waiting.session.tuning_status


def test_what_was_resumed_is_offered_again_when_it_is_stopped_before_a_model(waiting, queue):
    waiting.session.interrupted_tuning = LEFT
    waiting.fine_tuning.resume()
    assert waiting.session.interrupted_tuning is None
    waiting.fine_tuning.stop()
    assert waiting.session.interrupted_tuning is LEFT


def test_an_early_model_takes_the_report_of_its_parent_away(image):
    def fine_tune(*arguments, **options):
        yield FakeStep(0, 2, report=FakeReport(0))
        yield FakeStep(1, 2, model=FakeModel(), best_step=1)

    controller = prepared(image, fine_tune=fine_tune)
    controller.fine_tuning.start(None)
    assert controller.session.tuned_model is not None
    assert controller.session.tuning_report is None


def timed(image, **functions):
    """A controller whose trials take a time that each one tells; and their settings."""
    trials = []

    def fine_tune(model, images, corrections, config, *, trial=False, **options):
        trials.append((config.steps, config.crop, trial))
        yield FakeStep(1, config.steps, {}, None, FakeModel())

    def measure_pace(steps):
        return [step.step for step in steps] and Pace(len(trials), 1.0, 0.0)

    functions = {"fine_tune": fine_tune, "measure_pace": measure_pace, **functions}
    return prepared(image, **functions), trials


def test_the_time_is_measured_once_for_a_model_a_device_and_the_settings(image):
    controller, trials = timed(image)
    session, config = controller.session, FineTuneConfig(crop=64)
    controller.fine_tuning.measure_time(config)
    assert session.tuning_pace == Pace(1, 1.0, 0.0) and not session.timing
    controller.fine_tuning.measure_time(replace(config, steps=80))
    assert len(trials) == 1
    controller.fine_tuning.measure_time(replace(config, crop=128))
    session.device = "mps"
    controller.fine_tuning.measure_time(config)
    assert [crop for _, crop, _ in trials] == [64, 128, 64]
    assert all(steps < 10 and trial for steps, _, trial in trials)
    session.device = "auto"
    controller.fine_tuning.measure_time(config)
    assert session.tuning_pace == Pace(1, 1.0, 0.0) and len(trials) == 3
    assert session.tuned_model is None


def test_a_trial_that_fails_says_no_time_and_no_error_and_is_not_repeated(image):
    tried = []

    def broken(steps):
        tried.append(1)
        raise ValueError("no memory")

    controller, _ = timed(image, measure_pace=broken)
    for _ in range(2):
        controller.fine_tuning.measure_time(FineTuneConfig())
    session = controller.session
    assert tried == [1]
    assert (session.tuning_pace, session.timing, session.error) == (None, False, None)


def test_nothing_is_measured_without_corrections_or_while_it_learns(waiting, queue, image):
    waiting.fine_tuning.measure_time(FineTuneConfig())
    assert not queue.jobs and waiting.session.error is None
    paint(waiting, (0, 0), 7)
    queue.settle()
    waiting.fine_tuning.measure_time(FineTuneConfig())
    assert waiting.session.timing
    waiting.fine_tuning.start(None)
    assert not waiting.session.timing
    waiting.fine_tuning.measure_time(FineTuneConfig())
    assert not waiting.session.timing


def test_once_in_use_the_tuned_model_is_compared_with_its_parent(image):
    seen = []

    def segment_region(model, image, pixels, options, params):
        seen.append(model.config.name)
        return np.zeros((1, 1), np.uint16)

    controller = prepared(image, segment_region=segment_region)
    session = controller.session
    controller.fine_tuning.start(None)
    controller.fine_tuning.preview(FIELD)
    controller.fine_tuning.use_model()
    assert session.tuning_preview is None and session.compared_model is session.parent_model
    controller.fine_tuning.preview(FIELD)
    assert seen[-1] == "fake" and session.tuning_preview is not None
    controller.set_model("another")
    assert session.compared_model is None


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


def test_binary_masks_of_a_folder_are_asked_about_in_the_words_of_the_window(image):
    def read(folder, config, split_masks):
        raise UnseparatedObjects("m.tif has one id in 2 separate pieces: a binary mask?")

    controller = prepared(image, read_corrected_images=read)
    controller.fine_tuning.start(None, folder="pairs")
    assert controller.session.error == (
        "m.tif has one id in 2 separate pieces: a binary mask? Choose under Learn from whether "
        "every piece is an object or the ids stay as they are, then start again."
    )
    assert not controller.session.tuning
