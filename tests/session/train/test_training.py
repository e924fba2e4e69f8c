"""Training from the window: choosing, looking, learning, going on, and the worst images."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

from napari_pixel_embedding.core.datasets.annotated import TrainingPairs
from napari_pixel_embedding.core.datasets.inspection import TrainingPlan
from napari_pixel_embedding.core.datasets.pairs import Pair
from napari_pixel_embedding.core.training.recipe import Recipe, load_recipe, save_recipe
from napari_pixel_embedding.core.training.request import TrainingRequest
from napari_pixel_embedding.session import ImmediateExecutor, Session
from napari_pixel_embedding.session.train import curves
from napari_pixel_embedding.session.train.training import TrainingRun
from tests.session.fakes import FakeStep, QueueExecutor, fake_engine

SPLIT = TrainingPairs([Pair(Path("a"), Path("b"))], [Pair(Path("c"), Path("d"))])
PLAN = TrainingPlan(SPLIT, (), 7, 20.0, "YX", 1)


class Engine:
    """Answers of a core that trains nothing; remembers what it was asked."""

    scored = 2

    def __init__(self):
        self.plans, self.requests, self.judged, self.closed = [], [], [], 0

    def inspect_dataset(self, folder, validation, **options):
        self.plans.append((folder, validation, options))
        if "missing" in str(folder):
            raise FileNotFoundError("Expected the folders 'images' and 'masks'.")
        options["progress"](0.5)
        return PLAN

    def run_in_process(self, entry, folder, *, heartbeat):
        self.requests.append(TrainingRequest.load(folder))
        steps = self.requests[-1].recipe.training.steps
        try:
            for step in range(1, steps + 1):
                heartbeat()
                score = 0.5 if step % self.scored == 0 else None
                yield FakeStep(step, steps, {"total": 1 / step}, score, score and object())
        finally:
            self.closed += 1

    def worst_images(self, model, pairs, *, split_masks, device, progress):
        self.judged.append((model.config.name, pairs, device))
        self.split_masks = split_masks
        return ["worst"]

    def fake(self):
        names = ("inspect_dataset", "run_in_process", "worst_images")
        return fake_engine(**{name: getattr(self, name) for name in names})


@pytest.fixture
def engine():
    return Engine()


@pytest.fixture
def session():
    return Session(device="cpu")


@pytest.fixture
def run(engine, session):
    return TrainingRun(session, ImmediateExecutor(), engine.fake())


@pytest.fixture
def ready(run, tmp_path):
    run.choose_folder(tmp_path / "data")
    run.choose_output(tmp_path / "mine")
    run.change_recipe(training={"steps": 4})
    return run


def interrupted(path, step):
    save_file({"x": np.zeros(1, np.float32)}, path, {"step": str(step)})


def test_a_folder_is_looked_at_once_it_is_chosen(run, engine, tmp_path):
    run.choose_folder(tmp_path)
    assert run.state.plan is PLAN
    assert not run.state.planning
    ((folder, validation, options),) = engine.plans
    assert (folder, validation) == (tmp_path, None)
    assert (options["hold_back"], options["names"], options["start"]) == (10, None, None)


def test_what_decides_about_the_pairs_is_looked_at_anew(run, engine, tmp_path):
    run.choose_folder(tmp_path)
    run.choose_validation(tmp_path / "dev")
    assert engine.plans[-1][1] == tmp_path / "dev"
    run.choose_validation("")
    assert engine.plans[-1][1] is None
    run.change_recipe(start="nuclei-fluo")
    assert engine.plans[-1][2]["start"].name == "nuclei-fluo"
    assert len(engine.plans) == 4
    run.change_recipe(size="tiny", training={"steps": 9})
    assert len(engine.plans) == 4


def test_a_recipe_s_paths_are_inside_the_folder(run, engine, tmp_path):
    (tmp_path / "i.csv").write_text("name,type\nx,fluo\ny,other", encoding="utf-8")
    recipe = tmp_path / "r.toml"
    recipe.write_text(
        '[data]\nfolder = "train"\nvalidation = "dev"\nindex = "i.csv"\nwhere = {type = "fluo"}',
        encoding="utf-8",
    )
    run.choose_folder(tmp_path)
    run.load_recipe(recipe)
    folder, validation, options = engine.plans[-1]
    assert (folder, validation) == (tmp_path / "train", tmp_path / "dev")
    assert options["names"] == ["x"]


def test_a_folder_that_cannot_be_used_is_told(run, session, tmp_path):
    run.choose_folder(tmp_path / "missing")
    assert session.error == "Expected the folders 'images' and 'masks'."
    assert run.state.plan is None
    assert run.state.problem == session.error
    assert not run.state.planning
    run.choose_folder(tmp_path / "data")
    assert (run.state.plan, run.state.problem) == (PLAN, "")


def test_nothing_is_looked_at_before_a_folder_is_chosen(run, engine):
    run.change_recipe(start="nuclei-fluo")
    assert engine.plans == []


def test_parts_of_the_recipe_are_changed_one_by_one(run, session):
    run.change_recipe(preset="cosine", model={"embedding_dim": 4, "coordinate_scale": 5.0})
    run.change_recipe(model={"coordinate_scale": None}, training={"crop": 64})
    run.change_recipe(training={"steps": 5})
    recipe = run.state.recipe
    assert (recipe.preset, recipe.model) == ("cosine", {"embedding_dim": 4})
    assert (recipe.training.crop, recipe.training.steps) == (64, 5)
    run.change_recipe(training={"steps": 0})
    assert "steps must be from 1" in session.error
    assert run.state.recipe == recipe


def test_recipes_are_loaded_and_saved(run, session, tmp_path):
    run.change_recipe(name="a", size="tiny")
    run.save_recipe(tmp_path / "a.toml")
    run.change_recipe(name="b", size="base")
    run.load_recipe(tmp_path / "a.toml")
    assert run.state.recipe == Recipe(name="a", size="tiny")
    (tmp_path / "bad.toml").write_text("sise = 3", encoding="utf-8")
    run.load_recipe(tmp_path / "bad.toml")
    assert "the recipe bad.toml cannot be used" in session.error
    assert run.state.recipe.name == "a"
    run.save_recipe(tmp_path)
    assert session.error is not None


@pytest.mark.parametrize(("folder", "output"), [(False, True), (True, False)])
def test_a_training_needs_a_folder_and_a_file(run, session, engine, tmp_path, folder, output):
    if folder:
        run.choose_folder(tmp_path)
    if output:
        run.choose_output(tmp_path / "m")
    run.start()
    assert ("choose a folder" if output else "choose one under Save as") in session.error
    assert engine.requests == []
    assert not run.state.running


def test_what_a_step_says_stays_in_the_status(ready):
    told = []
    ready.state.events.status.connect(told.append)
    take = ready._take_step
    for step, note in ((1, ""), (2, "Memory ran out."), (3, "")):
        take(FakeStep(step, 3, note=note))
    assert told == ["Step 1 of 3", "Step 2 of 3. Memory ran out.", "Step 3 of 3. Memory ran out."]
    ready.start()  # a new training begins without it
    assert not any("Memory" in status for status in told[3:])


def test_a_training_runs_and_its_worst_images_are_found(ready, engine, tmp_path):
    ready.start()
    (request,) = engine.requests
    assert request == TrainingRequest(
        ready.state.recipe, SPLIT, tmp_path / "mine.safetensors", "cpu"
    )
    assert request.recipe.name == "mine"
    state = ready.state
    assert [step.step for step in state.steps] == [1, 2, 3, 4]
    assert all(step.model is None for step in state.steps)
    assert (state.running, state.trained) == (False, str(tmp_path / "mine.safetensors"))
    assert state.status == "Finished: the best model (AP 0.50 on the validation images) is kept."
    assert state.worst_images == ("worst",)
    assert engine.judged == [(state.trained, SPLIT.validation, "cpu")]
    assert load_recipe(tmp_path / "mine.recipe.toml") == state.recipe


def test_the_recipe_of_an_interrupted_training_is_taken_up(run, tmp_path):
    interrupted(tmp_path / "mine.training", 30)
    save_recipe(Recipe(name="old", size="tiny"), tmp_path / "mine.recipe.toml")
    run.choose_output(tmp_path / "mine.safetensors")
    assert run.state.interrupted == 30
    assert run.state.recipe == Recipe(name="old", size="tiny")
    run.choose_output(tmp_path / "other")
    assert run.state.interrupted is None


@pytest.mark.parametrize("given", ["cells.v2", "cells.v2.safetensors"])
def test_a_name_with_a_dot_keeps_it(run, tmp_path, given):
    run.choose_output(tmp_path / given)
    assert run.state.output == str(tmp_path / "cells.v2.safetensors")
    assert run.state.recipe.name == "cells.v2"


def test_a_training_can_start_anew(ready, engine, tmp_path):
    interrupted(tmp_path / "mine.training", 3)
    ready.choose_output(tmp_path / "mine")
    assert ready.state.interrupted == 3
    ready.start_anew()
    assert not (tmp_path / "mine.training").exists()
    assert len(engine.requests) == 1


def test_a_damaged_checkpoint_is_told(run, session, tmp_path):
    (tmp_path / "m.training").write_text("nothing")
    run.choose_output(tmp_path / "m")
    assert "m.training is damaged" in session.error
    assert run.state.interrupted is None


def test_stop_ends_the_process_and_keeps_the_best(engine, session, tmp_path):
    queue = QueueExecutor()
    run = TrainingRun(session, queue, engine.fake())
    run.choose_folder(tmp_path)
    queue.settle()
    run.choose_output(tmp_path / "m")
    run.change_recipe(training={"steps": 6})
    run.start()
    run.start()
    assert "under way" in session.error
    job = queue.jobs.popleft()
    answers = []

    def post(answer):
        answers.append(answer)
        answer()
        if run.state.steps and run.state.steps[-1].step == 3:
            run.stop()

    job.run(post)
    state = run.state
    assert engine.closed == 1
    assert [step.step for step in state.steps] == [1, 2, 3]
    assert (state.running, bool(state.trained)) == (False, True)
    assert state.status == "Stopped: the best model (AP 0.50 on the validation images) is kept."
    assert state.judging
    queue.settle()
    assert state.worst_images == ("worst",)


def test_stop_before_the_first_score_has_no_model(engine, session, tmp_path):
    queue = QueueExecutor()
    run = TrainingRun(session, queue, engine.fake())
    run.choose_folder(tmp_path)
    queue.settle()
    run.choose_output(tmp_path / "m")
    run.start()
    run.stop()
    queue.settle()
    assert run.state.status == "Stopped: too early for a model to keep."
    assert engine.judged == []


def test_an_error_ends_a_training(session, tmp_path):
    def fails(entry, folder, *, heartbeat):
        yield FakeStep(1, 2, {})
        raise FloatingPointError("the loss is nan: lower the learning rate.")

    engine = Engine()
    run = TrainingRun(session, ImmediateExecutor(), replace(engine.fake(), run_in_process=fails))
    run.choose_folder(tmp_path)
    run.choose_output(tmp_path / "m")
    run.start()
    assert session.error == "the loss is nan: lower the learning rate."
    assert run.state.status.startswith("Ended by an error")
    assert not run.state.running


def test_a_long_training_keeps_its_scores_and_every_other_step(ready, engine, monkeypatch):
    engine.scored = 5
    monkeypatch.setattr(curves, "MOST_STEPS", 10)
    ready.change_recipe(training={"steps": 40})
    ready.start()
    steps = ready.state.steps
    assert 10 < len(steps) < 20
    assert [s.step for s in steps if s.validation_ap] == list(range(5, 41, 5))
    assert steps[-1].step == 40


def test_closing_stops_what_is_under_way(engine, session, tmp_path):
    queue = QueueExecutor()
    run = TrainingRun(session, queue, engine.fake())
    run.choose_folder(tmp_path)
    run.close()
    queue.settle()
    assert run.state.plan is None


def test_a_training_waits_for_the_answer_about_binary_masks(session, engine, tmp_path):
    asked = replace(PLAN, unseparated="m.tif has one id in 2 separate pieces: a binary mask?")

    def inspect(folder, validation, *, split_masks, **_):
        return asked if split_masks is None else PLAN

    core = replace(engine.fake(), inspect_dataset=inspect)
    run = TrainingRun(session, ImmediateExecutor(), core)
    run.choose_folder(tmp_path)
    run.choose_output(tmp_path / "mine")
    run.change_recipe(training={"steps": 4})
    run.start()
    assert session.error == (
        "m.tif has one id in 2 separate pieces: a binary mask? "
        "Choose under Learn from what the pieces are, then start."
    )
    assert engine.requests == []
    run.change_recipe(data=replace(run.state.recipe.data, split_masks=True))
    assert run.state.plan is PLAN
    run.start()
    assert engine.requests[0].recipe.data.split_masks is True
    assert engine.split_masks is True


def test_without_scores_the_last_model_is_kept(engine, session, tmp_path):
    engine.scored = 100

    def unscored(entry, folder, *, heartbeat):
        yield FakeStep(1, 1, {"total": 1.0}, None, object())

    core = replace(engine.fake(), run_in_process=unscored)
    run = TrainingRun(session, ImmediateExecutor(), core)
    run.choose_folder(tmp_path)
    run.choose_output(tmp_path / "mine")
    run.start()
    assert run.state.status == "Finished: the last model is kept."
