"""What a training step costs above the bare forward pass, backward pass and optimiser.

    python benchmarks/training_step.py [--steps 15]

Both are measured in one run, in turns, on the same network with the same optimiser: the whole
step as in training (drawing and varying crops, all losses, clipping, averaging of weights)
against forward, backward and AdamW on a fixed batch whose loss is a mean of the outputs. The
three systems, of the size base, are compared after the bundled model.
"""

from __future__ import annotations

import argparse
import time
from typing import TYPE_CHECKING

import numpy as np
import torch

from napari_pixel_embedding import (
    EmbeddingModel,
    FineTuneConfig,
    TrainConfig,
    load_model,
    model_config_for,
    prepare_samples,
)
from napari_pixel_embedding.core.datasets.samples import load_sample
from napari_pixel_embedding.core.model.devices import autocast
from napari_pixel_embedding.core.model.presets import PRESETS
from napari_pixel_embedding.core.training.batches import draw_batch
from napari_pixel_embedding.core.training.trainer import Trainer

if TYPE_CHECKING:
    from collections.abc import Callable

    from napari_pixel_embedding.core.training.targets import Sample

_CPU = torch.device("cpu")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--steps", type=int, default=15, help="of which the median counts")
    steps = parser.parse_args().steps
    model = load_model("nuclei-fluo")
    image, labels = load_sample("nuclei-field")
    samples = prepare_samples([image.data], [labels], model.config)
    usual = TrainConfig(warmup=0.0)
    cases = [("training", model, usual), ("fine-tuning", model, FineTuneConfig().training())]
    cases += [(s, EmbeddingModel.untrained(model_config_for(s)), usual) for s in PRESETS]
    for name, learner, config in cases:
        whole, bare = _compare(learner, samples, config, steps)
        print(
            f"{name:12} {config.batch_size} × {config.crop}²: bare {bare:.3f} s CPU, "
            f"whole {whole:.3f} s, overhead {whole / bare - 1:.0%} (goal ≤ 15 %)"
        )


def _compare(
    model: EmbeddingModel, samples: list[Sample], config: TrainConfig, steps: int
) -> tuple[float, float]:
    """Median CPU seconds of the whole and of the bare step, measured in turns."""
    trainer = Trainer(model, config, _CPU)
    bare = _bare_step(Trainer(model, config, _CPU), samples)
    times = [(_seconds(lambda: trainer.train_step(samples)), _seconds(bare)) for _ in range(steps)]
    whole, alone = np.median(times[2:], axis=0)
    return float(whole), float(alone)


def _bare_step(trainer: Trainer, samples: list[Sample]) -> Callable[[], None]:
    config, rng = trainer.config, np.random.default_rng(0)
    image = draw_batch(samples, config.batch_size, config.crop, rng).image
    image = image.contiguous(memory_format=torch.channels_last)

    def step() -> None:
        trainer._train_mode()
        with autocast(_CPU):
            outputs = trainer.network(image)
        loss = torch.stack([output.float().square().mean() for output in outputs]).sum()
        trainer.optimiser.zero_grad(set_to_none=True)
        loss.backward()
        trainer.optimiser.step()

    return step


def _seconds(action: Callable[[], object]) -> float:
    started = time.process_time()
    action()
    return time.process_time() - started


if __name__ == "__main__":
    main()
