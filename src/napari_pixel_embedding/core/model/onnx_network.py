"""A network of another program, run by onnxruntime on the CPU as if it were one of ours."""

from __future__ import annotations

import hashlib
import importlib
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

from napari_pixel_embedding.core.io.files import read_whole
from napari_pixel_embedding.core.model.config import ModelFileError
from napari_pixel_embedding.core.model.declaration import MAX_NETWORK_BYTES, ForeignConfig
from napari_pixel_embedding.core.model.networks import NetworkOutput

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from numpy.typing import NDArray

_KNOWN = frozenset({"", "ai.onnx", "ai.onnx.ml"})
"""Domains of the standard's own operators."""
_SURE = 50.0
"""Logit of a pixel that is foreground beyond doubt."""
_BATCH_AND_CHANNEL = 2


class OnnxNetwork(nn.Module):
    """An ONNX network with the inputs and outputs that a declaration names.

    Parameters
    ----------
    content : bytes
        A checked ONNX file, see :func:`read_network`.
    config : ForeignConfig
        The declaration.
    """

    digest: torch.Tensor
    mean: torch.Tensor
    std: torch.Tensor

    def __init__(self, content: bytes, config: ForeignConfig) -> None:
        super().__init__()
        self.config = config
        self.session = _session(content, config.name)
        digest = np.frombuffer(hashlib.sha256(content).digest(), np.uint8)
        shape = (1, -1, *(1,) * config.ndim)
        self.register_buffer("digest", torch.from_numpy(digest.copy()))
        self.register_buffer("mean", torch.tensor(config.mean or (0.0,)).reshape(shape))
        self.register_buffer("std", torch.tensor(config.std or (1.0,)).reshape(shape))

    def __deepcopy__(self, memo: Any) -> OnnxNetwork:
        return self  # nothing in it changes

    def forward(self, image: torch.Tensor) -> NetworkOutput:
        """Map an image (B, C, [Z,] Y, X), sides multiples of its stride, to its outputs."""
        scaled = ((image.float() - self.mean) / self.std).cpu().numpy()
        maps = self._maps(scaled).to(image.device)
        known = self.config.distance
        distance = torch.zeros_like(maps[:, 0]) if known is None else maps[:, known]
        embedding = maps[:, list(self.config.embedding)]
        return NetworkOutput(embedding, self._foreground(maps), distance)

    def _foreground(self, maps: torch.Tensor) -> torch.Tensor:
        """Return the foreground as a logit."""
        config = self.config
        if config.foreground is None:
            return torch.full_like(maps[:, 0], _SURE)
        found = maps[:, config.foreground]
        return found if config.foreground_is == "logit" else torch.logit(found, eps=1e-6)

    def _maps(self, image: NDArray[np.float32]) -> torch.Tensor:
        """Return all outputs as the channels of one, with the image's pixels."""
        inputs = {self.session.get_inputs()[0].name: np.ascontiguousarray(image)}
        try:
            outputs = self.session.run(None, inputs)
        except Exception as error:  # onnxruntime has no common class of its own
            raise ModelFileError(
                f"{self.config.name} cannot be run on an input of shape {image.shape}: "
                f"{_first_line(error)} Check in_channels, axes and size_multiple of its "
                "declaration."
            ) from error
        found = (self._as_maps(output, image.shape) for output in outputs)
        maps = [one for one in found if one is not None]
        joined = torch.cat(maps, dim=1) if maps else torch.zeros(1, 0)
        if joined.shape[1] <= self.config.last_channel:
            raise ModelFileError(
                f"{self.config.name} gives {joined.shape[1]} channels, and its declaration names "
                f"channel {self.config.last_channel}: count them from 0 through all outputs."
            )
        return joined

    def _as_maps(self, output: Any, shape: tuple[int, ...]) -> torch.Tensor | None:
        """Return an output as (B, C, [Z,] Y, X) at the image's size; None where it is no map."""
        if not isinstance(output, np.ndarray) or output.dtype.kind not in "fiub":
            return None
        maps = torch.from_numpy(np.ascontiguousarray(output, np.float32))
        maps = maps[:, None] if maps.ndim == len(shape) - 1 else maps
        if maps.ndim != len(shape) or maps.shape[0] != shape[0]:
            return None
        if tuple(maps.shape[_BATCH_AND_CHANNEL:]) == shape[_BATCH_AND_CHANNEL:]:
            return maps
        mode = "bilinear" if maps.ndim == 4 else "trilinear"
        return F.interpolate(maps, shape[_BATCH_AND_CHANNEL:], mode=mode)


