"""Jobs of a training: pure functions of a frozen request."""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, cast

from napari_pixel_embedding.core.datasets.annotated import sample_evenly
from napari_pixel_embedding.core.io.leftovers import PREFIX
from napari_pixel_embedding.core.model.config import find_model, read_config
from napari_pixel_embedding.core.training.checkpoint import recipe_path
from napari_pixel_embedding.core.training.recipe import save_recipe
from napari_pixel_embedding.core.training.request import ENTRY

if TYPE_CHECKING:
    from collections.abc import Generator, Sequence

    from napari_pixel_embedding.core.datasets.inspection import TrainingPlan
    from napari_pixel_embedding.core.datasets.pairs import Pair
    from napari_pixel_embedding.core.evaluation.worst_images import ImageScore
    from napari_pixel_embedding.core.training.recipe import Recipe
    from napari_pixel_embedding.core.training.request import TrainingRequest
    from napari_pixel_embedding.core.training.train import TrainProgress
    from napari_pixel_embedding.session.engine import Engine
    from napari_pixel_embedding.session.jobs import Report

_MOST_IMAGES = 60
"""Largest number of validation images searched for the worst ones."""


@dataclass(frozen=True)
class PlanRequest:
    """A data folder, and the recipe that chooses among its pairs."""

    folder: Path
    recipe: Recipe


def plan(engine: Engine, request: PlanRequest, report: Report) -> TrainingPlan:
    """Inspect every pair; report the finished fraction."""
    start, data = request.recipe.start, request.recipe.data
    return engine.inspect_dataset(
        request.folder / data.folder,
        None if data.validation is None else request.folder / data.validation,
        names=data.names(request.folder),
        hold_back=data.hold_back,
        start=None if start is None else read_config(find_model(start)),
        split_masks=data.split_masks,
        progress=report,
    )


def train(engine: Engine, request: TrainingRequest, report: Report) -> None:
    """Train in a separate process; report every step, and None several times a second.

    The recipe is written beside the model, so that the training can be repeated.
    """
    save_recipe(request.recipe, recipe_path(request.output))
    with TemporaryDirectory(prefix=PREFIX) as folder:
        request.save(Path(folder))
        steps = engine.run_in_process(ENTRY, Path(folder), heartbeat=lambda: report(None))
        with closing(cast("Generator[TrainProgress, None, None]", steps)):
            for progress in steps:
                report(progress)


def find_worst(
    engine: Engine,
    model: str,
    pairs: Sequence[Pair],
    split_masks: bool | None,
    device: str,
    report: Report,
) -> tuple[ImageScore, ...]:
    """Segment validation images and return the worst; report the finished fraction."""
    chosen = sample_evenly(pairs, _MOST_IMAGES)
    loaded = engine.load_model(model)
    worst = engine.worst_images(
        loaded, chosen, split_masks=bool(split_masks), device=device, progress=report
    )
    return tuple(worst)
