"""Writes labels or their table to a file in the background."""

from __future__ import annotations

import operator
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from psygnal import SignalGroupDescriptor

from napari_pixel_embedding.session.jobs import JobQueue

if TYPE_CHECKING:
    from pathlib import Path

    from napari_pixel_embedding.core.exchange.formats import Format
    from napari_pixel_embedding.core.measurement.table import Measurements
    from napari_pixel_embedding.session.jobs import Executor, Report


@dataclass(frozen=True, eq=False)
class ExportRequest:
    """What is written, and where.

    Parameters
    ----------
    path : Path
    format : str, optional
        As for :func:`~.export.export_labels`; None for a table, as the path ends.
    labels : array_like, optional
        Label image; None for a table.
    axes : str
        A letter for each of its axes.
    spacing : tuple of float, optional
        Size of a pixel along its spatial axes.
    units : str, optional
        Unit of ``spacing``.
    image : array_like, optional
        For overlays and OME-Zarr.
    image_axes : str, optional
    table : Measurements, optional
    """

    path: Path
    format: Format | None
    labels: Any = None
    axes: str = ""
    spacing: tuple[float, ...] | None = None
    units: str | None = None
    image: Any = None
    image_axes: str | None = None
    table: Measurements | None = None


@dataclass
class ExportState:
    """State of an export. Only :class:`Exporting` writes it.

    Parameters
    ----------
    running : bool
    fraction : float
        Finished fraction, 0 to 1; 0 while nothing is known.
    written : Path, optional
        The file of the last export.
    error : str
        Why it failed; empty if it did not.
    """

    events: ClassVar[SignalGroupDescriptor] = SignalGroupDescriptor(
        equality_operators={"written": operator.is_}
    )

    running: bool = False
    fraction: float = 0.0
    written: Path | None = None
    error: str = ""


class Exporting:
    """Runs one export at a time.

    Parameters
    ----------
    executor : Executor
        Runs the jobs.
    """

    def __init__(self, executor: Executor) -> None:
        self.state = ExportState()
        self._queue = JobQueue(executor)

    def start(self, request: ExportRequest) -> None:
        """Write a file; one that is there already is replaced, so ask first."""
        state = self.state
        state.error, state.written, state.fraction, state.running = "", None, 0.0, True
        self._queue.start(
            partial(write, request),
            done=self._take,
            failed=self._failed,
            progress=partial(setattr, state, "fraction"),
        )

    def cancel(self) -> bool:
        """Stop; nothing is left behind. Return whether an export was under way."""
        stopped = self._queue.cancel()
        if stopped:
            self.state.running = False
        return stopped

    def _take(self, path: Path) -> None:
        self.state.running = False
        self.state.written = path

    def _failed(self, error: Exception) -> None:
        self.state.running = False
        expected = isinstance(error, (ValueError, OSError))
        self.state.error = str(error) if expected else f"{type(error).__name__}: {error}"


def write(request: ExportRequest, report: Report) -> Path:
    """Write what is requested; the labels are copied first, for the user may paint on them.

    Raises
    ------
    ValueError
        When something does not fit together, or a library is missing.
    OSError
        When the file cannot be written.
    """
    if request.table is not None:
        from napari_pixel_embedding.core.measurement.table_files import save_measurements

        save_measurements(request.path, request.table)
        return request.path
    from napari_pixel_embedding.core.exchange.export import export_labels

    labels = request.labels
    labels = labels.copy() if isinstance(labels, np.ndarray) else labels
    return export_labels(
        request.path,
        labels,
        request.format,
        axes=request.axes,
        spacing=request.spacing,
        units=request.units,
        image=request.image,
        image_axes=request.image_axes,
        overwrite=True,
        progress=report,
    )
