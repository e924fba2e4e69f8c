"""Model configuration, and reading it from a model file without loading torch or weights.

A model file is a ``.safetensors`` file with the weights, and the configuration as JSON in its
header. Nothing in it is executed. Pickled files (``.pt``, ``.pth``) are refused.
"""

from __future__ import annotations

import json
import struct
from dataclasses import asdict, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import Field

from napari_pixel_embedding.core.clustering.params import ClusterParams
from napari_pixel_embedding.core.embedding.embedding_map import Space
from napari_pixel_embedding.core.io.files import open_regular
from napari_pixel_embedding.core.parameters import configuration, read_configuration

if TYPE_CHECKING:
    import os
    from collections.abc import Mapping

FORMAT = "napari-pixel-embedding/1"
MAX_HEADER_BYTES = 2 * 2**20
MAX_FILE_BYTES = 4 * 2**30
_PICKLED = frozenset({".pt", ".pth", ".pkl", ".ts", ".torchscript", ".ckpt"})
_PROGRAMS = frozenset({".py", ".ipynb"})
DEFAULT_MODEL = "nuclei-fluo"
"""Name of the default bundled model."""
_BUNDLED = Path(__file__).parents[2] / "models"

Frozen = Literal["nothing", "encoder", "backbone"]
"""Stages of a network whose weights are not trained."""
Scaling = tuple[float, float] | Literal["mean-std", "none"]
"""How intensities are scaled: two percentiles to 0 and 1, to mean 0 and deviation 1, or not."""
Line = Annotated[str, Field(max_length=1000)]
Text = Annotated[str, Field(max_length=100_000)]
_Diameter = Annotated[float | None, Field(ge=0.1, le=10_000)]
_Margin = Annotated[float, Field(ge=0.001, le=1000)]
_Percentile = Annotated[float, Field(ge=0, le=100)]
_PixelSize = Annotated[float, Field(ge=1e-6, le=1e6)]
MOST_ENLARGED = 32
"""Largest factor by which images are enlarged along Y and X (about 1000 times the pixels)."""
_MOST_STRETCHED = 1000
"""Largest ratio of plane spacing to pixel size, and of pixel size to plane spacing."""


class ModelFileError(ValueError):
    """A model file is missing, damaged, or not of this program; the message says what to do."""


@configuration
class ModelConfig:
    """Configuration of a model: everything but the weights.

    Parameters
    ----------
    name : str
        Name of the model.
    architecture : {"unet", "wnet"}
        Network to build.
    axes : {"YX", "ZYX"}
        Spatial axes it works on.
    in_channels, embedding_dim, base_width, depth : int
        Size of the network, see :class:`~.networks.EmbeddingUNet`.
    stem_stride : {1, 2}
        With 2 the network works at half resolution, with outputs at full resolution: a third of
        the time, but less detail for small objects.
    coordinate_scale : float, optional
        When given, position divided by this many pixels is added to the first components of
        the embedding, so that the network only has to separate neighbours.
    pull_window : float, optional
        Side in pixels of the windows within which the vectors of one object were held together in
        training; None where over the whole object. The vectors of what is longer drift along it,
        so its parts are compared where they touch. For filaments, chains and fibres.
    space : {"euclidean", "cosine"}
        Distance between embedding vectors.
    delta_var, delta_dist : float
        Margins of the loss (De Brabandere et al., CVPR workshops 2017), in embedding units.
    percentiles : (float, float)
        Percentiles of the intensities that are scaled to 0 and 1.
    cluster : dict
        Default cluster parameters, by field name of ``ClusterParams``.
    pixel_size : tuple of float, optional
        Size of a training pixel along each spatial axis, in micrometres.
    object_diameter : float, optional
        Median diameter of the training objects, in pixels as the network saw them.
    measures_diameter : bool
        Whether the diameter is measured on every image where none is named: for models of objects
        of any size.
    image_diameter : float, optional
        Default object diameter of input images, in their own pixels, where it differs from
        ``object_diameter``: images are resampled accordingly unless a diameter is given.
    description, licence : str
        Free text.
    provenance : dict
        Origin of the model: data, steps, scores, parent.
    """

    name: Line = "untitled"
    architecture: Literal["unet", "wnet"] = "unet"
    axes: Literal["YX", "ZYX"] = "YX"
    in_channels: Annotated[int, Field(ge=1, le=64)] = 1
    embedding_dim: Annotated[int, Field(ge=1, le=128)] = 16
    base_width: Annotated[int, Field(ge=1, le=256)] = 16
    depth: Annotated[int, Field(ge=1, le=8)] = 4
    stem_stride: Annotated[int, Field(ge=1, le=2)] = 1
    coordinate_scale: Annotated[float | None, Field(ge=0.01, le=10_000)] = None
    pull_window: Annotated[float | None, Field(ge=4, le=10_000)] = None
    space: Space = "euclidean"
    delta_var: _Margin = 0.5
    delta_dist: _Margin = 1.5
    percentiles: tuple[_Percentile, _Percentile] = (1.0, 99.8)
    cluster: dict[str, Any] = field(default_factory=dict)
    pixel_size: Annotated[tuple[_PixelSize, ...] | None, Field(min_length=2, max_length=3)] = None
    object_diameter: _Diameter = None
    image_diameter: _Diameter = None
    measures_diameter: bool = False
    description: Text = ""
    licence: Line = ""
    provenance: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        low, high = self.percentiles
        if low >= high:
            raise ValueError(f"percentiles must rise within 0 to 100, found {self.percentiles}.")
        if self.coordinate_scale is not None and self.embedding_dim < self.ndim:
            raise ValueError(
                f"coordinates of axes {self.axes} need an embedding_dim of at least {self.ndim}, "
                f"found {self.embedding_dim}."
            )
        self._check_scale()
        self.cluster_params()

    def _check_scale(self) -> None:
        """Reject sizes that would enlarge images beyond any memory."""
        seen, given, pixel = self.object_diameter, self.image_diameter, self.pixel_size
        if given is not None and seen is None:
            raise ValueError(
                "a model with an image_diameter needs an object_diameter to resample images to, "
                f"found an image_diameter of {given:g} alone."
            )
        if seen is not None and given is not None and seen > MOST_ENLARGED * given:
            raise ValueError(
                f"object_diameter must be at most {MOST_ENLARGED} times image_diameter, "
                f"found {seen:g} and {given:g}."
            )
        if pixel is not None and max(pixel) > _MOST_STRETCHED * min(pixel):
            raise ValueError(
                f"pixel_size must not differ by more than {_MOST_STRETCHED} times between axes, "
                f"found {pixel}."
            )

    @property
    def ndim(self) -> int:
        """Number of spatial axes."""
        return 2 if self.axes == "YX" else 3

    @property
    def drifts(self) -> bool:
        """Whether vectors drift along an object that is longer than a window."""
        return self.pull_window is not None

    @property
    def stride(self) -> int:
        """Total stride in pixels; the sides of network inputs are multiples of it."""
        return int(self.stem_stride * 2**self.depth)

    @property
    def scaling(self) -> Scaling:
        """How intensities are scaled before the network sees them."""
        return self.percentiles

    @property
    def has_distance(self) -> bool:
        """Whether there is a distance map."""
        return True

    @property
    def tile_side(self) -> int | None:
        """The one side that inputs may have; None where any multiple of the stride will do."""
        return None

    @property
    def untrainable(self) -> str:
        """Why it cannot be trained, in a sentence; empty if it can."""
        return ""

    def cluster_params(self) -> ClusterParams:
        """Return the default cluster parameters of this model."""
        return replace(ClusterParams.for_space(self.space, self.delta_var), **self.cluster)

    def to_json(self) -> str:
        """Return the configuration as one JSON object."""
        return json.dumps(asdict(self), sort_keys=True)

    @classmethod
    def from_json(cls, text: str) -> ModelConfig:
        """Parse the output of :meth:`to_json`; raises ValueError for invalid content."""
        return read_configuration(cls, text)


