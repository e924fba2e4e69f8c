"""Trainings that tests run in a process of their own; each is given its folder."""

from __future__ import annotations

import os
import signal
import sys
import time
from typing import TYPE_CHECKING

from napari_pixel_embedding.core.evaluation.comparison import BeforeAfter, ErrorCounts, TuningReport
from napari_pixel_embedding.core.model.config import ModelConfig
from napari_pixel_embedding.core.model.model_file import EmbeddingModel
from napari_pixel_embedding.core.training.train import TrainProgress

if TYPE_CHECKING:
    from pathlib import Path

REPORT = TuningReport(BeforeAfter(ErrorCounts(3), ErrorCounts(3, 4, 3, extra=1)))


def three_steps(folder: Path):
    print("printed by somebody else")
    config = ModelConfig(name="child", base_width=2, depth=1, embedding_dim=2)
    model = EmbeddingModel.untrained(config)
    yield TrainProgress(1, 3, {"total": 2.0})
    yield TrainProgress(2, 3, {"total": float("nan")}, 0.5, 1.0, model, 2, REPORT)
    yield TrainProgress(3, 3, {"total": 1.0})


def wrong(folder: Path):
    yield TrainProgress(1, 3, {})
    raise ValueError("expected objects, found none.")


def unheard_of(folder: Path):
    raise KeyError("lost")
    yield


def killed(folder: Path):
    yield TrainProgress(1, 3, {})
    sys.stderr.write("out of memory\n")
    sys.stderr.flush()
    os.kill(os.getpid(), signal.SIGKILL)


def endless(folder: Path):
    (folder / "pid").write_text(str(os.getpid()))
    yield TrainProgress(1, 3, {})
    time.sleep(600)


def parent_of_endless(folder: Path):
    """Start another one and be killed while it works."""
    from napari_pixel_embedding.core.training.worker_process import run_in_process

    for _ in run_in_process("isolated_trainings:endless", folder):
        os.kill(os.getpid(), signal.SIGKILL)
    yield TrainProgress(1, 1, {})
