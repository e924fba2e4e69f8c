"""Fine-tuning in a worker process, resumable after a crash.

A job folder in the user's data folder holds the parent model, the corrected frames, the settings
and, once written, a checkpoint. It is removed when the tuning ends; a folder left behind by a crash
of the worker or of the whole program is an interrupted tuning that can be resumed.
"""

from __future__ import annotations

import os
import shutil
import time
import uuid
from contextlib import closing
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
from filelock import FileLock
from pydantic import Field, TypeAdapter

from napari_pixel_embedding.core.fine_tuning.config import FineTuneConfig
from napari_pixel_embedding.core.io.files import open_atomically, read_whole
from napari_pixel_embedding.core.io.pictures import read_npy
from napari_pixel_embedding.core.io.user_folder import user_folder
from napari_pixel_embedding.core.parameters import configuration, read_configuration
from napari_pixel_embedding.core.training.checkpoint import checkpoint_path, interrupted_at

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from napari_pixel_embedding.core.model.model_file import EmbeddingModel
    from napari_pixel_embedding.core.training.train import TrainProgress

ENTRY = f"{__name__}:tune_request"
"""Entry point that :func:`~.worker_process.run_in_process` runs on a job folder."""

_MOST_BYTES = 64 * 2**20
_REQUEST, _PARENT, _OUTPUT, _LOCK = "request.json", "parent.safetensors", "run", "lock"
_STALE_S = 24 * 3600
"""Age in seconds after which incomplete folders are removed."""


@configuration
class _Request:
    """A fine-tuning request as stored in its folder; fields as in :func:`fine_tune_in_process`."""

    config: FineTuneConfig
    axes: tuple[str | None, ...]
    spacing: tuple[tuple[Annotated[float, Field(gt=0)], ...] | None, ...] | None
    diameter: float | None
    device: str
    names: tuple[str, ...]
    model: str


@dataclass(frozen=True)
class Interrupted:
    """A fine-tuning that ended before its last step.

    Parameters
    ----------
    folder : Path
        Its job folder.
    names : tuple of str
        Names of its images.
    model : str
        Name of the parent.
    step, steps : int
        Steps in the checkpoint, and steps in total.
    """

    folder: Path
    names: tuple[str, ...]
    model: str
    step: int
    steps: int


def tunings_folder() -> Path:
    """Return the folder with the job folders of running and interrupted fine-tunings."""
    return user_folder() / "tuning"


def fine_tune_in_process(
    model: EmbeddingModel,
    images: Sequence[NDArray[Any]],
    corrections: Sequence[NDArray[Any]],
    config: FineTuneConfig,
    *,
    axes: Sequence[str | None],
    spacing: Sequence[tuple[float, ...] | None] | None = None,
    diameter: float | None = None,
    device: str = "auto",
    names: Sequence[str] = (),
    heartbeat: Callable[[], None] | None = None,
    trial: bool = False,
) -> Generator[TrainProgress, None, None]:
    """Run :func:`~.fine_tune.fine_tune` in a worker process.

    Parameters
    ----------
    model, images, corrections, config, diameter, device, names
        As in :func:`~.fine_tune.fine_tune`.
    axes, spacing : sequence
        Axes and pixel size of each image.
    heartbeat : callable, optional
        As in :func:`~.worker_process.run_in_process`, which also lists the errors.
    trial : bool
        Whether this only measures how long it takes: after a crash it is not offered as
        interrupted.
    """
    folder = _new_folder()
    corrected = [_corrected_only(*one) for one in zip(images, corrections, axes, strict=True)]
    request = _Request(
        config=config,
        axes=tuple(axes),
        spacing=None if spacing is None else tuple(spacing),
        diameter=diameter,
        device=device,
        names=tuple(names),
        model=model.name,
    )
    incomplete = _write_request(folder, model, corrected, request)
    if trial:
        folder = incomplete
    else:
        os.replace(incomplete, folder)
    yield from resume_tuning(folder, heartbeat=heartbeat)


