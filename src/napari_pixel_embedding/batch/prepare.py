"""Before the first block: the folder, the plan, and whether an earlier run may go on."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from filelock import FileLock, Timeout

from napari_pixel_embedding.batch.data.data_set import list_data_set
from napari_pixel_embedding.batch.data.fingerprints import files_fingerprint, pixels_fingerprint
from napari_pixel_embedding.batch.data.images import open_image
from napari_pixel_embedding.batch.plan import ImagePlan, RunPlan, plan_run, read_plan
from napari_pixel_embedding.batch.request import BatchRequest, differences, read_request
from napari_pixel_embedding.core.recipe.apply import FoundModel, find_recipe_model
from napari_pixel_embedding.core.recipe.record import installed_versions
from napari_pixel_embedding.core.runs.folder import LOG, PROGRESS, REQUEST, WORK

if TYPE_CHECKING:
    from collections.abc import Iterator

_ELSEWHERE = "Run into another folder (--output), or remove this one."


@dataclass(frozen=True, eq=False)
class PreparedRun:
    """All that a run begins with.

    Parameters
    ----------
    folder : Path
    request : BatchRequest
    plan : RunPlan
    found : FoundModel
    """

    folder: Path
    request: BatchRequest
    plan: RunPlan
    found: FoundModel


@contextmanager
def only_run_in(folder: Path) -> Iterator[None]:
    """Keep other processes from working in a run's folder.

    Raises ValueError when one does.
    """
    (folder / WORK).mkdir(parents=True, exist_ok=True)
    lock = FileLock(folder / WORK / "lock", timeout=0)
    try:
        with lock:
            yield
    except Timeout as error:
        raise ValueError(
            f"another process runs in {folder}: wait for it, or stop it first."
        ) from error


def prepare(
    request: BatchRequest, folder: Path, memory: int, *, same_images: bool = False
) -> PreparedRun:
    """Plan a run, or take up the one that a folder holds.

    Parameters
    ----------
    request : BatchRequest
    folder : Path
        Made where there is none.
    memory : int
        Bytes that one worker may use.
    same_images : bool
        Take images whose files were changed as long as what is sampled of them is the same.

    Raises
    ------
    ValueError
        When the folder holds another run, or image, model, parameters or programs were changed
        since it began; the message says which.
    """
    if (folder / REQUEST).exists():
        changed = differences(read_request(folder), request)
        if changed:
            raise ValueError(f"{folder} holds another run: {'; '.join(changed[:3])}. {_ELSEWHERE}")
    else:
        _check_empty(folder)
    found = find_recipe_model(
        request.recipe, request.model, allow_other_model=request.allow_other_model
    )
    folder.mkdir(parents=True, exist_ok=True)
    plan = read_plan(folder)
    if plan is None:
        plan = plan_run(request, folder, found, memory)
        (folder / WORK).mkdir(exist_ok=True)
        plan.save(folder)
    else:
        check_unchanged(plan, request, found, same_images=same_images)
    request.save(folder)
    return PreparedRun(folder, request, plan, found)


def _check_empty(folder: Path) -> None:
    names = [one.name for one in folder.iterdir()] if folder.is_dir() else []
    others = [name for name in names if name not in (WORK, LOG, PROGRESS)]
    if others:
        raise ValueError(
            f"Expected a new folder for the run, found {folder} with {others[0]!r} in it: give "
            "another --output."
        )


def check_unchanged(
    plan: RunPlan, request: BatchRequest, found: FoundModel, *, same_images: bool = False
) -> None:
    """Raise ValueError, with the reason, when a run must not go on."""
    if found.reference.fingerprint != plan.model:
        raise ValueError(
            f"the model is another one than the run began with: {plan.model} then, "
            f"{found.reference.fingerprint} now. {_ELSEWHERE}"
        )
    now = installed_versions()
    other = [name for name in plan.versions | now if plan.versions.get(name) != now.get(name)]
    if other:
        name = other[0]
        raise ValueError(
            f"{name} is {now.get(name)}, but the run began with {plan.versions.get(name)}: labels "
            f"could differ from block to block. {_ELSEWHERE}"
        )
    listed = list_data_set(Path(request.data), recursive=request.recursive)
    if [one.name for one in listed] != [one.name for one in plan.images]:
        raise ValueError(
            f"the data set has other images than when the run began: {len(plan.images)} then, "
            f"{len(listed)} now. {_ELSEWHERE}"
        )
    for one, place in zip(plan.images, listed, strict=True):
        _check_image(one, place.path, request, same_images)


def _check_image(plan: ImagePlan, path: Path, request: BatchRequest, same_images: bool) -> None:
    if str(path) != plan.path:
        raise ValueError(f"the image {plan.name} was {plan.path}, is {path}. {_ELSEWHERE}")
    if not same_images and files_fingerprint(path) != plan.files:
        raise ValueError(
            f"the image {path} was changed since the run began. {_ELSEWHERE} If it is the same "
            "after all, as after a copy, give --same-images."
        )
    if plan.is_whole:
        return
    image = open_image(path, request.level)
    try:
        same = pixels_fingerprint(image) == plan.pixels
    finally:
        image.close()
    if not same:
        raise ValueError(f"the image {path} has other pixels than when the run began. {_ELSEWHERE}")
