"""What a model file says about its model, read without loading torch or any weight.

A model file is a ``.safetensors`` file: the weights, and in its header the configuration as
JSON. Nothing in it is ever executed. Pickled files (``.pt``, ``.pth``) are refused.
"""

from __future__ import annotations

import json
import math
import struct
from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from napari_pixel_embedding.core.clustering.params import ClusterParams

if TYPE_CHECKING:
    import os
    from collections.abc import Mapping

    from napari_pixel_embedding.core.embedding.embedding_map import Space

FORMAT = "napari-pixel-embedding/1"
MAX_HEADER_BYTES = 2 * 2**20
MAX_FILE_BYTES = 4 * 2**30
_PICKLED = frozenset({".pt", ".pth", ".pkl"})
DEFAULT_MODEL = "nuclei-fluo"
"""The bundled model that is taken where none is named."""
_BUNDLED = Path(__file__).parents[2] / "models"

Frozen = Literal["nothing", "encoder", "backbone"]
"""Stages of a network that keep their weights."""


class ModelFileError(ValueError):
    """A model file is missing, damaged, or not one of ours; the message says what to do."""


@dataclass(frozen=True)
class ModelConfig:
    """Everything about a model that is not a weight.

    Parameters
    ----------
    name : str
        What the model is called.
    architecture : {"unet", "wnet"}
        Network to build.
    axes : {"YX", "ZYX"}
        Spatial axes it works on.
    in_channels, embedding_dim, base_width, depth : int
        Size of the network, see :class:`~.networks.EmbeddingUNet`.
    stem_stride : {1, 2}
        With 2 the network works at half resolution and gives its answers at full resolution:
        a third of the time, and small objects blur.
    coordinate_scale : float, optional
        When given, position divided by this many pixels is added to the first components of
        the embedding, so that the network only has to tell neighbours apart.
    space : {"euclidean", "cosine"}
        How its vectors are compared.
    delta_var, delta_dist : float
        Margins it was trained with, in embedding units.
    percentiles : (float, float)
        Intensities that are scaled to 0 and 1.
    cluster : dict
        Default cluster parameters, by field name of ``ClusterParams``.
    pixel_size : tuple of float, optional
        Size of a training pixel along each spatial axis, in micrometres.
    object_diameter : float, optional
        Median diameter of the training objects, in pixels as the network saw them.
    image_diameter : float, optional
        Diameter that objects have in images as they come, where the network is to see them at
        another size: images are resampled accordingly unless a user names another diameter.
    description, licence : str
        For people.
    provenance : dict
        Data, steps, scores, parent: whatever tells where the model comes from.
    """

    name: str = "untitled"
    architecture: Literal["unet", "wnet"] = "unet"
    axes: Literal["YX", "ZYX"] = "YX"
    in_channels: int = 1
    embedding_dim: int = 16
    base_width: int = 16
    depth: int = 4
    stem_stride: int = 1
    coordinate_scale: float | None = None
    space: Space = "euclidean"
    delta_var: float = 0.5
    delta_dist: float = 1.5
    percentiles: tuple[float, float] = (1.0, 99.8)
    cluster: dict[str, float] = field(default_factory=dict)
    pixel_size: tuple[float, ...] | None = None
    object_diameter: float | None = None
    image_diameter: float | None = None
    description: str = ""
    licence: str = ""
    provenance: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        _check_choice("architecture", self.architecture, ("unet", "wnet"))
        _check_choice("axes", self.axes, ("YX", "ZYX"))
        _check_choice("space", self.space, ("euclidean", "cosine"))
        for name, highest in _SIZE_LIMITS.items():
            _check_size(name, getattr(self, name), highest)
        if self.coordinate_scale is not None:
            _check_positive("coordinate_scale", self.coordinate_scale)
        low, high = self.percentiles
        if not 0 <= low < high <= 100:
            raise ValueError(f"percentiles must rise within 0 to 100, found {self.percentiles}.")
        if self.coordinate_scale is not None and self.embedding_dim < self.ndim:
            raise ValueError(
                f"coordinates of axes {self.axes} need an embedding_dim of at least {self.ndim}, "
                f"found {self.embedding_dim}."
            )
        for name in ("object_diameter", "image_diameter"):
            if getattr(self, name) is not None:
                _check_positive(name, getattr(self, name))
        if self.image_diameter is not None and self.object_diameter is None:
            raise ValueError(
                "a model with an image_diameter needs an object_diameter to resample images to, "
                f"found an image_diameter of {self.image_diameter} alone."
            )
        _check_positive("delta_var", self.delta_var)
        _check_positive("delta_dist", self.delta_dist)
        self.cluster_params()

    @property
    def ndim(self) -> int:
        """Number of spatial axes."""
        return 2 if self.axes == "YX" else 3

    @property
    def stride(self) -> int:
        """Sides of an image the network takes are multiples of this many pixels."""
        return int(self.stem_stride * 2**self.depth)

    def cluster_params(self) -> ClusterParams:
        """Cluster parameters to start from with this model."""
        return replace(ClusterParams.for_space(self.space, self.delta_var), **self.cluster)  # type: ignore[arg-type]

    def to_json(self) -> str:
        """Write the configuration as one JSON object."""
        return json.dumps(asdict(self), sort_keys=True)

    @classmethod
    def from_json(cls, text: str) -> ModelConfig:
        """Read back what :meth:`to_json` wrote; raises ValueError when it does not fit."""
        values = json.loads(text)
        if not isinstance(values, dict):
            raise ValueError(f"expected a JSON object, found {type(values).__name__}.")
        known = {f.name for f in fields(cls)}
        if unknown := sorted(set(values) - known):
            raise ValueError(f"unknown entries {unknown}; a newer version may have written them.")
        for name in ("percentiles", "pixel_size"):
            if values.get(name) is not None:
                values[name] = tuple(values[name])
        return cls(**values)


