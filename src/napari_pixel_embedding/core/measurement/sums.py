"""Sums over the pixels of each object, added up slab by slab."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_pixel_embedding.core.measurement.runs import Runs

_STARTS = {np.minimum: np.inf, np.maximum: -np.inf}
_LARGEST = np.iinfo(np.int64).max


class ObjectSums:
    """Sums, extremes and moments of the objects of a frame.

    Runs and their values are added one after the other in the order of the pixels, each as a
    whole. So every result, rounding included, is the same in whatever slabs a frame is read.
    """

    def __init__(self) -> None:
        self._ranks: dict[int, int] = {}
        self._arrays: dict[str, NDArray[Any]] = {}

    @property
    def count(self) -> int:
        """Number of objects so far."""
        return len(self._ranks)

    def ids(self) -> NDArray[np.int64]:
        """Return the objects in the order in which they were met."""
        return np.fromiter(self._ranks, np.int64, self.count)

    def order(self) -> NDArray[np.intp]:
        """Return what sorts the objects by id."""
        return np.argsort(self.ids())

    def get(self, name: str) -> NDArray[Any]:
        """Return a sum for each object, sorted by id."""
        return self._arrays[name][self.order()]

    def names(self) -> tuple[str, ...]:
        """Return the names of the sums."""
        return tuple(self._arrays)

    def add_runs(self, runs: Runs) -> NDArray[np.int64]:
        """Add the extent and the moments of runs; return the number of the object of each."""
        found, at, inverse = np.unique(runs.ids, return_index=True, return_inverse=True)
        new = np.array([i not in self._ranks for i in found.tolist()], bool)
        fresh = np.sort(at[new])  # as they were met
        for i in runs.ids[fresh].tolist():
            self._ranks[i] = len(self._ranks)
        table = np.array([self._ranks[i] for i in found.tolist()], np.int64)
        rank = table[inverse]
        places = {"z": runs.z, "y": runs.y, "x": runs.start}
        for axis, place in places.items():
            self._extend(f"origin_{axis}", place[fresh])
        local = [place - self._arrays[f"origin_{axis}"][rank] for axis, place in places.items()]
        self._add_extent(runs, rank)
        self._add_moments(local, runs.length, rank)
        return rank

    def _add_extent(self, runs: Runs, rank: NDArray[np.int64]) -> None:
        for axis, low, high in (
            ("z", runs.z, runs.z + 1),
            ("y", runs.y, runs.y + 1),
            ("x", runs.start, runs.stop),
        ):
            self._collect(f"min_{axis}", np.minimum, rank, low, _LARGEST)
            self._collect(f"max_{axis}", np.maximum, rank, high, 0)

    def _add_moments(
        self,
        places: list[NDArray[np.int64]],
        n: NDArray[np.int64],
        rank: NDArray[np.int64],
    ) -> None:
        """Add moments relative to the object's first pixel: whole numbers, so exact."""
        z, y, x = places
        sum_x = n * (2 * x + n - 1) // 2
        sum_xx = _squares_below(x + n) - _squares_below(x)
        for name, values in {
            "pixels": n,
            "z": z * n,
            "y": y * n,
            "x": sum_x,
            "zz": z * z * n,
            "zy": z * y * n,
            "zx": z * sum_x,
            "yy": y * y * n,
            "yx": y * sum_x,
            "xx": sum_xx,
        }.items():
            self._collect(name, np.add, rank, values, 0)

    def add_values(self, name: str, rank: NDArray[np.int64], values: NDArray[Any]) -> None:
        """Add one value a run, such as a count."""
        self._collect(name, np.add, rank, values, 0)

    def add_intensity(
        self, name: str, rank: NDArray[np.int64], runs: Runs, pixels: NDArray[Any], full: bool
    ) -> None:
        """Add the values of an image.

        Parameters
        ----------
        name : str
            Name of the image.
        rank : array of int, shape (R,)
            From :meth:`add_runs`.
        runs : Runs
        pixels : array, shape (P,)
            The image at the pixels of the runs.
        full : bool
            Whether minimum, maximum and deviation are needed too, not only the sum.
        """
        if not rank.size:
            return
        values = pixels.astype(np.float64)
        totals = np.add.reduceat(values, runs.first)
        self._collect(f"{name}:sum", np.add, rank, totals, 0.0)
        if not full:
            return
        for kind, ufunc in (("min", np.minimum), ("max", np.maximum)):
            extremes = ufunc.reduceat(values, runs.first)
            self._collect(f"{name}:{kind}", ufunc, rank, extremes, _STARTS[ufunc])
        self._add_deviation(name, rank, runs, values, totals)

    def _add_deviation(
        self,
        name: str,
        rank: NDArray[np.int64],
        runs: Runs,
        values: NDArray[np.float64],
        totals: NDArray[np.float64],
    ) -> None:
        """Add deviations from the mean of the object's first run, which keeps them exact."""
        key = f"{name}:shift"
        known = self._arrays.get(key, np.zeros(0)).size
        met, at = np.unique(rank, return_index=True)
        self._extend(key, (totals / runs.length)[at[met >= known]])
        values -= np.repeat(self._arrays[key][rank], runs.length)
        self._collect(f"{name}:s1", np.add, rank, np.add.reduceat(values, runs.first), 0.0)
        values *= values
        self._collect(f"{name}:s2", np.add, rank, np.add.reduceat(values, runs.first), 0.0)

    def _extend(self, key: str, values: NDArray[Any]) -> None:
        there = self._arrays.get(key)
        self._arrays[key] = values if there is None else np.concatenate([there, values])

    def _collect(
        self, key: str, ufunc: np.ufunc, rank: NDArray[np.int64], values: NDArray[Any], start: float
    ) -> None:
        known = self._arrays.get(key)
        missing = self.count - (0 if known is None else known.size)
        if missing or known is None:
            self._extend(key, np.full(missing, start, values.dtype))
        ufunc.at(self._arrays[key], rank, values)


def _squares_below(n: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the sum of the squares of 0 … n − 1, continued to negative n."""
    return (n - 1) * n * (2 * n - 1) // 6
