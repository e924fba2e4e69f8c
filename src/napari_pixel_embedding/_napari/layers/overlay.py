"""An image layer over the session's image, written in place."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from napari_pixel_embedding._napari.layers.placement import METADATA_KEY, Alignment, Grid

if TYPE_CHECKING:
    from napari import Viewer
    from napari.layers import Image
    from numpy.typing import NDArray

    from napari_pixel_embedding._napari.layers.image_follower import ImageFollower
    from napari_pixel_embedding.session import Session


class Overlay:
    """Image layer over the session's image, present only while it has something to show.

    Parameters
    ----------
    viewer : napari.Viewer
    session : Session
        Its image is covered.
    follower : ImageFollower
        Keeps the layer on the image.
    title : str
        Added to the image's name.
    empty : float
        Value of pixels without data.
    dtype
        Type of the values.
    **style
        Display options for ``viewer.add_image``.
    """

    def __init__(
        self,
        viewer: Viewer,
        session: Session,
        follower: ImageFollower,
        title: str,
        empty: float,
        dtype: Any,
        **style: Any,
    ) -> None:
        self._viewer = viewer
        self._session = session
        self._follower = follower
        self._title = title
        self._empty = empty
        self._dtype = dtype
        self._style = style
        self._buffer: NDArray[Any] = np.zeros(0, dtype)
        self._alignment = Alignment()
        self._frame: int | None = None
        self.layer: Image | None = None

    def show(
        self, frame: int, region: tuple[slice, ...], values: NDArray[Any], **style: Any
    ) -> None:
        """Write values into a region of a frame, and clear the frame shown before.

        Parameters
        ----------
        frame : int
            Index of the session's embedding map.
        region : tuple of slice
            Pixels of it, ([Z,] Y, X).
        values : array
            Of the region's shape.
        **style
            Display options if the layer has to be added; override the overlay's own.
        """
        fits = self._fits()
        if not fits:
            self._make_buffer()
        if self._frame not in (None, frame):
            self._frame_of(self._frame)[...] = self._empty
        self._frame = frame
        self._frame_of(frame)[region] = values
        if not fits or self.layer is None or self.layer not in self._viewer.layers:
            self.remove()
            if self._follower.shown:
                self._add(**style)
        else:
            self.layer.refresh(thumbnail=False, highlight=False, extent=False)

    def remove(self) -> None:
        """Remove the layer from the viewer."""
        layer, self.layer = self.layer, None
        if layer is not None and layer in self._viewer.layers:
            self._viewer.layers.remove(layer)

    def _fits(self) -> bool:
        return self._buffer.shape == self._shape() and self._alignment == Alignment.of(
            self._session
        )

    def _shape(self) -> tuple[int, ...]:
        maps = self._session.embedding_maps
        frames = (len(maps),) if "T" in self._session.axes else ()
        return (*frames, *maps[0].shape)

    def _make_buffer(self) -> None:
        self._buffer = np.full(self._shape(), self._empty, self._dtype)
        self._alignment = Alignment.of(self._session)
        self._frame = None

    def _frame_of(self, frame: int | None) -> NDArray[Any]:
        return self._buffer[frame] if "T" in self._session.axes else self._buffer

    def _add(self, **style: Any) -> None:
        """Add the layer on top, and keep the active layer."""
        image, layers = self._session.image, self._viewer.layers
        active, selected = layers.selection.active, set(layers.selection)
        data = self._alignment.lay(self._buffer)
        grid = Grid.of(self._session, data.ndim)
        self.layer = self._viewer.add_image(
            data,
            name=f"{image.name if image is not None else 'image'} {self._title}",
            metadata={METADATA_KEY: {"colors": True}},
            **{**self._style, **style},
            **self._follower.options(data.ndim, grid),
        )
        self._follower.place(self.layer, grid)
        layers.selection.clear()
        layers.selection.update(selected)
        layers.selection.active = active
