"""Training a model on a folder: the user's choices, the data, the progress."""

from __future__ import annotations

import operator
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from psygnal import SignalGroupDescriptor

from napari_pixel_embedding.core.training.checkpoint import (
    checkpoint_path,
    interrupted_at,
    recipe_path,
)
from napari_pixel_embedding.core.training.recipe import Recipe, load_recipe, save_recipe
from napari_pixel_embedding.core.training.request import TrainingRequest
from napari_pixel_embedding.session.jobs import JobQueue
from napari_pixel_embedding.session.messages import Messages
from napari_pixel_embedding.session.train.curves import thinned
from napari_pixel_embedding.session.train.training_jobs import PlanRequest, find_worst, plan, train

if TYPE_CHECKING:
    import os
    from collections.abc import Callable

    from napari_pixel_embedding.core.datasets.inspection import TrainingPlan
    from napari_pixel_embedding.core.evaluation.worst_images import ImageScore
    from napari_pixel_embedding.core.training.train import TrainProgress
    from napari_pixel_embedding.session.engine import Engine
    from napari_pixel_embedding.session.jobs import Executor
    from napari_pixel_embedding.session.state.session import Session

    PathLike = str | os.PathLike[str]

_BY_IDENTITY = ("plan", "steps", "worst_images")


@dataclass
class TrainingState:
    """Settings and results of a training. Only :class:`TrainingRun` writes it.

    Parameters
    ----------
    folder : str
        Intention: the data folder, which the recipe's paths are relative to.
    recipe : Recipe
        Intention: how to train, and on which pairs of the folder.
    output : str
        Intention: the model file to write.
    plan : TrainingPlan, optional
        What the folders hold.
    problem : str
        Why there is no plan, where a folder was chosen.
    planning, running, judging : bool
        Whether folders are inspected, a model is trained, the worst images are searched.
    progress : float
        Finished fraction of inspecting folders or of searching the worst images.
    interrupted : int, optional
        Step at which an earlier training of the same output stopped.
    steps : tuple of TrainProgress
        Steps of the present or last training, without their models; not all of a long one.
    status : str
        Status line.
    trained : str
        The model file that this training has written; empty before.
    worst_images : tuple of ImageScore
        The worst validation images, as that model segments them.
    """

    events: ClassVar[SignalGroupDescriptor] = SignalGroupDescriptor(
        equality_operators=dict.fromkeys(_BY_IDENTITY, operator.is_)
    )

    folder: str = ""
    recipe: Recipe = field(default_factory=Recipe)
    output: str = ""
    plan: TrainingPlan | None = None
    problem: str = ""
    planning: bool = False
    running: bool = False
    judging: bool = False
    progress: float = 0.0
    interrupted: int | None = None
    steps: tuple[TrainProgress, ...] = ()
    status: str = ""
    trained: str = ""
    worst_images: tuple[ImageScore, ...] = ()


