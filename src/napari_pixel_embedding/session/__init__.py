"""The state of one viewer's work and the controller that changes it. No Qt, no napari."""

from __future__ import annotations

from napari_pixel_embedding.session.controller import SessionController
from napari_pixel_embedding.session.engine import Engine
from napari_pixel_embedding.session.jobs import Executor, ImmediateExecutor, Job, JobQueue
from napari_pixel_embedding.session.state.image import CorrectedImage, ImageInput, ImageRegion
from napari_pixel_embedding.session.state.results import Preview, PreviousAnnotations
from napari_pixel_embedding.session.state.session import Session
from napari_pixel_embedding.session.train.training import TrainingRun

__all__ = [
    "CorrectedImage",
    "Engine",
    "Executor",
    "ImageInput",
    "ImageRegion",
    "ImmediateExecutor",
    "Job",
    "JobQueue",
    "Preview",
    "PreviousAnnotations",
    "Session",
    "SessionController",
    "TrainingRun",
]
