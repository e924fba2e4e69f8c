"""Stage 5: the table of objects, of whose pixels each block knows only its own.

Every block adds up its part of each object; parts of one object are then added. Positions are whole
numbers, so that the sums are exact and the table does not depend on the blocks.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_pixel_embedding.core.measurement.columns import (
    border_column,
    intensity_columns,
    moment_columns,
    size_columns,
)
from napari_pixel_embedding.core.measurement.runs import find_runs
from napari_pixel_embedding.core.measurement.sums import ObjectSums

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from napari_pixel_embedding.core.boxes import Box

_AXES = "zyx"
_LABEL = "label"


@dataclass(frozen=True, eq=False)
class PartialSums:
    """Sums over the parts of objects, as :class:`~.sums.ObjectSums` offers those of whole ones.

    Parameters
    ----------
    arrays : mapping of str to array, shape (N,)
        ``label`` and the sums of that object's part, sorted by label.
    """

    arrays: Mapping[str, NDArray[Any]]

    @property
    def count(self) -> int:
        """Number of objects."""
        return int(self.arrays[_LABEL].size)

    def ids(self) -> NDArray[Any]:
        """Return the labels."""
        return self.arrays[_LABEL]

    def order(self) -> NDArray[np.intp]:
        """Return what sorts the objects by id: they are sorted."""
        return np.arange(self.count)

    def get(self, name: str) -> NDArray[Any]:
        """Return a sum for each object."""
        return self.arrays[name]

    def names(self) -> tuple[str, ...]:
        """Return the names of the sums."""
        return tuple(self.arrays)

    def take(self, rows: NDArray[Any]) -> PartialSums:
        """Return some of the objects: their numbers, or a mask."""
        return PartialSums({name: values[rows] for name, values in self.arrays.items()})


def sum_block(
    labels: NDArray[np.integer[Any]], core: Box, channels: Mapping[str, NDArray[Any]]
) -> PartialSums:
    """Add up what is measured of the objects in a block's core.

    Parameters
    ----------
    labels : array of int, shape ([Z,] Y, X)
        Final labels of the core.
    core : tuple of slice
        Where it lies in its frame.
    channels : mapping of str to array, shape ([Z,] Y, X)
        Intensities of the core.
    """
    sums = ObjectSums()
    runs = find_runs(labels, core)
    rank = sums.add_runs(runs)
    inside = labels != 0
    for name, pixels in channels.items():
        sums.add_intensity(name, rank, runs, pixels[inside], full=True)
    arrays = {_LABEL: sums.ids()[sums.order()].astype(np.uint64)}
    arrays |= {name: sums.get(name) for name in sums.names()}
    for name in ("origin_x", "min_x", "max_x") if sums.count else ():
        arrays[name] = arrays[name] + core[-1].start
    return PartialSums(arrays)


def added(parts: Sequence[PartialSums]) -> PartialSums:
    """Add the parts of each object.

    The first part of an object says relative to which pixel, and to which intensity, its moments
    are; those of the others are shifted to it.
    """
    parts = [part for part in parts if part.count]
    if not parts:
        return PartialSums({_LABEL: np.zeros(0, np.uint64)})
    every = {name: np.concatenate([p.get(name) for p in parts]) for name in parts[0].names()}
    ids, first, group = np.unique(every[_LABEL], return_index=True, return_inverse=True)
    if ids.size == every[_LABEL].size:
        return PartialSums(every).take(first)
    shifted = _shifted(every, first[group])
    result: dict[str, NDArray[Any]] = {_LABEL: ids}
    for name, values in shifted.items():
        if name != _LABEL:
            result[name] = _collected(name, values, first, group)
    return PartialSums(result)


def _collected(
    name: str, values: NDArray[Any], first: NDArray[np.intp], group: NDArray[np.intp]
) -> NDArray[Any]:
    total = values[first].copy()
    if name.startswith("origin_") or name.endswith(":shift"):
        return total
    ufunc: Any = np.add
    if name.startswith("min_") or name.endswith(":min"):
        ufunc = np.minimum
    elif name.startswith("max_") or name.endswith(":max"):
        ufunc = np.maximum
    later = np.ones(values.size, bool)
    later[first] = False
    ufunc.at(total, group[later], values[later])
    return total


def _shifted(every: Mapping[str, NDArray[Any]], to: NDArray[np.intp]) -> dict[str, NDArray[Any]]:
    """Return all sums relative to the origin and the intensity of other parts."""
    out, n = dict(every), every["pixels"]
    by = {x: every[f"origin_{x}"] - every[f"origin_{x}"][to] for x in _AXES}
    for i, a in enumerate(_AXES):
        out[a] = every[a] + by[a] * n
        for b in _AXES[i:]:
            mixed = by[a] * every[b] + by[b] * every[a] + by[a] * by[b] * n
            out[a + b] = every[a + b] + mixed
    for name in [key[:-6] for key in every if key.endswith(":shift")]:
        shift = every[f"{name}:shift"] - every[f"{name}:shift"][to]
        s1 = every[f"{name}:s1"]
        out[f"{name}:s2"] = every[f"{name}:s2"] + 2 * shift * s1 + shift**2 * n
        out[f"{name}:s1"] = s1 + shift * n
    return out


def table_columns(
    sums: PartialSums,
    axes: str,
    spacing: Sequence[float],
    shape: Sequence[int],
    channels: Sequence[str],
) -> dict[str, NDArray[Any]]:
    """Return the columns of the table, by the names that ``measure`` gives them.

    Perimeter and solidity need whole objects and are not among them.
    """
    any_sums: Any = sums
    columns = size_columns(any_sums, axes, spacing)
    columns |= moment_columns(any_sums, axes, spacing)
    columns |= border_column(any_sums, axes, shape)
    return columns | intensity_columns(any_sums, channels)
