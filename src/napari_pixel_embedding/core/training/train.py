"""The training loop: steps, validation, checkpoints, and what is told after each step."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from napari_pixel_embedding.core.model.devices import (
    resolve_device,
)
from napari_pixel_embedding.core.training.checkpoint import StepTimer
from napari_pixel_embedding.core.training.config import TrainConfig
from napari_pixel_embedding.core.training.objective import check_teacher
from napari_pixel_embedding.core.training.trainer import Trainer

if TYPE_CHECKING:
    from collections.abc import Generator, Sequence
    from pathlib import Path

    from napari_pixel_embedding.core.evaluation.comparison import TuningReport
    from napari_pixel_embedding.core.model.model_file import EmbeddingModel
    from napari_pixel_embedding.core.training.targets import Sample
    from napari_pixel_embedding.core.training.trainer import Revision
    from napari_pixel_embedding.core.training.validation import Validation


@dataclass(frozen=True)
class TrainProgress:
    """Progress of a training after a step.

    Parameters
    ----------
    step, steps : int
        Steps done and steps in total.
    losses : dict
        Running mean of each term: total, foreground, distance, intra, inter, reg, and
        instance_dice once it is active.
    validation_ap : float, optional
        Score of the averaged weights, on validated steps.
    seconds_left : float, optional
        Estimate of the remaining time, from the steps so far.
    model : EmbeddingModel, optional
        The best model so far, on the CPU: on validated steps and on the last one; early models too
        where they are asked for.
    best_step : int, optional
        Step of that model.
    early : bool
        Whether the model came before the first validation, or before the first since resuming:
        nothing compares it yet.
    report : TuningReport, optional
        Of a fine-tuning, with each model: error counts before and after.
    note : str
        What the user should know, said once: with the first step, that nothing is validated on;
        with another, that memory ran out and less is learnt from at once from there on.
    """

    step: int
    steps: int
    losses: dict[str, float]
    validation_ap: float | None = None
    seconds_left: float | None = None
    model: EmbeddingModel | None = None
    best_step: int | None = None
    report: TuningReport | None = None
    note: str = ""
    early: bool = False


def train(
    model: EmbeddingModel,
    samples: Sequence[Sample],
    config: TrainConfig | None = None,
    *,
    validation: Validation | None = None,
    device: str = "auto",
    checkpoint: Path | None = None,
    sampling_weights: Sequence[float] | None = None,
    revise: Revision | None = None,
    early_models: bool = False,
    teacher: EmbeddingModel | None = None,
) -> Generator[TrainProgress, None, None]:
    """Train a model and yield progress after every step.

    AdamW (Loshchilov & Hutter, ICLR 2019) with a cosine schedule (Loshchilov & Hutter, ICLR 2017)
    and clipped gradients; the result is an exponential moving average of the weights (Polyak &
    Juditsky, 1992).

    Parameters
    ----------
    model : EmbeddingModel
        The initial model; it is copied, not changed.
    samples : sequence of Sample
        From :func:`prepare_samples`.
    config : TrainConfig, optional
        How to train; its crop is rounded up to a multiple of the network's stride.
    validation : callable, optional
        Scores the exponentially averaged model every ``config.validate_every`` steps; the best
        is kept. Without it, or where it has no score, the last averaged model is the result.
    device : str
        "auto", "cpu", "cuda" or "mps".
    checkpoint : Path, optional
        A file that training is resumed from when it exists. It is written after the first step, at
        every validation, and as often between as it takes for a kill to cost at most ten seconds
        (or one step). Resuming gives the same weights as an uninterrupted training, except that
        revised samples are computed again from the weights at the checkpoint.
    sampling_weights : sequence of float, optional
        Relative sampling probability of each sample, see :func:`~.batches.draw_batch`.
    revise : callable, optional
        Called with the averaged model and the share of steps done, after every validation but the
        last, and when training is resumed; the samples it returns, if any, replace the current
        ones.
    early_models : bool
        Whether a model comes with the first step and then every ten seconds until the first
        validation, so that whoever stops early has one.
    teacher : EmbeddingModel, optional
        A model of the same system and embedding, whose outputs are learnt from as well, on
        unlabelled pixels too (distillation; Hinton et al., 2015), with the weight
        ``config.loss.teacher``. So a small network learns faster and gets better.

    Yields
    ------
    TrainProgress
        After every step. ``close()`` on the generator stops training at once.

    Raises
    ------
    ValueError
        When the samples contain no object, the teacher is of another system, or the checkpoint is
        damaged or of another model.
    FloatingPointError
        When the loss or its gradient is not finite.
    MemoryError
        When memory does not even suffice for a single crop; for a whole batch it need not.
    """
    config = config or TrainConfig()
    if not any((sample.labels > 0).any() for sample in samples):
        raise ValueError(
            "expected label images with at least one object, found none: annotate some."
        )
    where = resolve_device(device)
    if teacher is not None:
        check_teacher(teacher.config, model.config)
    trainer = Trainer(model, config, where, teacher)
    if checkpoint is not None and checkpoint.exists():
        trainer.resume(checkpoint)
        samples = trainer.revision(revise) or samples
    if trainer.step >= config.steps:
        yield TrainProgress(
            step=trainer.step,
            steps=config.steps,
            losses=trainer.running,
            seconds_left=0.0,
            model=trainer.best_model(),
            best_step=trainer.best_step,
        )
    started, first = time.monotonic(), trainer.step
    saving, early = StepTimer(), StepTimer()
    while trainer.step < config.steps:
        losses = trainer.train_step(samples, sampling_weights)
        score = model_now = None
        milestone = trainer.is_milestone()
        if milestone:
            score = trainer.keep_best(validation)
            if new := trainer.revision(revise):
                samples = new
                trainer.best_score = -math.inf  # earlier weights were trained on other samples
            model_now, early_models = trainer.best_model(), False
        elif early_models and early.is_due():
            model_now = trainer.best_model() if trainer.best_step else trainer.average_model()
        if checkpoint is not None and (saving.is_due() or milestone):
            trainer.save(checkpoint)
        done = trainer.step - first
        yield TrainProgress(
            step=trainer.step,
            steps=config.steps,
            losses=losses,
            validation_ap=score,
            seconds_left=(time.monotonic() - started) / done * (config.steps - trainer.step),
            model=model_now,
            best_step=None if model_now is None else trainer.best_step or trainer.step,
            early=model_now is not None and not milestone,
            note=trainer.take_note(),
        )