def read_network(path: Path, config: ForeignConfig) -> OnnxNetwork:
    """Check an ONNX file, and return its network.

    Raises
    ------
    ModelFileError
        When it is too large or damaged, reads other files, uses operators that are not of the
        standard, does not fit its declaration, or onnxruntime is missing.
    """
    content = _read(path)
    graph = _needed("onnx").ModelProto()
    try:
        graph.ParseFromString(content)
    except Exception as error:  # of protobuf, which the package does not name
        raise ModelFileError(f"{path.name} is damaged or no ONNX file. Copy it again.") from error
    _check_graph(path, graph)
    network = OnnxNetwork(content, config)
    _check_input(path, network)
    side = config.tile_side or config.size_multiple * max(1, -(-32 // config.size_multiple))
    network(torch.zeros(1, config.in_channels, *(side,) * config.ndim))
    return network.eval()


def _read(path: Path) -> bytes:
    try:
        return read_whole(path, MAX_NETWORK_BYTES)
    except ValueError as error:
        raise ModelFileError(f"{path.name} cannot be used: {error}") from error


def _needed(module: str) -> Any:
    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise ModelFileError(
            f"networks of other programs need the package {module}, found none: "
            "pip install 'napari-pixel-embedding[onnx]'"
        ) from error


def _check_graph(path: Path, model: Any) -> None:
    """Refuse what would read another file, or needs operators of a library."""
    own = {function.domain for function in model.functions}
    for message in _messages(model):
        kind = message.DESCRIPTOR.name
        if kind == "TensorProto" and (message.external_data or message.data_location):
            raise ModelFileError(
                f"{path.name} keeps weights in another file, which is not read: save the network "
                "as one ONNX file."
            )
        if kind == "NodeProto" and message.domain not in _KNOWN | own:
            raise ModelFileError(
                f"{path.name} uses the operator {message.domain}.{message.op_type}, which is not "
                "of the ONNX standard: libraries of operators are not loaded. Export it without."
            )


def _messages(message: Any) -> Iterator[Any]:
    """Yield a protobuf message and all messages within it."""
    waiting = [message]
    while waiting:
        one = waiting.pop()
        yield one
        for field, value in one.ListFields():
            if field.message_type is not None:
                waiting += [value] if hasattr(value, "ListFields") else list(value)


def _session(content: bytes, name: str) -> Any:
    runtime = _needed("onnxruntime")
    options = runtime.SessionOptions()
    options.intra_op_num_threads = torch.get_num_threads()
    options.log_severity_level = 4  # its errors are raised as well
    try:
        return runtime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # onnxruntime has no common class of its own
        raise ModelFileError(
            f"{name} cannot be run by onnxruntime: {_first_line(error)} Export it again, or update "
            "onnxruntime."
        ) from error


def _check_input(path: Path, network: OnnxNetwork) -> None:
    """Check that the network takes one image, as declared."""
    config, inputs = network.config, network.session.get_inputs()
    if len(inputs) != 1 or inputs[0].type != "tensor(float)":
        found = ", ".join(f"{one.name}: {one.type}" for one in inputs) or "none"
        raise ModelFileError(
            f"{path.name} must take one image of type float32, found {found}. Export it so."
        )
    shape = inputs[0].shape
    if len(shape) != config.ndim + _BATCH_AND_CHANNEL:
        raise ModelFileError(
            f"{path.name} takes inputs of {len(shape)} axes, and its declaration says axes "
            f"{config.axes}: expected batch, channel, {', '.join(config.axes)}."
        )
    if isinstance(shape[1], int) and shape[1] != config.in_channels:
        raise ModelFileError(
            f"{path.name} takes {shape[1]} channels, and its declaration says "
            f"in_channels = {config.in_channels}."
        )
    fixed = [n for n in shape[_BATCH_AND_CHANNEL:] if isinstance(n, int)]
    if any(n != config.tile_side for n in fixed) or shape[0] not in (1, *_free(shape[0])):
        raise ModelFileError(
            f"{path.name} takes inputs of one size only, {shape}: export it with free sizes. Where "
            "all sides are equal and the batch is 1, fixed_size = true and size_multiple = "
            f"{fixed[0] if fixed else 1} will do."
        )


def _free(size: Any) -> tuple[Any, ...]:
    """Return the size of an axis where it is free."""
    return () if isinstance(size, int) else (size,)


def _first_line(error: Exception) -> str:
    lines = str(error).strip().splitlines() or [type(error).__name__]
    return lines[0][:300].rstrip(".") + "."
