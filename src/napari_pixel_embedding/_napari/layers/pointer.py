"""Finding the embedding's pixel at a position in the viewer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_pixel_embedding._napari.layers.placement import layer_axes

if TYPE_CHECKING:
    from collections.abc import Sequence

    from napari.layers import Image

    from napari_pixel_embedding._napari.layers.image_follower import ImageFollower
    from napari_pixel_embedding.core.blockwise.roi import ROI
    from napari_pixel_embedding.core.inference.layout import Layout
    from napari_pixel_embedding.session import Session


@dataclass(frozen=True, eq=False)
class Pointer:
    """Maps positions in the world to pixels of a session's embedding maps.

    Parameters
    ----------
    layer : napari.layers.Image
        The layer of the session's image.
    axes : str
        A letter for each of the layer's axes, without colours.
    layout : Layout
        How they are read.
    shape : tuple of int
        Pixels of one embedding map, ([Z,] Y, X).
    roi : ROI, optional
        The part of the image that the maps are of.
    """

    layer: Image
    axes: str
    layout: Layout
    shape: tuple[int, ...]
    roi: ROI | None = None

    @classmethod
    def of(cls, follower: ImageFollower, session: Session) -> Pointer | None:
        """Make a pointer into the session's results; None without them or their image's layer."""
        image, maps, layer = session.image, session.embedding_maps, follower.image
        if image is None or layer is None or not maps or session.layout is None:
            return None
        axes = layer_axes(session)
        fits = follower.present and len(axes) == layer.ndim
        return cls(layer, axes, session.layout, maps[0].shape, session.roi) if fits else None

    def pixel(self, position: Sequence[float]) -> tuple[int, tuple[int, ...]]:
        """Return frame and index ([z,] y, x) at a world position, inside the image or not."""
        found = np.round(np.asarray(self.layer.world_to_data(position), float))
        # Outside the image, a position can be too large for an integer.
        index = dict(zip(self.axes, np.clip(found, -1, 2**31).astype(int), strict=True))
        frame = self.layout.frame_number([int(index[a]) for a in self.layout.frame_axes])
        pixel = tuple(int(index[a]) for a in self.layout.spatial)
        return (frame, pixel) if self.roi is None else _in_field(self.roi, frame, pixel)

    def view(self, dims: Any) -> tuple[int, tuple[slice, ...] | None]:
        """Return the frame that the viewer shows, and the slice of it; None for all of it."""
        frame, index = self.pixel(dims.point)
        before = dims.ndim - self.layer.ndim
        region = tuple(
            slice(None) if self.axes.index(a) + before in dims.displayed else slice(at, at + 1)
            for a, at in zip(
                self.layout.spatial, np.clip(index, 0, np.array(self.shape) - 1), strict=True
            )
        )
        return frame, None if all(part == slice(None) for part in region) else region


def _in_field(roi: ROI, frame: int, pixel: tuple[int, ...]) -> tuple[int, tuple[int, ...]]:
    """Convert a frame and pixel of the image to those of an ROI; −1 outside it."""
    parts = zip(roi.start, pixel, roi.factor, roi.shape, strict=True)
    found = (int(np.floor((n + 0.5) / f)) - a for a, n, f, _ in parts)
    inside = (n if 0 <= n < size else -1 for n, size in zip(found, roi.shape, strict=True))
    return (0 if frame == (roi.frame or 0) else -1), tuple(inside)
