"""One image's work in progress: its state, and the one hand that changes it. No Qt, no napari."""

from __future__ import annotations

from napari_pixel_embedding.session.controller import SessionController
from napari_pixel_embedding.session.engine import Engine
from napari_pixel_embedding.session.jobs import Executor, ImmediateExecutor, Job, JobLine
from napari_pixel_embedding.session.state.image import Field, ImageInput, Lesson
from napari_pixel_embedding.session.state.results import Earlier, Preview
from napari_pixel_embedding.session.state.session import Session
from napari_pixel_embedding.session.train.training import TrainingRun

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
