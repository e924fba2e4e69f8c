"""Runs over data sets: planned, started, looked at, resumed."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_pixel_embedding.batch.engine.cluster import (
    ClusterChoice,
    default_workers,
    open_engine,
    usable_cores,
)
from napari_pixel_embedding.batch.engine.tasks import SerialEngine
from napari_pixel_embedding.batch.estimate import described, estimate
from napari_pixel_embedding.batch.prepare import only_run_in, prepare
from napari_pixel_embedding.batch.request import BatchRequest, read_request
from napari_pixel_embedding.batch.run import Run
from napari_pixel_embedding.core.blockwise.memory import memory_budget
from napari_pixel_embedding.core.model.config import list_models
from napari_pixel_embedding.core.model.model_file import fingerprint, load_model
from napari_pixel_embedding.core.recipe.recipe import SegmentationRecipe
from napari_pixel_embedding.core.recipe.recipe_file import recipe_of
from napari_pixel_embedding.core.recipe.record import model_reference
from napari_pixel_embedding.core.runs.folder import RunProgress, read_progress, remember_run

if TYPE_CHECKING:
    import os
    from collections.abc import Callable

    from napari_pixel_embedding.batch.estimate import Estimate
    from napari_pixel_embedding.batch.summary import RunSummary

    PathLike = str | os.PathLike[str]


def batch_request(
    data: PathLike, recipe: SegmentationRecipe | PathLike | None, **options: Any
) -> BatchRequest:
    """Return what a run is to do.

    Parameters
    ----------
    data : path
        An image, a folder, an OME-Zarr image or plate.
    recipe : SegmentationRecipe or path, optional
        How images are segmented, from the window; by default as the option ``model`` usually does.
    **options
        Fields of :class:`~.request.BatchRequest`; None leaves a field as it is by default.

    Raises
    ------
    ValueError
        When a value is out of range, or there is neither recipe nor model.
    """
    given = {name: value for name, value in options.items() if value is not None}
    model = given.get("model")
    if recipe is None:
        if model is None:
            raise ValueError("give a recipe (from the window: Export ▸ recipe), or a model.")
        recipe, given["model"] = _usual_recipe(str(model)), None
    elif not isinstance(recipe, SegmentationRecipe):
        recipe = recipe_of(recipe)
    if given.get("model") is not None and given["model"] not in list_models():
        given["model"] = str(Path(given["model"]).absolute())
    return BatchRequest(data=str(Path(data).absolute()), recipe=recipe, **given)


def _usual_recipe(model: str) -> SegmentationRecipe:
    loaded = load_model(model)
    reference = model_reference(loaded.name, model, fingerprint(loaded))
    return SegmentationRecipe(reference, loaded.config.axes, loaded.config.cluster_params())


def plan_data_set(
    request: BatchRequest, *, workers: int | None = None, memory: int | None = None
) -> tuple[Estimate, list[str]]:
    """Plan a run without beginning it: blocks, memory, and the time that a measured block tells.

    Parameters
    ----------
    request : BatchRequest
        From :func:`batch_request`.
    workers : int, optional
        Processes; one for each GPU, else for each two cores, by default.
    memory : int, optional
        Bytes that a worker may use; by default its share of half of what is free.

    Returns
    -------
    estimate : Estimate
    lines : list of str
        The plan for people.

    Raises
    ------
    ValueError
        When model, recipe and images do not fit together.
    """
    count = workers or default_workers()
    with tempfile.TemporaryDirectory() as place:
        prepared = prepare(request, Path(place) / "run", memory or memory_budget() // count)
        found = estimate(prepared, count)
        return found, described(prepared, found)


def segment_data_set(
    request: BatchRequest,
    output: PathLike,
    *,
    cluster: ClusterChoice | None = None,
    memory: int | None = None,
    same_images: bool = False,
    progress: Callable[[RunProgress], None] | None = None,
) -> RunSummary:
    """Segment a data set block by block, on this machine or on a cluster.

    What is done stays done, whatever ends the run: the same call, or :func:`resume_run`, goes on.

    Parameters
    ----------
    request : BatchRequest
        From :func:`batch_request`.
    output : path
        The run's folder: new, or that of the same run.
    cluster : ClusterChoice, optional
        Who does the work; by default workers on this machine. With 0 workers, this process.
    memory : int, optional
        As in :func:`plan_data_set`.
    same_images : bool
        Take images whose files were changed as long as what is sampled of them is the same.
    progress : callable, optional
        Called with every :class:`~.folder.RunProgress`.

    Returns
    -------
    RunSummary
        What came out; ``failures`` says what did not.

    Raises
    ------
    ValueError
        When something does not fit together, or was changed since the run began; the message says
        what.
    OSError
        When the scheduler is gone, or a disk is full.

    Notes
    -----
    A Python script that calls this must do so below ``if __name__ == "__main__":``, because worker
    processes import it.
    """
    folder = Path(output).absolute()
    chosen = cluster or ClusterChoice(workers=default_workers())
    share = memory or memory_budget() // max(chosen.workers, 1)
    with only_run_in(folder):
        prepared = prepare(request, folder, share, same_images=same_images)
        remember_run(folder)
        if chosen.workers == 0 and chosen.scheduler is None:
            return Run(prepared, SerialEngine(), report=progress).run()
        threads = chosen.threads
        if not threads and chosen.scheduler is None:
            threads = max(usable_cores() // chosen.workers, 1)
        with open_engine(chosen) as engine:
            return Run(prepared, engine, threads, progress).run()


def resume_run(output: PathLike, **options: Any) -> RunSummary:
    """Go on with the run of a folder: compute what is missing and what has failed.

    Parameters
    ----------
    output : path
        The run's folder.
    **options
        As in :func:`segment_data_set`.
    """
    return segment_data_set(read_request(Path(output)), output, **options)


def run_status(output: PathLike) -> RunProgress:
    """Return how far the run of a folder is."""
    return read_progress(output)
