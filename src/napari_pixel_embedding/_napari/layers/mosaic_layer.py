"""The layer that shows the blocks around the ROI of a large image."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QObject, QTimer

from napari_pixel_embedding._napari.layers.lazy_labels import pyramid
from napari_pixel_embedding._napari.layers.placement import METADATA_KEY, Alignment

if TYPE_CHECKING:
    from napari import Viewer
    from napari.layers import Labels

    from napari_pixel_embedding._napari.layers.image_follower import ImageFollower
    from napari_pixel_embedding.core.blockwise.mosaic import MosaicCut
    from napari_pixel_embedding.session import Session
    from napari_pixel_embedding.session.state.results import MosaicLabels

_REFRESH_MS = 60
"""Time between two updates: the ROI's own layer comes first while a slider moves."""


class MosaicLayer(QObject):
    """Shows the labels of all finished blocks in view.

    Pixels are computed when napari reads them, so the layer takes no memory. It is not painted on:
    to correct a part of it, move the view there and run, which makes it the ROI.

    Parameters
    ----------
    viewer : napari.Viewer
    session : Session
        Observed.
    follower : ImageFollower
        Keeps the layer on the image.
    """

    def __init__(self, viewer: Viewer, session: Session, follower: ImageFollower) -> None:
        super().__init__()
        self._viewer = viewer
        self._session = session
        self._follower = follower
        self.layer: Labels | None = None
        self._cut: MosaicCut | None = None
        self._unwanted = False
        self._refreshing = QTimer(self)
        self._refreshing.setSingleShot(True)
        self._refreshing.timeout.connect(self._refresh)

    def show(self, mosaic_labels: MosaicLabels | None, below: Labels | None) -> None:
        """Show new labels, or none.

        Parameters
        ----------
        mosaic_labels : MosaicLabels, optional
        below : napari.layers.Labels, optional
            The layer below which a new one is inserted.
        """
        if mosaic_labels is None:
            self.remove()
            return
        self._cut = mosaic_labels.cut
        wanted = not self._unwanted and self._follower.shown
        if self.layer is None and wanted and mosaic_labels.cut.indexed_blocks:
            self.layer = self._add(below)
        elif not self._refreshing.isActive():
            self._refreshing.start(_REFRESH_MS)

    def remove(self) -> None:
        """Remove the layer from the viewer."""
        self._refreshing.stop()
        layer, self.layer, self._cut = self.layer, None, None
        if layer is not None and layer in self._viewer.layers:
            self._viewer.layers.remove(layer)

    def want(self) -> None:
        """Show the layer again, even if the user deleted it: there was another run."""
        self._unwanted = False

    def was_removed(self) -> None:
        """Note that the user deleted the layer: it does not come back before the next run."""
        self._refreshing.stop()
        self.layer, self._unwanted = None, True

    def _add(self, below: Labels | None) -> Labels:
        session, layers = self._session, self._viewer.layers
        active = layers.selection.active
        name = "image" if session.image is None else session.image.name
        levels = pyramid(self._current, Alignment.of(session))
        layer: Labels = self._viewer.add_labels(
            levels,
            multiscale=True,
            name=f"{name} objects, other blocks",
            opacity=0.5,
            metadata={METADATA_KEY: {"image": name}},
            **self._follower.options(levels[0].ndim),
        )
        self._follower.place(layer)
        if below is not None and below in layers:
            layers.move(len(layers) - 1, layers.index(below))
        layers.selection.active = active
        return layer

    def _current(self) -> Any:
        return self._cut

    def _refresh(self) -> None:
        if self.layer is not None and self.layer.visible:
            self.layer.refresh(thumbnail=False, highlight=False, extent=False)
