"""What is measured, and the table that comes of it: pure functions for a worker."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_pixel_embedding.core.measurement.table import Measurements

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from napari_pixel_embedding.core.clustering import ClusterIndex, ClusterParams
    from napari_pixel_embedding.core.embedding.embedding_map import EmbeddingMap
    from napari_pixel_embedding.core.progress import Progress
    from napari_pixel_embedding.session.state.history import BandwidthsByFrame
    from napari_pixel_embedding.session.state.session import Session

_FRAME_NAMES = {"T": "frame", "Z": "plane"}
"""Column of the index along each axis whose pixels are measured one by one."""


@dataclass(frozen=True)
class Columns:
    """Groups of columns; label, place and size are always there.

    Parameters
    ----------
    shape : bool
        Axes, eccentricity, perimeter, solidity and extent.
    embedding : bool
        The mean vector.
    certainty : bool
        Mean foreground, merge and split bandwidth, uncertainty.
    """

    shape: bool = True
    embedding: bool = False
    certainty: bool = True


@dataclass(frozen=True, eq=False)
class Origin:
    """What only a result of ours knows of its objects; of the frames that are measured.

    Parameters
    ----------
    maps, indices : tuple
        One of each for every frame.
    params : ClusterParams, optional
    local : tuple of tuple of LocalBandwidth
        For every frame.
    corrections : array of int32, optional
        Of the labels' shape.
    """

    maps: tuple[EmbeddingMap, ...]
    indices: tuple[ClusterIndex, ...] = ()
    params: ClusterParams | None = None
    local: BandwidthsByFrame = ()
    corrections: NDArray[Any] | None = None

    @classmethod
    def of(cls, session: Session) -> Origin:
        """Return that of a session's labels; mutex watershed knows no bandwidths of objects."""
        cut = session.method == "mean_shift"
        return cls(
            session.embedding_maps,
            session.cluster_indices if cut else (),
            session.cluster_params if cut else None,
            session.local_bandwidths if cut else (),
            session.corrections,
        )


@dataclass(frozen=True, eq=False)
class MeasureRequest:
    """Labels to measure, and what to measure of them.

    Parameters
    ----------
    labels : array_like, shape ([T,] [Z,] Y, X)
        Label image; T also stands for planes that are measured one by one.
    axes : str
        A letter for each of its axes.
    layer : str
        Name of the layer.
    spacing : tuple of float, optional
        Size of a pixel along ([Z,] Y, X).
    units : str, optional
        Unit of ``spacing``.
    images : mapping of str to array_like
        Images of the labels' shape, by the names in the table.
    columns : Columns
    origin : Origin, optional
        None for labels that are no result of ours.
    frame_axes : str
        The axes that T stands for, out of ``TZ``.
    frame_shape : tuple of int
        Pixels along them.
    first_frame : int
        Number of the first frame.
    start : tuple of int
        Index ([z,] y, x) of the first pixel in the image, where the labels cover a part of it.
    live : bool
        Whether these are the session's labels, which can be corrected.
    """

    labels: Any
    axes: str
    layer: str
    spacing: tuple[float, ...] | None = None
    units: str | None = None
    images: dict[str, Any] = field(default_factory=dict)
    columns: Columns = field(default_factory=Columns)
    origin: Origin | None = None
    frame_axes: str = ""
    frame_shape: tuple[int, ...] = ()
    first_frame: int = 0
    start: tuple[int, ...] = ()
    live: bool = False


