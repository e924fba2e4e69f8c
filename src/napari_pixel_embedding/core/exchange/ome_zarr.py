"""Label images as OME-Zarr 0.5 or 0.4, alone or beside their image."""

from __future__ import annotations

import math
import shutil
import uuid
from contextlib import contextmanager
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from napari_pixel_embedding.core.exchange.extras import needed
from napari_pixel_embedding.core.progress import report

if TYPE_CHECKING:
    import os
    from collections.abc import Iterator, Mapping, Sequence

    from numpy.typing import NDArray

    from napari_pixel_embedding.core.label_frames import Frame
    from napari_pixel_embedding.core.progress import Progress

Version = Literal["0.5", "0.4"]
"""Version of OME-Zarr: 0.5 is stored as zarr 3, 0.4 as zarr 2."""

_CHUNK = 512
_SMALLEST = 256
"""Longest side of the coarsest level."""

_UNITS = {
    "nm": "nanometer",
    "µm": "micrometer",
    "mm": "millimeter",
    "cm": "centimeter",
    "m": "meter",
}
_MARKS = ("zarr.json", ".zgroup", ".zattrs", ".zarray")


def write_ome_zarr(
    path: str | os.PathLike[str],
    frames: Sequence[Frame],
    scale: Sequence[float] | None = None,
    units: str | None = None,
    *,
    channels: Mapping[str, Sequence[Frame]] | None = None,
    version: Version = "0.5",
    name: str = "objects",
    progress: Progress | None = None,
) -> None:
    """Write a label image as a pyramid, part by part.

    With an image, the group is that image and holds the labels as ``labels/NAME``; without one,
    the group is the label image itself.

    Parameters
    ----------
    path : path
        Folder to write; an existing OME-Zarr is replaced once the new one is complete.
    frames : sequence of Frame
        Frames of the label image.
    scale : sequence of float, optional
        Size of a pixel along ([Z,] Y, X).
    units : str, optional
        Unit of ``scale``, one of :data:`~.units.UNITS`.
    channels : mapping of str to sequence of Frame, optional
        Frames of each channel of the image, by its name.
    version : {"0.5", "0.4"}
    name : str
        Name of the labels beside an image.
    progress : callable, optional
        Called with the finished fraction.

    Raises
    ------
    ValueError
        When a file or another folder is in the way, or zarr or yaozarrs is not installed.
    """
    writer = PyramidWriter.of(version, scale, units)
    models = writer.models
    with _new_folder(Path(path)) as folder:
        if channels:
            writer.write_image(folder, list(channels.values()))
            writer.write_group(folder / "labels", models.LabelsGroup(labels=[name]))
        writer.write_labels(folder / "labels" / name if channels else folder, frames, progress)


