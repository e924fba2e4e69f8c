from .controller import SessionController
from .engine import Engine
from .jobs import Executor, ImmediateExecutor, Job, JobQueue
from .state.image import CorrectedImage, ImageInput, ImageRegion
from .state.results import Preview, PreviousAnnotations
from .state.session import Session
from .train.training import TrainingRun

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
