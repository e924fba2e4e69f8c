"""Measure the objects of a label image."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_pixel_embedding.core.io.units import usable_scale
from napari_pixel_embedding.core.label_frames import Frame, label_frames, like_frame
from napari_pixel_embedding.core.measurement.certainty import (
    Cut,
    certainty_columns,
    embedding_channels,
)
from napari_pixel_embedding.core.measurement.columns import (
    border_column,
    intensity_columns,
    shape_columns,
    size_columns,
    units_of,
)
from napari_pixel_embedding.core.measurement.frame_sums import Channel, FrameSums, frame_sums
from napari_pixel_embedding.core.measurement.properties import further_columns
from napari_pixel_embedding.core.measurement.table import Measurements, stacked
from napari_pixel_embedding.core.progress import share

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_pixel_embedding.core.clustering import ClusterIndex, ClusterParams
    from napari_pixel_embedding.core.clustering.params import LocalBandwidths
    from napari_pixel_embedding.core.embedding.embedding_map import EmbeddingMap
    from napari_pixel_embedding.core.progress import Progress


def measure_objects(
    labels: Any,
    images: Any = None,
    *,
    axes: str | None = None,
    spacing: Sequence[float] | None = None,
    units: str | None = None,
    embedding: EmbeddingMap | Sequence[EmbeddingMap] | None = None,
    index: ClusterIndex | Sequence[ClusterIndex] | None = None,
    params: ClusterParams | None = None,
    local: LocalBandwidths | Sequence[LocalBandwidths] = (),
    corrected: Any = None,
    shape: bool = True,
    properties: Sequence[str] = (),
    progress: Progress | None = None,
    slab_pixels: int | None = None,
) -> Measurements:
    """Measure every object: size, place, shape, intensity, embedding and certainty.

    Labels and images are read slab by slab, so that memory maps, zarr and dask arrays may be
    larger than memory. The table does not depend on the slabs, not even in its last digit.

    Parameters
    ----------
    labels : array_like, shape ([T,] [Z,] Y, X)
        Label image, 0 is background. An object may have several pieces.
    images : array_like or mapping of str to array_like, optional
        Images of the shape of the labels, by name: mean, min, max, std and sum are measured. One
        without a name is called ``intensity``. See :func:`~.channels.split_channels` for colours.
    axes : str, optional
        A letter out of ``TZYX`` for each axis of the labels; needed for three axes.
    spacing : sequence of float, optional
        Size of a pixel along ([Z,] Y, X).
    units : str, optional
        Unit of ``spacing``, such as ``"µm"``.
    embedding : EmbeddingMap or sequence of them, optional
        The map of the image, one for each frame: gives the mean vector and the mean foreground.
    index : ClusterIndex or sequence of them, optional
        The index that the labels were cut from: gives the bandwidths at which an object merges
        and splits, and its uncertainty. Needs ``embedding``; reads a whole frame at once.
    params : ClusterParams, optional
        Parameters of that cut. With these and no ``index``, one is built from the embedding.
    local : tuple of LocalBandwidth, or a sequence of such tuples
        Local bandwidths of that cut, for all frames or for each of them.
    corrected : array_like, optional
        Corrections of the shape of the labels, where −1 is not corrected; or a mask.
    shape : bool
        Whether axes, eccentricity, perimeter, solidity and extent are measured. In volumes,
        solidity is what takes longest.
    properties : sequence of str
        Further properties by their names in :func:`skimage.measure.regionprops`, such as
        ``"orientation"`` or ``"feret_diameter_max"``. Slow; reads a whole frame at once.
    progress : callable, optional
        Called with the finished fraction.
    slab_pixels : int, optional
        Pixels to read at once; by default some eight million.

    Returns
    -------
    Measurements
        A row for each object, sorted by frame and label. Areas, volumes, lengths and centroids
        are in ``units``, bounding boxes in pixels, the last exclusive. The centroid of pixel 0 is
        0. The perimeter is NaN where pixels are not square.

    Raises
    ------
    ValueError
        When arrays, axes, spacing or units do not fit together.

    Examples
    --------
    >>> table = measure_objects([[0, 3, 3], [0, 0, 3]], spacing=(0.5, 0.5), units="µm")
    >>> table["area"].tolist(), table.headings()["area"]
    ([0.75], 'area (µm²)')
    """
    frames = label_frames(labels, axes)
    scale, unit = _settled(frames[0].spatial_axes, spacing, units)
    maps = _each("embedding", embedding, frames)
    cuts = [Cut(params, one) for one in _local_of_frames(local, frames)]
    indices = _indices(_each("index", index, frames), maps, params)
    named = _named(images)
    tables = []
    for number, frame in enumerate(frames):
        channels = [Channel(n, like_frame(a, frame, f"the image {n!r}")) for n, a in named.items()]
        emap = maps[number] if maps else None
        channels += embedding_channels(emap, frame) if emap is not None else []
        found = frame_sums(
            frame,
            channels,
            None if corrected is None else like_frame(corrected, frame, "corrected"),
            shape=shape,
            progress=share(progress, number, len(frames)),
            slab_pixels=slab_pixels,
        )
        columns = _columns(found, frame, scale, channels)
        if indices and emap is not None:
            ids, cut = columns["label"], cuts[number]
            columns |= certainty_columns(ids, frame, emap, indices[number], cut)
        if properties:
            columns |= further_columns(frame, properties, scale)
        tables.append(_with_frame(columns, number if "T" in frame.axes else None))
    return stacked([Measurements(columns, units_of(columns, unit)) for columns in tables])


def _columns(
    found: FrameSums, frame: Frame, scale: Sequence[float], channels: Sequence[Channel]
) -> dict[str, NDArray[Any]]:
    sums, letters = found.sums, frame.spatial_axes
    columns = size_columns(sums, letters, scale)
    if found.runs:
        columns |= shape_columns(found, letters, scale)
    columns |= border_column(sums, letters, frame.shape)
    if "corrected" in sums.names():
        columns["corrected"] = sums.get("corrected") > 0
    return columns | intensity_columns(sums, channels)


def _with_frame(columns: dict[str, NDArray[Any]], time: int | None) -> dict[str, NDArray[Any]]:
    """Put the frame behind the label."""
    if time is None:
        return columns
    label = columns["label"]
    return {"label": label, "frame": np.full(label.size, time), **columns}


def _settled(
    axes: str, spacing: Sequence[float] | None, units: str | None
) -> tuple[tuple[float, ...], str]:
    """Return a size for each axis, and the unit of lengths: pixels where no size is known."""
    if spacing is None:
        return (1.0,) * len(axes), "px"
    sizes = tuple(float(size) for size in spacing)
    if len(sizes) != len(axes) or not all(np.isfinite(s) and s > 0 for s in sizes):
        raise ValueError(
            f"spacing must have a positive size for each of the axes {axes}, found {sizes}."
        )
    settled = usable_scale(axes, sizes, units)
    if settled.scale is None:
        raise ValueError(f"units must be a length such as µm or nm, found {units!r}.")
    return settled.scale, settled.units or ""


def _each(name: str, given: Any, frames: Sequence[Frame]) -> list[Any]:
    """Return one value for each frame; empty where none is given."""
    if given is None:
        return []
    values = list(given) if isinstance(given, Sequence) else [given]
    if len(values) != len(frames):
        raise ValueError(
            f"{name} must have one item for each of {len(frames)} frames, found {len(values)}."
        )
    return values


def _local_of_frames(
    local: LocalBandwidths | Sequence[LocalBandwidths], frames: Sequence[Frame]
) -> list[LocalBandwidths]:
    """Return the local bandwidths of each frame."""
    from napari_pixel_embedding.core.clustering.params import LocalBandwidth

    same = [one for one in local if isinstance(one, LocalBandwidth)]
    if same or not local:
        return [tuple(same)] * len(frames)
    return _each("local", local, frames)


def _indices(
    indices: list[ClusterIndex], maps: list[EmbeddingMap], params: ClusterParams | None
) -> list[ClusterIndex]:
    """Return an index for each frame: those given, or built where there are parameters."""
    if (indices or params is not None) and not maps:
        raise ValueError("index and params need embedding, the map that the labels were cut from.")
    if indices or params is None:
        return indices
    from napari_pixel_embedding.core.clustering import build_cluster_index

    return [build_cluster_index(emap) for emap in maps]


def _named(images: Any) -> dict[str, Any]:
    if images is None:
        return {}
    return dict(images) if isinstance(images, Mapping) else {"intensity": images}
