"""A model's network as ONNX: one output with embedding, foreground probability and distance."""

from __future__ import annotations

import contextlib
import io
import logging
import warnings
from typing import TYPE_CHECKING, Any

import torch
from torch import nn

from napari_pixel_embedding.core.exchange.extras import needed
from napari_pixel_embedding.core.model.networks import for_inference

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from napari_pixel_embedding.core.model.config import ModelConfig
    from napari_pixel_embedding.core.model.model_file import EmbeddingModel

OPSET = 18


class JoinedOutputs(nn.Module):
    """A network with its outputs as the channels of one: (B, E + 2, [Z,] Y, X).

    The first E channels are the embedding, the next two the foreground probability and the
    distance, from 0 to 1.
    """

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        """Run the network on a normalised image (B, C, [Z,] Y, X)."""
        output = self.network(image)
        foreground, distance = output.foreground.sigmoid(), output.distance.clamp(0, 1)
        return torch.cat([output.embedding, foreground[:, None], distance[:, None]], dim=1)


def joined_outputs(model: EmbeddingModel) -> JoinedOutputs:
    """Return a model's network for inference on the CPU, with its outputs joined."""
    network = for_inference(model.network, torch.device("cpu"))
    plain = network.to(memory_format=torch.contiguous_format)  # type: ignore[call-overload]
    return JoinedOutputs(plain).eval()


def write_onnx(model: EmbeddingModel, path: Path) -> None:
    """Write a model's network as one ONNX file that takes images of any size.

    Sides are multiples of the network's stride, at least two of them.

    Raises
    ------
    ValueError
        When the packages of the extra ``bioimageio`` are missing.
    """
    needed("onnxscript", "ONNX files", "bioimageio")
    config = model.config
    image = torch.zeros(1, config.in_channels, *(3 * config.stride,) * config.ndim)
    with _quiet():
        program: Any = torch.onnx.export(
            joined_outputs(model),
            (image,),
            dynamo=True,
            opset_version=OPSET,
            input_names=["image"],
            output_names=["maps"],
            dynamic_shapes={"image": _free_sides(config)},
            verbose=False,
        )
        program.save(str(path), external_data=False)


def _free_sides(config: ModelConfig) -> dict[int, Any]:
    """Return the dimensions that are free: the batch, and multiples of the stride."""
    dim = torch.export.Dim
    sides = {2 + n: config.stride * dim(f"side_{n}", min=2) for n in range(config.ndim)}
    return {0: dim("batch"), **sides}


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Keep the exporter's remarks about itself from the user."""
    logger = logging.getLogger("torch.onnx")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.setLevel(level)
