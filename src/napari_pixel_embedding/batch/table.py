"""The table of a large image's objects: written row group by row group, sorted by label."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from napari_pixel_embedding.batch import payloads
from napari_pixel_embedding.batch.stages.measure import PartialSums, added, table_columns
from napari_pixel_embedding.batch.worker import channel_names
from napari_pixel_embedding.core.io.files import open_atomically
from napari_pixel_embedding.core.io.units import usable_scale
from napari_pixel_embedding.core.measurement.columns import units_of
from napari_pixel_embedding.core.measurement.table import Measurements
from napari_pixel_embedding.core.measurement.table_files import ParquetRows

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from napari_pixel_embedding.batch.plan import OpenedPlan
    from napari_pixel_embedding.batch.stages.merge import IdTable
    from napari_pixel_embedding.core.runs.record_log import RecordIndex


def write_table(path: Path, opened: OpenedPlan, sums: RecordIndex, table: IdTable) -> None:
    """Write the measurements of all objects; only those that several blocks share are in memory.

    Parameters
    ----------
    path : Path
        Ends in ``.parquet``.
    opened : OpenedPlan
    sums : RecordIndex
        Sums of each block.
    table : IdTable
    """
    shared = _shared(sums, table)
    spatial = opened.config.axes
    usable = usable_scale(spatial, opened.plan.spacing, opened.plan.units)
    spacing, units = usable.scale or (1.0,) * len(spatial), usable.units or "px"
    with open_atomically(path) as file, ParquetRows(file) as rows:
        for number, part in _whole_objects(sums, table, shared):
            columns = table_columns(
                part, spatial, spacing, opened.layout.spatial_shape, channel_names(opened)
            )
            if opened.layout.frame_axes:
                frame = np.full(part.count, opened.block(number).frame)
                columns = {"label": columns.pop("label"), "frame": frame, **columns}
            rows.write(Measurements(columns, units_of(columns, units)))


def _parts(sums: RecordIndex) -> Iterator[tuple[int, PartialSums]]:
    for number in np.flatnonzero(sums.done).tolist():
        part = payloads.unpack_sums(sums.payload(number))
        if part.count:
            yield number, part


def _shared(sums: RecordIndex, table: IdTable) -> PartialSums:
    """Return the sums of all objects that have pixels in the cores of several blocks."""
    labels = np.unique(table.final(np.asarray(table.target)))
    parts = [part.take(np.isin(part.ids(), labels)) for _, part in _parts(sums)]
    return added(parts)


def _whole_objects(
    sums: RecordIndex, table: IdTable, shared: PartialSums
) -> Iterator[tuple[int, PartialSums]]:
    """Yield the objects that begin in each block, whole, in the order of their labels."""
    for number, part in _parts(sums):
        first = table.of_block(number)[1:][table.is_kept(number)]
        own = part.take(np.isin(part.ids(), first) & ~np.isin(part.ids(), shared.ids()))
        joined = added([own, shared.take(np.isin(shared.ids(), first))])
        if joined.count:
            yield number, joined
