"""The table of objects: sorted by a column, rows and selection as the measurement has them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from qtpy.QtCore import (  # type: ignore[attr-defined]
    QAbstractTableModel,
    QItemSelection,
    QItemSelectionModel,
    QModelIndex,
    QSize,
    Qt,
    Signal,
)
from qtpy.QtWidgets import QAbstractButton, QAbstractItemView, QHeaderView, QTableView

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_pixel_embedding.session.measure.table import ObjectTable

_ROW_HEIGHT = 20
_SIZE = QSize(300, 110)
_GREY = "QTableView { color: gray; }"
_MOST_RANGES = 200
"""Separate stretches of rows that are marked in the table; Qt is slow with more."""
_TOOLTIP = (
    "A row for each object. A click goes to the object, Ctrl and Shift select several; a click on "
    "a heading sorts. A click on an object in the image selects its row."
)
_NO_ORDER = np.zeros(0, np.intp)


class TableModel(QAbstractTableModel):
    """The columns of an :class:`ObjectTable`, sorted."""

    def __init__(self) -> None:
        super().__init__()
        self._columns: list[tuple[str, NDArray[Any]]] = []
        self.order = _NO_ORDER
        self.place = _NO_ORDER

    def show(self, table: ObjectTable | None) -> None:
        """Show another table, as measured."""
        self.beginResetModel()
        headings = {} if table is None else table.measurements.headings()
        columns = {} if table is None else table.measurements.columns
        self._columns = [(headings[name], columns[name]) for name in columns]
        self._sort_by(np.arange(0 if table is None else len(table)))
        self.endResetModel()

    def rowCount(self, parent: QModelIndex | None = None) -> int:
        """Return the number of objects."""
        return len(self.order)

    def columnCount(self, parent: QModelIndex | None = None) -> int:
        """Return the number of columns."""
        return len(self._columns)

    def data(self, index: QModelIndex, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """Return a value as text, numbers to the right."""
        if role == Qt.ItemDataRole.DisplayRole:
            return value_text(self._columns[index.column()][1][self.order[index.row()]])
        if role == Qt.ItemDataRole.TextAlignmentRole:
            return Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter
        return None

    def headerData(
        self,
        section: int,
        orientation: Qt.Orientation,
        role: int = Qt.ItemDataRole.DisplayRole,
    ) -> Any:
        """Return the heading of a column, with its unit."""
        shown = (Qt.ItemDataRole.DisplayRole, Qt.ItemDataRole.ToolTipRole)
        if orientation == Qt.Orientation.Horizontal and role in shown:
            return self._columns[section][0].replace("_", " ")
        return None

    def sort(self, column: int, order: Qt.SortOrder = Qt.SortOrder.AscendingOrder) -> None:
        """Sort by a column; what is not known comes last."""
        if not 0 <= column < len(self._columns):
            return
        self.beginResetModel()
        values = np.asarray(self._columns[column][1], np.float64)
        if order == Qt.SortOrder.DescendingOrder:
            values = -values
        self._sort_by(np.argsort(values, kind="stable"))
        self.endResetModel()

    def _sort_by(self, order: NDArray[np.intp]) -> None:
        self.order, self.place = order, np.argsort(order)


class ObjectTableView(QTableView):
    """Shows the table; rows are those of the measurement, however it is sorted.

    Attributes
    ----------
    chosen : Signal of array of int
        Rows that the user has selected.
    """

    chosen = Signal(object)

    def __init__(self) -> None:
        super().__init__()
        self.rows = TableModel()
        self._following = False
        self._marked = _NO_ORDER
        self.setModel(self.rows)
        self.rows.modelReset.connect(self._mark)
        self.setToolTip(_TOOLTIP)
        self.setAccessibleName("Objects")
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.setSelectionMode(QAbstractItemView.SelectionMode.ExtendedSelection)
        self.setHorizontalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.setMinimumSize(10, 3 * _ROW_HEIGHT + 8)
        self.setSortingEnabled(True)
        self.setCornerButtonEnabled(False)
        for corner in self.findChildren(QAbstractButton):
            corner.setToolTip(_TOOLTIP)
        vertical: Any = self.verticalHeader()
        vertical.setVisible(False)
        vertical.setSectionResizeMode(QHeaderView.ResizeMode.Fixed)
        vertical.setDefaultSectionSize(_ROW_HEIGHT)
        selection: Any = self.selectionModel()
        selection.selectionChanged.connect(self._choose)
        self._unsort()

    def sizeHint(self) -> QSize:
        """Return a size that leaves room for the plot on a laptop's screen."""
        return _SIZE

    def show_table(self, table: ObjectTable | None) -> None:
        """Show another table, as measured."""
        self._following, self._marked = True, _NO_ORDER
        self.rows.show(table)
        self._unsort()
        self._following = False
        header: Any = self.horizontalHeader()
        header.setMinimumSectionSize(40)
        self.resizeColumnsToContents()

    def show_outdated(self, outdated: bool) -> None:
        """Show values that no longer hold in grey."""
        style = _GREY if outdated else ""
        if style != self.styleSheet():
            self.setStyleSheet(style)

    def select_rows(self, rows: NDArray[np.intp]) -> None:
        """Mark rows, and scroll to the first of them."""
        if not np.array_equal(rows, self._marked):
            self._marked = rows
            self._mark()

    def _mark(self) -> None:
        """Mark the selected rows where they are now: sorting moves them."""
        places = np.sort(self.rows.place[self._marked])
        marked, last = QItemSelection(), self.rows.columnCount() - 1
        for first, end in _ranges(places)[:_MOST_RANGES]:
            marked.select(self.rows.index(first, 0), self.rows.index(end, last))
        before, self._following = self._following, True
        selection: Any = self.selectionModel()
        selection.select(marked, QItemSelectionModel.SelectionFlag.ClearAndSelect)
        self._following = before
        if len(places):
            self.scrollTo(self.rows.index(int(places[0]), 0))

    def selected_rows(self) -> NDArray[np.intp]:
        """Return the rows that are marked, ascending."""
        selection: Any = self.selectionModel()
        found = [
            place
            for part in selection.selection()
            for place in range(part.top(), part.bottom() + 1)
        ]
        return np.unique(self.rows.order[np.array(found, np.intp)])

    def _choose(self, *_: Any) -> None:
        if not self._following:
            self._marked = self.selected_rows()
            self.chosen.emit(self._marked)

    def _unsort(self) -> None:
        """Say that no column sorts."""
        header: Any = self.horizontalHeader()
        header.blockSignals(True)
        header.setSortIndicator(-1, Qt.SortOrder.AscendingOrder)
        header.blockSignals(False)


def value_text(value: Any) -> str:
    """Return a value of the table as text.

    Examples
    --------
    >>> value_text(np.int64(12345)), value_text(0.123456), value_text(True), value_text(np.nan)
    ('12345', '0.1235', 'yes', '–')
    """
    if isinstance(value, (bool, np.bool_)):
        return "yes" if value else "no"
    if float(value).is_integer():
        return f"{int(value)}"
    return f"{float(value):.4g}" if np.isfinite(value) else "–"


def _ranges(places: NDArray[np.intp]) -> list[tuple[int, int]]:
    """Return the first and last of each stretch of consecutive numbers."""
    if not len(places):
        return []
    breaks = np.flatnonzero(np.diff(places) > 1)
    firsts = places[np.append(0, breaks + 1)]
    ends = places[np.append(breaks, len(places) - 1)]
    return list(zip(firsts.tolist(), ends.tolist(), strict=True))
