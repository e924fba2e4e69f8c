"""The training loop: optimisation, weight averaging, validation and checkpoints."""

from __future__ import annotations

import copy
import json
import math
import time
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass, replace
from itertools import compress
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor, nn

from napari_pixel_embedding.core.io.files import open_atomically
from napari_pixel_embedding.core.model.config import ModelConfig
from napari_pixel_embedding.core.model.devices import learning_precision, resolve_device
from napari_pixel_embedding.core.model.model_file import EmbeddingModel
from napari_pixel_embedding.core.model.networks import build_network, freeze
from napari_pixel_embedding.core.training.batches import draw_batch
from napari_pixel_embedding.core.training.checkpoint import StepTimer, read_checkpoint
from napari_pixel_embedding.core.training.config import TrainConfig
from napari_pixel_embedding.core.training.objective import loss_terms, weighted_sum

if TYPE_CHECKING:
    from pathlib import Path

    from napari_pixel_embedding.core.evaluation.comparison import TuningReport
    from napari_pixel_embedding.core.training.targets import Sample
    from napari_pixel_embedding.core.training.validation import Validation


Revision = Callable[[EmbeddingModel, float], "Sequence[Sample] | None"]
"""Returns new samples, given a model and the share of steps done; None keeps the old ones."""


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
        With the first step: what the user should know, such as that nothing is validated on.
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

    Yields
    ------
    TrainProgress
        After every step. ``close()`` on the generator stops training at once.

    Raises
    ------
    ValueError
        When the samples contain no object, or the checkpoint is damaged or of another model.
    FloatingPointError
        When the loss or its gradient is not finite.
    """
    config = config or TrainConfig()
    if not any((sample.labels > 0).any() for sample in samples):
        raise ValueError(
            "expected label images with at least one object, found none: annotate some."
        )
    where = resolve_device(device)
    trainer = _Trainer(model, config, where)
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
        )


class _Trainer:
    """State of a training: weights, their moving average, the optimiser and the best weights."""

    def __init__(self, model: EmbeddingModel, config: TrainConfig, device: torch.device) -> None:
        self.model_config = model.config
        self.config = config
        self.device = device
        self.network = copy.deepcopy(model.network).to(device)
        if self.model_config.ndim == 2:
            self.network = self.network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.average = copy.deepcopy(self.network).eval()
        freeze(self.network, config.frozen)
        self.learning = [p for p in self.network.parameters() if p.requires_grad]
        self.optimiser = torch.optim.AdamW(
            self.learning, lr=config.learning_rate, weight_decay=config.weight_decay
        )
        self.step = 0
        self.best_score, self.best_step = -math.inf, 0
        self.best_weights = _copy_weights(self.average)
        self.running: dict[str, float] = {}

    def train_step(
        self, samples: Sequence[Sample], sampling_weights: Sequence[float] | None = None
    ) -> dict[str, float]:
        """Take one optimiser step on a batch; return the running mean of the loss terms."""
        config = self.config
        rng = np.random.default_rng((config.seed, self.step))  # resuming draws the same crops
        batch = draw_batch(
            samples,
            config.batch_size,
            config.crop,
            rng,
            config.augmentation,
            self.model_config.stride,
            sampling_weights,
            config.centred,
        ).to(self.device)
        for group in self.optimiser.param_groups:
            group["lr"] = _cosine_rate(config, self.step)
        self._train_mode()
        with learning_precision(self.device, self.model_config.ndim):
            output = self.network(batch.image.contiguous(memory_format=_memory_format(batch.image)))
        dice = config.loss.instance_dice > 0 and self._has_done(config.loss.instance_dice_from)
        terms = loss_terms(output, batch, self.model_config, config.loss, instance_dice=dice)
        total = weighted_sum(terms, config.loss, with_embedding=self._has_done(config.warmup))
        self.optimiser.zero_grad(set_to_none=True)
        total.backward()  # type: ignore[no-untyped-call]
        gradient_norm = nn.utils.clip_grad_norm_(self.learning, 5.0)
        self._check_finite(float(total.detach()), float(gradient_norm))
        self.optimiser.step()
        self.step += 1
        self._update_average()
        return self._update_running({"total": total, **terms})

    def _has_done(self, share: float) -> bool:
        """Whether this share of the steps is done."""
        return self.step >= share * self.config.steps

    def _train_mode(self) -> None:
        self.network.train()
        if self.config.fixed_statistics:
            for module in self.network.modules():
                if isinstance(module, nn.BatchNorm2d | nn.BatchNorm3d):
                    module.eval()

    def _check_finite(self, loss: float, gradient_norm: float) -> None:
        if not (math.isfinite(loss) and math.isfinite(gradient_norm)):
            raise FloatingPointError(
                f"the loss is {loss} and its gradient {gradient_norm} after {self.step} steps: "
                "lower the learning rate. The best model so far is kept."
            )

    def _update_average(self) -> None:
        decay = min(self.config.ema_decay, (1 + self.step) / (10 + self.step))
        averaged, present = (list(n.state_dict().values()) for n in (self.average, self.network))
        numbers = [value.dtype.is_floating_point for value in present]
        torch._foreach_lerp_(
            list(compress(averaged, numbers)), list(compress(present, numbers)), 1 - decay
        )
        for count, value in zip(averaged, present, strict=True):
            if not value.dtype.is_floating_point:
                count.copy_(value)

    def _update_running(self, terms: dict[str, Tensor]) -> dict[str, float]:
        values = {name: float(term.detach()) for name, term in terms.items()}
        keep = 0.95
        self.running = {
            name: keep * self.running.get(name, value) + (1 - keep) * value
            for name, value in values.items()
        }
        return dict(self.running)

    def keep_best(self, validation: Validation | None) -> float | None:
        """Score the averaged weights; keep them unless an earlier score is better by the margin."""
        score = None
        if validation is not None:
            score = validation(EmbeddingModel(self.average, self.model_config))
        if score is not None:
            self.best_score = max(self.best_score, score)
        if score is None or score >= self.best_score - self.config.margin:
            self.best_step, self.best_weights = self.step, _copy_weights(self.average)
        return score

    def is_milestone(self) -> bool:
        """Whether the model is validated after this step."""
        return self.step % self.config.validate_every == 0 or self.step == self.config.steps

    def revision(self, revise: Revision | None) -> Sequence[Sample] | None:
        """Return new samples computed with the averaged weights; None after the last step.

        Between two validations, as after resuming, the samples are those of the last one.
        """
        since = self.step % self.config.validate_every
        if revise is None or self.step >= self.config.steps or self.step == since:
            return None
        model = EmbeddingModel(self.average, self.model_config)
        return revise(model, (self.step - since) / self.config.steps)

    def best_model(self) -> EmbeddingModel:
        """Return a model with a copy of the best weights so far, on the CPU."""
        return self._with(self.best_weights)

    def average_model(self) -> EmbeddingModel:
        """Return a model with a copy of the averaged weights, on the CPU."""
        return self._with(_copy_weights(self.average))

    def _with(self, weights: dict[str, Tensor]) -> EmbeddingModel:
        network = build_network(self.model_config)
        network.load_state_dict(weights)
        return EmbeddingModel(network.eval(), self.model_config)

    def save(self, path: Path) -> None:
        """Write everything that :meth:`resume` needs, as safetensors, atomically."""
        from safetensors.torch import save

        groups = {
            "network": _copy_weights(self.network),
            "average": _copy_weights(self.average),
            "best": self.best_weights,
            "count": self._moments("step"),
            "moment1": self._moments("exp_avg"),
            "moment2": self._moments("exp_avg_sq"),
        }
        tensors = {f"{g}/{k}": v for g, group in groups.items() for k, v in group.items()}
        state = {
            "config": self.model_config.to_json(),
            "step": str(self.step),
            "best_score": repr(self.best_score),
            "best_step": str(self.best_step),
            "running": json.dumps(self.running),
        }
        with open_atomically(path) as file:
            file.write(save(tensors, state))

    def resume(self, path: Path) -> None:
        """Continue where :meth:`save` left off."""
        state, groups = read_checkpoint(path)
        if not _learn_alike(ModelConfig.from_json(state["config"]), self.model_config):
            raise ValueError(
                f"{path.name} belongs to a training with another model configuration: "
                "remove it to start anew, or name another checkpoint."
            )
        self.step = int(state["step"])
        self.best_score = float(state["best_score"])
        self.best_step = int(state.get("best_step", self.step))
        self.running = json.loads(state["running"])
        self.network.load_state_dict(groups["network"])
        self.average.load_state_dict(groups["average"])
        self.best_weights = groups["best"]
        for name, parameter in self.network.named_parameters():
            if name in groups["moment1"]:  # no moments of the embedding during warm-up
                self.optimiser.state[parameter] = {
                    "step": groups["count"][name],
                    "exp_avg": groups["moment1"][name].to(parameter),
                    "exp_avg_sq": groups["moment2"][name].to(parameter),
                }

    def _moments(self, name: str) -> dict[str, Tensor]:
        state = self.optimiser.state
        return {
            key: state[parameter][name].detach().cpu().contiguous()
            for key, parameter in self.network.named_parameters()
            if parameter in state
        }


def _learn_alike(one: ModelConfig, other: ModelConfig) -> bool:
    """Whether two configurations agree for resuming: in all but the object diameter."""
    return replace(one, object_diameter=other.object_diameter).to_json() == other.to_json()


def _cosine_rate(config: TrainConfig, step: int) -> float:
    """Return the learning rate: linear warm-up, then a cosine down to a hundredth."""
    rise = min((step + 1) / 50, 1.0)
    fall = 0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * step / config.steps))
    return config.learning_rate * rise * fall


def _memory_format(image: Tensor) -> torch.memory_format:
    return torch.channels_last if image.ndim == 4 else torch.contiguous_format


def _copy_weights(network: nn.Module) -> dict[str, Tensor]:
    return {k: v.detach().cpu().contiguous().clone() for k, v in network.state_dict().items()}
