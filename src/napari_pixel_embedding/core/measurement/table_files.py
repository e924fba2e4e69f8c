"""Tables of measurements in files: CSV and Parquet."""

from __future__ import annotations

import csv
import io
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_pixel_embedding.core.io.files import open_atomically

if TYPE_CHECKING:
    import os
    from collections.abc import Callable
    from typing import BinaryIO

    from napari_pixel_embedding.core.measurement.table import Measurements

_ROWS = 10_000


def save_measurements(path: str | os.PathLike[str], table: Measurements) -> None:
    """Write a table as CSV or Parquet, by the path's ending; an existing file is replaced.

    Parameters
    ----------
    path : path
        Ends in ``.csv``, whose headings have the units in brackets, or in ``.parquet``, which has
        plain names, with the units in the metadata of the columns, and needs the extra
        ``tables``.
    table : Measurements

    Raises
    ------
    ValueError
        For another ending, or when pyarrow is not installed.
    """
    write = table_writer(path)
    with open_atomically(path) as file:
        write(file, table)


def table_writer(path: str | os.PathLike[str]) -> Callable[[BinaryIO, Measurements], None]:
    """Return what writes tables with such a name; raises as :func:`save_measurements` does."""
    suffix = Path(path).suffix.lower()
    if suffix == ".csv":
        return _write_csv
    if suffix == ".parquet":
        _arrow()
        return _write_parquet
    raise ValueError(f"A table is written as .csv or .parquet, found the name {Path(path).name!r}.")


def _write_csv(file: BinaryIO, table: Measurements) -> None:
    text = io.TextIOWrapper(file, encoding="utf-8", newline="")
    lines = csv.writer(text, lineterminator="\n")
    lines.writerow(table.headings().values())
    for start in range(0, len(table), _ROWS):
        part = [column[start : start + _ROWS].tolist() for column in table.columns.values()]
        lines.writerows(zip(*part, strict=True))
    text.detach()


def _write_parquet(file: BinaryIO, table: Measurements) -> None:
    with ParquetRows(file) as rows:
        rows.write(table)


class ParquetRows:
    """Writes tables of the same columns below each other into a Parquet file.

    Parameters
    ----------
    file : binary file
        Open for writing.

    Raises
    ------
    ValueError
        When pyarrow is not installed.
    """

    def __init__(self, file: BinaryIO) -> None:
        self._arrow, self._parquet = _arrow()
        self._file = file
        self._writer: Any = None

    def write(self, table: Measurements) -> None:
        """Write the rows of a table as a row group."""
        arrow = self._arrow
        arrays = {name: arrow.array(column) for name, column in table.columns.items()}
        fields = [
            arrow.field(name, array.type, metadata={"unit": table.units.get(name, "")})
            for name, array in arrays.items()
        ]
        found = arrow.table(list(arrays.values()), schema=arrow.schema(fields))
        if self._writer is None:
            self._writer = self._parquet.ParquetWriter(self._file, found.schema)
        self._writer.write_table(found)

    def __enter__(self) -> ParquetRows:
        return self

    def __exit__(self, *_: object) -> None:
        if self._writer is None:  # a table without a row
            self._parquet.write_table(
                self._arrow.table({"label": self._arrow.array([], "uint64")}), self._file
            )
        else:
            self._writer.close()


def _arrow() -> tuple[Any, Any]:
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError as error:
        raise ValueError(
            "Parquet files need the package pyarrow, found none: "
            "pip install 'napari-pixel-embedding[tables]', or write .csv."
        ) from error
    return pyarrow, pyarrow.parquet
