"""Aligning images, label images and napari layers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_pixel_embedding.session import ImageInput

if TYPE_CHECKING:
    from napari.layers import Image, Layer
    from numpy.typing import NDArray

    from napari_pixel_embedding.core.blockwise.roi import Viewport
    from napari_pixel_embedding.session import Session

METADATA_KEY = "napari-pixel-embedding"
"""Key of the plugin's entry in a layer's metadata."""


def image_input(layer: Image, axes: str | None) -> ImageInput:
    """Make the session's image from an image layer, with all levels of a multiscale one."""
    return ImageInput(
        data=layer.data[0] if layer.multiscale else layer.data,
        coarser=tuple(layer.data[1:]) if layer.multiscale else (),
        axes=axes,
        name=layer.name,
        spacing=tuple(float(s) for s in layer.scale),
        rgb=bool(layer.rgb),
        axes_hint=_joined(layer.axis_labels),
        path=layer.source.path,
    )


def _joined(axis_labels: tuple[str, ...]) -> str:
    return "".join(axis_labels) if all(len(label) == 1 for label in axis_labels) else ""


def placement(layer: Layer, ndim: int, session: Session | None = None) -> dict[str, Any]:
    """Return the placement that makes a layer of ``ndim`` axes cover the last axes of ``layer``.

    Parameters
    ----------
    layer : napari.layers.Layer
    ndim : int
    session : Session, optional
        With it, only the ROI of its results is covered.
    """
    scale, rotate = layer.scale[-ndim:], layer.rotate[-ndim:, -ndim:]
    start, factor = _field_on_axes(session, ndim)
    return {
        "scale": scale * factor,
        "translate": layer.translate[-ndim:] + rotate @ (scale * start),
        "rotate": rotate,
        "units": layer.units[-ndim:],
        "axis_labels": layer.axis_labels[-ndim:],
    }


def _field_on_axes(session: Session | None, ndim: int) -> tuple[Any, Any]:
    """Return the centre of the ROI's first pixel and its pixel size, along the last axes."""
    start, factor = np.zeros(ndim), np.ones(ndim)
    if session is None or session.roi is None or session.image is None:
        return start, factor
    roi, spatial = session.roi, iter(range(len(session.roi.start)))
    axes = session.axes.removesuffix("C") if session.image.rgb else session.axes
    for at, letter in enumerate(axes, start=ndim - len(axes)):
        if letter == "T" and at >= 0:
            start[at] = roi.frame or 0
        elif letter in "ZYX":
            n = next(spatial)
            factor[at] = roi.factor[n]
            start[at] = roi.start[n] * roi.factor[n] + (roi.factor[n] - 1) / 2
    return start, factor


def size_text(pixels: float, layer: Layer, ndim: int) -> str:
    """Return a size as text, in the layer's unit, or in pixels if it has none.

    Parameters
    ----------
    pixels : float
        Number of pixels or voxels.
    layer : napari.layers.Layer
        Its scale and units are used.
    ndim : int
        Number of the layer's last axes that are spatial.

    Examples
    --------
    >>> from napari.layers import Labels
    >>> layer = Labels(np.zeros((4, 4), int), scale=(0.5, 0.5), units=("um", "um"))
    >>> size_text(100, layer, 2)
    '25 µm²'
    """
    units = layer.units[-ndim:]
    if str(units[0]) == "pixel" or len(set(units)) > 1:
        return f"{_number(pixels)} {'px' if ndim == 2 else 'voxels'}"
    size = pixels * float(np.prod(layer.scale[-ndim:]))
    return f"{_number(size)} {units[0]:~}{'²' if ndim == 2 else '³'}"


def _number(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


@dataclass(frozen=True)
class Alignment:
    """Alignment of an array of ([T,] [Z,] Y, X) with an image that has channels too.

    napari aligns layers at their last axes. Leading channels need nothing; channels between other
    axes get a broadcast axis, which takes no memory.

    Parameters
    ----------
    axis : int, optional
        Where the axis is inserted.
    channels : int
        Its length.
    """

    axis: int | None = None
    channels: int = 1

    @classmethod
    def of(cls, session: Session) -> Alignment:
        """Return the alignment to the session's image, by its axes."""
        axes, image = session.axes, session.image
        axis = axes.find("C")
        if image is None or not 0 < axis < axes.index("Y"):
            return cls()
        return cls(axis, image.shape[axis])

    def lay(self, array: NDArray[Any]) -> NDArray[Any]:
        """View ``array`` with the channels' axis; writing into the view writes into ``array``."""
        if self.axis is None:
            return array
        shape = (*array.shape[: self.axis], self.channels, *array.shape[self.axis :])
        strides = (*array.strides[: self.axis], 0, *array.strides[self.axis :])
        return np.lib.stride_tricks.as_strided(array, shape, strides)

    def lift(self, view: NDArray[Any]) -> NDArray[Any]:
        """Undo :meth:`lay`."""
        return view if self.axis is None else view.take(0, axis=self.axis)

    def lift_view(self, view: Viewport) -> Viewport:
        """Convert a viewport on a laid view to one on the array."""
        return view if self.axis is None else (*view[: self.axis], *view[self.axis + 1 :])

    def lift_index(self, index: tuple[int, ...]) -> tuple[int, ...]:
        """Convert an index into a laid view to one into the array."""
        if self.axis is None:
            return index
        return (*index[: self.axis], *index[self.axis + 1 :])