def list_models() -> list[str]:
    """Return the names of the bundled models, as :func:`load_model` takes them."""
    return sorted(path.stem for path in _BUNDLED.glob("*.safetensors"))


def read_config(path: str | os.PathLike[str]) -> ModelConfig:
    """Read a model file's configuration without loading its weights.

    Raises
    ------
    ModelFileError
        As :func:`load_model` does.
    """
    path = Path(path)
    metadata = _read_metadata(path)
    _check_format(path, metadata.get("format"))
    try:
        return ModelConfig.from_json(metadata.get("config", ""))
    except (ValueError, TypeError) as error:
        raise ModelFileError(
            f"{path.name} has a configuration that cannot be read: {error} It is damaged, or a "
            "newer version has written it."
        ) from error


def _check_format(path: Path, found: object) -> None:
    if found == FORMAT:
        return
    if str(found).startswith(FORMAT.partition("/")[0] + "/"):
        raise ModelFileError(
            f"{path.name} has the format {found!r} of a newer version of this plugin: expected "
            f"{FORMAT!r}. Update the plugin, or choose another model."
        )
    raise ModelFileError(
        f"{path.name} is a safetensors file, but not of this plugin: expected the format "
        f"{FORMAT!r}, found {found!r}. Choose a model saved by this plugin."
    )


def find_model(name_or_path: str | os.PathLike[str]) -> Path:
    """Return the path of a bundled model, by name, or of a model file; raises ModelFileError."""
    if isinstance(name_or_path, str) and name_or_path in list_models():
        return _BUNDLED / f"{name_or_path}.safetensors"
    path = Path(name_or_path).expanduser()
    if not path.is_file():
        raise ModelFileError(
            f"there is no model {str(name_or_path)!r}: expected one of "
            f"{', '.join(list_models()) or 'no bundled models'}, or the path of a .safetensors, "
            ".zip or .onnx file."
        )
    return path


def _read_metadata(path: Path) -> Mapping[str, str]:
    """Check size, type and header of a file and return the header's metadata."""
    size = path.stat().st_size
    if size > MAX_FILE_BYTES:
        raise ModelFileError(f"{path.name} has {size} bytes; at most {MAX_FILE_BYTES} are read.")
    with open_regular(path) as file:
        start = file.read(8)
        length = struct.unpack("<Q", start)[0] if len(start) == 8 else 0
        unsafe = path.suffix in _PICKLED | _PROGRAMS
        if unsafe or not 2 <= length <= min(MAX_HEADER_BYTES, size - 8):
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
    if path.suffix in _PROGRAMS:
        raise ModelFileError(
            f"{path.name} is a program, which would be run to build its network: expected a model "
            "file. Ask its author for the network as .onnx, and declare what its channels mean."
        )
    if start.startswith((b"PK\x03\x04", b"\x80")) or path.suffix in _PICKLED:
        raise ModelFileError(
            f"{path.name} is a pickled file, which can run any program when it is opened: "
            "expected a .safetensors model saved by this plugin. Ask its author for the weights "
            "as .safetensors, or for the network as .onnx, or train the model anew."
        )


def damaged(path: Path, found: str) -> ModelFileError:
    """Return the error for a file that is not a valid model file."""
    return ModelFileError(
        f"{path.name} is damaged or no model file: expected safetensors, found {found}. "
        "Download or copy it again."
    )
