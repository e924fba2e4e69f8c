"""The guide keeps the next step up to date, and takes it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from napari_pixel_embedding.core.inference.trial import Candidate, Trial
from napari_pixel_embedding.session import (
    ImageInput,
    ImmediateExecutor,
    Session,
    SessionController,
)
from napari_pixel_embedding.session.state.next_step import NextStep
from tests.session.fakes import FakeConfig, FakeModel, embed_frames, fake_engine


def made(image, executor=None, model="fake", **engine) -> SessionController:
    """Return a controller after a run."""
    executor = executor or ImmediateExecutor()
    controller = SessionController(Session(), executor, fake_engine(**engine))
    controller.set_image(image)
    controller.set_model(model)
    controller.run()
    return controller


def test_the_step_follows_the_work(image, queue):
    controller = SessionController(Session(), queue, fake_engine())
    session = controller.session
    seen = []
    session.events.next_step.connect(lambda step: seen.append(step.sentence))
    assert session.next_step.sentence.startswith("Choose an image")
    controller.set_image(image)
    controller.set_model("fake")
    controller.run()
    queue.settle()
    assert seen[0] == "Press Run to segment “two objects”."
    assert seen[1] == "The image “two objects” is being segmented."
    assert session.next_step == NextStep("", "Measure them", "measure")
    controller.corrections.record_edit(session.labels, np.where(session.labels == 1, 9, 0))
    queue.settle()
    assert session.next_step.link.startswith("Fine-tune on")


def test_a_result_is_looked_at_once_and_not_at_every_tick(image):
    looks = []

    def remember(labels, *rest):
        looks.append(labels.copy())
        return real(labels, *rest)

    real = fake_engine().measure_quality
    controller = made(image, measure_quality=remember)
    assert len(looks) == 1
    controller.clustering.set_params(bandwidth=2.5)
    assert controller.session.object_count == 1
    assert len(looks) == 1
    controller.run()
    assert len(looks) == 2


def test_another_image_forgets_what_was_found(image, queue):
    controller = made(image, queue)
    while controller.session.labels is None:
        queue.work()
        queue.deliver()
    controller.set_image(ImageInput(np.ones((5, 5)), "YX", "next"))
    queue.settle()  # the look at the former result comes too late
    assert controller.session.next_step == NextStep("Press Run to segment “next”.")


def test_a_look_that_fails_is_logged_and_disturbs_nothing(image, caplog):
    def fail(*_):
        raise RuntimeError("a defect")

    controller = made(image, measure_quality=fail)
    assert "while looking at the result" in caplog.text
    assert controller.session.error is None
    assert controller.session.next_step == NextStep("")


def test_a_new_result_is_not_judged_by_the_look_at_the_old_one(image, queue):
    controller = made(image, queue)
    queue.settle()
    controller.run()
    queue.work()
    queue.deliver()
    queue.work()  # the labels; the look waits
    queue.deliver()
    assert controller.session.next_step == NextStep("")
    queue.settle()
    assert controller.session.next_step.link == "Measure them"


# ------------------------------------------------------------------------------------ trials


def suspicious(trials, **changes):
    """Return functions of an engine for which each result is wrong, with trials given by name."""
    return {
        "find_problem": lambda quality, expected: "fragments",
        "candidates": lambda configs, spatial, color: [Candidate(n, 8.0) for n in trials],
        "busiest": lambda labels: (1.0, 1.0),
        "try_model": lambda model, stack, candidate, options, around: Trial(
            candidate, 8.0, trials[candidate.model]
        ),
        **changes,
    }


def test_the_model_that_is_surest_is_offered(image):
    trials = {"fair": 0.7, "better": 0.8, "poor": 0.2}
    controller = made(image, model="generic", **suspicious(trials))
    step = controller.session.next_step
    assert (step.model, step.diameter, step.action) == ("better", 8.0, "run")


def test_no_model_is_offered_that_is_not_sure(image):
    controller = made(image, model="generic", **suspicious({"poor": 0.2}))
    assert controller.session.next_step.action == "correct"


def test_a_model_of_the_users_own_is_not_compared_with_others(image):
    controller = made(image, model="mine", **suspicious({"fair": 0.9}))
    assert controller.session.next_step.action == "correct"


def test_a_model_that_does_not_take_the_image_is_passed_over(image):
    def load(name):
        channels = 5 if name == "channels" else 1
        return FakeModel(FakeConfig(name=name, in_channels=channels))

    trials = {"channels": 0.9, "fair": 0.7}
    controller = made(image, model="generic", **suspicious(trials, load_model=load))
    assert controller.session.next_step.model == "fair"


@pytest.mark.parametrize(("fair", "offered"), [(0.7, "fair"), (0.2, "generic")])
def test_a_good_model_of_one_kind_goes_before_one_of_many_kinds(image, fair, offered):
    trials = {"generic": 0.9, "fair": fair}
    controller = made(image, model="cells-phase", **suspicious(trials))
    assert controller.session.next_step.model == offered


def test_what_was_run_is_not_offered_again(image):
    trials = {"volume": 0.9, "generic": 0.7}
    controller = made(image, model="cells-phase", **suspicious(trials))
    assert controller.session.next_step.model == "volume"
    controller.guide.take(controller.session.next_step)
    assert controller.session.next_step.model == "generic"


@pytest.mark.parametrize(
    ("hint", "axes", "confidence", "action"),
    [
        ("zyx", None, 0.9, "run"),
        ("", None, 0.9, "run"),  # nobody knows: the trial decides
        ("", None, 0.2, "measure"),
        ("zyx", None, 0.2, "measure"),
        ("tyx", None, 0.9, "measure"),
        ("", "TYX", 0.9, "measure"),  # the user said so
        ("zyx", "TYX", 0.9, "measure"),
    ],
)
def test_a_stack_that_was_taken_plane_by_plane(hint, axes, confidence, action):
    data = np.zeros((3, 4, 8), np.uint8)
    data[:, 1:3, 1:3] = 200
    engine = suspicious({"deep": confidence}, find_problem=lambda quality, expected: None)
    engine["load_model"] = lambda name: FakeModel(
        FakeConfig(name=name, axes="ZYX" if name == "deep" else "YX")
    )
    controller = made(ImageInput(data, axes, axes_hint=hint), model="generic", **engine)
    step = controller.session.next_step
    assert step.action == action
    assert (step.measure_diameter, step.model) == (
        (True, "deep") if action == "run" else (False, None)
    )
    assert ("plane by plane" in step.sentence) == (
        axes is None and (action == "run" or hint == "zyx")
    )


# ------------------------------------------------------------------------------------ taking


def test_taking_a_step_chooses_and_runs(image):
    asked = []

    def remember(model, stack, options, progress):
        asked.append((model.config.name, options.diameter))
        yield from embed_frames(model, stack, options, progress)

    controller = made(image, embed_frames=remember)
    session = controller.session
    step = NextStep("", "", "run", "other", 12.0, axes="YX", method="mutex")
    session.image = replace(session.image, axes=None)
    controller.guide.take(step)
    assert asked[-1] == ("other", 12.0)
    assert (session.model_source, session.method, session.image.axes) == ("other", "mutex", "YX")
    assert (session.diameter, session.diameter_source) == (12.0, "suggested")


def test_taking_a_step_may_measure_first(image):
    controller = made(image)
    controller.diameter.set(30.0)
    controller.guide.take(NextStep("", "", "run", "other", measure_diameter=True))
    assert controller.session.diameter == 4.1
    assert "The objects' diameter was measured: 4.1 pixels." in controller.session.status


@pytest.mark.parametrize("action", ["none", "measure", "correct", "review", "fine_tune"])
def test_taking_any_other_step_changes_nothing(image, action):
    controller = made(image)
    maps = controller.session.embedding_maps
    controller.guide.take(NextStep("", "", action, "other", 12.0))
    assert controller.session.embedding_maps is maps
    assert controller.session.model_source == "fake"
