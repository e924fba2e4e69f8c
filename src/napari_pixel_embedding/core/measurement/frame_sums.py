"""One pass over a frame: the sums of its objects, and the runs that their hulls need."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_pixel_embedding.core.measurement.runs import Runs, find_runs
from napari_pixel_embedding.core.measurement.sums import ObjectSums
from napari_pixel_embedding.core.progress import report

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from napari_pixel_embedding.core.boxes import Box
    from napari_pixel_embedding.core.label_frames import Frame
    from napari_pixel_embedding.core.progress import Progress


@dataclass(frozen=True, eq=False)
class Channel:
    """Values to add up over each object.

    Parameters
    ----------
    name : str
        Name in the table.
    frame : Frame
        The values, of the shape of the labels.
    full : bool
        Whether minimum, maximum and deviation are wanted too, not only the mean.
    """

    name: str
    frame: Frame
    full: bool = True


@dataclass(frozen=True, eq=False)
class FrameSums:
    """Sums of the objects of a frame.

    Parameters
    ----------
    sums : ObjectSums
    runs : tuple of arrays, shape (R,)
        Row number, z, y, start and stop of every run, sorted by row number of the table; empty
        where they are not needed.
    """

    sums: ObjectSums
    runs: tuple[NDArray[np.int64], ...] = ()


def frame_sums(
    labels: Frame,
    channels: Sequence[Channel] = (),
    corrected: Frame | None = None,
    *,
    shape: bool = True,
    progress: Progress | None = None,
    slab_pixels: int | None = None,
) -> FrameSums:
    """Read a frame once, slab by slab, and add up what is measured of its objects.

    Parameters
    ----------
    labels : Frame
        Label image.
    channels : sequence of Channel
        Images.
    corrected : Frame, optional
        Corrections of the frame.
    shape : bool
        Whether perimeters and runs are wanted.
    progress : callable, optional
        Called with the finished fraction.
    slab_pixels : int, optional
        Pixels to read at once.
    """
    sums, kept = ObjectSums(), []
    pixels, done = int(np.prod(labels.shape)), 0
    for box in labels.slabs(slab_pixels) if slab_pixels else labels.slabs():
        part, kinds = _read(labels, box, shape)
        runs = find_runs(part, box)
        rank = sums.add_runs(runs)
        inside = part != 0
        if kinds is not None:
            _add_kinds(sums, runs, rank, kinds[inside])
        if corrected is not None:
            _add_corrected(sums, runs, rank, corrected.read(box)[inside])
        for channel in channels:
            values = channel.frame.read(box)[inside]
            sums.add_intensity(channel.name, rank, runs, values, channel.full)
        if shape:
            kept.append(np.stack([rank, runs.z, runs.y, runs.start, runs.stop]))
        done += part.size
        report(progress, done / pixels)
    return FrameSums(sums, _sorted_runs(sums, kept) if shape else ())


def _read(
    labels: Frame, box: Box, shape: bool
) -> tuple[NDArray[np.integer[Any]], NDArray[np.uint8] | None]:
    """Return the labels of a slab and, in 2-D, what its pixels add to perimeters."""
    from napari_pixel_embedding.core.measurement.shape import HALO, perimeter_kinds

    if not shape or len(box) == 3:
        return labels.read(box), None
    rows = box[0]
    above, below = max(rows.start - HALO, 0), min(rows.stop + HALO, labels.shape[0])
    around = labels.read((slice(above, below), box[1]))
    inner = slice(rows.start - above, rows.stop - above)
    return around[inner], perimeter_kinds(around)[inner]


def _add_kinds(
    sums: ObjectSums, runs: Runs, rank: NDArray[np.int64], kinds: NDArray[np.uint8]
) -> None:
    from napari_pixel_embedding.core.measurement.shape import STEPS

    for kind in range(1, len(STEPS) + 1) if rank.size else ():
        counts = np.add.reduceat((kinds == kind).astype(np.int64), runs.first)
        sums.add_values(f"kind_{kind}", rank, counts)


def _add_corrected(
    sums: ObjectSums, runs: Runs, rank: NDArray[np.int64], values: NDArray[Any]
) -> None:
    """Count the pixels that a user has fixed to the object itself."""
    if rank.size:
        ids = np.repeat(runs.ids, runs.length)
        fixed = values if values.dtype == bool else values == ids
        sums.add_values("corrected", rank, np.add.reduceat(fixed.astype(np.int64), runs.first))


def _sorted_runs(sums: ObjectSums, kept: list[NDArray[np.int64]]) -> tuple[NDArray[np.int64], ...]:
    """Return all runs, those of each object together, in the order of the table."""
    runs = np.concatenate(kept, axis=1)
    place = np.empty(sums.count, np.int64)
    place[sums.order()] = np.arange(sums.count)
    runs[0] = place[runs[0]]
    return tuple(runs[:, np.argsort(runs[0], kind="stable")])