class TrainingRun:
    """Runs trainings and updates a :class:`TrainingState`; errors go to ``session.error``.

    Parameters
    ----------
    session : Session
        Its device is trained on; only its error is written.
    executor : Executor
        Runs the jobs.
    engine : Engine
        Functions that the jobs call.
    """

    def __init__(self, session: Session, executor: Executor, engine: Engine) -> None:
        self.state = TrainingState()
        self._note = ""
        self._session = session
        self._engine = engine
        self._messages = Messages(session)
        self._plans = JobQueue(executor)
        self._trainings = JobQueue(executor)
        self._judgements = JobQueue(executor)

    # -------------------------------------------------------------------------- intentions

    def choose_folder(self, folder: PathLike) -> None:
        """Choose the training folder, and inspect it."""
        self.state.folder = str(folder)
        self._look()

    def choose_validation(self, folder: PathLike) -> None:
        """Choose the validation folder; "" to hold back pairs of the training folder."""
        chosen = str(folder) or None
        self.change_recipe(data=replace(self.state.recipe.data, validation=chosen))

    def choose_output(self, path: PathLike) -> None:
        """Choose the model file to write; load the recipe where its training was interrupted."""
        self._messages.clear()
        output = Path(path)
        if output.suffix != ".safetensors":
            output = output.with_name(f"{output.name}.safetensors")
        self.state.output = str(output)
        self._see_interrupted()
        if self.state.interrupted is not None and recipe_path(output).is_file():
            self.load_recipe(recipe_path(output))
        if self.state.recipe.name in ("", Recipe.name):
            self.change_recipe(name=output.stem)

    def change_recipe(self, **changes: Any) -> None:
        """Change fields of the recipe; ``model`` and ``training`` take dicts of changes."""
        recipe = self.state.recipe
        try:
            if "model" in changes:
                changes["model"] = _without_none({**recipe.model, **changes["model"]})
            if "training" in changes:
                changes["training"] = replace(recipe.training, **changes["training"])
            self._take_recipe(replace(recipe, **changes))
        except ValueError as error:
            self._messages.refuse(str(error))

    def load_recipe(self, path: PathLike) -> None:
        """Read a recipe from a file."""
        self._messages.clear()
        try:
            self._take_recipe(load_recipe(path))
        except (ValueError, OSError) as error:
            self._messages.fail("loading the recipe", error)

    def save_recipe(self, path: PathLike) -> None:
        """Write the recipe to a file."""
        self._messages.clear()
        try:
            save_recipe(self.state.recipe, path)
        except OSError as error:
            self._messages.fail("saving the recipe", error)

    def _take_recipe(self, recipe: Recipe) -> None:
        before, self.state.recipe = self.state.recipe, recipe
        if (before.start, before.data) != (recipe.start, recipe.data):
            self._look()

    # ------------------------------------------------------------------------------ folders

    def _look(self) -> None:
        state = self.state
        self._messages.clear()
        state.plan, state.problem = None, ""
        if not state.folder:
            return
        state.planning, state.progress = True, 0.0
        request = PlanRequest(Path(state.folder), state.recipe)
        self._plans.start(
            partial(plan, self._engine, request),
            done=self._take_plan,
            failed=self._no_plan,
            progress=self._show_progress,
        )

    def _take_plan(self, plan: TrainingPlan) -> None:
        self.state.planning, self.state.plan = False, plan

    def _no_plan(self, error: Exception) -> None:
        self.state.planning, self.state.problem = False, str(error)
        self._messages.fail("looking at the folder", error)

    def _show_progress(self, fraction: float) -> None:
        self.state.progress = fraction

    def _see_interrupted(self) -> None:
        try:
            self.state.interrupted = interrupted_at(self.state.output)
        except (ValueError, OSError) as error:
            self.state.interrupted = None
            self._messages.fail("looking for an interrupted training", error)

    # ----------------------------------------------------------------------------- training

    def start(self) -> None:
        """Train in the background; an interrupted training of the same output is resumed."""
        state, plan = self.state, self.state.plan
        self._messages.clear()
        if self._trainings.busy:
            self._messages.refuse("A training is under way: stop it before starting anew.")
        elif plan is None:
            self._messages.refuse("Nothing to learn from: choose a folder with images and masks.")
        elif plan.unseparated:
            self._messages.refuse(
                f"{plan.unseparated} Choose under Learn from what the pieces are, then start."
            )
        elif not state.output:
            self._messages.refuse("No file to write the model to: choose one under Save as.")
        else:
            request = TrainingRequest(
                state.recipe, plan.split, Path(state.output), self._session.device
            )
            self._begin(request)

    def start_anew(self) -> None:
        """Delete an interrupted training of the same output, and train from the first step."""
        self._messages.clear()
        try:
            checkpoint_path(self.state.output).unlink(missing_ok=True)
        except OSError as error:
            self._messages.fail("removing the interrupted training", error)
            return
        self.state.interrupted = None
        self.start()

    def _begin(self, request: TrainingRequest) -> None:
        state = self.state
        self._judgements.cancel()
        state.judging, state.worst_images, state.trained, state.steps = False, (), "", ()
        state.running, state.status = True, "Preparing to train …"
        self._note = ""
        self._trainings.start(
            partial(train, self._engine, request),
            done=self._finish,
            failed=self._failed,
            progress=self._take_step,
        )

    def stop(self) -> None:
        """Stop training; the best model so far stays, and training can be resumed."""
        if self._trainings.cancel():
            self._end("Stopped")

    def _take_step(self, progress: TrainProgress | None) -> None:
        if progress is None:
            return
        state = self.state
        if progress.model is not None:
            state.trained = state.output
        state.steps = (*thinned(state.steps), replace(progress, model=None))
        self._note = progress.note or self._note
        state.status = f"Step {progress.step} of {progress.steps}. {self._note}".removesuffix(". ")

    def _finish(self, _: None) -> None:
        self._end("Finished")

    def _failed(self, error: Exception) -> None:
        self._end("Ended by an error")
        self._messages.fail("training", error)

    def _end(self, how: str) -> None:
        state = self.state
        state.running = False
        self._see_interrupted()
        scores = [s.validation_ap for s in state.steps if s.validation_ap is not None]
        best = f"best model (AP {max(scores):.2f} on the validation images)" if scores else ""
        kept = f"the {best or 'last model'} is kept"
        if not state.trained:
            kept = "too early for a model to keep"
        later = "" if state.interrupted is None else ", and it can go on later"
        state.status = f"{how}: {kept}{later}."
        if state.trained:
            self.find_worst()

    # ---------------------------------------------------------------------- the worst images

    def find_worst(self) -> None:
        """Segment the validation images with the best model so far and keep the worst."""
        state = self.state
        if state.plan is None or not state.plan.split.validation or not state.trained:
            return
        state.judging, state.progress = True, 0.0
        pairs, device = state.plan.split.validation, self._session.device
        split = state.recipe.data.split_masks
        work: Callable[..., Any] = partial(
            find_worst, self._engine, state.trained, pairs, split, device
        )
        self._judgements.start(
            work,
            done=self._take_worst_images,
            failed=self._search_failed,
            progress=self._show_progress,
        )

    def _take_worst_images(self, worst_images: tuple[ImageScore, ...]) -> None:
        self.state.judging, self.state.worst_images = False, worst_images

    def _search_failed(self, error: Exception) -> None:
        self.state.judging = False
        self._messages.fail("looking for the worst images", error)

    def close(self) -> None:
        """Stop all jobs; written files stay."""
        for queue in (self._plans, self._trainings, self._judgements):
            queue.cancel()


def _without_none(options: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in options.items() if value is not None}
