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
SAMPLE_KEY = f"{METADATA_KEY} sample"
"""Key of a sample's name in the metadata of its label image."""


def image_input(
    layer: Image, axes: str | None, channel: Channel | None = None, foreground: Any = None
) -> ImageInput:
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
        foreground=foreground,
    )


def _joined(axis_labels: tuple[str, ...]) -> str:
    return "".join(axis_labels) if all(len(label) == 1 for label in axis_labels) else ""


@dataclass(frozen=True)
class Grid:
    """Pixel grid of a layer, in pixels of an image: its pixel n lies at ``start + factor * n``.

    Parameters
    ----------
    start, factor : tuple of float
        Along the layer's axes; the defaults stand for the image's own pixels.
    """

    start: tuple[float, ...] = ()
    factor: tuple[float, ...] = ()

    @classmethod
    def of(cls, session: Session, ndim: int) -> Grid:
        """Return the grid of the session's results, laid over the last ``ndim`` axes."""
        roi, layout = session.roi, session.layout
        if roi is None or layout is None:
            return cls()
        start, factor = [0.0] * ndim, [1.0] * ndim
        frame = dict(zip(layout.frame_axes, layout.frame_place(roi.frame or 0), strict=True))
        axes = layer_axes(session)
        for at, letter in enumerate(axes, start=ndim - len(axes)):
            if letter in frame and at >= 0:
                start[at] = float(frame[letter])
            elif letter in layout.spatial:
                n = layout.spatial.index(letter)
                factor[at] = float(roi.factor[n])
                start[at] = roi.start[n] * factor[at] + (factor[at] - 1) / 2
        return cls(tuple(start), tuple(factor))

    def shifted(self, by: Sequence[float]) -> Grid:
        """Return the grid whose first pixel is this one's pixel ``by``."""
        start, factor = self.on(len(by))
        return Grid(tuple((start + factor * by).tolist()), tuple(factor.tolist()))

    def on(self, ndim: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return start and factor along ``ndim`` axes."""
        start = np.array(self.start or (0.0,) * ndim)
        return start, np.array(self.factor or (1.0,) * ndim)


def placement(image: Layer, ndim: int, grid: Grid | None = None) -> dict[str, Any]:
    """Return the options that make a layer of ``ndim`` axes lie on the last axes of an image.

    napari maps pixels to the world by ``affine · (rotate · shear · scale · pixel + translate)``.
    The grid therefore changes scale and translation only, whatever the other three are.

    Parameters
    ----------
    image : napari.layers.Layer
        All of its transforms, its units and axis labels are taken over.
    ndim : int
        Number of axes of the other layer.
    grid : Grid, optional
        Pixels of the other layer; by default those of the image.
    """
    start, factor = (grid or Grid()).on(ndim)
    scale, rotate = _last(image.scale, ndim, 1.0), _last(image.rotate, ndim)
    shear = _last(_shear_matrix(image), ndim)
    placed = {
        "scale": scale * factor,
        "translate": _last(image.translate, ndim, 0.0) + rotate @ shear @ (scale * start),
        "rotate": rotate,
        "shear": shear,
        "affine": _last_affine(image.affine.affine_matrix, ndim),
    }
    if image.ndim >= ndim:
        placed |= {"units": image.units[-ndim:], "axis_labels": image.axis_labels[-ndim:]}
    return placed


def place(layer: Layer, image: Layer, grid: Grid | None = None) -> None:
    """Make a layer lie on an image, see :func:`placement`; what is right already is not set."""
    now = placement(layer, layer.ndim)
    for name, value in placement(image, layer.ndim, grid).items():
        if not np.array_equal(now[name], value):
            setattr(layer, name, value)


def _last(values: Any, ndim: int, missing: float = 0.0) -> NDArray[np.float64]:
    """Return the last ``ndim`` entries of a vector, or the last block of a matrix.

    Where an array has fewer, ``missing`` is put before a vector, and ones on a matrix's diagonal.
    """
    values = np.asarray(values, float)
    own = min(ndim, len(values))
    last = np.full(ndim, missing) if values.ndim == 1 else np.eye(ndim)
    kept = (slice(ndim - own, None),) * values.ndim
    last[kept] = values[(slice(len(values) - own, None),) * values.ndim]
    return last


def _last_affine(matrix: NDArray[Any], ndim: int) -> NDArray[np.float64]:
    """Return an affine matrix, in homogeneous coordinates, of the last ``ndim`` axes."""
    last = np.eye(ndim + 1)
    last[:-1, :-1] = _last(matrix[:-1, :-1], ndim)
    last[:-1, -1] = _last(matrix[:-1, -1], ndim)
    return last


def _shear_matrix(layer: Layer) -> NDArray[np.float64]:
    """Return a layer's shear as a matrix; napari tells an upper triangular one as a vector."""
    shear = np.asarray(layer.shear, float)
    if shear.ndim == 2:
        return shear
    matrix = np.eye(layer.ndim)
    matrix[np.triu_indices(layer.ndim, k=1)] = shear
    return matrix


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
