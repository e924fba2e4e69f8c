"""The layers of one annotated image: itself, its mask, and what a model found in it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from napari.utils.colormaps import DirectLabelColormap

if TYPE_CHECKING:
    from napari import Viewer
    from napari.layers import Layer

    from napari_pixel_embedding._napari.layers.image_follower import ImageFollower
    from napari_pixel_embedding.core.evaluation.worst_images import ImageScore

_OUTLINE = 1


class WorstImageLayers:
    """Shows one image at a time; replaces the layers of the previous one.

    Parameters
    ----------
    viewer : napari.Viewer
        Layers are added to it.
    follower : ImageFollower
        Keeps the masks on their image.
    """

    def __init__(self, viewer: Viewer, follower: ImageFollower) -> None:
        self._viewer = viewer
        self._follower = follower
        self._layers: list[Layer] = []

    def show(self, example: ImageScore) -> None:
        """Show an image, the objects found in it, and white outlines of the true ones."""
        for layer in self._layers:
            if layer in self._viewer.layers:
                self._viewer.layers.remove(layer)
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
