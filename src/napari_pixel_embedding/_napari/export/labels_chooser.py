"""The choice of a labels layer, and of its axes where nothing says what they are."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QObject, Signal  # type: ignore[attr-defined]

from napari_pixel_embedding._napari.export.labels_source import (
    UNNAMED,
    LabelsSource,
    labels_layers,
)
from napari_pixel_embedding._napari.widgets.choosers import Choice

if TYPE_CHECKING:
    from napari.layers import Labels

    from napari_pixel_embedding._napari.workspace import Workspace

_LAYER = "The labels layer: the objects of a run, or any other labels."
_AXES = "What the axes of this layer are: nothing says whether the first are planes or frames."
_NAMES = {
    "YX": "YX",
    "ZYX": "ZYX (planes)",
    "TYX": "TYX (frames)",
    "TZYX": "TZYX (volumes in time)",
    "ZTYX": "ZTYX (frames of each plane)",
}


class LabelsChooser(QObject):
    """Chooses a labels layer; by default the objects of the last run.

    Parameters
    ----------
    workspace : Workspace
        Of the viewer.

    Attributes
    ----------
    changed : Signal
        Another layer or other axes were chosen, layers came or went, or the layer is no longer,
        or again, what the session shows.
    """

    changed = Signal()

    def __init__(self, workspace: Workspace) -> None:
        super().__init__()
        self._workspace = workspace
        self._viewer = workspace.viewer
        self.layers, self.axes = Choice(_LAYER), Choice(_AXES)
        self._taken: Labels | None = None
        self._was_live = False
        for choice in (self.layers, self.axes):
            choice.activated.connect(self._chosen)
        for event in self._events():
            event.connect(self.refill)
        workspace.session.events.labels.connect(self.refill)
        self.refill()

    def close(self) -> None:
        """Stop following the viewer."""
        for event in self._events():
            event.disconnect(self.refill)
        self._workspace.session.events.labels.disconnect(self.refill)

    def _events(self) -> tuple[Any, ...]:
        events = self._viewer.layers.events
        return events.inserted, events.removed, events.renamed

    @property
    def layer(self) -> Labels | None:
        """The chosen layer, if there is any."""
        chosen: Labels | None = self.layers.currentData()
        return chosen

    @property
    def live(self) -> bool:
        """Whether it shows the session's labels."""
        ours = self._workspace.layers.labels_layer
        return self.layer is not None and self.layer is ours and self._has_labels

    @property
    def _has_labels(self) -> bool:
        return self._workspace.session.labels is not None

    def source(self) -> LabelsSource | None:
        """Return the chosen layer as it is measured and exported; raises as its ``of`` does.

        The session's labels are replaced at every change, so a worker may read them; the array of
        their layer is written in place.
        """
        layer, labels = self.layer, self._workspace.session.labels
        if layer is None:
            return None
        source = LabelsSource.of(layer, self.axes.currentData())
        return source.holding(labels) if self.live and labels is not None else source

    def refill(self, *_: Any) -> None:
        """Offer the layers of the viewer; new objects of a run are chosen."""
        ours = self._workspace.layers.labels_layer if self._has_labels else None
        known = [self.layers.itemData(n) for n in range(self.layers.count())]
        found = labels_layers(self._viewer)
        named = [(layer.name, layer) for layer in found]
        before, chosen = self.layer, self.layer
        if ours is not None and ours is not self._taken:
            chosen = ours
        self._taken = ours
        shown = [(self.layers.itemText(n), layer) for n, layer in enumerate(known)]
        was_live, self._was_live = self._was_live, self.live
        if _same(shown, named) and chosen is before and known:
            if was_live != self.live:  # the layer stays where a run begins anew
                self.changed.emit()
            return
        self.layers.refill(named or [("no labels layer", None)], chosen)
        self.layers.setEnabled(bool(named))
        if self.layer is not before or not known:
            self._chosen()
        else:
            self.changed.emit()

    def _chosen(self, *_: Any) -> None:
        layer = self.layer
        offered = () if layer is None else UNNAMED.get(layer.ndim, ())
        try:
            unnamed = layer is not None and not LabelsSource.of(layer).named
        except ValueError:
            unnamed = False
        items = [(_NAMES[axes], axes) for axes in offered] if unnamed else []
        self.axes.refill(items, self.axes.currentData())
        self.axes.setVisible(len(items) > 1)
        self.changed.emit()


def _same(shown: list[tuple[str, Any]], found: list[tuple[str, Any]]) -> bool:
    return len(shown) == len(found) and all(
        a == b and one is other for (a, one), (b, other) in zip(shown, found, strict=True)
    )