class PyramidWriter:
    """Writes groups and pyramids of one version and pixel size.

    Parameters
    ----------
    models : module
        ``yaozarrs.v05`` or ``yaozarrs.v04``: what a group may say.
    version : {"0.5", "0.4"}
    scale : sequence of float, optional
        Size of a pixel along ([Z,] Y, X).
    units : str, optional
        Unit of ``scale``.
    """

    def __init__(
        self, models: Any, version: Version, scale: Sequence[float] | None, units: str | None
    ) -> None:
        self.models, self._version = models, version
        self._scale, self._units = scale, units

    @classmethod
    def of(
        cls, version: Version, scale: Sequence[float] | None, units: str | None
    ) -> PyramidWriter:
        """Make a writer; raises ValueError when zarr or yaozarrs is not installed."""
        needed("zarr", "OME-Zarr files")
        models = needed(f"yaozarrs.v0{version[-1]}", "OME-Zarr files")
        return cls(models, version, scale, units)

    def write_labels(
        self, folder: Path, frames: Sequence[Frame], progress: Progress | None
    ) -> None:
        """Write a label image, its pyramid and what the group says."""
        source = "../../" if folder.parent.name == "labels" else None
        self._write_pyramid(
            folder,
            [frames],
            _id_type(frames),
            self.models.LabelImage,
            self._image_label(source),
            progress,
        )

    def write_image(self, folder: Path, channels: Sequence[Sequence[Frame]]) -> None:
        """Write an image and its pyramid."""
        dtype = np.result_type(*[frames[0].array.dtype for frames in channels])
        self._write_pyramid(folder, channels, dtype, self.models.Image, {}, None)

    def write_group(self, folder: Path, model: Any) -> None:
        """Write what a group says; what is in the group stays."""
        import zarr

        found = model.model_dump(mode="json", exclude_none=True, by_alias=True)
        modern = self._version == "0.5"
        group = zarr.open_group(folder, mode="a", zarr_format=3 if modern else 2)
        group.attrs.update({"ome": found} if modern else found)

    def write_label_group(self, folder: Path, axes: str, levels: int, source: str | None) -> None:
        """Write what the group of a label image says, over levels that are there already.

        Parameters
        ----------
        folder : Path
        axes : str
            A letter for each axis, in lower case.
        levels : int
        source : str, optional
            Where the image is, relative to the group.
        """
        self._write_group_of(
            folder, self.models.LabelImage, axes, levels, self._image_label(source)
        )

    def write_image_group(self, folder: Path, axes: str, levels: int) -> None:
        """Write what the group of an image says, over levels that are there already."""
        self._write_group_of(folder, self.models.Image, axes, levels, {})

    def _write_group_of(
        self, folder: Path, kind: Any, axes: str, levels: int, extra: Mapping[str, Any]
    ) -> None:
        found = {"multiscales": [self._multiscale(axes, levels)], **extra}
        self.write_group(folder, kind.model_validate(found))

    def _image_label(self, source: str | None) -> dict[str, Any]:
        background = {"label-value": 0, "rgba": [0, 0, 0, 0]}  # validators want at least one color
        found: dict[str, Any] = {"version": self._version, "colors": [background]}
        return {"image-label": found | ({"source": {"image": source}} if source else {})}

    def _write_pyramid(
        self,
        folder: Path,
        channels: Sequence[Sequence[Frame]],
        dtype: np.dtype[Any],
        kind: Any,
        extra: Mapping[str, Any],
        progress: Progress | None,
    ) -> None:
        shape = _stored_shape(channels)
        axes = _stored_axes(channels)
        levels = level_shapes(shape)
        self._write_group_of(folder, kind, axes, len(levels), extra)
        finer = None
        for number, level in enumerate(levels):
            chunks = tuple(
                min(n, _CHUNK) if a in "yx" else 1 for a, n in zip(axes, level, strict=True)
            )
            array = self.create_level(folder / str(number), level, dtype, axes, chunks)
            if finer is None:
                _fill(array, channels, axes, progress)
            else:
                _halve(finer, array)
            finer = array

    def create_level(
        self,
        path: Path,
        shape: tuple[int, ...],
        dtype: np.dtype[Any],
        axes: str,
        chunks: tuple[int, ...],
        shards: tuple[int, ...] | None = None,
    ) -> Any:
        """Create the empty array of a level; version 0.4 has no shards."""
        import zarr

        if self._version == "0.5":
            return zarr.create_array(
                path,
                shape=shape,
                dtype=dtype,
                chunks=chunks,
                shards=shards,
                dimension_names=list(axes),
            )
        return zarr.create_array(
            path,
            shape=shape,
            dtype=dtype,
            chunks=chunks,
            zarr_format=2,
            chunk_key_encoding={"name": "v2", "separator": "/"},
        )

    def _multiscale(self, axes: str, levels: int) -> dict[str, Any]:
        spatial = [letter for letter in axes if letter in "zyx"]
        size = dict(zip(spatial, self._scale or [1.0] * len(spatial), strict=True))
        multiscale = {
            "axes": [self._axis(letter) for letter in axes],
            "datasets": [
                {
                    "path": str(k),
                    "coordinateTransformations": [
                        {
                            "type": "scale",
                            "scale": [size.get(a, 1.0) * (2**k if a in "yx" else 1) for a in axes],
                        }
                    ],
                }
                for k in range(levels)
            ],
        }
        return multiscale | ({"version": "0.4"} if self._version == "0.4" else {})

    def _axis(self, letter: str) -> dict[str, str]:
        kind = {"t": "time", "c": "channel"}.get(letter, "space")
        unit = _UNITS.get(self._units or "") if kind == "space" and self._scale else None
        return {"name": letter, "type": kind} | ({"unit": unit} if unit else {})


