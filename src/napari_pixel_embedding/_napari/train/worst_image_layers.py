"""The layers of one annotated image: itself, its mask, and what a model found in it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari.utils.colormaps import DirectLabelColormap

from napari_pixel_embedding._napari.layers.viewport import SavedCamera

if TYPE_CHECKING:
    from collections.abc import Callable

    from napari import Viewer
    from napari.layers import Layer

    from napari_pixel_embedding._napari.layers.image_follower import ImageFollower
    from napari_pixel_embedding.core.evaluation.worst_images import ImageScore

_OUTLINE = 1


class WorstImageLayers:
    """Shows one image at a time, alone; afterwards what was visible before is visible again.

    Parameters
    ----------
    viewer : napari.Viewer
        Layers are added to it.
    follower : ImageFollower
        Keeps the masks on their image.
    shown : callable
        Called with whether an image is shown, when that changes.
    """

    def __init__(
        self, viewer: Viewer, follower: ImageFollower, shown: Callable[[bool], object]
    ) -> None:
        self._viewer = viewer
        self._follower = follower
        self._shown = shown
        self._layers: list[Layer] = []
        self._hidden: list[Layer] = []
        self._active: Layer | None = None
        self._camera: SavedCamera | None = None
        viewer.layers.events.removed.connect(self._layer_removed)

    def show(self, example: ImageScore) -> None:
        """Show an image, the objects found in it, and white outlines of the true ones."""
        if self._layers:
            self._remove()
        else:
            self._hide_others()
        name, viewer = Path(example.name).stem, self._viewer
        image = viewer.add_image(example.image, name=name, rgb=example.rgb)
        found = viewer.add_labels(example.prediction, name=f"{name}, found")
        truth = viewer.add_labels(example.truth, name=f"{name}, mask")
        truth.contour = _OUTLINE
        truth.colormap = DirectLabelColormap(color_dict={None: "white", 0: "transparent"})
        self._layers = [image, found, truth]
        for layer in (found, truth):
            self._follower.place(layer, image=image)
        viewer.layers.selection.active = image
        viewer.reset_view()
        self._shown(True)

    def leave(self) -> None:
        """Remove the image; what was visible before is visible again, in the same view."""
        if not self._layers:
            return
        self._remove()
        present = [layer for layer in self._hidden if layer in self._viewer.layers]
        for layer in present:
            layer.visible = True
        if self._active in self._viewer.layers:
            self._viewer.layers.selection.active = self._active
        if self._camera is not None and present:
            self._camera.restore()
        self._hidden, self._active, self._camera = [], None, None
        self._shown(False)

    def close(self) -> None:
        """Leave the image for good."""
        self._viewer.layers.events.removed.disconnect(self._layer_removed)
        self.leave()

    def _hide_others(self) -> None:
        self._camera = SavedCamera(self._viewer)
        self._active = self._viewer.layers.selection.active
        self._hidden = [layer for layer in self._viewer.layers if layer.visible]
        for layer in self._hidden:
            layer.visible = False

    def _remove(self) -> None:
        removed, self._layers = self._layers, []
        for layer in removed:
            if layer in self._viewer.layers:
                self._viewer.layers.remove(layer)

    def _layer_removed(self, event: Any) -> None:
        """Leave the image when the user deletes it."""
        if self._layers and event.value is self._layers[0]:
            self.leave()
