"""Comparison of two models in the region in view: before, after, or side by side."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from napari.layers import Image, Labels
from qtpy.QtCore import QObject, QTimer

from napari_pixel_embedding._napari.layers.placement import METADATA_KEY, Alignment, Grid
from napari_pixel_embedding._napari.layers.viewport import SavedCamera, show_boxes, view_of
from napari_pixel_embedding.session import ImageRegion

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from napari_pixel_embedding._napari.workspace import Workspace
    from napari_pixel_embedding.core.blockwise.roi import Viewport
    from napari_pixel_embedding.session import Preview

Comparison = Literal["before", "after", "beside"]

_MOST = {2: (512, 512), 3: (16, 256, 256)}
"""Pixels of the largest region that is previewed, along ([Z,] Y, X)."""
_SETTLED_MS = 300
"""Time that the view must be still before the preview follows it."""
_GAP = 1.04


class TunedLayers(QObject):
    """Requests previews of the region in view from the other model, and shows them as layers.

    The other model is the tuned one; once that is in use, its parent, so that the comparison stays.

    Parameters
    ----------
    workspace : Workspace
        Its session's preview is shown; its view is observed while there is another model.
    """

    def __init__(self, workspace: Workspace) -> None:
        super().__init__()
        self._workspace = workspace
        self._session = workspace.session
        self._follower = workspace.layers.follower
        self._labels: Labels | None = None
        self._image: Image | None = None
        self._mode: Comparison = "before"
        self._settling = self._timer(_SETTLED_MS, self.look)
        self._completing = self._timer(0, self._arrange)
        scene = getattr(workspace.viewer, "scene", workspace.viewer)  # from napari 0.9 on
        self._views = (
            scene.camera.events.center,
            scene.camera.events.zoom,
            workspace.viewer.dims.events.current_step,
        )
        for signal in self._views:
            signal.connect(self._view_moved)
        workspace.viewer.layers.events.removed.connect(self._layer_removed)
        self._before_beside: SavedCamera | None = None
        self._session.events.tuning_preview.connect(self._follow_preview)
        self._session.events.running.connect(self._follow_run)

    def _timer(self, interval: int, act: Callable[[], None]) -> QTimer:
        timer = QTimer(self)
        timer.setSingleShot(True)
        timer.setInterval(interval)
        timer.timeout.connect(act)
        return timer

    @property
    def mode(self) -> Comparison:
        """What is shown: the current objects, those of the tuned model, or both."""
        return self._mode

    @property
    def labels_layer(self) -> Labels | None:
        """The layer with the tuned model's objects, if there is one."""
        return self._labels

    def look(self) -> None:
        """Request a preview of the region in view."""
        layer = self._workspace.layers.labels_layer
        if layer is not None:
            self._workspace.controller.fine_tuning.preview(self._region(layer))

    def show(self, mode: Comparison) -> None:
        """Show the objects before, after, or both side by side."""
        beside = mode == "beside"
        if beside and self._mode != "beside":
            self._before_beside = SavedCamera(self._workspace.viewer)
        elif not beside and self._before_beside is not None:
            self._before_beside.restore()
            self._before_beside = None
        self._mode = mode
        self._arrange()
        if beside:
            self._show_both()

    def close(self) -> None:
        """Disconnect and remove the layers."""
        self._settling.stop()
        self._completing.stop()
        for signal in self._views:
            signal.disconnect(self._view_moved)
        self._workspace.viewer.layers.events.removed.disconnect(self._layer_removed)
        self._session.events.tuning_preview.disconnect(self._follow_preview)
        self._session.events.running.disconnect(self._follow_run)
        self._workspace.controller.fine_tuning.preview(None)
        self._remove()

    # ------------------------------------------------------------------------------ the view

    def _view_moved(self, _: Any = None) -> None:
        if self._session.compared_model is not None and self._mode != "beside":
            self._settling.start()

    def _region(self, layer: Labels) -> ImageRegion:
        """Return the part of the labels layer that is in view, around its centre."""
        seen = view_of(self._workspace.viewer, layer)
        shape, view = self._session.labels_shape, Alignment.of(self._session).lift_view(seen)
        if not self._session.has_frames:
            return ImageRegion(None, _within(shape, view))
        frame = int(np.clip(view[0][0], 0, shape[0] - 1))
        return ImageRegion(frame, _within(shape[1:], view[1:]))

    def _show_both(self) -> None:
        """Bring the region and the other model's objects beside it into view."""
        objects, other = self._workspace.layers.labels_layer, self._labels
        preview = self._session.tuning_preview
        if objects is None or other is None or preview is None:
            return
        size = [float(n) for n in other.data.shape]
        whole = tuple((-0.5, n - 0.5) for n in size)
        start = self._laid_start(preview.region, [float(s.start) for s in preview.region.pixels])
        here = tuple((at - 0.5, at + n - 0.5) for at, n in zip(start, size, strict=True))
        show_boxes(self._workspace.viewer, [objects, other], [here, whole])

    def _follow_run(self, running: bool) -> None:
        """Compare with the parent once the tuned model has run on the image."""
        if not running and self._session.compared_model is not None:
            self.look()

    # ---------------------------------------------------------------------------- the layers

    def _follow_preview(self, preview: Preview | None) -> None:
        if preview is None or self._workspace.layers.labels_layer is None:
            self._remove()
        else:
            self._arrange()

    def _arrange(self) -> None:
        """Show the layers of the current mode, with the preview's data at its position."""
        objects, preview = self._workspace.layers.labels_layer, self._session.tuning_preview
        if objects is None or preview is None:
            return
        beside = self._mode == "beside"
        fresh = self._labels is None
        labels = self._show_labels(objects, preview)
        shown: list[Labels | Image] = [labels]
        if beside and fresh:  # layers take long to build: the other one later
            self._completing.start()
        elif beside:
            shown.append(self._show_image(preview))
        for layer in shown:
            self._follower.place(layer, self._grid(preview.region, layer.ndim, beside))
        in_use, other = ("before", "after") if self._is_tuned_shown() else ("after", "before")
        objects.visible, labels.visible = self._mode != other, self._mode != in_use
        if self._image is not None:
            self._image.visible = beside
        if beside and fresh:
            self._show_both()

    def _is_tuned_shown(self) -> bool:
        """Whether the layer has the tuned model's objects; its parent's otherwise."""
        return self._session.tuned_model is not None

    def _show_labels(self, objects: Labels, preview: Preview) -> Labels:
        data = self._lay(preview.labels, preview.region)
        if self._labels is None:
            layers = self._workspace.viewer.layers
            title = "tuned" if self._is_tuned_shown() else "before"
            placed = self._common(title, preview.region, data.ndim)
            self._labels = self._insert(
                len(layers), Labels(data, opacity=objects.opacity, **placed)
            )
            self._labels.editable = False
        elif self._labels.data is not data:
            self._labels.data = data
        return self._labels

    def _show_image(self, preview: Preview) -> Image:
        data = self._lay(self._pixels(preview.region), preview.region)
        if self._image is None:
            below = self._workspace.viewer.layers.index(self._labels)
            placed = self._common("beside", preview.region, data.ndim)
            self._image = self._insert(below, Image(data, **placed))
        else:
            self._image.data = data
        return self._image

    def _common(self, title: str, region: ImageRegion, ndim: int) -> dict[str, Any]:
        """Return options that place a layer on the image and mark it as no input image."""
        image = self._session.image
        return {
            "name": f"{'image' if image is None else image.name} {title}",
            "metadata": {METADATA_KEY: {"colors": True}},
            **self._follower.options(ndim, self._grid(region, ndim)),
        }

    def _insert(self, index: int, layer: Any) -> Any:
        """Insert a layer at an index of the list, and keep the active layer."""
        layers = self._workspace.viewer.layers
        active = layers.selection.active
        layers.insert(index, layer)
        layers.selection.active = active
        return layer

    def _pixels(self, region: ImageRegion) -> NDArray[Any]:
        """Return the region's pixels of the image, without channels."""
        image = self._session.worked_image
        if image is None:
            return np.zeros([part.stop - part.start for part in region.pixels])
        spatial = dict(zip("ZYX"[-len(region.pixels) :], region.pixels, strict=True))
        index = [region.frame if a == "T" else spatial.get(a, 0) for a in self._session.axes]
        data = image.data if self._session.roi is None else np.asarray(image.data)
        return np.asarray(data[tuple(index)])

    def _lay(self, array: NDArray[Any], region: ImageRegion) -> NDArray[Any]:
        framed = array if region.frame is None else array[None]
        return Alignment.of(self._session).lay(framed)

    def _grid(self, region: ImageRegion, ndim: int, beside: bool = False) -> Grid:
        """Return the region's pixels, or as many to the right of the objects."""
        start = [float(side.start) for side in region.pixels]
        if beside:
            start[-1] = self._session.labels_shape[-1] * _GAP
        return Grid.of(self._session, ndim).shifted(self._laid_start(region, start))

    def _laid_start(self, region: ImageRegion, start: list[float]) -> Any:
        """Convert the first pixel of a region into an index of the labels layer."""
        framed = start if region.frame is None else [float(region.frame), *start]
        return Alignment.of(self._session).lay_index(framed)

    def _remove(self) -> None:
        layers = self._workspace.viewer.layers
        shown, self._labels, self._image = (self._labels, self._image), None, None
        for layer in shown:
            if layer is not None and layer in layers:
                layers.remove(layer)
        objects = self._workspace.layers.labels_layer
        if objects is not None and any(layer is not None for layer in shown):
            objects.visible = True

    def _layer_removed(self, event: Any) -> None:
        """Forget a layer that the user deleted."""
        if event.value in (self._labels, self._image):
            self._remove()


def _within(shape: tuple[int, ...], view: Viewport) -> tuple[slice, ...]:
    """Crop a view to the image and to the largest size, around its centre."""
    sides = []
    for size, most, (first, last) in zip(shape, _MOST[len(shape)], view, strict=True):
        low, high = np.clip((int(first), int(np.ceil(last))), 0, size)
        seen = int(high - low) if high - low > 1 else size  # nothing of it, or a plane of a stack
        side = min(most, seen)
        start = int(np.clip((low + high - side) // 2, 0, size - side))
        sides.append(slice(start, start + side))
    return tuple(sides)