def resume_tuning(
    folder: Path, *, heartbeat: Callable[[], None] | None = None
) -> Generator[TrainProgress, None, None]:
    """Resume an interrupted fine-tuning.

    The folder is kept if it is interrupted again, also by ``close()`` before the first model came.
    """
    from napari_pixel_embedding.core.training.worker_process import ProcessEnded, run_in_process

    keep = checkpoint_path(folder / _OUTPUT).exists()
    try:
        with closing(run_in_process(ENTRY, folder, heartbeat=heartbeat)) as steps:
            for progress in steps:
                keep = keep and progress.model is None
                yield progress
    except ProcessEnded:
        keep = True
        raise
    finally:
        if not keep:
            forget_tuning(folder)


def interrupted_tunings() -> list[Interrupted]:
    """Return the interrupted fine-tunings, newest first."""
    folders = [path for path in tunings_folder().glob("*") if path.is_dir()]
    for path in folders:
        if path.name.startswith(".") and time.time() - path.stat().st_mtime > _STALE_S:
            shutil.rmtree(path, ignore_errors=True)
    found = [_interrupted(path) for path in folders if not path.name.startswith(".")]
    return sorted(filter(None, found), key=lambda one: one.folder.name, reverse=True)


def forget_tuning(folder: Path) -> None:
    """Remove the folder of a fine-tuning."""
    shutil.rmtree(folder, ignore_errors=True)


def tune_request(folder: Path) -> Generator[TrainProgress, None, None]:
    """Run the fine-tuning requested in a folder; yield progress after every step."""
    from napari_pixel_embedding.core.fine_tuning.fine_tune import fine_tune
    from napari_pixel_embedding.core.model.model_file import load_model

    with _lock(folder):
        request = _read_request(folder)
        count = len(request.axes)
        yield from fine_tune(
            load_model(folder / _PARENT),
            [read_npy(folder / f"image{n}.npy") for n in range(count)],
            [read_npy(folder / f"corrections{n}.npy") for n in range(count)],
            request.config,
            axes=request.axes,
            spacing=request.spacing,
            diameter=request.diameter,
            device=request.device,
            names=request.names,
            checkpoint=checkpoint_path(folder / _OUTPUT),
        )


def _new_folder() -> Path:
    """Choose a folder name that sorts by time and create it under its incomplete name."""
    name = f"{time.strftime('%Y%m%d-%H%M%S')}-{uuid.uuid4().hex[:8]}"
    (tunings_folder() / f".{name}").mkdir(parents=True)
    return tunings_folder() / name


def _write_request(
    folder: Path,
    model: EmbeddingModel,
    corrected: Sequence[tuple[NDArray[Any], NDArray[Any]]],
    request: _Request,
) -> Path:
    """Write all files to the folder's incomplete name, which is returned."""
    from napari_pixel_embedding.core.model.model_file import save_model

    incomplete = folder.with_name(f".{folder.name}")
    save_model(model, incomplete / _PARENT)
    for n, (image, corrections) in enumerate(corrected):
        np.save(incomplete / f"image{n}.npy", image)
        np.save(incomplete / f"corrections{n}.npy", corrections)
    with open_atomically(incomplete / _REQUEST) as file:
        file.write(TypeAdapter(_Request).dump_json(request))
    return incomplete


def _read_request(folder: Path) -> _Request:
    return read_configuration(_Request, read_whole(folder / _REQUEST, _MOST_BYTES))


def _corrected_only(
    image: Any, corrections: NDArray[Any], axes: str | None
) -> tuple[NDArray[Any], NDArray[Any]]:
    """Read image and corrections; of a time series only the frames with a corrected object."""
    if axes is None or "T" not in axes:
        return np.asarray(image), corrections
    along = axes.index("T")
    frames = [t for t, frame in enumerate(corrections) if (frame > 0).any()]
    before = (slice(None),) * along
    chosen = [np.asarray(image[(*before, t)]) for t in frames]
    return np.stack(chosen, axis=along), corrections[frames]


def _interrupted(folder: Path) -> Interrupted | None:
    """Return the interrupted tuning in a folder; None if it is running or unreadable."""
    try:
        with _lock(folder):
            request = _read_request(folder)
            step = interrupted_at(folder / _OUTPUT) or 0
    except (OSError, ValueError):
        return None
    return Interrupted(folder, request.names, request.model, step, request.config.steps)


def _lock(folder: Path) -> FileLock:
    """Return the lock of a folder; the system frees it when the process ends. Timeout if held."""
    return FileLock(folder / _LOCK, timeout=0, thread_local=False)