_SIZE_LIMITS = {
    "in_channels": 64,
    "embedding_dim": 128,
    "base_width": 256,
    "depth": 8,
    "stem_stride": 2,
}


def _check_choice(name: str, value: object, choices: tuple[str, ...]) -> None:
    if value not in choices:
        raise ValueError(f"{name} must be one of {', '.join(choices)}, found {value!r}.")


def _check_size(name: str, value: object, highest: int) -> None:
    if not isinstance(value, int) or not 1 <= value <= highest:
        raise ValueError(f"{name} must be a whole number from 1 to {highest}, found {value!r}.")


def _check_positive(name: str, value: object) -> None:
    if not isinstance(value, int | float) or not 0 < value < math.inf:
        raise ValueError(f"{name} must be a number above 0, found {value!r}.")


def list_models() -> list[str]:
    """Names of the bundled models, to be given to :func:`load_model`."""
    return sorted(path.stem for path in _BUNDLED.glob("*.safetensors"))


def read_config(path: str | os.PathLike[str]) -> ModelConfig:
    """Read a model file's configuration without touching its weights.

    Raises
    ------
    ModelFileError
        As :func:`load_model` does.
    """
    path = Path(path)
    metadata = _read_metadata(path)
    if metadata.get("format") != FORMAT:
        raise ModelFileError(
            f"{path.name} is a safetensors file, but not of this plugin: expected the format "
            f"{FORMAT!r}, found {metadata.get('format')!r}. Choose a model saved by this plugin."
        )
    try:
        return ModelConfig.from_json(metadata.get("config", ""))
    except (ValueError, TypeError, RecursionError) as error:
        raise ModelFileError(
            f"{path.name} has a configuration that cannot be read: {error}"
        ) from error


def find_model(name_or_path: str | os.PathLike[str]) -> Path:
    """Path of a bundled model, by name, or of a model file; raises ModelFileError."""
    if isinstance(name_or_path, str) and name_or_path in list_models():
        return _BUNDLED / f"{name_or_path}.safetensors"
    path = Path(name_or_path).expanduser()
    if not path.is_file():
        raise ModelFileError(
            f"there is no model {str(name_or_path)!r}: expected one of "
            f"{', '.join(list_models()) or 'no bundled models'}, or the path of a "
            ".safetensors file."
        )
    return path


def _read_metadata(path: Path) -> Mapping[str, str]:
    """Check size, kind and header of a file and return the header's metadata."""
    size = path.stat().st_size
    if size > MAX_FILE_BYTES:
        raise ModelFileError(f"{path.name} has {size} bytes; at most {MAX_FILE_BYTES} are read.")
    with path.open("rb") as file:
        start = file.read(8)
        length = struct.unpack("<Q", start)[0] if len(start) == 8 else 0
        if not 2 <= length <= min(MAX_HEADER_BYTES, size - 8) or path.suffix in _PICKLED:
            _refuse_programs(path, start)
            raise damaged(path, f"a header of {length} bytes in a file of {size}")
        text = file.read(length)
    try:
        header = json.loads(text)
        metadata = header.get("__metadata__", {})
    except (ValueError, AttributeError, RecursionError) as error:
        raise damaged(path, "a header that is not JSON") from error
    return metadata if isinstance(metadata, dict) else {}


def _refuse_programs(path: Path, start: bytes) -> None:
    if start.startswith((b"PK\x03\x04", b"\x80")) or path.suffix in _PICKLED:
        raise ModelFileError(
            f"{path.name} is a pickled file, which can run any program when it is opened: "
            "expected a .safetensors model saved by this plugin. Ask its author for the weights "
            "as .safetensors, or train the model anew."
        )


def damaged(path: Path, found: str) -> ModelFileError:
    """Error for a file that is not what its name says."""
    return ModelFileError(
        f"{path.name} is damaged or no model file: expected safetensors, found {found}. "
        "Download or copy it again."
    )
