"""The images whose intensities can be measured: those on the grid of the labels."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from napari_pixel_embedding._napari.export.image_source import images_on, layout_of
from napari_pixel_embedding._napari.layers.placement import image_input

if TYPE_CHECKING:
    from napari import Viewer
    from napari.layers import Image

    from napari_pixel_embedding._napari.export.labels_source import LabelsSource

_COLORS = ("red", "green", "blue")


@dataclass(frozen=True, eq=False)
class Intensity:
    """A channel of an image layer.

    Parameters
    ----------
    title : str
        For the user.
    name : str
        Prefix of its columns.
    layer : napari.layers.Image
    data : array_like
        Of the shape of the labels, ([T,] [Z,] Y, X).
    """

    title: str
    name: str
    layer: Image
    data: Any


def intensities(viewer: Viewer, source: LabelsSource) -> list[Intensity]:
    """Return the channels of all image layers that lie on the pixels of a labels layer."""
    return [one for layer in images_on(viewer, source) for one in _channels_of(layer, source)]


def _channels_of(layer: Image, source: LabelsSource) -> list[Intensity]:
    layout = layout_of(layer, source)
    if layout is None:
        return []
    count = layout.shape[layout.axes.index("C")] if "C" in layout.axes else 1
    names = _COLORS if layer.rgb else [f"channel {k}" for k in range(count)]
    found = []
    for channel, name in enumerate(names):
        one = replace(layout, channel=channel if "C" in layout.axes else None)
        part = image_input(layer, one.axes).arranged(one).part(one.read_axes, source.roi)
        single = count == 1 and not layer.rgb
        title = layer.name if single else f"{layer.name}: {name}"
        prefix = layer.name if single else f"{layer.name}_{name.replace('channel ', 'c')}"
        found.append(Intensity(title, prefix, layer, part.data))
    return found
