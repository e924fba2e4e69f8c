"""The recipe of a segmentation: all that made a label image, as one checked value.

It is what labels layers and label files carry as metadata, and what a recipe file holds. (A recipe
of a *training* is another thing, see :mod:`~.training.recipe`.) Nothing in it is a program, and no
path in it but the model's is ever opened.
"""

from __future__ import annotations

import json
from dataclasses import field, replace
from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field, TypeAdapter
from pydantic.dataclasses import dataclass as checked_dataclass

from napari_pixel_embedding.core.clustering.params import ClusterParams, LocalBandwidth
from napari_pixel_embedding.core.model.config import Line
from napari_pixel_embedding.core.parameters import configuration, read_configuration

FORMAT = "napari-pixel-embedding segmentation recipe"
VERSION = 1
"""Version that this program writes; one that is newer is refused."""
MAX_BYTES = 2**20
"""Largest recipe, in bytes: those of thousands of single objects' bandwidths are smaller."""
KEY = "recipe"
"""Where the recipe is in a layer's entry of metadata, as :meth:`SegmentationRecipe.to_dict`."""
_LAYER_KEY = "napari-pixel-embedding"
"""Entry of a layer's metadata."""
MOST_RANGES = 1000
"""Frames whose intensities are listed at most."""

Fingerprint = Annotated[str, Field(pattern="^[0-9a-f]{16}$")]
"""Sixteen hexadecimal digits."""
BandwidthsByFrame = tuple[tuple[LocalBandwidth, ...], ...]
"""Local bandwidths of each frame."""
Method = Literal["mean_shift", "mutex"]
DiameterSource = Literal["model", "typed", "drawn", "measured", "automatic", "suggested"]
Stain = Literal["grey", "red", "green", "blue", "haematoxylin", "eosin", "DAB"]
_Count = Annotated[int, Field(ge=0, le=2**40)]
_Size = Annotated[float, Field(ge=-1e12, le=1e12)]
_Shape = Annotated[tuple[_Count, ...], Field(max_length=8)]


@configuration
class ModelReference:
    """Which model made the labels.

    Parameters
    ----------
    name : str
        Name of the model.
    source : str, optional
        Where it is loaded from: a bundled name, or the path of a ``.safetensors`` file, in a file
        relative to the recipe where it lies beside or below it. None for a model that was never
        saved.
    fingerprint : str
        From :func:`~.model_file.fingerprint`: a model with another one is another model.
    """

    name: Line
    source: Annotated[str, Field(max_length=4096)] | None
    fingerprint: Fingerprint


@configuration
class Region:
    """Part of a large image that the labels cover, see :class:`~.roi.ROI`."""

    level: Annotated[int, Field(ge=0, le=64)]
    start: _Shape
    shape: _Shape
    frame: _Count | None = None


@configuration
class ImageRecord:
    """What belongs to the one image that the labels were made from.

    Parameters
    ----------
    name : str
        Name of the image.
    shape : tuple of int
        Its shape.
    pixels : str, optional
        Hash of the pixels that the model saw, from :func:`pixels_key`; None of a large image.
    percentiles : (float, float)
        Percentiles of the intensities that became 0 and 1.
    intensities : tuple
        For each frame and channel, the intensities that became 0 and 1; for a large image one
        pair from samples of it. Empty where there are more than a thousand frames.
    local_bandwidths : tuple
        For each frame, the objects with a bandwidth of their own. They are applied to an image of
        the same pixels only.
    corrected : int
        Objects that were corrected by hand, which no recipe repeats.
    region : Region, optional
        Part of a large image.
    """

    name: Line = ""
    shape: _Shape = ()
    pixels: Fingerprint | None = None
    percentiles: tuple[float, float] = (0.0, 100.0)
    intensities: Annotated[
        tuple[tuple[tuple[float, float], ...], ...], Field(max_length=MOST_RANGES)
    ] = ()
    local_bandwidths: BandwidthsByFrame = ()
    corrected: _Count = 0
    region: Region | None = None


