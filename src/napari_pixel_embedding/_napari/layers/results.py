"""The session's results as napari layers."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

import numpy as np
from qtpy.QtCore import QObject, Signal  # type: ignore[attr-defined]

from napari_pixel_embedding._napari.layers import kept
from napari_pixel_embedding._napari.layers.chosen_outline import ChosenOutline
from napari_pixel_embedding._napari.layers.image_follower import ImageFollower
from napari_pixel_embedding._napari.layers.labels_editor import LabelsEditor, Shown
from napari_pixel_embedding._napari.layers.mosaic_layer import MosaicLayer
from napari_pixel_embedding._napari.layers.object_picker import ObjectPicker
from napari_pixel_embedding._napari.layers.placement import (
    METADATA_KEY,
    Alignment,
    Grid,
    image_input,
)
from napari_pixel_embedding._napari.layers.viewport import view_of
from napari_pixel_embedding.core.blockwise.memory import memory_budget
from napari_pixel_embedding.session import CorrectedImage

if TYPE_CHECKING:
    from collections.abc import Iterator

    from napari import Viewer
    from napari.layers import Image, Labels, Layer
    from numpy.typing import NDArray

    from napari_pixel_embedding.core.inference.channels import Channel
    from napari_pixel_embedding.session import Session, SessionController
    from napari_pixel_embedding.session.segment.local_cuts import Direction
    from napari_pixel_embedding.session.segment.returning import KeptResults
    from napari_pixel_embedding.session.state.results import MosaicLabels

_KEPT_SHARE = 0.25
"""Share of the free memory for the embeddings of images that are not chosen just now."""


class ResultLayers(QObject):
    """Keeps a labels layer and a colour layer in step with the session, and records edits.

    Parameters
    ----------
    viewer : napari.Viewer
        The layers are added to it.
    controller : SessionController
        Receives edits; its session is observed.

    Attributes
    ----------
    follower : ImageFollower
        Keeps all layers on the image.
    chosen : ChosenOutline
        Outlines the object that was clicked last.
    adding : bool
        Whether a layer is being added, which napari selects: not a choice of the user.
    clicked : Signal of tuple or None
        ``clicked_pixel`` has changed.
    """

    clicked = Signal(object)

    def __init__(self, viewer: Viewer, controller: SessionController) -> None:
        super().__init__()
        self._viewer = viewer
        self._controller = controller
        self._session = controller.session
        self.follower = ImageFollower(viewer)
        self.adding = False
        self._editor: LabelsEditor | None = None
        self._picker: ObjectPicker | None = None
        self._clicked: tuple[int, ...] | None = None
        self.chosen = ChosenOutline(viewer, self._session, self.follower)
        self._colors: Image | None = None
        self._results: WeakKeyDictionary[Image, KeptResults] = WeakKeyDictionary()
        self._mosaic_layer = MosaicLayer(viewer, self._session, self.follower)
        self._session.events.roi.connect(self.finish_strokes, priority=1)  # before they are saved
        self._session.events.labels.connect(self._follow_labels)
        self._session.events.mosaic_labels.connect(self._follow_mosaic)
        self._session.events.embedding_rgb.connect(self._follow_colors)
        self._session.events.corrections.connect(self._follow_corrections)
        viewer.layers.events.removed.connect(self._layer_removed)
        self.follower.removed.connect(self._image_removed)
        self.follower.changed.connect(controller.image_changed)

    @property
    def clicked_pixel(self) -> tuple[int, ...] | None:
        """Index ([t,] [z,] y, x) of the pixel of the labels layer that was clicked last."""
        return self._clicked

    @property
    def labels_layer(self) -> Labels | None:
        """The layer that shows the session's labels, if there is one."""
        return None if self._editor is None else self._editor.layer

    @property
    def mosaic_layer(self) -> Labels | None:
        """The layer that shows the blocks around the ROI of a large image, if there is one."""
        return self._mosaic_layer.layer

    @property
    def colors_layer(self) -> Image | None:
        """The layer that shows the embedding as colours, if there is one."""
        return self._colors

    def use_image(
        self,
        layer: Image,
        axes: str | None,
        channel: Channel | None = None,
        foreground: Any = None,
    ) -> bool:
        """Make ``layer`` the session's image, with the results and corrections it had before.

        Without results in memory, its objects layer is adopted: that layer's corrections and
        choices are taken over, and the next run shows its labels there.

        Returns
        -------
        bool
            Whether the session accepted the image.
        """
        self.finish_strokes()
        image = image_input(layer, axes, channel, foreground)
        labels = kept.objects_of(layer, self._viewer)
        before = self._results.get(layer)
        earlier = None if labels is None else kept.left_behind(labels)
        if earlier is None and layer is self.follower.image:
            earlier = self._session.kept_annotations
        elif earlier is None and before is not None:
            earlier = before.annotations
        self._keep_results(unless=layer)
        if not self._controller.set_image(image, earlier):
            return False
        self._controller.set_view(view_of(self._viewer, layer))
        self._mosaic_layer.want()
        self.follower.follow(layer)
        if self._editor is None and labels is not None and earlier and earlier.fits(image):
            self._adopt(labels)
        if before is not None and self._results.pop(layer, None) is not None:
            self._controller.take_back(before)
        return True

    def _keep_results(self, unless: Image) -> None:
        """Keep the results of the image that is about to be left, as far as memory allows."""
        image, results = self.follower.image, self._controller.kept_results
        if image is unless or image is None or results is None or not self.follower.present:
            return
        self._results[image] = results
        limit = _KEPT_SHARE * memory_budget()
        while self._results and sum(one.nbytes for one in self._results.values()) > limit:
            del self._results[next(iter(self._results))]  # the one that was left first

    def _adopt(self, labels: Labels) -> None:
        """Follow an objects layer that is there already; what was painted meanwhile counts."""
        shown = kept.read(labels).get("shown") or _as_shown(labels, self._session)
        self._edit(labels).adopt(shown, None if shown is None else shown.read(labels))

    def other_corrected_images(self) -> list[CorrectedImage]:
        """Return the corrections of other images in this viewer, from their labels layers."""
        return list(self._other_corrected_images())

    def _other_corrected_images(self) -> Iterator[CorrectedImage]:
        for image in filter(kept.is_input, self._viewer.layers):
            labels = kept.objects_of(image, self._viewer)
            if labels is None or image is self.follower.image:
                continue
            earlier = kept.left_behind(labels)
            layout, corrections = earlier.layout, earlier.corrections
            if layout is None or corrections is None:
                continue
            whole = image_input(image, layout.axes)
            if earlier.fits(whole):  # else it was given other data since
                part = whole.arranged(layout).part(layout.read_axes, earlier.roi)
                yield CorrectedImage(part, layout.read_axes, corrections)

    def refine(self, direction: Direction) -> None:
        """Split the object that was clicked last, or merge it with a neighbour."""
        if self._clicked is not None:
            self._controller.clustering.refine(self._clicked, direction)

    def offer_free_id(self) -> None:
        """Give the brush an id that is not in use."""
        if self._editor is not None:
            self._editor.offer_free_id()

    def undo(self) -> None:
        """Undo the newest step of the history, including a stroke just made."""
        if self._editor is not None:
            self._editor.undo()

    def redo(self) -> None:
        """Redo the step that was undone last."""
        if self._editor is not None:
            self._editor.redo()

    def select_labels(self) -> Labels | None:
        """Make the labels layer the active one, ready to be painted on."""
        if self.labels_layer is not None:
            self._viewer.layers.selection.active = self.labels_layer
        return self.labels_layer

    def finish_strokes(self, *_: Any) -> None:
        """Record what was painted so far, before another ROI or image is shown or all is closed."""
        if self._editor is not None:
            self._editor.finish()

    def close(self) -> None:
        """Disconnect; layers stay as they are."""
        self._viewer.layers.events.removed.disconnect(self._layer_removed)
        self._session.events.roi.disconnect(self.finish_strokes)
        self._session.events.labels.disconnect(self._follow_labels)
        self._session.events.mosaic_labels.disconnect(self._follow_mosaic)
        self._session.events.embedding_rgb.disconnect(self._follow_colors)
        self._session.events.corrections.disconnect(self._follow_corrections)
        self._forget_labels()
        self.chosen.close()
        self.follower.close()

    # ------------------------------------------------------------------------------ labels

    def _follow_labels(self, labels: NDArray[Any] | None) -> None:
        if labels is None:
            self._forget_labels()
            return
        is_new = self._editor is None
        if is_new and not self.follower.present:
            return  # labels of an image that was removed, and they with it
        editor = self._editor or self._edit(self._add_labels(labels))
        editor.show(labels)
        if is_new:
            editor.offer_free_id()
        if not self.follower.has_placed(editor.layer, Grid.of(self._session, editor.layer.ndim)):
            self._place(editor.layer)
        self._write_metadata(editor.layer)

    def _shows_flat(self) -> bool:
        """Whether the viewer shows 2-D layers as they are: no volume, and no axes swapped."""
        dims = self._viewer.dims
        return dims.ndisplay == 2 and tuple(dims.order) == tuple(range(dims.ndim))

    def _edit(self, layer: Labels) -> LabelsEditor:
        self._editor = editor = LabelsEditor(
            layer, self._controller, self._viewer.layers.events.blocker, self._shows_flat
        )
        self._picker = picker = ObjectPicker(layer, Alignment.of(self._session))
        picker.clicked.connect(self._click)
        picker.turned.connect(self._controller.clustering.refine)
        return editor

    def _click(self, point: tuple[int, ...] | None) -> None:
        self._clicked = point
        self.chosen.choose(point)
        self.clicked.emit(point)

    def _forget_labels(self) -> None:
        editor, picker = self._editor, self._picker
        self._editor = self._picker = None
        if editor is None or picker is None:
            return
        if editor.shown is not None:
            kept.entry_of(editor.layer)["shown"] = editor.shown
        for follower in (editor, picker):
            follower.close()
            follower.deleteLater()
        self._click(None)

    def _add_labels(self, labels: NDArray[Any]) -> Labels:
        image = self._session.image
        name = image.name if image is not None else "image"
        data = Alignment.of(self._session).lay(labels.copy())
        active = self._viewer.layers.selection.active
        with self._adds(keep=None if active is self.follower.image else active):
            layer: Labels = self._viewer.add_labels(
                data,
                name=f"{name} objects",
                opacity=0.5,
                metadata={METADATA_KEY: kept.describe(self._session, self.follower.image)},
                **self._placement(data.ndim),
            )
        return layer

    @contextmanager
    def _adds(self, keep: Layer | None) -> Iterator[None]:
        """Add a layer; ``keep`` stays the active one, where it is not None."""
        self.adding = True
        try:
            yield
            if keep is not None:
                self._viewer.layers.selection.active = keep
        finally:
            self.adding = False

    def _placement(self, ndim: int) -> dict[str, Any]:
        return self.follower.options(ndim, Grid.of(self._session, ndim))

    def _place(self, layer: Labels | Image) -> None:
        """Keep a layer on the current ROI of the image."""
        self.follower.place(layer, Grid.of(self._session, layer.ndim))

    def _follow_mosaic(self, mosaic_labels: MosaicLabels | None) -> None:
        self._mosaic_layer.show(mosaic_labels, self.labels_layer)

    def _follow_corrections(self, corrections: NDArray[Any] | None) -> None:
        if self.labels_layer is not None:
            self._write_metadata(self.labels_layer)

    def _write_metadata(self, layer: Labels) -> None:
        """Store the layer's source and corrections in its metadata."""
        if self._session.labels is not None or METADATA_KEY not in layer.metadata:
            layer.metadata[METADATA_KEY] = kept.describe(self._session, self.follower.image)
            return
        # The rest is an earlier run's.
        for name in ("local_bandwidths", "corrections", "accepted", "deleted"):
            kept.entry_of(layer)[name] = getattr(self._session, name)

    # ----------------------------------------------------------------------------- colours

    def _follow_colors(self, rgb: NDArray[Any] | None) -> None:
        if rgb is None:
            self._remove_colors()
            return
        data = Alignment.of(self._session).lay(rgb)
        if self._colors is not None and self._colors.data.ndim == data.ndim:
            self._colors.data = data
            self._place(self._colors)
            return
        self._remove_colors()
        if self.follower.shown:
            self._colors = self._add_colors(data)
            self._place(self._colors)

    def _add_colors(self, data: NDArray[Any]) -> Image:
        layers = self._viewer.layers
        image = self._session.image
        with self._adds(keep=layers.selection.active):
            layer: Image = self._viewer.add_image(
                data,
                rgb=True,
                name=f"{image.name if image is not None else 'image'} embedding",
                metadata={METADATA_KEY: {"colors": True}},
                **self._placement(data.ndim - 1),
            )
            if self.labels_layer is not None and self.labels_layer in layers:
                layers.move(len(layers) - 1, layers.index(self.labels_layer))
        return layer

    def _remove_colors(self) -> None:
        layer, self._colors = self._colors, None
        if layer is not None and layer in self._viewer.layers:
            self._viewer.layers.remove(layer)

    def _layer_removed(self, event: Any) -> None:
        """Forget a layer the user deleted; the session still has what it showed."""
        self._results.pop(event.value, None)
        if self.labels_layer is not None and event.value is self.labels_layer:
            self.finish_strokes()
            self._forget_labels()
            self._image_removed()
        elif self.mosaic_layer is not None and event.value is self.mosaic_layer:
            self._mosaic_layer.was_removed()
        elif self._colors is not None and event.value is self._colors:
            self._colors = None
            self._controller.colors.show(False)

    def _image_removed(self) -> None:
        """Stop all work on an image that is gone, and freeze labels that are gone with it."""
        if self.follower.image is not None and not self.follower.present:
            self._controller.image_removed(shown=self.labels_layer is not None)


def _as_shown(labels: Labels, session: Session) -> Shown | None:
    """Take what a layer shows as what it was left with; None if it does not fit the image."""
    alignment = Alignment.of(session)
    try:
        pixels = alignment.lift(np.asarray(labels.data)).copy()
    except (ValueError, IndexError):
        return None
    return Shown(pixels, pixels, alignment)
