"""The state of a training, and its steps: optimisation, weight averaging, checkpoints."""

from __future__ import annotations

import copy
import json
import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor, nn

from napari_pixel_embedding.core.inference.tiles.memory import forget_cached, is_out_of_memory
from napari_pixel_embedding.core.io.files import open_atomically
from napari_pixel_embedding.core.losses.terms import imitation_loss
from napari_pixel_embedding.core.model.config import ModelConfig
from napari_pixel_embedding.core.model.devices import autocast, learning_precision
from napari_pixel_embedding.core.model.model_file import EmbeddingModel
from napari_pixel_embedding.core.model.networks import build_network, for_inference, freeze
from napari_pixel_embedding.core.training.batches import draw_batch
from napari_pixel_embedding.core.training.checkpoint import read_checkpoint
from napari_pixel_embedding.core.training.drawing_ahead import DrawingAhead
from napari_pixel_embedding.core.training.objective import loss_terms, weighted_sum

if TYPE_CHECKING:
    from pathlib import Path

    from napari_pixel_embedding.core.model.networks import NetworkOutput
    from napari_pixel_embedding.core.training.batches import Batch
    from napari_pixel_embedding.core.training.config import TrainConfig
    from napari_pixel_embedding.core.training.targets import Sample
    from napari_pixel_embedding.core.training.validation import Validation


Revision = Callable[[EmbeddingModel, float], "Sequence[Sample] | None"]
"""Returns new samples, given a model and the share of steps done; None keeps the old ones."""


class Trainer:
    """State of a training: weights, their moving average, the optimiser and the best weights."""

    def __init__(
        self,
        model: EmbeddingModel,
        config: TrainConfig,
        device: torch.device,
        teacher: EmbeddingModel | None = None,
    ) -> None:
        self.model_config = model.config
        self.config = config
        self.device = device
        self.network = copy.deepcopy(model.network).to(device)
        if self.model_config.ndim == 2:
            self.network = self.network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.average = copy.deepcopy(self.network).eval()
        freeze(self.network, config.frozen)
        self._averaged, self._present = _by_kind(self.average), _by_kind(self.network)
        self.teacher = None if teacher is None else for_inference(teacher.network, device)
        self._ahead: DrawingAhead | None = None
        self.learning = [p for p in self.network.parameters() if p.requires_grad]
        self.optimiser = torch.optim.AdamW(
            self.learning,
            lr=config.learning_rate,
            weight_decay=config.weight_decay,
            fused=device.type == "cuda",
        )
        self.step = 0
        self.best_score, self.best_step = -math.inf, 0
        self.best_weights = _copy_weights(self.average)
        self.running: dict[str, float] = {}
        self._note = ""
        self._at_once = config.batch_size

    def train_step(
        self, samples: Sequence[Sample], sampling_weights: Sequence[float] | None = None
    ) -> dict[str, float]:
        """Take one optimiser step on a batch; return the running mean of the loss terms."""
        config = self.config
        batch = self._batch(samples, sampling_weights)
        for group in self.optimiser.param_groups:
            group["lr"] = _cosine_rate(config, self.step)
        self._train_mode()
        terms = None
        while terms is None:
            terms = self._gradients(batch)
        norm = nn.utils.clip_grad_norm_(self.learning, 5.0)
        values = _numbers({"norm": norm, **terms})
        self._check_finite(values["total"], values.pop("norm"))
        self.optimiser.step()
        self.step += 1
        self._update_average()
        return self._update_running(values)

    def _gradients(self, batch: Batch) -> dict[str, Tensor] | None:
        """Compute the gradients of a batch, in parts that fit into memory; return its terms.

        Returns
        -------
        dict or None
            None where memory ran out: the parts are half as large from then on.

        Raises
        ------
        MemoryError
            When not even a single crop fits.
        """
        self.optimiser.zero_grad(set_to_none=True)
        count = len(batch.image)
        whole: dict[str, Tensor] = {}
        try:
            for part in batch.parts(self._at_once):
                share = len(part.image) / count
                terms = self._terms(part.to(self.device))
                (share * terms["total"]).backward()  # type: ignore[no-untyped-call]
                for name, term in terms.items():
                    whole[name] = whole.get(name, 0) + share * term.detach()
        except (RuntimeError, MemoryError) as error:
            if not is_out_of_memory(error):
                raise
            whole = {}  # dealt with below: here the error still holds what it allocated
        if whole:
            return whole
        self._take_less(count)
        return None

    def _take_less(self, count: int) -> None:
        at_once = min(self._at_once, count)
        if at_once == 1:
            raise MemoryError(
                f"there is too little memory to learn from a piece of {self.config.crop} pixels: "
                "choose smaller pieces (crop) or a smaller network, or close other programs."
            )
        self.optimiser.zero_grad(set_to_none=True)
        forget_cached(self.device)
        self._at_once = math.ceil(at_once / 2)
        self._note = (
            f"Memory ran out: {self._at_once} of {count} pieces are learnt from at once from here "
            "on, with the same result in more time."
        )

    def take_note(self) -> str:
        """Return what is to be said since it was asked last; "" for nothing."""
        note, self._note = self._note, ""
        return note

    def _terms(self, batch: Batch) -> dict[str, Tensor]:
        """Return the terms of the loss of a batch on the device, with their sum as "total"."""
        config = self.config
        image = batch.image.contiguous(memory_format=_memory_format(batch.image))
        with learning_precision(self.device, self.model_config.ndim):
            output = self.network(image)
        dice = config.loss.instance_dice > 0 and self._has_done(config.loss.instance_dice_from)
        terms = loss_terms(output, batch, self.model_config, config.loss, instance_dice=dice)
        if self.teacher is not None:
            terms["teacher"] = imitation_loss(output, self._taught(image))
        total = weighted_sum(terms, config.loss, with_embedding=self._has_done(config.warmup))
        return {"total": total, **terms}

    def _batch(self, samples: Sequence[Sample], sampling_weights: Sequence[float] | None) -> Batch:
        """Return the batch of this step; on a GPU it was drawn during the step before."""
        if self.device.type == "cpu":
            return self._draw(samples, self.step, sampling_weights)
        if self._ahead is None:
            self._ahead = DrawingAhead(
                lambda samples, step: self._draw(samples, step, sampling_weights), self.config.steps
            )
        return self._ahead.take(samples, self.step)

    def _draw(
        self, samples: Sequence[Sample], step: int, sampling_weights: Sequence[float] | None
    ) -> Batch:
        config = self.config
        batch = draw_batch(
            samples,
            config.batch_size,
            config.crop,
            np.random.default_rng((config.seed, step)),  # resuming draws the same crops
            config.augmentation,
            self.model_config.stride,
            sampling_weights,
            config.centred,
        )
        return batch.pinned() if self.device.type == "cuda" else batch

    @torch.no_grad()
    def _taught(self, image: Tensor) -> NetworkOutput:
        """Return what the teacher says of a batch."""
        assert self.teacher is not None
        with autocast(self.device):
            output: NetworkOutput = self.teacher(image)
        return output

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
        averaged, present = self._averaged, self._present
        torch._foreach_lerp_(averaged[0], present[0], 1 - decay)
        torch._foreach_copy_(averaged[1], present[1])

    def _update_running(self, values: dict[str, float]) -> dict[str, float]:
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
                    "step": self._count(groups["count"][name]),
                    "exp_avg": _laid_out_as(parameter, groups["moment1"][name]),
                    "exp_avg_sq": _laid_out_as(parameter, groups["moment2"][name]),
                }

    def _count(self, steps: Tensor) -> Tensor:
        """Place a parameter's count of steps where the optimiser expects it."""
        return steps.to(self.device) if self.device.type == "cuda" else steps

    def _moments(self, name: str) -> dict[str, Tensor]:
        state = self.optimiser.state
        return {
            key: state[parameter][name].detach().cpu().contiguous()
            for key, parameter in self.network.named_parameters()
            if parameter in state
        }


