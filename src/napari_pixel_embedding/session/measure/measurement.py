"""Keeps the table of measurements, what is selected in it, and whether it still holds."""

from __future__ import annotations

import operator
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from psygnal import SignalGroupDescriptor

from napari_pixel_embedding.core.embedding.scatter import inside_polygon
from napari_pixel_embedding.session.correct import edits
from napari_pixel_embedding.session.jobs import JobQueue, without_report
from napari_pixel_embedding.session.measure.table import measure, picture_of
from napari_pixel_embedding.session.messages import Messages

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import ArrayLike, NDArray

    from napari_pixel_embedding.session.correct.edits import Edit
    from napari_pixel_embedding.session.jobs import Executor, Report
    from napari_pixel_embedding.session.measure.table import MeasureRequest, ObjectTable
    from napari_pixel_embedding.session.state.session import Session

OUTDATED = "Outdated: the labels have changed. Measure again."
NO_TABLE = "Measure first."
_NO_ROWS = np.zeros(0, np.intp)


@dataclass
class MeasurementState:
    """The table and what is selected in it. Only :class:`Measurement` writes it.

    Parameters
    ----------
    table : ObjectTable, optional
    outdated : str
        Why the table no longer fits the layer, and what to do; empty while it does.
    selected : array of int
        Rows of the table, ascending.
    picture : array of uint8, optional
        Where the selected objects are, see :func:`~.table.picture_of`.
    """

    events: ClassVar[SignalGroupDescriptor] = SignalGroupDescriptor(
        equality_operators=dict.fromkeys(("table", "selected", "picture"), operator.is_)
    )

    table: ObjectTable | None = None
    outdated: str = ""
    selected: NDArray[np.intp] = field(default_factory=lambda: _NO_ROWS)
    picture: NDArray[np.uint8] | None = None


