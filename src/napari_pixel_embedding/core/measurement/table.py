"""The table of measurements: a row for each object, columns with units."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray


@dataclass(frozen=True, eq=False)
class Measurements:
    """A row for each object, or for each object and frame.

    Parameters
    ----------
    columns : mapping of str to array, shape (N,)
        ``label``, ``frame`` where there are frames, then what was measured.
    units : mapping of str to str
        Units of the columns that have one, such as ``"µm²"``.
    """

    columns: Mapping[str, NDArray[Any]]
    units: Mapping[str, str] = field(default_factory=dict)

    def __len__(self) -> int:
        """Return the number of rows."""
        return len(next(iter(self.columns.values()), ()))

    def __getitem__(self, name: str) -> NDArray[Any]:
        """Return a column."""
        return self.columns[name]

    def headings(self) -> dict[str, str]:
        """Return the name of each column with its unit, such as ``area (µm²)``."""
        return {
            name: f"{name} ({self.units[name]})" if self.units.get(name) else name
            for name in self.columns
        }

    def features(self, frame: int | None = None) -> dict[str, NDArray[Any]]:
        """Return the columns as ``features`` of a labels layer of napari.

        Parameters
        ----------
        frame : int, optional
            Only the objects of this frame.

        Returns
        -------
        dict of str to array
            With a column ``index``, in which napari looks for the label under the cursor.
        """
        rows: Any = slice(None) if frame is None else self.columns["frame"] == frame
        chosen = {name: column[rows] for name, column in self.columns.items()}
        return {"index": chosen["label"], **chosen}


def stacked(tables: Sequence[Measurements]) -> Measurements:
    """Return the rows of several tables below each other; all have the same columns."""
    first = tables[0]
    return Measurements(
        {name: np.concatenate([table[name] for table in tables]) for name in first.columns},
        first.units,
    )
