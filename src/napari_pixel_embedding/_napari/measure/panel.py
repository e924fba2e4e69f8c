"""The Measure dock: table of the objects, plot with a lasso, edits of the selected, files."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import Qt
from qtpy.QtWidgets import QFileDialog, QLabel, QSplitter

from napari_pixel_embedding._napari.export.files import beside_image, may_replace
from napari_pixel_embedding._napari.measure.choice_box import ChoiceBox
from napari_pixel_embedding._napari.measure.measured_layers import MeasuredLayers
from napari_pixel_embedding._napari.measure.object_table import ObjectTableView
from napari_pixel_embedding._napari.widgets.choosers import Choice
from napari_pixel_embedding._napari.widgets.panel import (
    Panel,
    button,
    group,
    named_rows,
    row,
    set_enabled,
)
from napari_pixel_embedding._napari.widgets.plot_colors import follow_theme
from napari_pixel_embedding.session.measure.measurement import NO_TABLE

if TYPE_CHECKING:
    import numpy as np
    from napari import Viewer
    from numpy.typing import NDArray

    from napari_pixel_embedding.session.measure.table import MeasureRequest, ObjectTable

_ACROSS = "The column that the plot shows from left to right."
_UP = "The number of objects makes a histogram; another column, a point for each object."
_COUNT = "Number of objects"
_ACCEPT = "The selected objects are right: lock them as they are. Can be undone."
_DELETE = "The selected objects are no objects: delete them. They become background. Can be undone."
_SELECTED = "Selected objects: by a lasso or range in the plot, in the table, or in the image."
_CLEAR = "Select no object."
_SAVE = "Write the table to a file: CSV, or Parquet, which keeps types and units."
_EXPORT = "Write labels for QuPath, Fiji, napari and other programs, or pictures, or the table."
_FILES = "CSV (*.csv)"
_PARQUET = "Parquet (*.parquet)"
_ENDINGS = (".csv", ".parquet")
_EMPTY = "Makes a row for each object, and plots of the columns."
_FIRST = ("area", "volume")
"""Column that is plotted at first."""


class MeasurePanel(Panel):
    """What to measure, the objects in a plot and a table, and what is done with the selected."""

    NAME = "Measure"
    GUIDE = "Measure"

    def __init__(self, napari_viewer: Viewer) -> None:
        super().__init__(napari_viewer)
        self.measurement = self.workspace.measurement
        self.layers = self.workspace.part(MeasuredLayers)
        self.what = ChoiceBox(self.workspace, self.GUIDE, self.measure)
        self.across, self.up = Choice(_ACROSS), Choice(_UP)
        self.plot: Any = None
        self.table = ObjectTableView()
        self.count = QLabel()
        self.count.setToolTip(_SELECTED)
        self.accept = button("Accept", _ACCEPT, self.measurement.accept_selected)
        self.delete = button("Delete", _DELETE, self.measurement.delete_selected)
        self.clear = button("Deselect", _CLEAR, lambda: self.measurement.select(()))
        self.save_button = button("Save table …", _SAVE, self.save)
        self.export_button = button("Export …", _EXPORT, self.export)
        self._lay_out()
        self._connect()
        self._show_table(self.measurement.state.table)

    def retire(self) -> None:
        """Remove the selection and close the plot: pyqtgraph's menus outlive an unclosed one."""
        self.measurement.select(())
        self.what.close_choices()
        if self.plot is not None:
            self.plot.close()
        super().retire()

    # ------------------------------------------------------------------------------- layout

    def _lay_out(self) -> None:
        self.column.addWidget(self.what)
        box, column = group("Objects", self.GUIDE)
        column.setSpacing(4)
        names = named_rows(("Across", self.across), ("Up", self.up))
        names.setVerticalSpacing(4)
        self.split = QSplitter(Qt.Orientation.Vertical)
        self.split.setChildrenCollapsible(False)
        self.split.addWidget(self.table)
        column.addLayout(names)
        column.addWidget(self.split, 1)
        chosen = row(self.count, self.accept, self.delete, self.clear)
        chosen.setStretch(0, 1)
        column.addLayout(chosen)
        column.addLayout(row(self.save_button, self.export_button))
        self.column.addWidget(box, 1)

    def _connect(self) -> None:
        for choice in (self.across, self.up):
            choice.activated.connect(self._show_plot)
        self.table.chosen.connect(self._choose_rows)
        events, session = self.measurement.state.events, self.session.events
        self.follow(events.table, self._show_table)
        self.follow(events.outdated, self._refresh)
        self.follow(events.selected, self._show_selected)
        for signal in (session.labels, session.tabulating, session.outdated):
            self.follow(signal, self._refresh)
        layers = self.workspace.viewer.layers.events
        for signal in (layers.inserted, layers.removed, layers.renamed, session.image):
            self.follow(signal, self.what.refresh)

    # ------------------------------------------------------------------------------ buttons

    def measure(self) -> None:
        """Measure what is chosen."""
        self.measurement.measure(self._request)

    def _request(self) -> MeasureRequest | None:
        layer, source = self.what.labels.layer, self.what.labels.source()
        if layer is None or source is None:
            return None
        self.layers.will_measure(layer, source)
        return self.what.request(source)

    def save(self) -> None:
        """Ask for a file and write the table there."""
        table = self.measurement.state.table
        if table is None:
            return
        name = str(beside_image(self.workspace, f"{table.request.layer}.csv"))
        kinds = f"{_FILES};;{_PARQUET}"
        given, kind = QFileDialog.getSaveFileName(self, "Save table", name, kinds)
        if not given:
            return
        path = Path(given)
        if path.suffix.lower() not in _ENDINGS:
            path = path.with_name(path.name + _ENDINGS[kind == _PARQUET])
            if path.exists() and not may_replace(self, path):  # the dialogue asked of another name
                return
        self.measurement.save(str(path))

    def export(self) -> None:
        """Open the export dialogue."""
        from napari_pixel_embedding._napari.export.dialogue import open_export

        open_export(self.workspace)

    def _choose_rows(self, rows: NDArray[np.intp]) -> None:
        self.measurement.select(rows)
        if len(rows) == 1:
            self.layers.fly_to(int(rows[0]))

    # ---------------------------------------------------------------- following the measurement

    def _show_table(self, table: ObjectTable | None) -> None:
        self.table.show_table(table)
        self._offer_columns(table)
        self._show_plot()
        self._show_selected()
        self._refresh()

    def _offer_columns(self, table: ObjectTable | None) -> None:
        names = () if table is None else tuple(n for n in table.names if n != "label")
        headings = {} if table is None else table.measurements.headings()
        items = [(headings[name].replace("_", " "), name) for name in names]
        before = self.across.currentData()
        usual = next((name for name in _FIRST if name in names), None)
        self.across.refill(items, before if before in names else usual)
        self.up.refill([(_COUNT, None), *items], self.up.currentData())
        for choice, tooltip in ((self.across, _ACROSS), (self.up, _UP)):
            set_enabled(choice, tooltip, None if names else NO_TABLE)

    def _make_plot(self) -> Any:
        """Make the plot when there is a first table: the dock opens without pyqtgraph."""
        from napari_pixel_embedding._napari.measure.object_plot import ObjectPlot

        self.plot = plot = ObjectPlot()
        follow_theme(self, plot)
        plot.lassoed.connect(self._lasso)
        plot.ranged.connect(self._range)
        self.split.insertWidget(0, plot)
        return plot

    def _show_plot(self, *_: Any) -> None:
        table, across, up = (
            self.measurement.state.table,
            self.across.currentData(),
            self.up.currentData(),
        )
        if table is None or across is None:
            if self.plot is not None:
                self.plot.show_objects(None)
            return
        from napari_pixel_embedding._napari.measure.object_plot import Shown

        plot = self.plot if self.plot is not None else self._make_plot()
        x, title = table.values(across), self.across.currentText()
        if up is None:
            plot.show_objects(Shown(x, title))
        else:
            plot.show_objects(Shown(x, title, table.values(up), self.up.currentText()))
        plot.show_selected(self.measurement.state.selected)

    def _lasso(self, corners: list[tuple[float, float]]) -> None:
        up = self.up.currentData()
        if up is None or len(corners) < 3:
            self.measurement.select(())
        else:
            self.measurement.select_in_lasso(self.across.currentData(), up, corners)

    def _range(self, low: float, high: float) -> None:
        self.measurement.select_between(self.across.currentData(), low, high)

    def _show_selected(self, *_: Any) -> None:
        rows = self.measurement.state.selected
        self.table.select_rows(rows)
        if self.plot is not None and self.measurement.state.table is not None:
            self.plot.show_selected(rows)
        self._refresh()

    def _refresh(self, *_: Any) -> None:
        state = self.measurement.state
        table, count = state.table, len(state.selected)
        self.what.show_note(_note(table, state.outdated), bool(state.outdated))
        total = 0 if table is None else len(table)
        self.count.setText(f"<b>{count:,}</b> of {total:,}")
        reason = self.measurement.disabled_reason
        set_enabled(self.accept, _ACCEPT, reason)
        set_enabled(self.delete, _DELETE, reason)
        set_enabled(self.clear, _CLEAR, None if count else "No object is selected.")
        self.table.show_outdated(bool(state.outdated))
        set_enabled(self.save_button, _SAVE, NO_TABLE if table is None else state.outdated or None)


def _note(table: ObjectTable | None, outdated: str) -> str:
    if table is None:
        return _EMPTY
    if outdated:
        return outdated
    plural = "" if len(table) == 1 else "s"
    return f"{len(table):,} object{plural}, {len(table.names):,} columns."