@configuration
class SegmentationRecipe:
    """All that made a label image: apply it with :func:`~.apply.apply_recipe`.

    Parameters
    ----------
    model : ModelReference
    axes : str
        Axes of the image, a letter out of ``TCZYX`` for each.
    channel : int or str, optional
        The one channel that was read.
    spacing : tuple of float, optional
        Size of a pixel along the model's spatial axes.
    diameter : float, optional
        Object diameter in pixels that the network was run with; None for the model's own.
    diameter_source : str
        Where that number comes from.
    augment : {1, 4, 8}
        Views averaged.
    tile : int, optional
        Largest side of a tile, in the network's pixels.
    device : str
        "auto", or the chosen one. Labels are the same, bit for bit, on one kind of device only.
    method : {"mean_shift", "mutex"}
    clustering : ClusterParams
    image : ImageRecord
        What belongs to that one image.
    versions : dict
        Versions of Python and of packages.
    format, version
        What tells a recipe from other files.

    Raises
    ------
    ValueError
        When a value is out of range.
    """

    model: ModelReference
    axes: Annotated[str, Field(pattern="^[TCZYX]{2,5}$")]
    clustering: ClusterParams
    method: Method = "mean_shift"
    channel: Annotated[int, Field(ge=0, le=10**6)] | Stain | None = None
    spacing: Annotated[tuple[_Size, ...] | None, Field(max_length=3)] = None
    diameter: Annotated[float | None, Field(ge=2, le=4000)] = None
    diameter_source: DiameterSource = "model"
    augment: Literal[1, 4, 8] = 1
    tile: Annotated[int | None, Field(ge=1, le=2**20)] = None
    device: Annotated[str, Field(pattern="^(auto|cpu|mps|cuda(:[0-9]{1,3})?)$")] = "auto"
    image: ImageRecord = field(default_factory=ImageRecord)
    versions: Annotated[
        dict[Annotated[str, Field(max_length=100)], Annotated[str, Field(max_length=100)]],
        Field(max_length=50),
    ] = field(default_factory=dict)
    format: Literal["napari-pixel-embedding segmentation recipe"] = (
        "napari-pixel-embedding segmentation recipe"
    )
    version: Annotated[int, Field(ge=1, le=VERSION)] = VERSION

    def to_json(self) -> str:
        """Return the recipe as JSON, which :func:`parse_recipe` reads."""
        return json.dumps(self.to_dict(), indent=2, ensure_ascii=False) + "\n"

    def to_dict(self) -> dict[str, Any]:
        """Return the recipe as JSON values, as it is kept in the metadata of a layer."""
        values: dict[str, Any] = _ADAPTER.dump_python(self, mode="json")
        return {name: values[name] for name in ("format", "version")} | values

    def changed(self, **changes: Any) -> SegmentationRecipe:
        """Return the recipe with other fields, which may be those of ``clustering`` too.

        Examples
        --------
        >>> recipe.changed(augment=4, bandwidth=0.8)  # doctest: +SKIP
        """
        known = ClusterParams.__dataclass_fields__
        cluster = {name: changes.pop(name) for name in [*changes] if name in known}
        return replace(self, clustering=replace(self.clustering, **cluster), **changes)


_ADAPTER = TypeAdapter(SegmentationRecipe)


@checked_dataclass(config=ConfigDict(extra="ignore"))
class _Heading:
    """What is looked at before all else: a newer version may have other entries."""

    format: Any = None
    version: Any = None


def parse_recipe(text: str | bytes) -> SegmentationRecipe:
    """Read a recipe from its text; a message about it has nothing of the text.

    Raises
    ------
    ValueError
        When it is no recipe of a segmentation, too large, of a newer version, or has an unknown
        entry or an invalid value.
    """
    if len(text) > MAX_BYTES:
        raise ValueError(f"expected at most {MAX_BYTES:,} bytes, found more.")
    try:
        heading = read_configuration(_Heading, text, echo=False)
    except ValueError as error:
        raise ValueError(f"expected the recipe of a segmentation. {error}") from None
    if heading.format != FORMAT:
        raise ValueError(f"expected the recipe of a segmentation, whose format is {FORMAT!r}.")
    version = heading.version
    if isinstance(version, int) and not isinstance(version, bool) and version > VERSION:
        raise ValueError(
            f"expected version {VERSION}, found version {min(version, 10**6)}: a newer program has "
            "written it. Update this one."
        )
    return read_configuration(SegmentationRecipe, text, echo=False)


def recipe_in(metadata: Any) -> SegmentationRecipe | None:
    """Return the recipe in a layer's metadata; None without a usable one, never an error."""
    try:
        return parse_recipe(json.dumps(metadata[_LAYER_KEY][KEY]))
    except (ValueError, TypeError, LookupError, RecursionError, AttributeError):
        return None