@dataclass(frozen=True, eq=False)
class ObjectTable:
    """A row for each object of a labels layer.

    Parameters
    ----------
    request : MeasureRequest
        What was measured.
    measurements : Measurements
    ids, frames : array of int, shape (N,)
        The object of each row; all frames are 0 where the labels have none.
    boxes : array of int, shape (N, 2, D)
        First pixel, and one past the last, along ([Z,] Y, X) of the labels.
    """

    request: MeasureRequest
    measurements: Measurements
    ids: NDArray[np.int64]
    frames: NDArray[np.int64]
    boxes: NDArray[np.int64]

    def __len__(self) -> int:
        """Return the number of objects."""
        return len(self.ids)

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the columns."""
        return tuple(self.measurements.columns)

    def values(self, name: str) -> NDArray[np.float64]:
        """Return a column as numbers; no and yes are 0 and 1."""
        return np.asarray(self.measurements[name], np.float64)

    def row_of(self, frame: int, id: int) -> int | None:
        """Return the row of an object; None if it is not in the table."""
        found = np.flatnonzero((self.frames == frame) & (self.ids == id))
        return int(found[0]) if found.size else None

    def rows_of(self, keys: Sequence[tuple[int, int]]) -> NDArray[np.intp]:
        """Return the rows of those objects, frame and id, that are in the table; ascending."""
        rows = {key: row for row, key in enumerate(self.keys(slice(None)))}
        found = [rows[key] for key in keys if key in rows]
        return np.array(sorted(found), np.intp)

    def keys(self, rows: Any) -> list[tuple[int, int]]:
        """Return frame and id of rows."""
        return list(zip(self.frames[rows].tolist(), self.ids[rows].tolist(), strict=True))


def measure(request: MeasureRequest, progress: Progress | None = None) -> ObjectTable:
    """Measure what is requested.

    Raises
    ------
    ValueError
        When labels, images, spacing and units do not fit together.
    """
    from napari_pixel_embedding.core.measurement.measure import measure_objects

    origin, known = request.origin, dict[str, Any]()
    if origin is not None:
        known["corrected"] = origin.corrections
        if request.columns.embedding or request.columns.certainty:
            known["embedding"] = origin.maps
        if request.columns.certainty:
            known |= {"index": origin.indices or None, "params": origin.params}
            known["local"] = origin.local
    found = measure_objects(
        request.labels,
        {name: _sliced(image) for name, image in request.images.items()},
        axes=request.axes,
        spacing=request.spacing,
        units=request.units,
        shape=request.columns.shape,
        progress=progress,
        **known,
    )
    return _as_table(request, found)


def _sliced(image: Any) -> Any:
    """Return an image that can be read in parts; what can only be read whole is read."""
    return image if hasattr(image, "__getitem__") else np.asarray(image)


def _as_table(request: MeasureRequest, found: Measurements) -> ObjectTable:
    columns = dict(found.columns)
    letters = request.axes.replace("T", "").lower()
    ends = [[columns[f"bbox_{a}_{end}"] for a in letters] for end in ("min", "max")]
    boxes = np.moveaxis(np.array(ends, np.int64), 2, 0)
    frames = np.asarray(columns.pop("frame", np.zeros(len(found))), np.int64)
    _move_to_image(columns, letters, request)
    columns = _without(columns, request.columns)
    label = columns.pop("label")
    named = {"label": label, **_frame_columns(request, frames), **columns}
    return ObjectTable(request, Measurements(named, found.units), label, frames, boxes)


def _frame_columns(request: MeasureRequest, frames: NDArray[np.int64]) -> dict[str, Any]:
    """Return the index along each axis that is measured one by one, such as frame and plane."""
    if not request.frame_axes:
        return {}
    places = np.unravel_index(frames + request.first_frame, request.frame_shape)
    names = (_FRAME_NAMES[letter] for letter in request.frame_axes)
    return dict(zip(names, places, strict=True))


def _move_to_image(columns: dict[str, Any], letters: str, request: MeasureRequest) -> None:
    """Count places from the image's first pixel, not from the first one that was segmented."""
    if not any(request.start):
        return
    sizes = request.spacing or (1.0,) * len(letters)
    for letter, start, size in zip(letters, request.start, sizes, strict=True):
        columns[f"centroid_{letter}"] = columns[f"centroid_{letter}"] + start * size
        for end in ("min", "max"):
            columns[f"bbox_{letter}_{end}"] = columns[f"bbox_{letter}_{end}"] + start


def _without(columns: dict[str, Any], wanted: Columns) -> dict[str, Any]:
    """Leave out what came along with another group."""
    if not wanted.embedding:
        columns = {n: c for n, c in columns.items() if not n.startswith("embedding_")}
    return columns if wanted.certainty else {n: c for n, c in columns.items() if n != "foreground"}


def picture_of(labels: Any, axes: str, keys: Sequence[tuple[int, int]]) -> NDArray[np.uint8]:
    """Return a picture of some objects: 2 at their outermost pixels, 1 inside, 0 elsewhere.

    Parameters
    ----------
    labels : array_like, shape ([T,] [Z,] Y, X)
    axes : str
    keys : sequence of (int, int)
        Frame and id of each.
    """
    from napari_pixel_embedding.core.exchange.contours import contours
    from napari_pixel_embedding.core.label_regions import contains

    picture = np.zeros(tuple(labels.shape), np.uint8)
    for frame in {frame for frame, _ in keys}:
        at: Any = frame if "T" in axes else ...
        if "T" in axes and frame >= len(labels):
            continue
        part = np.asarray(labels[at])
        ids = np.array([id for f, id in keys if f == frame], np.int64)
        inside = contains(part, ids).astype(np.uint8)
        picture[at] = inside + (inside & (contours(part) > 0))
    return picture
