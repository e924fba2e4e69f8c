"""How the channels of a layer are taken as features: where objects may be, and what is compared."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from napari.layers import Image, Labels
from qtpy.QtCore import Signal  # type: ignore[attr-defined]
from qtpy.QtWidgets import QVBoxLayout, QWidget

from napari_pixel_embedding._napari.layers.kept import is_input, is_ours
from napari_pixel_embedding._napari.layers.placement import image_input
from napari_pixel_embedding._napari.widgets.choosers import Choice, ImageChooser
from napari_pixel_embedding._napari.widgets.controls import named_rows
from napari_pixel_embedding.core.features.source import FeatureSource, feature_axes, features_named

if TYPE_CHECKING:
    from napari import Viewer

    from napari_pixel_embedding._napari.models.chooser import ModelChooser

_COMPARE = (
    "How two vectors are compared: by their distance, or by their angle alone, as for features of "
    "vision transformers and for flows."
)
_FOREGROUND = (
    "Where objects may be: everywhere, where vectors are long, or where a channel or another layer "
    "says so. Numbers from 0 to 1 are probabilities; of a labels layer, all objects count."
)
_PLACES = [("everywhere", "everywhere"), ("where vectors are long", "length")]
_MOST_CHANNELS = 12
"""Channels that are offered as the foreground at most: of more, the last ones."""


class FeatureBox(QWidget):
    """Foreground and comparison of features; hidden while a model is chosen.

    Parameters
    ----------
    viewer : napari.Viewer
        Its other layers are offered as the foreground.
    images : ImageChooser
    models : ModelChooser

    Attributes
    ----------
    changed : Signal
        Another foreground or comparison was chosen.
    """

    changed = Signal()

    def __init__(self, viewer: Viewer, images: ImageChooser, models: ModelChooser) -> None:
        super().__init__()
        self._viewer, self._images, self._models = viewer, images, models
        self.places = Choice(_FOREGROUND)
        self.compare = Choice(_COMPARE)
        self.compare.refill([("Distance", "euclidean"), ("Angle", "cosine")], "euclidean")
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addLayout(named_rows(("Foreground", self.places), ("Compare by", self.compare)))
        for signal in (images.changed, images.axes_choice.currentIndexChanged, models.changed):
            signal.connect(self._refill)
        for event in self._layer_events():
            event.connect(self._refill)
        for box in (self.places, self.compare):
            box.activated.connect(self.changed)
        self._refill()

    def close_down(self) -> None:
        """Stop following the viewer."""
        for event in self._layer_events():
            event.disconnect(self._refill)

    @property
    def source(self) -> FeatureSource | None:
        """The choice; None while a model is chosen."""
        if features_named(self._models.source) is None:
            return None
        place = self.places.currentData()
        known = place if isinstance(place, (str, int)) else "image"
        return FeatureSource(self.compare.currentData(), known)

    @property
    def foreground(self) -> Any:
        """The other layer's data, where one is chosen: of labels whether there is an object."""
        layer = self.places.currentData()
        if self.source is None or not isinstance(layer, Image | Labels):
            return None
        data = layer.data[0] if layer.multiscale else layer.data
        counts = isinstance(layer, Image) and np.dtype(data.dtype).kind in "iu"
        return data.astype(np.float32) if counts else data

    def show_source(self, text: Any) -> None:
        """Show the session's choice."""
        source = features_named(text)
        if source is None or source == self.source:
            return
        self.compare.setCurrentIndex(self.compare.findData(source.compare))
        found = [self.places.itemData(n) for n in range(self.places.count())]
        if source.foreground in found:
            self.places.setCurrentIndex(found.index(source.foreground))

    def _layer_events(self) -> tuple[Any, ...]:
        events = self._viewer.layers.events
        return events.inserted, events.removed, events.renamed

    def _refill(self, *_: Any) -> None:
        self.setVisible(features_named(self._models.source) is not None)
        before = self.places.currentData()
        channels = [(f"channel {n}", n) for n in self._channels()]
        layers = [(f"layer “{one.name}”", one) for one in self._layers()]
        self.places.refill([*_PLACES, *channels, *layers], before)
        if self.places.currentData() is not before:
            self.changed.emit()

    def _channels(self) -> list[int]:
        layer = self._images.layer
        if layer is None:
            return []
        image = image_input(layer, self._images.axes)
        try:
            axes = feature_axes(image.shape, chosen=image.axes, hint=image.axes_hint, rgb=image.rgb)
        except ValueError:
            return []
        count = image.shape[axes.index("C")] if "C" in axes else 0
        return list(range(max(count - _MOST_CHANNELS, 0), count)) if count > 1 else []

    def _layers(self) -> list[Image | Labels]:
        """Return the layers that may say where objects are: not the image, no result of ours."""
        return [
            layer
            for layer in self._viewer.layers
            if layer is not self._images.layer
            and (is_input(layer) or (isinstance(layer, Labels) and not is_ours(layer)))
        ]