def _laid_out_as(parameter: Tensor, values: Tensor) -> Tensor:
    """Copy values to the device and the memory layout of a parameter: fused steps need both."""
    return torch.empty_like(parameter, requires_grad=False).copy_(values)


def _learn_alike(one: ModelConfig, other: ModelConfig) -> bool:
    """Whether two configurations agree for resuming: in all but the object diameter."""
    return replace(one, object_diameter=other.object_diameter).to_json() == other.to_json()


def _cosine_rate(config: TrainConfig, step: int) -> float:
    """Return the learning rate: linear warm-up, then a cosine down to a hundredth."""
    rise = min((step + 1) / 50, 1.0)
    fall = 0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * step / config.steps))
    return config.learning_rate * rise * fall


def _by_kind(network: nn.Module) -> tuple[list[Tensor], list[Tensor]]:
    """Return a network's parameters and statistics, and its counts: the tensors themselves."""
    values = list(network.state_dict().values())
    numbers = [value for value in values if value.dtype.is_floating_point]
    return numbers, [value for value in values if not value.dtype.is_floating_point]


def _numbers(terms: dict[str, Tensor]) -> dict[str, float]:
    """Return scalars as numbers; a GPU is waited for once."""
    values = torch.stack([term.detach() for term in terms.values()]).tolist()
    return dict(zip(terms, values, strict=True))


def _memory_format(image: Tensor) -> torch.memory_format:
    return torch.channels_last if image.ndim == 4 else torch.contiguous_format


def _copy_weights(network: nn.Module) -> dict[str, Tensor]:
    return {k: v.detach().cpu().contiguous().clone() for k, v in network.state_dict().items()}
