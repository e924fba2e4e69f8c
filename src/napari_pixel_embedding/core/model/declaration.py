"""Networks of other programs as ONNX files, and the declaration of what their channels mean.

The declaration is a TOML file beside the network, ``NAME.toml`` beside ``NAME.onnx``::

    axes = "YX"
    in_channels = 1
    embedding = "0-7"
    foreground = 8
    foreground_is = "logit"
    space = "euclidean"
    bandwidth = 1.5
    normalisation = "percentiles"
    size_multiple = 16

Importing this loads neither torch nor onnxruntime.
"""

from __future__ import annotations

import re
import tomllib
from dataclasses import asdict, fields
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import Field

from napari_pixel_embedding.core.io.files import open_atomically, read_whole
from napari_pixel_embedding.core.model.config import ModelConfig, ModelFileError, Scaling
from napari_pixel_embedding.core.parameters import configuration

if TYPE_CHECKING:
    import os

SUFFIX = ".onnx"
MAX_NETWORK_BYTES = 2**30
"""Largest ONNX file that is read."""
_MAX_DECLARATION_BYTES = 2**20
_LARGEST_CHANNEL = 4095
_Channel = Annotated[int, Field(ge=0, le=_LARGEST_CHANNEL)]
_Number = Annotated[float, Field(ge=-1e6, le=1e6)]
_OWN = ("architecture", "embedding_dim", "base_width", "depth", "stem_stride", "provenance")
"""Fields of a configuration that a declaration does not have."""


@configuration
class ForeignConfig(ModelConfig):
    """Configuration of a network of another program: its declaration.

    Parameters
    ----------
    embedding : tuple of int
        The channels that are the vector, counted from 0 through all outputs of the network.
    foreground, distance : int, optional
        The channels of the foreground and of the distance to the border, 0 to 1. Without a
        foreground every pixel belongs to some object.
    foreground_is : {"probability", "logit"}
        How the foreground is written.
    normalisation : {"percentiles", "mean-std", "none"}
        How each channel of an image is scaled first: ``percentiles`` to 0 and 1, to mean 0 and
        standard deviation 1, or not.
    mean, std : tuple of float
        Fixed numbers, one a channel, that are subtracted and divided by after that.
    size_multiple : int
        The sides of inputs must be multiples of it.
    fixed_size : bool
        Whether all sides of inputs must be just that long. Tiles then do not overlap.
    """

    embedding: Annotated[tuple[_Channel, ...], Field(min_length=1)] = (0,)
    embedding_dim: Annotated[int, Field(ge=1, le=_LARGEST_CHANNEL + 1)] = 1
    foreground: _Channel | None = None
    foreground_is: Literal["probability", "logit"] = "probability"
    distance: _Channel | None = None
    normalisation: Literal["percentiles", "mean-std", "none"] = "percentiles"
    mean: tuple[_Number, ...] = ()
    std: tuple[_Number, ...] = ()
    size_multiple: Annotated[int, Field(ge=1, le=4096)] = 16
    fixed_size: bool = False

    def __post_init__(self) -> None:
        super().__post_init__()
        used = [*self.embedding, *(n for n in (self.foreground, self.distance) if n is not None)]
        if len(set(used)) != len(used):
            raise ValueError(
                "embedding, foreground and distance must be different channels, found "
                f"{', '.join(map(str, used))}."
            )
        if self.embedding_dim != len(self.embedding):
            raise ValueError(
                "embedding_dim must be the number of channels of embedding, "
                f"{len(self.embedding)}, found {self.embedding_dim}."
            )
        for name, values in (("mean", self.mean), ("std", self.std)):
            if values and len(values) != self.in_channels:
                raise ValueError(
                    f"{name} must have a number for each of {self.in_channels} input channels, "
                    f"found {len(values)}."
                )
        if any(value <= 0 for value in self.std):
            raise ValueError(f"std must be above 0, found {self.std}.")

    @property
    def stride(self) -> int:
        """Sides of inputs are multiples of it."""
        return self.size_multiple

    @property
    def scaling(self) -> Scaling:
        """How intensities are scaled before the network sees them."""
        return self.percentiles if self.normalisation == "percentiles" else self.normalisation

    @property
    def has_distance(self) -> bool:
        """Whether there is a distance map."""
        return self.distance is not None

    @property
    def tile_side(self) -> int | None:
        """The one side that inputs may have."""
        return self.size_multiple if self.fixed_size else None

    @property
    def untrainable(self) -> str:
        """Why it cannot be trained."""
        return (
            f"{self.name} is a network of another program, which is run as it is: choose a model "
            "of this program to fine-tune."
        )

    @property
    def last_channel(self) -> int:
        """The largest channel that is used of the outputs."""
        return max((*self.embedding, self.foreground or 0, self.distance or 0))


