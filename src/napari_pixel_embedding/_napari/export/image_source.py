"""Image layers that can be exported with a labels layer, and the plane that is in view."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_pixel_embedding._napari.layers.kept import is_input

if TYPE_CHECKING:
    from collections.abc import Mapping

    from napari import Viewer
    from napari.layers import Image, Labels

    from napari_pixel_embedding._napari.export.labels_source import LabelsSource
    from napari_pixel_embedding.core.inference.layout import Layout


def images_on(viewer: Viewer, source: LabelsSource) -> list[Image]:
    """Return the image layers that lie on the pixels of a labels layer."""
    layers = [layer for layer in viewer.layers if is_input(layer)]
    return [layer for layer in layers if layout_of(layer, source) is not None]


def layout_of(layer: Image, source: LabelsSource) -> Layout | None:
    """Return how an image layer is read like the labels; None if it has other pixels."""
    labels = source.layout
    levels = layer.data if layer.multiscale else [layer.data]
    if source.roi is not None and source.roi.level >= len(levels):
        return None
    shape, label_shape = tuple(levels[0].shape), labels.label_shape
    colors = labels.axes.endswith("C")
    if shape == labels.shape and (colors or not layer.rgb):
        return replace(labels, channel=None)
    if layer.rgb and shape[:-1] == label_shape:
        return replace(labels, axes=f"{labels.label_axes}C", shape=shape, channel=None)
    if not layer.rgb and shape == label_shape:
        return replace(labels, axes=labels.label_axes, shape=shape, channel=None)
    return None


def pixels_of(layer: Image, source: LabelsSource) -> tuple[Any, str]:
    """Return the pixels of an image layer that the labels cover, and their axes."""
    layout, roi = layout_of(layer, source), source.roi
    if layout is None:
        raise ValueError(f"“{layer.name}” has other pixels than the labels.")
    data = layer.data
    if layer.multiscale:
        data = data[0 if roi is None else roi.level]
    if roi is None:
        return data, layout.axes
    spans = dict(zip(layout.spatial, roi.box, strict=True))
    if layout.frame_axes:
        place = layout.frame_place(roi.frame or 0)
        spans |= {a: slice(n, n + 1) for a, n in zip(layout.frame_axes, place, strict=True)}
    return data[tuple(spans.get(a, slice(None)) for a in layout.axes)], layout.axes


@dataclass(frozen=True)
class Plane:
    """One plane of one frame: an index along each axis but Y, X and channels."""

    at: Mapping[str, int]

    @classmethod
    def in_view(cls, viewer: Viewer, layer: Labels, source: LabelsSource) -> Plane:
        """Return the plane of a labels layer that the viewer shows."""
        point = np.asarray(viewer.dims.point)[-layer.ndim :]
        index = np.round(layer.world_to_data(point)).astype(int)
        inside = np.clip(index, 0, np.subtract(layer.data.shape, 1)).tolist()
        letters = source.alignment.letters
        return cls({a: n for a, n in zip(letters, inside, strict=True) if a in "TZ"})

    def of(self, data: Any, axes: str) -> tuple[Any, str]:
        """Return the plane of an array, and the axes that are left."""
        key = tuple(self.at.get(a, slice(None)) for a in axes)
        return data[key], "".join(a for a in axes if a not in self.at)
