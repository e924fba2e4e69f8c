"""Keeping our layers on the images that they belong to."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary, WeakSet, ref

from qtpy.QtCore import QObject, Signal  # type: ignore[attr-defined]

from napari_pixel_embedding._napari.layers.placement import Grid, place, placement

if TYPE_CHECKING:
    from collections.abc import Iterator

    from napari import Viewer
    from napari.layers import Image, Layer

_TRANSFORMS = ("scale", "translate", "rotate", "shear", "affine", "units", "axis_labels")


class ImageFollower(QObject):
    """Places layers on images, and places them again when an image's transform is changed.

    It also tells when the session's image is taken away or given other pixels.

    Parameters
    ----------
    viewer : napari.Viewer
        Observed: images may be removed from it.

    Attributes
    ----------
    changed : Signal
        The session's image has been given other pixels.
    removed : Signal
        The session's image was removed from the viewer.
    """

    changed = Signal()
    removed = Signal()

    def __init__(self, viewer: Viewer) -> None:
        super().__init__()
        self._viewer = viewer
        self._image: Image | None = None
        self._watched: WeakSet[Layer] = WeakSet()
        self._placed: WeakKeyDictionary[Layer, tuple[ref[Layer], Grid]] = WeakKeyDictionary()
        viewer.layers.events.removed.connect(self._layer_removed)

    @property
    def image(self) -> Image | None:
        """The layer of the session's image, also after it was removed from the viewer."""
        return self._image

    @property
    def present(self) -> bool:
        """Whether the session's image is in the viewer."""
        return self._image is not None and self._image in self._viewer.layers

    @property
    def shown(self) -> bool:
        """Whether the image, or at least a layer that was placed on it, is in the viewer."""
        ours = (layer for layer, (image, _) in self._placed.items() if image() is self._image)
        return self.present or any(layer in self._viewer.layers for layer in ours)

    def follow(self, image: Image) -> None:
        """Make ``image`` the layer of the session's image."""
        if self._image is not None:
            self._image.events.data.disconnect(self._data_changed)
        self._image = image
        image.events.data.connect(self._data_changed)

    def options(self, ndim: int, grid: Grid | None = None) -> dict[str, Any]:
        """Return options that place a new layer of ``ndim`` axes on the session's image."""
        return {} if self._image is None else placement(self._image, ndim, grid)

    def place(self, layer: Layer, grid: Grid | None = None, image: Layer | None = None) -> None:
        """Place a layer on an image from now on.

        Parameters
        ----------
        layer : napari.layers.Layer
            Moved now, and whenever the image's transform is changed.
        grid : Grid, optional
            Its pixels; by default those of the image.
        image : napari.layers.Layer, optional
            By default the session's image.
        """
        image = image if image is not None else self._image
        if image is None:
            return
        self._placed[layer] = ref(image), grid or Grid()
        self._watch(image)
        place(layer, image, grid)

    def has_placed(self, layer: Layer, grid: Grid) -> bool:
        """Whether a layer was placed so on the session's image, and has followed it since."""
        image, known = self._placed.get(layer, (None, None))
        return image is not None and image() is self._image and known == grid

    def close(self) -> None:
        """Disconnect; layers stay where they are."""
        self._viewer.layers.events.removed.disconnect(self._layer_removed)
        if self._image is not None:
            self._image.events.data.disconnect(self._data_changed)
        for image in self._watched:
            for emitter in _emitters(image):
                emitter.disconnect(self._transform_changed)
        self._watched.clear()
        self._placed.clear()

    def _watch(self, image: Layer) -> None:
        if image not in self._watched:
            self._watched.add(image)
            for emitter in _emitters(image):
                emitter.connect(self._transform_changed)

    def _transform_changed(self, event: Any) -> None:
        for layer, (image, grid) in list(self._placed.items()):
            if image() is event.source:
                place(layer, event.source, grid)

    def _data_changed(self, event: Any) -> None:
        self.changed.emit()

    def _layer_removed(self, event: Any) -> None:
        if event.value is self._image:
            self.removed.emit()


def _emitters(layer: Layer) -> Iterator[Any]:
    """Yield the events of a layer's transform; older versions of napari lack some."""
    for name in _TRANSFORMS:
        emitter = getattr(layer.events, name, None)
        if emitter is not None:
            yield emitter
