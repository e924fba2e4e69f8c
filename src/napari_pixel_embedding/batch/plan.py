"""Planning: which images, which blocks, how much memory, and whether a run may go on."""

from __future__ import annotations

import json
import math
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_pixel_embedding.batch.data.data_set import DataSetImage, list_data_set
from napari_pixel_embedding.batch.data.fingerprints import files_fingerprint, pixels_fingerprint
from napari_pixel_embedding.batch.data.images import ImageOnDisk, open_image
from napari_pixel_embedding.batch.data.labels import LabelStore, version_of
from napari_pixel_embedding.batch.request import NAME, BatchRequest
from napari_pixel_embedding.batch.stages.segment import ClusterRecipe
from napari_pixel_embedding.core.blockwise.block_plan import (
    Block,
    block_at,
    block_counts,
    plan_layout,
)
from napari_pixel_embedding.core.blockwise.block_plan import Layout as BlockLayout
from napari_pixel_embedding.core.blockwise.intensity import intensity_ranges
from napari_pixel_embedding.core.blockwise.large_image import LargeImage
from napari_pixel_embedding.core.blockwise.roi import count_pixels, margin, pixel_bytes
from napari_pixel_embedding.core.exchange.ome_zarr_reader import is_zarr
from napari_pixel_embedding.core.inference.axes import image_layout
from napari_pixel_embedding.core.inference.layout import ArrangedImage, Layout
from napari_pixel_embedding.core.inference.object_scale import image_diameter
from napari_pixel_embedding.core.io.files import open_atomically, read_whole
from napari_pixel_embedding.core.recipe.apply import axes_for
from napari_pixel_embedding.core.recipe.record import installed_versions, intensities_of
from napari_pixel_embedding.core.runs.folder import WORK

if TYPE_CHECKING:
    from collections.abc import Sequence

    from napari_pixel_embedding.core.model.config import ModelConfig
    from napari_pixel_embedding.core.recipe.apply import FoundModel

_FILE = "plan.json"
_MOST_BYTES = 2**28
_LARGEST = 4096
"""Side of a block: what neighbours share is then a tenth of the work. Nobody waits for one."""


@dataclass(frozen=True)
class ImagePlan:
    """How one image of a data set is segmented.

    Parameters
    ----------
    name, path : str
        Of the image.
    output : str
        Label image to write.
    files : str
        From :func:`files_fingerprint`.
    side : tuple of int
        Pixels of a block along ([Z,] Y, X); empty for an image that is segmented as a whole.
    reach, margin : int
        As in :class:`~.block_plan.Layout`.
    axes : str
        Axes of the image as stored.
    shape : tuple of int
    pixels : str
        From :func:`pixels_fingerprint`.
    ranges : tuple
        Intensities of each channel that become 0 and 1.
    spacing : tuple of float, optional
        Size of a pixel along the model's axes.
    scale : tuple of float, optional
        Size of a pixel along ([Z,] Y, X) of the file, in ``units``.
    units : str, optional
    notes : tuple of str
    """

    name: str
    path: str
    output: str
    files: str = ""
    side: tuple[int, ...] = ()
    reach: int = 0
    margin: int = 0
    axes: str = ""
    shape: tuple[int, ...] = ()
    pixels: str = ""
    ranges: tuple[tuple[float, float], ...] = ()
    spacing: tuple[float, ...] | None = None
    scale: tuple[float, ...] | None = None
    units: str | None = None
    notes: tuple[str, ...] = ()

    @property
    def is_whole(self) -> bool:
        """Whether it is segmented as a whole."""
        return not self.side

    @property
    def block_layout(self) -> BlockLayout:
        """Size and margins of its blocks."""
        return BlockLayout(self.side, self.reach, self.margin)

    def layout(self, config: ModelConfig, channel: Any) -> Layout:
        """Return how the model reads it."""
        return image_layout(self.shape, self.axes, config, channel)


@dataclass(frozen=True)
class RunPlan:
    """All images of a run, and what must not change while it goes on.

    Parameters
    ----------
    images : tuple of ImagePlan
    model : str
        Fingerprint of the model.
    versions : mapping of str to str
        Of the packages that compute labels.
    """

    images: tuple[ImagePlan, ...]
    model: str
    versions: dict[str, str] = field(default_factory=dict)

    def save(self, folder: Path) -> None:
        """Write the plan to a run's folder."""
        with open_atomically(folder / WORK / _FILE) as file:
            file.write(json.dumps(asdict(self)).encode())