def _stored_axes(channels: Sequence[Sequence[Frame]]) -> str:
    """Return the axes in the order of OME-Zarr, with c only where there are several channels."""
    frame = channels[0][0]
    time = "t" if "T" in frame.axes else ""
    return time + ("c" if len(channels) > 1 else "") + frame.spatial_axes.lower()


def _stored_shape(channels: Sequence[Sequence[Frame]]) -> tuple[int, ...]:
    frames = channels[0]
    time = (len(frames),) if "T" in frames[0].axes else ()
    return (*time, *((len(channels),) if len(channels) > 1 else ()), *frames[0].shape)


def level_shapes(shape: tuple[int, ...]) -> list[tuple[int, ...]]:
    """Return the shapes of a pyramid's levels (…, Y, X): each half of the finer one."""
    shapes = [shape]
    while max(shapes[-1][-2:]) > _SMALLEST:
        *others, rows, columns = shapes[-1]
        shapes.append((*others, -(-rows // 2), -(-columns // 2)))
    return shapes


def _id_type(frames: Sequence[Frame]) -> np.dtype[Any]:
    """Return the smallest unsigned type from uint16 on that holds all ids."""
    top = max(int(frame.read(box).max()) for frame in frames for box in frame.slabs())
    return np.dtype(np.uint16 if top < 2**16 else np.uint32 if top < 2**32 else np.uint64)


def _fill(
    array: Any, channels: Sequence[Sequence[Frame]], axes: str, progress: Progress | None
) -> None:
    """Write the finest level, some rows of a plane at a time."""
    frame = channels[0][0]
    *planes, rows, _ = frame.shape
    counts = (len(channels), len(channels[0]), planes[0] if planes else 1)
    total = math.prod(counts)
    for done, (channel, time, z) in enumerate(product(*map(range, counts))):
        index = {"t": time, "c": channel, "z": z}
        for y in range(0, rows, _CHUNK):
            part = slice(y, min(y + _CHUNK, rows))
            box = (*((slice(z, z + 1),) if planes else ()), part, slice(None))
            values = channels[channel][time].read(box)
            target = tuple(index[a] for a in axes if a in index)
            array[(*target, part, slice(None))] = values[0] if planes else values
        report(progress, (done + 1) / total)


def _halve(finer: Any, coarser: Any) -> None:
    """Take every second row and column: ids are never mixed."""
    *others, rows, _ = coarser.shape
    for index in np.ndindex(*others):
        for y in range(0, rows, _CHUNK):
            part = finer[(*index, slice(2 * y, 2 * (y + _CHUNK)), slice(None))]
            halved: NDArray[Any] = np.asarray(part)[::2, ::2]
            coarser[(*index, slice(y, min(y + _CHUNK, rows)), slice(None))] = halved


@contextmanager
def _new_folder(path: Path) -> Iterator[Path]:
    """Make a folder that takes the place of ``path`` only if no error occurs."""
    if path.exists() and not any((path / mark).exists() for mark in _MARKS):
        raise ValueError(
            f"Expected no file or an OME-Zarr folder to replace, found {path}. "
            "Choose another name, ending in .ome.zarr."
        )
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.parent / f".{uuid.uuid4().hex}.tmp"
    old = temporary.with_suffix(".old")
    try:
        yield temporary
        if path.exists():
            path.rename(old)
        temporary.rename(path)
    finally:
        if old.exists() and not path.exists():
            old.rename(path)
        shutil.rmtree(temporary, ignore_errors=True)
        shutil.rmtree(old, ignore_errors=True)
