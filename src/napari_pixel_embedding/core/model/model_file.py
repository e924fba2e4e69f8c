"""Loading and saving models: a network with its configuration, in one file.

See :mod:`~.model.config` for the format. Loading builds a registered network by name and copies
checked weights into it.
"""

from __future__ import annotations

import copy
import hashlib
import tempfile
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from torch import nn

from napari_pixel_embedding.core.io.files import open_atomically, open_regular
from napari_pixel_embedding.core.io.leftovers import PREFIX
from napari_pixel_embedding.core.model.checksums import SHA256
from napari_pixel_embedding.core.model.config import (
    FORMAT,
    ModelConfig,
    ModelFileError,
    damaged,
    find_model,
    read_config,
)
from napari_pixel_embedding.core.model.declaration import SUFFIX as ONNX
from napari_pixel_embedding.core.model.declaration import declared_config
from napari_pixel_embedding.core.model.networks import build_network
from napari_pixel_embedding.core.model.package import is_package, unpack_model

if TYPE_CHECKING:
    import os

    from napari_pixel_embedding.core.model.declaration import ForeignConfig


@dataclass(frozen=True, eq=False)
class EmbeddingModel:
    """A network with its configuration, as loaded from or saved to one file."""

    network: nn.Module
    config: ModelConfig

    @property
    def name(self) -> str:
        """Name of the model."""
        return self.config.name

    @classmethod
    def untrained(cls, config: ModelConfig, seed: int = 0) -> EmbeddingModel:
        """Return a model with random weights that depend on ``seed`` alone."""
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            network = build_network(config)
        return cls(network.eval(), config)


def same_model(a: EmbeddingModel, b: EmbeddingModel) -> bool:
    """Whether two models have the same configuration and weights."""
    if a is b:
        return True
    if a.config != b.config:
        return False
    pairs = zip(a.network.state_dict().values(), b.network.state_dict().values(), strict=True)
    return all(torch.equal(x.cpu(), y.cpu()) for x, y in pairs)


def fingerprint(model: EmbeddingModel) -> str:
    """Return sixteen hexadecimal digits that tell models apart: of configuration and weights.

    The same before and after saving, unless the file is in half precision.
    """
    digest = hashlib.sha256(model.config.to_json().encode())
    for name, weight in sorted(model.network.state_dict().items()):
        digest.update(name.encode())
        digest.update(weight.detach().cpu().contiguous().numpy().tobytes())
    return digest.hexdigest()[:16]


def model_path(path: str | os.PathLike[str]) -> Path:
    """Return the path with the suffix ``.safetensors`` added if missing; ValueError for another."""
    path = Path(path)
    if path.suffix == "":
        path = path.with_suffix(".safetensors")
    if path.suffix != ".safetensors":
        raise ValueError(
            f"a model is saved as .safetensors, found the suffix {path.suffix!r}: "
            f"name it {path.stem}.safetensors."
        )
    return path


def save_model(model: EmbeddingModel, path: str | os.PathLike[str], *, half: bool = False) -> Path:
    """Write a model to ``path``, a ``.safetensors`` file; atomically.

    Parameters
    ----------
    model : EmbeddingModel
        The model.
    path : path
        Where to write it; the suffix is added when it has none.
    half : bool
        Whether the kernels of convolutions are rounded to half precision, for a file of half the
        size. Scores hardly change, but training does not go on from quite the same weights.

    Returns
    -------
    Path
        Where the model was written: ``path``, with the suffix added when it had none.

    Raises
    ------
    ValueError
        When ``path`` has another suffix, or the model has no weights of its own.
    """
    from safetensors.torch import save

    if model.config.untrainable:
        raise ValueError(f"{model.name} cannot be saved. {model.config.untrainable}")
    path = model_path(path)
    tensors = {k: v.detach().cpu().contiguous() for k, v in model.network.state_dict().items()}
    if half:
        tensors = {name: _rounded(tensor) for name, tensor in tensors.items()}
    content = save(tensors, {"format": FORMAT, "config": model.config.to_json()})
    with open_atomically(path) as file:
        file.write(content)
    return path