def read_plan(folder: Path) -> RunPlan | None:
    """Read the plan of a run's folder; None where there is none yet.

    Raises ValueError when it cannot be used.
    """
    path = folder / WORK / _FILE
    try:
        found = json.loads(read_whole(path, _MOST_BYTES))
        images = tuple(ImagePlan(**_tuples(one)) for one in found["images"])
        return RunPlan(images, str(found["model"]), dict(found["versions"]))
    except FileNotFoundError:
        return None
    except (ValueError, TypeError, LookupError) as error:
        raise ValueError(f"{path} cannot be used ({error}): run into another folder.") from error


def _tuples(values: dict[str, Any]) -> dict[str, Any]:
    return {k: _tuple(v) if isinstance(v, list) else v for k, v in values.items()}


def _tuple(values: Any) -> Any:
    return tuple(_tuple(v) for v in values) if isinstance(values, list) else values


# ------------------------------------------------------------------------------------ making


def plan_run(request: BatchRequest, folder: Path, found: FoundModel, memory: int) -> RunPlan:
    """Plan a run: look at every image, choose blocks for those that do not fit into memory.

    Parameters
    ----------
    request : BatchRequest
    folder : Path
        The run's folder.
    found : FoundModel
        The recipe's model.
    memory : int
        Bytes that one worker may use.
    """
    listed = list_data_set(Path(request.data), recursive=request.recursive)
    images = tuple(_plan_image(one, request, folder, found, memory) for one in listed)
    return RunPlan(images, found.reference.fingerprint, installed_versions())


def _plan_image(
    listed: DataSetImage, request: BatchRequest, folder: Path, found: FoundModel, memory: int
) -> ImagePlan:
    whole = ImagePlan(
        listed.name,
        str(listed.path),
        str(_output(listed, request, folder, whole=True)),
        files_fingerprint(listed.path),
    )
    try:
        image = open_image(listed.path, request.level)
    except (ValueError, OSError):
        return whole  # its turn says why
    try:
        return _blockwise(whole, listed, image, request, folder, found, memory)
    except ValueError:
        if request.block is not None:
            raise
        return whole
    finally:
        image.close()


