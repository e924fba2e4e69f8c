"""How images, label images and napari's layers lie on each other."""

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
"""Where our layers say in their metadata what they are."""


def image_input(layer: Image, axes: str | None) -> ImageInput:
    """Describe an image layer to the session; of a multiscale image, with all its levels."""
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
    """Where a layer of ``ndim`` axes must lie to cover the last axes of ``layer``.

    Parameters
    ----------
    layer : napari.layers.Layer
    ndim : int
    session : Session, optional
        With it, only the field that its results are of is covered.
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
    """Middle of the field's first pixel, and its pixels' size, along the image's last axes."""
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
    """Say how large something of so many pixels is, in the layer's unit where it has one.

    Parameters
    ----------
    pixels : float
        Number of pixels or voxels.
    layer : napari.layers.Layer
        Whose scale and units count.
    ndim : int
        How many of the layer's last axes are space.

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
    """How an array of ([T,] [Z,] Y, X) is laid over an image that has channels too.

    napari aligns layers at their last axes. Channels before all others need nothing; channels
    between them get an axis along which every element is the same memory.

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
        """Alignment to the session's image, as its axes were understood."""
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
        """Turn what is seen of a laid view into what is seen of the array."""
        return view if self.axis is None else (*view[: self.axis], *view[self.axis + 1 :])

    def lift_index(self, index: tuple[int, ...]) -> tuple[int, ...]:
        """Turn an index into a laid view into one into the array."""
        if self.axis is None:
            return index
        return (*index[: self.axis], *index[self.axis + 1 :])