def declare(values: dict[str, Any], name: str) -> ForeignConfig:
    """Return the configuration that a declaration describes.

    Parameters
    ----------
    values : dict
        Fields of :class:`ForeignConfig`. ``embedding`` may be text such as ``"0-7, 9"``, and
        ``bandwidth`` stands for the default bandwidth; without ``delta_var`` the Euclidean one is
        half of it.
    name : str
        Name of the model, unless there is one among the values.

    Raises
    ------
    ValueError
        Says which entry is wrong, and what was expected.

    Examples
    --------
    >>> declare({"embedding": "0-2", "foreground": 3}, "net").embedding
    (0, 1, 2)
    """
    given = {"name": name, **values}
    unfit = [key for key in given if key in _OWN]
    if unfit or "embedding" not in given:
        raise ValueError(
            f"there is no entry {unfit[0]!r} in a declaration."
            if unfit
            else 'embedding is missing: expected the channels of the vector, such as "0-7".'
        )
    embedding = _channels(given["embedding"])
    bandwidth = given.pop("bandwidth", None)
    if bandwidth is not None:
        given["cluster"] = {**given.get("cluster", {}), "bandwidth": bandwidth}
        if given.get("space", "euclidean") == "euclidean" and isinstance(bandwidth, float | int):
            given.setdefault("delta_var", bandwidth / 2)
    for key in ("percentiles", "mean", "std", "pixel_size"):
        if isinstance(given.get(key), list):
            given[key] = tuple(given[key])
    numbers = {key: float(value) for key, value in given.items() if _is_whole(key, value)}
    return ForeignConfig(
        **{**given, **numbers, "embedding": embedding, "embedding_dim": len(embedding) or 1}
    )


_FLOATS = ("delta_var", "delta_dist", "object_diameter", "image_diameter", "coordinate_scale")


def _is_whole(key: str, value: Any) -> bool:
    """Whether a number of a float's entry is written without a point, as TOML allows."""
    return key in _FLOATS and isinstance(value, int) and not isinstance(value, bool)


def _channels(written: Any) -> tuple[int, ...]:
    """Read channels such as ``[0, 1]`` or ``"0-7, 9"``."""
    if isinstance(written, int) and not isinstance(written, bool):
        return (written,)
    if not isinstance(written, str):
        return tuple(written) if isinstance(written, list | tuple) else (written,)
    found: list[int] = []
    for part in written.replace("–", "-").split(","):
        ends = re.fullmatch(r"\s*(\d{1,4})\s*(?:-\s*(\d{1,4})\s*)?", part)
        if ends is None:
            raise ValueError(
                f'embedding must be channels such as "0-7" or "0, 2, 5", found {written!r}.'
            )
        first = int(ends[1])
        found += range(first, int(ends[2] or first) + 1)
    return tuple(found)


def read_declaration(path: str | os.PathLike[str], name: str) -> ForeignConfig:
    """Read a declaration from a TOML file; raises ModelFileError where it cannot be used."""
    path = Path(path)
    try:
        content = read_whole(path, _MAX_DECLARATION_BYTES)
        return declare(tomllib.loads(content.decode("utf-8")), name)
    except OSError as error:
        raise ModelFileError(f"{path.name} cannot be read: {error.strerror or error}.") from error
    except (ValueError, TypeError) as error:
        raise ModelFileError(f"{path.name} is no valid declaration: {error}") from error


def declared_config(
    network: str | os.PathLike[str], declaration: str | os.PathLike[str] | None = None
) -> ForeignConfig:
    """Return the configuration of an ONNX file, from the declaration beside it or another.

    Raises
    ------
    ModelFileError
        When there is no declaration, or it cannot be used.
    """
    path = Path(network)
    beside = path.with_suffix(".toml") if declaration is None else Path(declaration)
    if not beside.is_file():
        raise ModelFileError(
            f"{path.name} does not say what its channels mean: expected a declaration in "
            f"{beside.name} beside it, with the channels of embedding and foreground."
        )
    if path.stat().st_size > MAX_NETWORK_BYTES:
        raise ModelFileError(
            f"{path.name} has {path.stat().st_size} bytes; at most {MAX_NETWORK_BYTES} are read."
        )
    return read_declaration(beside, path.stem)


def write_declaration(config: ForeignConfig, path: str | os.PathLike[str]) -> None:
    """Write a declaration as TOML; what has its default is left out."""
    import tomli_w

    usual = {field.name: field.default for field in fields(ForeignConfig)}
    kept = {
        key: value
        for key, value in asdict(config).items()
        if key not in _OWN and value not in (None, (), {}, usual[key])
    }
    kept["embedding"] = list(config.embedding)
    with open_atomically(path) as file:
        tomli_w.dump(kept, file)