def _rounded(tensor: torch.Tensor) -> torch.Tensor:
    """Round a kernel to half precision; statistics, biases and what would overflow stay."""
    if tensor.ndim < 2 or not tensor.is_floating_point():
        return tensor
    rounded = tensor.half()
    return rounded if bool(torch.isfinite(rounded).all()) else tensor


def load_model(
    name_or_path: str | os.PathLike[str],
    device: str | torch.device = "cpu",
    *,
    declaration: str | os.PathLike[str] | None = None,
) -> EmbeddingModel:
    """Load a bundled model by name, or a model file by path.

    Parameters
    ----------
    name_or_path : str or path
        One of :func:`list_models`, or the path of a ``.safetensors`` file, of a BioImage.IO
        package (``.zip``) that holds one, or of a network of another program (``.onnx``).
    device : str
        Device of the weights.
    declaration : path, optional
        What the channels of an ONNX network mean, see :mod:`~.model.declaration`; by default
        ``NAME.toml`` beside it.

    Returns
    -------
    EmbeddingModel
        In evaluation mode.

    Raises
    ------
    ModelFileError
        When there is no such model, or the file is damaged, pickled or not a model of this program.

    Examples
    --------
    >>> from napari_pixel_embedding import load_model
    >>> load_model("nuclei-fluo").config.space
    'euclidean'
    """
    path = find_model(name_or_path)
    if path.suffix == ONNX:
        foreign = declared_config(path, declaration)
        return EmbeddingModel(_foreign_network(path, foreign), foreign)
    if is_package(path):
        with tempfile.TemporaryDirectory(prefix=PREFIX) as folder:
            packed = load_model(unpack_model(path, folder), device)
            return EmbeddingModel(copy.deepcopy(packed.network), packed.config)  # off the file
    if isinstance(name_or_path, str) and name_or_path in SHA256:
        _check_bundled(name_or_path, path)
    config = read_config(path)
    return EmbeddingModel(_fill(config, path).to(device).eval(), config)


@cache
def _check_bundled(name: str, path: Path) -> None:
    """Refuse a bundled model's file that is not the one which came with the program."""
    with open_regular(path) as file:
        digest = hashlib.sha256(file.read()).hexdigest()
    if digest != SHA256[name]:
        raise ModelFileError(
            f"the bundled model {name!r} is not the one that came with the program: its file "
            f"{path} was changed or is damaged. Install napari-pixel-embedding again."
        )


def _foreign_network(path: Path, config: ForeignConfig) -> nn.Module:
    from napari_pixel_embedding.core.model.onnx_network import read_network

    return read_network(path, config)


def _full(stored: torch.dtype) -> torch.dtype:
    """Return the precision that a stored one is loaded in."""
    return torch.float32 if stored == torch.float16 else stored


def _fill(config: ModelConfig, path: Path) -> nn.Module:
    """Build the configured network and load the file's weights, after checking all of them."""
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        stored = load_file(path)
    except (SafetensorError, OSError) as error:
        raise damaged(path, str(error)) from error
    with torch.device("meta"):  # shapes without memory, however large the file claims to be
        network = build_network(config)
    expected = {k: (tuple(v.shape), v.dtype) for k, v in network.state_dict().items()}
    found = {k: (tuple(v.shape), _full(v.dtype)) for k, v in stored.items()}
    if expected != found:
        wrong = sorted(k for k in expected.keys() | found.keys() if expected.get(k) != found.get(k))
        raise damaged(path, f"weights that do not fit its architecture, first {wrong[0]!r}")
    tensors = {k: v.to(_full(v.dtype)) for k, v in stored.items()}
    if not all(bool(torch.isfinite(tensor).all()) for tensor in tensors.values()):
        raise damaged(path, "weights that are not finite")
    network.load_state_dict(tensors, assign=True)
    return network
