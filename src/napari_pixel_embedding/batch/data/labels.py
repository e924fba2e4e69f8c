"""The label image of a run: created empty, filled shard by shard, described last."""

from __future__ import annotations

import math
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_pixel_embedding.core.blockwise.block_plan import Block, block_at, block_counts
from napari_pixel_embedding.core.blockwise.block_plan import Layout as BlockLayout
from napari_pixel_embedding.core.exchange.ome_zarr import PyramidWriter, level_shapes
from napari_pixel_embedding.core.exchange.ome_zarr_reader import attributes_of

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from napari_pixel_embedding.core.boxes import Box
    from napari_pixel_embedding.core.exchange.ome_zarr import Version
    from napari_pixel_embedding.core.inference.layout import Layout

_CHUNKS = (512, 256, 128, 64)


@dataclass(frozen=True)
class LabelStore:
    """A label image in OME-Zarr of which each shard is written by one task.

    A shard is the core of one block: two tasks never write to the same file. The group's metadata
    are written last, so that nobody opens what is not finished.

    Parameters
    ----------
    folder : Path
    layout : Layout
        Axes of the image and of its frames.
    side : tuple of int
        Pixels of a block along ([Z,] Y, X).
    version : {"0.5", "0.4"}
    scale : tuple of float, optional
        Size of a pixel along ([Z,] Y, X) of the label image.
    units : str, optional
    channels : int
        0 for labels; components of an embedding.
    """

    folder: Path
    layout: Layout
    side: tuple[int, ...]
    version: Version = "0.5"
    scale: tuple[float, ...] | None = None
    units: str | None = None
    channels: int = 0

    @property
    def axes(self) -> str:
        """Axes as OME-Zarr orders them."""
        letters = self.layout.label_axes + ("C" if self.channels else "")
        return "".join(a.lower() for a in "TCZYX" if a in letters)

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of the finest level."""
        sizes = dict(zip(self.layout.axes.lower(), self.layout.shape, strict=True))
        sizes["c"] = self.channels
        return tuple(sizes[a] for a in self.axes)

    @property
    def levels(self) -> int:
        """Levels of the pyramid; an embedding has one."""
        return 1 if self.channels else len(level_shapes(self.shape))

    def create(self, dtype: Any) -> None:
        """Create all levels, empty; what was there of an earlier attempt stays."""
        writer = self._writer()
        for number, shape in enumerate(level_shapes(self.shape)[: self.levels]):
            path = self.folder / str(number)
            if not path.exists():
                chunks, shards = self._stored(shape)
                writer.create_level(path, shape, np.dtype(dtype), self.axes, chunks, shards)

    def finish(self, source: str | None = None) -> None:
        """Write what the group says: from now on it is an OME-Zarr."""
        if self.channels:
            self._writer().write_image_group(self.folder, self.axes, self.levels)
        else:
            self._writer().write_label_group(self.folder, self.axes, self.levels, source)

    def _writer(self) -> PyramidWriter:
        # the pixel size along the axes that labels have
        spatial = [a for a in self.axes if a in "zyx"]
        scale = self.scale if self.scale and len(self.scale) == len(spatial) else None
        return PyramidWriter.of(self.version, scale, self.units)

    def _stored(self, shape: Sequence[int]) -> tuple[tuple[int, ...], tuple[int, ...] | None]:
        """Return chunks and shards: a shard is the core of a block."""
        block = dict(zip(self.layout.spatial.lower(), self.side, strict=True))
        shards = tuple(block.get(a, self.channels if a == "c" else 1) for a in self.axes)
        chunks = tuple(_chunk(block[a]) if a in "yx" else 1 for a in self.axes)
        return chunks, shards if self.version == "0.5" else None

    # ------------------------------------------------------------------------- pixels

    def open(self, level: int = 0, mode: str = "r") -> Any:
        """Open the array of a level."""
        import zarr

        return zarr.open_array(self.folder / str(level), mode=mode)

    def write(self, frame: int, core: Box, values: NDArray[Any], level: int = 0) -> None:
        """Write a whole shard of a level, and wait until the disk has it.

        Parameters
        ----------
        frame : int
        core : tuple of slice
            Of a block of this level.
        values : array, shape ([C,] [Z,] Y, X)
        level : int
        """
        array = self.open(level, "r+")
        index = self._index(frame, core)
        array[index] = values.astype(array.dtype, copy=False)
        self._flush(array, level, index)

    def read(self, frame: int, box: Box, level: int = 0) -> NDArray[Any]:
        """Read a box of a frame."""
        return np.asarray(self.open(level)[self._index(frame, box)])

    def _index(self, frame: int, box: Box) -> tuple[Any, ...]:
        layout = self.layout
        place = layout.frame_place(frame) if layout.frame_axes else ()
        at: dict[str, Any] = dict(zip(layout.frame_axes.lower(), place, strict=True))
        at |= zip(layout.spatial.lower(), box, strict=True)
        return tuple(at.get(a, slice(None)) for a in self.axes)

    def _flush(self, array: Any, level: int, index: tuple[Any, ...]) -> None:
        """Wait until the disk has the files of a shard: a finished block is never lost."""
        sizes = array.shards or array.chunks
        spans = [
            (part if isinstance(part, slice) else slice(part, part + 1)).indices(n)
            for part, n in zip(index, array.shape, strict=True)
        ]
        ranges = [
            range(start // size, -(-stop // size))
            for (start, stop, _), size in zip(spans, sizes, strict=True)
        ]
        root = self.folder / str(level)
        root = root / "c" if self.version == "0.5" else root
        for key in np.ndindex(*(len(one) for one in ranges)):
            parts = [str(one[k]) for one, k in zip(ranges, key, strict=True)]
            path = root.joinpath(*parts)
            if path.is_file():  # an empty one is not stored
                handle = os.open(path, os.O_RDONLY)
                try:
                    os.fsync(handle)
                finally:
                    os.close(handle)

    # -------------------------------------------------------------------------- pyramid

    def block_count(self, level: int) -> int:
        """Return the number of shards of a level."""
        return math.prod(self._counts(level))

    def block_at(self, number: int, level: int) -> Block:
        """Return a shard of a level as a block without margins, by its number."""
        blocks = BlockLayout(self.side, 0, 0)
        return block_at(number, self._spatial(level), self.layout.frame_count, blocks)

    def _counts(self, level: int) -> tuple[int, ...]:
        return block_counts(self._spatial(level), self.layout.frame_count, self.side)

    def _spatial(self, level: int) -> tuple[int, ...]:
        shape = dict(zip(self.axes, level_shapes(self.shape)[level], strict=True))
        return tuple(shape[a] for a in self.layout.spatial.lower())

    def finer(self, core: Box, level: int) -> Box:
        """Return the box of the next finer level of which every second row makes a shard."""
        shape = self._spatial(level - 1)
        halves = (a in "yx" for a in self.layout.spatial.lower())
        return tuple(
            slice(2 * part.start, min(2 * part.stop, n)) if half else part
            for half, part, n in zip(halves, core, shape, strict=True)
        )


def list_labels(image: Path, name: str) -> None:
    """Add a label image to those that an OME-Zarr image lists."""
    import zarr

    whole = zarr.open_group(image, mode="r")
    modern = whole.metadata.zarr_format == 3
    group = zarr.open_group(image / "labels", mode="a", zarr_format=3 if modern else 2)
    listed = list(attributes_of(group).get("labels", ()))
    listed += [] if name in listed else [name]
    if modern:
        group.attrs["ome"] = {"version": "0.5", "labels": listed}
    else:
        group.attrs["labels"] = listed


def version_of(image: Path) -> Version:
    """Return the version of OME-Zarr in which an image is stored."""
    import zarr

    return "0.5" if zarr.open_group(image, mode="r").metadata.zarr_format == 3 else "0.4"


def _chunk(side: int) -> int:
    return next((n for n in _CHUNKS if side % n == 0), side)
