"""One image's work in progress: its state, and the one hand that changes it. No Qt, no napari."""

from __future__ import annotations

from napari_pixel_embedding.session.controller import SessionController
from napari_pixel_embedding.session.engine import Engine
from napari_pixel_embedding.session.jobs import Executor, ImmediateExecutor, Job, JobLine
from napari_pixel_embedding.session.state import (
    Earlier,
    Field,
    ImageInput,
    Lesson,
    Preview,
    Session,
)
from napari_pixel_embedding.session.training_run import TrainingRun

__all__ = [
    "Earlier",
    "Engine",
    "Executor",
    "Field",
    "ImageInput",
    "ImmediateExecutor",
    "Job",
    "JobLine",
    "Lesson",
    "Preview",
    "Session",
    "SessionController",
    "TrainingRun",
]
