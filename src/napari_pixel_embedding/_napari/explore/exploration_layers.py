"""Exploration in the viewer: layers, cursor, slice in view, selected object."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from napari.utils.colormaps import AVAILABLE_COLORMAPS, Colormap
from qtpy.QtCore import QObject

from napari_pixel_embedding._napari.layers.overlay import Overlay
from napari_pixel_embedding._napari.layers.pointer import Pointer
from napari_pixel_embedding.core.clustering.params import bandwidth_range

if TYPE_CHECKING:
    from collections.abc import Iterator

    from napari.layers import Labels

    from napari_pixel_embedding._napari.workspace import Workspace
    from napari_pixel_embedding.session.explore.exploration import Exploration
    from napari_pixel_embedding.session.explore.views import Selection, Similarity


class ExplorationLayers(QObject):
    """Shows an exploration's results as layers, and passes it the cursor and clicks.

    Parameters
    ----------
    workspace : Workspace
        Of the viewer.
    exploration : Exploration
        Observed; receives the cursor and the slice in view.
    """

    def __init__(self, workspace: Workspace, exploration: Exploration) -> None:
        super().__init__()
        self._workspace = workspace
        self._viewer = workspace.viewer
        self._session = workspace.session
        self._follower = workspace.layers.follower
        self._exploration = exploration
        self._labels: Labels | None = None
        magma = AVAILABLE_COLORMAPS["magma"].colors
        self.similarity = Overlay(
            self._viewer,
            self._session,
            self._follower,
            "similarity",
            np.inf,
            np.float32,
            colormap=Colormap(np.array(magma)[::-1], name="similarity"),
            blending="additive",
        )
        self.selection = Overlay(
            self._viewer,
            self._session,
            self._follower,
            "selection",
            0,
            np.uint8,
            colormap="cyan",
            blending="additive",
            contrast_limits=(0, 2),
            opacity=0.7,
        )
        self._connect()
        self._follow_labels()
        self._follow_view()

    def close(self) -> None:
        """Disconnect and remove the layers: they are views, not results."""
        for signal, slot in self._signals():
            signal.disconnect(slot)
        self._viewer.mouse_move_callbacks.remove(self._moved)
        self._viewer.mouse_drag_callbacks.remove(self._pressed)
        self._watch_labels(None)
        self.similarity.remove()
        self.selection.remove()

    def _connect(self) -> None:
        for signal, slot in self._signals():
            signal.connect(slot)
        self._viewer.mouse_move_callbacks.append(self._moved)
        self._viewer.mouse_drag_callbacks.append(self._pressed)

    def _signals(self) -> list[tuple[Any, Any]]:
        dims, state = self._viewer.dims.events, self._exploration.state.events
        return [
            (state.similarity, self._show_similarity),
            (state.selection, self._show_selection),
            (self._session.events.embedding_maps, self._follow_view),
            (self._session.events.labels, self._follow_labels),
            (dims.point, self._follow_view),
            (dims.order, self._follow_view),
            (dims.ndisplay, self._follow_view),
            (self._viewer.layers.events.removed, self._layer_removed),
        ]

    # --------------------------------------------------------------------------- to napari

    def _show_similarity(self, similarity: Similarity | None) -> None:
        if similarity is None:
            self.similarity.remove()
            return
        emap = self._session.embedding_maps[similarity.frame]
        limits = (0.0, bandwidth_range(emap.space, emap.delta_var)[1])
        self.similarity.show(
            similarity.frame, similarity.region, similarity.distance, contrast_limits=limits
        )

    def _show_selection(self, selection: Selection | None) -> None:
        """Show a lasso's pixels; objects chosen in the labels layer are visible there."""
        if selection is None or not selection.choice.lasso:
            self.selection.remove()
            return
        everywhere = (slice(None),) * selection.mask.ndim
        self.selection.show(selection.frame, everywhere, selection.mask)

    # ------------------------------------------------------------------------- from napari

    def _pointer(self) -> Pointer | None:
        state = self._exploration.state
        if not (state.similarity_wanted or state.scatter_wanted):
            return None
        return Pointer.of(self._follower, self._session)

    def _moved(self, viewer: Any, event: Any) -> None:
        pointer = self._pointer()
        if pointer is not None and viewer.dims.ndisplay == 2:
            self._exploration.hover(*pointer.pixel(event.position))

    def _pressed(self, viewer: Any, event: Any) -> Iterator[None]:
        """Hold the clicked pixel, unless the click was a drag or belongs to a tool."""
        button, position = event.button, tuple(event.position)
        yield
        dragged = False
        while event.type == "mouse_move":
            dragged = True
            yield
        active = viewer.layers.selection.active
        at_rest = active is None or str(active.mode) == "pan_zoom"
        pointer = self._pointer()
        if pointer is not None and at_rest and button == 1 and not dragged:
            if viewer.dims.ndisplay == 2:
                self._exploration.pin(*pointer.pixel(position))

    def _follow_view(self, *_: Any) -> None:
        pointer = Pointer.of(self._follower, self._session)
        if pointer is not None:
            frame, region = pointer.view(self._viewer.dims)
            frames = len(self._session.embedding_maps)
            self._exploration.look_at(min(max(frame, 0), frames - 1), region)

    def _follow_labels(self, *_: Any) -> None:
        self._watch_labels(self._workspace.layers.labels_layer)

    def _watch_labels(self, layer: Labels | None) -> None:
        if layer is self._labels:
            return
        if self._labels is not None:
            self._labels.events.selected_label.disconnect(self._label_chosen)
        self._labels = layer
        if layer is not None:
            layer.events.selected_label.connect(self._label_chosen)

    def _label_chosen(self, event: Any) -> None:
        if self._labels is not None:
            self._exploration.choose_objects((int(self._labels.selected_label),))

    def _layer_removed(self, event: Any) -> None:
        """Turn off the view whose layer the user deleted."""
        if event.value is self.similarity.layer:
            self.similarity.layer = None
            self._exploration.show_similarity(False)
        elif event.value is self.selection.layer:
            self.selection.layer = None
            self._exploration.lasso(())
        elif event.value is self._labels:
            self._watch_labels(None)
