"""The image that all docks of a viewer are about."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QObject, QTimer, Signal  # type: ignore[attr-defined]

from napari_pixel_embedding._napari.layers import kept

if TYPE_CHECKING:
    from napari import Viewer
    from napari.layers import Image

    from napari_pixel_embedding._napari.layers.results import ResultLayers
    from napari_pixel_embedding.session import Session


class PresentImage(QObject):
    """Keeps the session on the image that is chosen, or whose objects are.

    A layer that the user selects is followed, as a choice in the dock is. While the image before
    is being segmented or measured, the session stays with it, and follows when that has ended.

    Parameters
    ----------
    viewer : napari.Viewer
        Observed: its active layer.
    layers : ResultLayers
        Makes an image the session's.
    session : Session
        Observed: whether it is at work.

    Attributes
    ----------
    changed : Signal
        Another image is present.
    """

    changed = Signal()

    def __init__(self, viewer: Viewer, layers: ResultLayers, session: Session) -> None:
        super().__init__()
        self._closed = False
        self._viewer, self._layers, self._session = viewer, layers, session
        self._wanted: Image | None = None
        self._later = QTimer(self)
        self._later.setSingleShot(True)
        self._later.timeout.connect(self._settle)
        viewer.layers.selection.events.active.connect(self._follow_active)
        viewer.layers.events.inserted.connect(self._follow_active)
        for signal in self._ends():
            signal.connect(self._wait)
        self.choose(self._selected() or self._with_objects() or self._first())

    def _ends(self) -> tuple[Any, ...]:
        events = self._session.events
        return events.running, events.measuring, events.labels, events.error

    @property
    def layer(self) -> Image | None:
        """The image's layer."""
        image = self._wanted or self._layers.follower.image
        return image if image is not None and image in self._viewer.layers else None

    def choose(self, layer: Image | None) -> None:
        """Make an image the present one, now or when the work on the one before has ended."""
        if layer is None or layer is self.layer or self._closed:
            return
        self._wanted = layer
        self._settle()
        self.changed.emit()

    def close(self) -> None:
        """Stop following."""
        self._closed = True
        self._later.stop()
        self._viewer.layers.selection.events.active.disconnect(self._follow_active)
        self._viewer.layers.events.inserted.disconnect(self._follow_active)
        for signal in self._ends():
            signal.disconnect(self._wait)

    def _follow_active(self, event: Any = None) -> None:
        if self._layers.adding:
            return
        self.choose(self._selected() or (self._first() if self.layer is None else None))

    def _selected(self) -> Image | None:
        """Return the image that is selected, or whose objects are."""
        active = self._viewer.layers.selection.active
        if active is not None and kept.is_objects(active):
            return kept.image_of(active, self._viewer)
        return active if kept.is_input(active) else None

    def _with_objects(self) -> Image | None:
        """Return the image of the uppermost objects layer."""
        objects = filter(kept.is_objects, reversed(self._viewer.layers))
        images = (kept.image_of(layer, self._viewer) for layer in objects)
        return next((image for image in images if image is not None), None)

    def _first(self) -> Image | None:
        return next(filter(kept.is_input, self._viewer.layers), None)

    def _wait(self, *_: Any) -> None:
        if self._wanted is not None:
            self._later.start()  # the result is taken first, all of it

    def _settle(self) -> None:
        wanted = self._wanted
        if wanted is None or self._is_at_work():
            return
        self._wanted = None
        if wanted in self._viewer.layers:
            self._layers.use_image(wanted, *kept.reading_of(wanted, self._viewer))

    def _is_at_work(self) -> bool:
        session = self._session
        unseen = bool(session.embedding_maps) and session.labels is None and not session.error
        return session.running or session.measuring or unseen