class Measurement:
    """Measures the objects of a labels layer, and edits those that are selected.

    Parameters
    ----------
    session : Session
        Observed; only ``tabulating`` and ``tabulated`` are written, and errors.
    executor : Executor
        Runs the jobs.
    edit : callable
        Called with every edit of the selected objects.
    """

    def __init__(self, session: Session, executor: Executor, edit: Callable[[Edit], None]) -> None:
        self.state = MeasurementState()
        self._session = session
        self._messages = Messages(session)
        self._edit = edit
        self._tables = JobQueue(executor)
        self._files = JobQueue(executor, "first in, first out", most_waiting=4)
        self._pictures = JobQueue(executor, "newest waits")
        self._prepare: Callable[[], MeasureRequest | None] | None = None
        self._again = False
        session.events.labels.connect(self._follow_labels)

    def close(self) -> None:
        """Cancel the jobs and disconnect from the session."""
        self._session.events.labels.disconnect(self._follow_labels)
        self.cancel()
        self._pictures.cancel()

    # --------------------------------------------------------------------------- measuring

    def measure(self, prepare: Callable[[], MeasureRequest | None]) -> None:
        """Measure the objects in a worker; the earlier table stays until then.

        Parameters
        ----------
        prepare : callable
            Returns what is to be measured; None for nothing. It is called again when objects were
            accepted or deleted by this part.
        """
        self._messages.clear()
        self._prepare, self._again = prepare, False
        try:
            request = prepare()
        except ValueError as error:
            self._messages.fail("measuring", error)
            return
        if request is None:
            self._messages.refuse("Nothing to measure: expected a labels layer, found none.")
            return
        self._session.tabulated, self._session.tabulating = 0.0, True
        self._tables.start(
            partial(_work, request),
            done=partial(self._take, request),
            failed=self._failed,
            progress=self._show,
        )

    def cancel(self) -> None:
        """Stop measuring; the table stays what it was."""
        self._again = False
        if self._tables.cancel():
            self._session.tabulating = False

    def mark_outdated(self, reason: str = OUTDATED) -> None:
        """Say that the labels, or what they are measured in, have changed."""
        if self.state.table is not None:
            self.state.outdated = reason
            self._update_picture()

    def _show(self, fraction: float) -> None:
        self._session.tabulated = fraction

    def _take(self, request: MeasureRequest, table: ObjectTable) -> None:
        state, before = self.state, self.state.table
        self._session.tabulating = False
        kept = _NO_ROWS
        if before is not None and before.request.layer == request.layer:
            kept = table.rows_of(before.keys(state.selected))
        state.selected = _NO_ROWS
        state.outdated = ""
        state.table = table
        state.selected = kept
        self._update_picture()
        if request.live and self._session.labels is not request.labels:
            self.mark_outdated()  # they changed while they were measured

    def _failed(self, error: Exception) -> None:
        self._session.tabulating = False
        self._messages.fail("measuring", error)

    def _follow_labels(self, labels: NDArray[Any] | None) -> None:
        """Mark the table as outdated, or make it again after an edit of our own."""
        table = self.state.table
        if table is None or not table.request.live:
            return
        if labels is None:
            self._clear()
        else:
            self.mark_outdated()
            if self._again and self._prepare is not None:
                self.measure(self._prepare)

    def _clear(self) -> None:
        """Forget the table: its labels are gone."""
        self.cancel()
        self._pictures.cancel()
        self._select(_NO_ROWS)
        self.state.table, self.state.outdated = None, ""

    def save(self, path: str) -> None:
        """Write the table to a file, ``.csv`` or ``.parquet``, in a worker."""
        table = self.state.table
        if table is not None:
            self._messages.clear()
            self._files.start(
                without_report(_save, path, table),
                done=partial(setattr, self._session, "status"),
                failed=partial(self._messages.fail, "saving the table"),
            )

    # --------------------------------------------------------------------------- selecting

    def select(self, rows: ArrayLike) -> None:
        """Select objects by their rows in the table."""
        count = 0 if self.state.table is None else len(self.state.table)
        wanted = np.unique(np.asarray(rows, np.intp))
        self._select(wanted[(wanted >= 0) & (wanted < count)])

    def select_object(self, frame: int, id: int) -> None:
        """Select one object by its frame and id; none where it is not in the table."""
        row = None if self.state.table is None else self.state.table.row_of(frame, id)
        self._select(_NO_ROWS if row is None else np.array([row]))

    def select_in_lasso(self, x: str, y: str, corners: Sequence[Sequence[float]]) -> None:
        """Select the objects inside a closed curve in the plot of two columns."""
        table = self.state.table
        if table is None or len(corners) < 3:
            self._select(_NO_ROWS)
            return
        points = np.stack([table.values(x), table.values(y)])
        known = np.flatnonzero(np.isfinite(points).all(axis=0))
        inside = inside_polygon(points[:, known], np.asarray(corners, np.float64))
        self._select(known[inside])

    def select_between(self, x: str, low: float, high: float) -> None:
        """Select the objects whose value in a column lies between two numbers, both included."""
        if self.state.table is not None:
            values = self.state.table.values(x)
            self._select(np.flatnonzero((values >= low) & (values <= high)))

    def _select(self, rows: NDArray[np.intp]) -> None:
        if not np.array_equal(rows, self.state.selected):
            self.state.selected = rows
            self._update_picture()

    def _update_picture(self) -> None:
        """Draw the selected objects as they are now."""
        state, table = self.state, self.state.table
        if table is None or not len(state.selected):
            self._pictures.cancel()
            state.picture = None
            return
        request = table.request
        labels = self._session.labels if request.live else request.labels
        if labels is None:
            return
        self._pictures.start(
            without_report(picture_of, labels, request.axes, table.keys(state.selected)),
            done=partial(setattr, state, "picture"),
            failed=partial(self._messages.fail, "showing the selected objects"),
        )

    # ----------------------------------------------------------------------------- editing

    @property
    def disabled_reason(self) -> str | None:
        """Why the selected objects cannot be accepted or deleted; None if they can."""
        table = self.state.table
        if table is None:
            return NO_TABLE
        if not table.request.live:
            return "Only objects of a run in this window can be corrected."
        if self.state.outdated:
            return self.state.outdated
        if self._session.outdated:
            return self._session.outdated
        return None if len(self.state.selected) else "Select objects first."

    def accept_selected(self) -> None:
        """Lock the selected objects as they are, in one step; then measure again."""
        self._change(edits.lock_all)

    def delete_selected(self) -> None:
        """Delete the selected objects, in one step; then measure again."""
        self._change(edits.delete_all)

    def _change(self, made: Callable[[Sequence[tuple[int, int]], bool], Edit]) -> None:
        table = self.state.table
        if self.disabled_reason is None and table is not None:
            self._again = True
            self._edit(made(table.keys(self.state.selected), self._session.has_frames))


def _save(path: str, table: ObjectTable) -> str:
    from napari_pixel_embedding.core.measurement.table_files import save_measurements

    save_measurements(path, table.measurements)
    return f"Saved the table as {path}."


def _work(request: MeasureRequest, report: Report) -> ObjectTable:
    """Measure; labels that the user can paint on are copied first."""
    if not request.live and isinstance(request.labels, np.ndarray):
        request = replace(request, labels=request.labels.copy())
    return measure(request, report)
