"""Aligning images, label images and napari layers."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_pixel_embedding.session import ImageInput

if TYPE_CHECKING:
    from collections.abc import Sequence

    from napari.layers import Image, Layer
    from numpy.typing import NDArray

    from napari_pixel_embedding.core.blockwise.roi import Viewport
    from napari_pixel_embedding.core.inference.channels import Channel
    from napari_pixel_embedding.core.inference.layout import Layout
    from napari_pixel_embedding.session import Session

METADATA_KEY = "napari-pixel-embedding"
"""Key of the plugin's entry in a layer's metadata."""


def image_input(layer: Image, axes: str | None, channel: Channel | None = None) -> ImageInput:
    """Make the session's image from an image layer, with all levels of a multiscale one."""
    return ImageInput(
        data=layer.data[0] if layer.multiscale else layer.data,
        coarser=tuple(layer.data[1:]) if layer.multiscale else (),
        axes=axes,
        channel=channel,
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
    if session is None or session.roi is None or session.layout is None:
        return start, factor
    roi, layout = session.roi, session.layout
    frame = dict(zip(layout.frame_axes, layout.frame_place(roi.frame or 0), strict=True))
    axes = layer_axes(session)
    for at, letter in enumerate(axes, start=ndim - len(axes)):
        if letter in frame and at >= 0:
            start[at] = frame[letter]
        elif letter in layout.spatial:
            n = layout.spatial.index(letter)
            factor[at] = roi.factor[n]
            start[at] = roi.start[n] * roi.factor[n] + (roi.factor[n] - 1) / 2
    return start, factor


def layer_axes(session: Session) -> str:
    """Return a letter for each axis of the layer of the session's image."""
    axes = "" if session.layout is None else session.layout.axes
    return axes.removesuffix("C") if session.image is not None and session.image.rgb else axes


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
    """Alignment of an array of ([T,] [Z,] Y, X) with an image of other axes.

    napari aligns layers at their last axes, so the array is laid out in the image's order. Leading
    channels need nothing; other channels get a broadcast axis, which takes no memory.

    Parameters
    ----------
    layout : Layout, optional
        Axes of the image.
    axes : str
        A letter for each axis of the image's layer.
    """

    layout: Layout | None = None
    axes: str = ""

    @classmethod
    def of(cls, session: Session) -> Alignment:
        """Return the alignment to the session's image."""
        return cls(session.layout, layer_axes(session))

    @property
    def letters(self) -> str:
        """A letter for each axis of what is laid."""
        return self.axes.removeprefix("C")

    @property
    def _axis(self) -> int | None:
        """Where the channels' axis is inserted."""
        return self.letters.index("C") if "C" in self.letters else None

    def lay(self, array: NDArray[Any]) -> NDArray[Any]:
        """View ``array`` with the image's axes; writing into the view writes into ``array``."""
        if self.layout is None:
            return array
        return self.over_channels(self.layout.lay(array))

    def over_channels(self, array: NDArray[Any], count: int | None = None) -> NDArray[Any]:
        """View an array in the image's order with the channels' axis, by default all of it."""
        axis, layout = self._axis, self.layout
        if axis is None or layout is None:
            return array
        count = layout.shape[layout.axes.index("C")] if count is None else count
        shape = (*array.shape[:axis], count, *array.shape[axis:])
        strides = (*array.strides[:axis], 0, *array.strides[axis:])
        return np.lib.stride_tricks.as_strided(array, shape, strides)

    def lift(self, view: NDArray[Any]) -> NDArray[Any]:
        """Undo :meth:`lay`."""
        axis = self._axis
        view = view if axis is None else view.take(0, axis=axis)
        return view if self.layout is None else self.layout.lift(view)

    def lift_view(self, view: Viewport) -> Viewport:
        """Convert a viewport on a laid view to one on the array."""
        if self.layout is None:
            return view
        layout = self.layout
        seen = tuple(part for a, part in zip(self.letters, view, strict=True) if a != "C")
        return replace(layout, axes=layout.label_axes, shape=layout.label_shape).lift_view(seen)

    def lift_index(self, index: tuple[int, ...]) -> tuple[int, ...]:
        """Convert an index into a laid view to one into the array."""
        if self.layout is None:
            return index
        return self.layout.lift_index(
            [n for a, n in zip(self.letters, index, strict=True) if a != "C"]
        )

    def lay_index(self, index: Sequence[float]) -> tuple[float, ...]:
        """Convert an index into the array to one into a laid view."""
        if self.layout is None:
            return tuple(index)
        laid, axis = list(self.layout.lay_index(index)), self._axis
        if axis is not None:
            laid.insert(axis, 0)
        return tuple(laid)