def _blockwise(
    whole: ImagePlan,
    listed: DataSetImage,
    image: ImageOnDisk,
    request: BatchRequest,
    folder: Path,
    found: FoundModel,
    memory: int,
) -> ImagePlan:
    recipe = request.recipe
    model, axes = found.for_image(image.data.shape, axes_for(recipe, image.data.ndim, image.axes))
    config = model.config
    layout = image_layout(image.data.shape, axes, config, recipe.channel)
    spacing = recipe.spacing or spacing_of(image.size.scale, layout)
    per_pixel = pixel_bytes(config, recipe.diameter, spacing)
    pixels = count_pixels(layout.read_axes, layout.read_shape)
    if request.block is None and pixels * per_pixel <= memory:
        return replace(whole, axes=layout.axes, shape=layout.shape)
    blocks = choose_blocks(config, layout, request, memory // per_pixel)
    arranged = ArrangedImage(image.data, layout)
    ranges = intensity_ranges(config, arranged, layout.read_axes)
    size = image.size
    return ImagePlan(
        whole.name,
        whole.path,
        str(_output(listed, request, folder, whole=False)),
        whole.files,
        blocks.side,
        blocks.reach,
        blocks.margin,
        layout.axes,
        layout.shape,
        pixels_fingerprint(image),
        intensities_of(ranges)[0],
        spacing,
        size.scale,
        size.units,
        tuple(size.notes),
    )


def spacing_of(scale: Sequence[float] | None, layout: Layout) -> tuple[float, ...] | None:
    """Return the pixel size along the model's axes."""
    count = len(layout.spatial)
    return tuple(scale[-count:]) if scale and len(scale) >= count else None


def choose_blocks(
    config: ModelConfig, layout: Layout, request: BatchRequest, most: int
) -> BlockLayout:
    """Choose the size of blocks and of what neighbours share.

    Parameters
    ----------
    most : int
        Pixels of a block, margins included, that fit into a worker's memory.
    """
    diameter = image_diameter(config, request.recipe.diameter) or 4.0 * config.stride
    context = margin(config, request.recipe.diameter)
    blocks = plan_layout(config.ndim, config.stride, diameter, context, most, _LARGEST)
    reach = blocks.reach if request.halo is None else _multiple(request.halo, config.stride)
    side = blocks.side
    if request.block is not None:
        side = (*side[:-2], request.block, request.block)
    return BlockLayout(side, reach, context)


def _multiple(value: int, of: int) -> int:
    return -(-value // of) * of


def _output(listed: DataSetImage, request: BatchRequest, folder: Path, *, whole: bool) -> Path:
    if is_zarr(listed.path):
        if request.beside:
            return listed.path / "labels" / NAME
        return folder / f"{listed.name}_labels.ome.zarr"
    return folder / f"{listed.name}_labels{'.tif' if whole else '.ome.zarr'}"


# ------------------------------------------------------------------------------------- using


@dataclass(frozen=True, eq=False)
class OpenedPlan:
    """An image of a plan, opened, and what its stages need.

    Parameters
    ----------
    plan : ImagePlan
    image : LargeImage
    layout : Layout
    config : ModelConfig
    on_disk : ImageOnDisk
        Where the pixels come from.
    """

    plan: ImagePlan
    image: LargeImage
    layout: Layout
    config: ModelConfig
    on_disk: ImageOnDisk

    def close(self) -> None:
        """Close the image's file."""
        self.on_disk.close()

    @property
    def counts(self) -> tuple[int, ...]:
        """Blocks along T and ([Z,] Y, X)."""
        return block_counts(self.layout.spatial_shape, self.layout.frame_count, self.plan.side)

    def block(self, number: int) -> Block:
        """Return a block by its number in raster order."""
        layout = self.layout
        return block_at(number, layout.spatial_shape, layout.frame_count, self.plan.block_layout)


def open_plan(plan: ImagePlan, request: BatchRequest, found: FoundModel) -> OpenedPlan:
    """Open an image of a plan."""
    image = open_image(Path(plan.path), request.level)
    model, _ = found.for_image(plan.shape, plan.axes)
    layout = plan.layout(model.config, request.recipe.channel)
    large = LargeImage(
        ArrangedImage(image.data, layout), layout.read_axes, np.array(plan.ranges), plan.spacing
    )
    return OpenedPlan(plan, large, layout, model.config, image)


def label_store(plan: ImagePlan, layout: Layout, request: BatchRequest) -> LabelStore:
    """Return where the labels of an image go."""
    version = version_of(Path(plan.path)) if request.beside else request.version
    return LabelStore(Path(plan.output), layout, plan.side, version, plan.scale, plan.units)


def cluster_recipe(plan: ImagePlan, request: BatchRequest) -> tuple[ClusterRecipe, tuple[str, ...]]:
    """Return how embeddings become labels; single bandwidths count for the recipe's own image.

    That is the one of the same shape in which the same intensities were measured.
    """
    recipe = request.recipe
    local = recipe.image.local_bandwidths
    count = sum(map(len, local))
    own = recipe.image.shape == plan.shape and recipe.image.intensities == (plan.ranges,)
    if not count or own:
        return ClusterRecipe(recipe.clustering, recipe.method, local), ()
    what = "1 object has" if count == 1 else f"{count} objects have"
    note = f"In the recipe {what} a bandwidth of its own: left out, for this is another image."
    return ClusterRecipe(recipe.clustering, recipe.method), (note,)


def total_blocks(plan: RunPlan) -> int:
    """Count the blocks of all images; one that is segmented as a whole counts as one."""
    return sum(1 if one.is_whole else math.prod(_counts(one)) for one in plan.images)


def frame_count(plan: ImagePlan) -> int:
    """Return the number of frames of an image in blocks."""
    return _counts(plan)[0]


def _counts(plan: ImagePlan) -> tuple[int, ...]:
    layout = Layout(plan.axes, plan.shape, "ZYX"[-len(plan.side) :])
    return block_counts(layout.spatial_shape, layout.frame_count, plan.side)
