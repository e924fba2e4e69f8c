"""Measurements in the viewer: features of the layer, selected objects, clicks, the camera."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from qtpy.QtCore import QObject
from superqt.utils import qdebounced

from napari_pixel_embedding._napari.export.labels_source import LabelsSource
from napari_pixel_embedding._napari.features import drop_features, put_features
from napari_pixel_embedding._napari.flight import Flight
from napari_pixel_embedding._napari.layers.object_picker import ObjectPicker
from napari_pixel_embedding._napari.layers.placement import METADATA_KEY, Grid, placement

if TYPE_CHECKING:
    from napari.layers import Image, Labels
    from numpy.typing import NDArray

    from napari_pixel_embedding._napari.workspace import Workspace
    from napari_pixel_embedding.session.measure.table import ObjectTable

_SETTLE_MS = 200
_SIZE_CHANGED = "Outdated: the pixel size has changed. Measure again."
_WATCHED = ("paint", "set_data", "data", "scale", "units")
"""Events of a labels layer after which the table may no longer hold; older napari lacks some."""


@dataclass(frozen=True, eq=False)
class Measured:
    """The layer that was measured, and how it lay then."""

    layer: Labels
    source: LabelsSource


class MeasuredLayers(QObject):
    """Shows a measurement in the viewer, and passes clicks on objects to it.

    It outlives the dock: as long as the workspace is open, features that no longer hold are taken
    out of the layer.

    Parameters
    ----------
    workspace : Workspace
        Of the viewer; its measurement is observed, and told of clicks and of changes of the layer.
    """

    def __init__(self, workspace: Workspace) -> None:
        super().__init__()
        self._workspace = workspace
        self._viewer = workspace.viewer
        self._measurement = workspace.measurement
        self._state = self._measurement.state
        self._pending: Measured | None = None
        self._measured: Measured | None = None
        self._picker: ObjectPicker | None = None
        self._written: tuple[str, ...] = ()
        self._flight = Flight(self._viewer, self)
        self._verify = qdebounced(self._verify_now, timeout=_SETTLE_MS, parent=self)
        self._arrange = qdebounced(self._write_features, timeout=_SETTLE_MS, parent=self)
        self.selection: Image | None = None
        for signal, slot in self._signals():
            signal.connect(slot)

    def _signals(self) -> list[tuple[Any, Any]]:
        events = self._state.events
        return [
            (events.table, self._follow_table),
            (events.outdated, self._write_features),
            (events.picture, self._show_picture),
            (self._workspace.layers.clicked, self._clicked),
            (self._viewer.dims.events.point, self._frame_changed),
            (self._viewer.layers.events.removed, self._layer_removed),
        ]

    def close(self) -> None:
        """Disconnect and remove the selection; features stay."""
        for signal, slot in self._signals():
            signal.disconnect(slot)
        self._verify.cancel()
        self._arrange.cancel()
        self._flight.stop()
        self._written = ()  # they stay
        self._watch(None)
        self._remove_selection()

    def will_measure(self, layer: Labels, source: LabelsSource) -> None:
        """Take the layer that the next table is of."""
        self._pending = Measured(layer, source)

    def fly_to(self, row: int) -> None:
        """Bring an object of the table into view, and outline it as the one that is chosen."""
        table, measured = self._state.table, self._measured
        if table is None or measured is None or measured.layer not in self._viewer.layers:
            return
        frame = int(table.frames[row]) if "T" in table.request.axes else None
        alignment = measured.source.alignment
        self._flight.to_box(measured.layer, alignment, frame, table.boxes[row])
        measured.layer.selected_label = int(table.ids[row])

    # ----------------------------------------------------------------------------- the table

    def _follow_table(self, table: ObjectTable | None) -> None:
        if table is None:
            self._watch(None)
            return
        if self._pending is not None:
            self._watch(self._pending)
        self._write_features()

    def _watch(self, measured: Measured | None) -> None:
        """Follow another layer: its clicks, unless it is the session's, and its changes."""
        before, self._measured = self._measured, measured
        if before is not None:
            for name in _WATCHED:
                _connect(before.layer, name, self._verify, connect=False)
            if before is not measured and (measured is None or before.layer is not measured.layer):
                drop_features(before.layer, self._written)
                self._written = ()
        if self._picker is not None:
            self._picker.close()
            self._picker.deleteLater()
            self._picker = None
        if measured is None:
            return
        for name in _WATCHED:
            _connect(measured.layer, name, self._verify, connect=True)
        if measured.layer is not self._workspace.layers.labels_layer:
            self._picker = ObjectPicker(measured.layer, measured.source.alignment)
            self._picker.clicked.connect(self._choose_other)

    def _verify_now(self, *_: Any) -> None:
        """Look whether the layer still has the size and the pixels that were measured."""
        table, measured = self._state.table, self._measured
        if table is None or measured is None or self._state.outdated:
            return
        before = measured.source
        now = LabelsSource.of(measured.layer, before.axes if not before.named else None)
        if now.pixel_size() != before.pixel_size():
            self._measurement.mark_outdated(_SIZE_CHANGED)
        elif not table.request.live and isinstance(table.request.labels, np.ndarray):
            if not np.array_equal(table.request.labels, np.asarray(now.lifted())):
                self._measurement.mark_outdated()

    def _write_features(self, *_: Any) -> None:
        """Write the table into the layer's features; take out what no longer holds."""
        table, measured = self._state.table, self._measured
        if table is None or measured is None:
            return
        if self._state.outdated:
            drop_features(measured.layer, self._written)
            self._written = ()
            return
        # Ids belong to a frame. Of equal ones napari shows the last: the frame in view.
        order = np.lexsort((table.ids, table.frames, table.frames == self._frame_in_view()))
        names = table.measurements.headings()
        columns = table.measurements.columns
        kept = [name for name in columns if name != "label"]
        written = {names[name]: columns[name][order] for name in kept}
        put_features(measured.layer, {"index": table.ids[order], **written})
        self._written = tuple(written)

    def _frame_in_view(self) -> int:
        """Return the number of the frame that the viewer shows."""
        measured = self._measured
        if measured is None or not measured.source.layout.frame_axes:
            return 0
        layer = measured.layer
        point = np.asarray(self._viewer.dims.point)[-layer.ndim :]
        index = np.round(layer.world_to_data(point)).astype(int)
        inside = np.clip(index, 0, np.subtract(layer.data.shape, 1))
        return int(measured.source.alignment.lift_index(tuple(inside.tolist()))[0])

    def _frame_changed(self, *_: Any) -> None:
        table = self._state.table
        if table is not None and "T" in table.request.axes:
            self._arrange()

    # --------------------------------------------------------------------------------- clicks

    def _clicked(self, point: tuple[int, ...] | None) -> None:
        """Take a click on the objects layer of the image, where it is the one that was measured."""
        measured, ours = self._measured, self._workspace.layers.labels_layer
        if point is not None and measured is not None and measured.layer is ours:
            self._choose(point)

    def _choose_other(self, point: tuple[int, ...] | None) -> None:
        if point is not None:
            self._choose(point)

    def _choose(self, point: tuple[int, ...]) -> None:
        """Select the object at a pixel ([t,] [z,] y, x)."""
        table, labels = self._state.table, self._workspace.session.labels
        if table is None:
            return
        request = table.request
        now: Any = labels if request.live and labels is not None else request.labels
        frame = point[0] if "T" in request.axes else 0
        self._measurement.select_object(frame, int(np.asarray(now[point])))

    # -------------------------------------------------------------------------- the selection

    def _show_picture(self, picture: NDArray[np.uint8] | None) -> None:
        measured = self._measured
        if picture is None or measured is None or measured.layer not in self._viewer.layers:
            self._remove_selection()
            return
        data = measured.source.alignment.lay(picture)
        shown = self.selection
        if shown is not None and shown in self._viewer.layers and shown.data.shape == data.shape:
            shown.data = data
        else:
            self._remove_selection()
            self._add_selection(data, measured.layer)

    def _add_selection(self, data: NDArray[np.uint8], layer: Labels) -> None:
        layers = self._viewer.layers
        active, selected = layers.selection.active, set(layers.selection)
        self.selection = self._viewer.add_image(
            data,
            name=f"{layer.name} selection",
            colormap="cyan",
            blending="additive",
            contrast_limits=(0, 2),
            opacity=0.7,
            metadata={METADATA_KEY: {"colors": True}},
            **placement(layer, data.ndim),
        )
        self._workspace.layers.follower.place(self.selection, Grid(), layer)
        layers.selection.clear()
        layers.selection.update(selected)
        layers.selection.active = active

    def _remove_selection(self) -> None:
        layer, self.selection = self.selection, None
        if layer is not None and layer in self._viewer.layers:
            self._viewer.layers.remove(layer)

    def _layer_removed(self, event: Any) -> None:
        if event.value is self.selection:
            self.selection = None
            self._measurement.select(())
        elif self._measured is not None and event.value is self._measured.layer:
            self._remove_selection()
            self._measurement.mark_outdated("Outdated: the labels layer was deleted.")


def _connect(layer: Labels, name: str, slot: Any, *, connect: bool) -> None:
    emitter = getattr(layer.events, name, None)
    if emitter is not None:
        (emitter.connect if connect else emitter.disconnect)(slot)
