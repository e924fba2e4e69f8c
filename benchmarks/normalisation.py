"""What batch normalisation, folding it for inference, and a stride-2 stem are worth on a CPU.

    python benchmarks/normalisation.py [--steps 5]

Prints CPU seconds of a training step of 4 crops of 256², with either normalisation in the same
network and with a stem that halves the resolution, and of a forward pass of 512² pixels before and
after folding, and with that stem; all in one run.
"""

from __future__ import annotations

import argparse
import time
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor, nn

from napari_pixel_embedding.core.model.devices import autocast
from napari_pixel_embedding.core.model.networks import EmbeddingUNet, for_inference

if TYPE_CHECKING:
    from collections.abc import Callable

_CPU = torch.device("cpu")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--steps", type=int, default=5, help="repeats, of which the median counts")
    steps = parser.parse_args().steps
    torch.manual_seed(0)
    crops = _image(4, 256)
    batch = _cpu_seconds(_training_step(EmbeddingUNet(), crops), steps)
    group = _cpu_seconds(_training_step(_with_group_norm(EmbeddingUNet()), crops), steps)
    print(f"training step, group normalisation  {group:.3f} s")
    print(f"training step, batch normalisation  {batch:.3f} s  {batch / group:.2f} × of it")
    stem = _cpu_seconds(_training_step(EmbeddingUNet(stem_stride=2), crops), steps)
    print(f"training step, stride-2 stem too    {stem:.3f} s  {stem / batch:.2f} × of it")

    network, image = EmbeddingUNet().eval(), _image(1, 512)
    plain = _cpu_seconds(lambda: _forward(network, image), steps)
    folded_network = for_inference(network, _CPU)
    folded = _cpu_seconds(lambda: _forward(folded_network, image), steps)
    print(f"forward pass as trained             {plain:.3f} s")
    print(f"forward pass for inference          {folded:.3f} s  {folded / plain:.2f} × of it")
    halved = for_inference(EmbeddingUNet(stem_stride=2).eval(), _CPU)
    stem = _cpu_seconds(lambda: _forward(halved, image), steps)
    print(f"forward pass, stride-2 stem too     {stem:.3f} s  {stem / folded:.2f} × of it")


def _image(count: int, side: int) -> Tensor:
    return torch.rand(count, 1, side, side).contiguous(memory_format=torch.channels_last)


def _with_group_norm(network: nn.Module) -> nn.Module:
    for parent in list(network.modules()):
        for name, child in list(parent.named_children()):
            if isinstance(child, nn.BatchNorm2d):
                setattr(parent, name, nn.GroupNorm(8, child.num_features))
    return network


def _training_step(network: nn.Module, image: Tensor) -> Callable[[], None]:
    network = network.to(memory_format=torch.channels_last)
    optimiser = torch.optim.AdamW(network.parameters())

    def step() -> None:
        with autocast(_CPU):
            outputs = network(image)
        torch.stack([output.float().square().mean() for output in outputs]).sum().backward()
        optimiser.step()
        optimiser.zero_grad()

    return step


@torch.inference_mode()
def _forward(network: nn.Module, image: Tensor) -> None:
    with autocast(_CPU):
        network(image)


def _cpu_seconds(action: Callable[[], object], repeats: int) -> float:
    """Median CPU time after one run that warms up."""
    action()
    times = []
    for _ in range(repeats):
        started = time.process_time()
        action()
        times.append(time.process_time() - started)
    return float(np.median(times))


if __name__ == "__main__":
    main()
