"""Session ↔ layers; the only file that knows the quirks of napari's layers."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

import numpy as np
from qtpy.QtCore import QObject, QTimer

from napari_pixel_embedding.session import ImageInput

if TYPE_CHECKING:
    from collections.abc import Iterator

    from napari import Viewer
    from napari.layers import Image, Labels, Layer
    from numpy.typing import NDArray

    from napari_pixel_embedding.session import Session, SessionController

METADATA_KEY = "napari-pixel-embedding"


class ResultLayers(QObject):
    """Keeps one labels layer and one colour layer like the session, and brings edits back.

    Parameters
    ----------
    viewer : napari.Viewer
        Where the layers live.
    controller : SessionController
        Told of edits; its session is followed.
    """

    def __init__(self, viewer: Viewer, controller: SessionController) -> None:
        super().__init__()
        self._viewer = viewer
        self._controller = controller
        self._session = controller.session
        self._image: Image | None = None
        self._editor: LabelsEditor | None = None
        self._colors: Image | None = None
        self._labels_of: WeakKeyDictionary[Image, Labels] = WeakKeyDictionary()
        self._session.events.labels.connect(self._follow_labels)
        self._session.events.embedding_rgb.connect(self._follow_colors)
        self._session.events.corrections.connect(self._follow_corrections)
        viewer.layers.events.removed.connect(self._layer_removed)

    @property
    def labels_layer(self) -> Labels | None:
        """The layer that shows the session's labels, while there is one."""
        return None if self._editor is None else self._editor.layer

    @property
    def colors_layer(self) -> Image | None:
        """The layer that shows the embedding as colours, while there is one."""
        return self._colors

    def use_image(self, layer: Image, axes: str | None) -> bool:
        """Make ``layer`` the session's image, with the corrections it had before.

        Returns
        -------
        bool
            Whether the session took it.
        """
        if not self._controller.set_image(image_input(layer, axes), self._saved(layer)):
            return False
        self._image = layer
        if self.labels_layer is None:
            self._adopt(self._labels_of.get(layer))
        return True

    def select_labels(self) -> Labels | None:
        """Make the labels layer the active one, ready to be painted on."""
        if self.labels_layer is not None:
            self._viewer.layers.selection.active = self.labels_layer
        return self.labels_layer

    def close(self) -> None:
        """Stop following; layers stay as they are."""
        self._viewer.layers.events.removed.disconnect(self._layer_removed)
        self._session.events.labels.disconnect(self._follow_labels)
        self._session.events.embedding_rgb.disconnect(self._follow_colors)
        self._session.events.corrections.disconnect(self._follow_corrections)
        self._forget_labels()

    # ------------------------------------------------------------------------------ labels

    def _saved(self, layer: Image) -> NDArray[Any] | None:
        labels = self._labels_of.get(layer)
        if labels is None:
            return None
        corrections: NDArray[Any] | None = labels.metadata[METADATA_KEY].get("corrections")
        return corrections

    def _adopt(self, layer: Labels | None) -> None:
        """Go on with a labels layer made earlier for the same image, if it is still there."""
        if layer is not None and layer in self._viewer.layers:
            self._editor = LabelsEditor(layer, self._controller)

    def _follow_labels(self, labels: NDArray[Any] | None) -> None:
        if labels is None:
            self._forget_labels()
            return
        if self._editor is None:
            self._editor = LabelsEditor(self._add_labels(labels), self._controller)
        self._editor.show(labels)
        self._write_metadata(self._editor.layer)

    def _forget_labels(self) -> None:
        if self._editor is not None:
            self._editor.close()
            self._editor.deleteLater()
            self._editor = None

    def _add_labels(self, labels: NDArray[Any]) -> Labels:
        image = self._session.image
        name = image.name if image is not None else "image"
        data = Alignment.of(self._session).lay(labels.copy())
        layer: Labels = self._viewer.add_labels(
            data,
            name=f"{name} objects",
            opacity=0.5,
            **self._placement(data.ndim),
        )
        if self._image is not None:
            self._labels_of[self._image] = layer
        return layer

    def _placement(self, ndim: int) -> dict[str, Any]:
        return {} if self._image is None else placement(self._image, ndim)

    def _follow_corrections(self, corrections: NDArray[Any] | None) -> None:
        if self.labels_layer is not None:
            self._write_metadata(self.labels_layer)

    def _write_metadata(self, layer: Labels) -> None:
        """Leave in the layer where it comes from, and the corrections it holds."""
        session = self._session
        params = session.cluster_params
        layer.metadata[METADATA_KEY] = {
            "image": None if session.image is None else session.image.name,
            "axes": session.axes,
            "model": None if session.model is None else session.model.config.name,
            "cluster_params": None if params is None else asdict(params),
            "corrections": session.corrections,
        }

    # ----------------------------------------------------------------------------- colours

    def _follow_colors(self, rgb: NDArray[Any] | None) -> None:
        if rgb is None:
            self._remove_colors()
            return
        data = Alignment.of(self._session).lay(rgb)
        if self._colors is not None and self._colors.data.ndim == data.ndim:
            self._colors.data = data
            return
        self._remove_colors()
        self._colors = self._add_colors(data)

    def _add_colors(self, data: NDArray[Any]) -> Image:
        layers = self._viewer.layers
        active = layers.selection.active
        image = self._session.image
        layer: Image = self._viewer.add_image(
            data,
            rgb=True,
            name=f"{image.name if image is not None else 'image'} embedding",
            metadata={METADATA_KEY: {"colors": True}},
            **self._placement(data.ndim - 1),
        )
        if self.labels_layer is not None and self.labels_layer in layers:
            layers.move(len(layers) - 1, layers.index(self.labels_layer))
        if active is not None:
            layers.selection.active = active
        return layer

    def _remove_colors(self) -> None:
        layer, self._colors = self._colors, None
        if layer is not None and layer in self._viewer.layers:
            self._viewer.layers.remove(layer)

    def _layer_removed(self, event: Any) -> None:
        """Forget a layer the user deleted; the session still has what it showed."""
        if self.labels_layer is not None and event.value is self.labels_layer:
            self._forget_labels()
        elif self._colors is not None and event.value is self._colors:
            self._colors = None
            self._controller.show_colors(False)


class LabelsEditor(QObject):
    """One labels layer: written in place, and read back after every edit of the user.

    A brush stroke is recorded one turn of the event loop after napari reports it, because some
    reports come before the pixels are written; while the mouse button is down, nothing is
    pushed, so that no new cut wipes out half a stroke. Writing drops the layer's undo history
    where the user had one: undoing would bring pixels of the labels before.

    Parameters
    ----------
    layer : napari.layers.Labels
        Its array is replaced by one of our own.
    controller : SessionController
        Told of edits.
    """

    def __init__(self, layer: Labels, controller: SessionController) -> None:
        super().__init__()
        self.layer = layer
        self._controller = controller
        self._session = controller.session
        self._alignment = Alignment.of(self._session)
        self._buffer: NDArray[Any] = np.zeros(0, np.uint16)
        self._shown: NDArray[Any] | None = None
        self._wanted: NDArray[Any] | None = None
        self._writing = self._in_stroke = self._touched = False
        self._later = QTimer(self)
        self._later.setSingleShot(True)
        self._later.timeout.connect(self._settle)
        layer.events.paint.connect(self._painted)
        layer.events.set_data.connect(self._data_set)
        layer.mouse_drag_callbacks.append(self._watch_stroke)

    def close(self) -> None:
        """Let the layer alone from now on."""
        self._later.stop()
        self.layer.events.paint.disconnect(self._painted)
        self.layer.events.set_data.disconnect(self._data_set)
        if self._watch_stroke in self.layer.mouse_drag_callbacks:
            self.layer.mouse_drag_callbacks.remove(self._watch_stroke)

    def show(self, labels: NDArray[Any]) -> None:
        """Show ``labels``, once the edits that are under way have been recorded."""
        self._wanted = labels
        if self._in_stroke:
            return
        if self._touched:
            self._settle()
        else:
            self._push(labels)

    # --------------------------------------------------------------------------- to napari

    def _push(self, labels: NDArray[Any]) -> None:
        self._writing = True
        try:
            self._write(labels)
        finally:
            self._writing = False
        self._shown = labels

    def _write(self, labels: NDArray[Any]) -> None:
        in_place = self._fits(labels)
        if in_place and self._touched and np.array_equal(self._buffer, labels):
            return  # the layer shows it already, and its undo history still holds
        if in_place:
            np.copyto(self._buffer, labels)
            self.layer.refresh(thumbnail=False, highlight=False, extent=False)
        else:
            self._alignment = Alignment.of(self._session)
            self._buffer = labels.copy()
            self.layer.data = self._alignment.lay(self._buffer)
        self._drop_history()

    def _fits(self, labels: NDArray[Any]) -> bool:
        return (
            self._shown is not None
            and self._alignment == Alignment.of(self._session)
            and (self._buffer.shape, self._buffer.dtype) == (labels.shape, labels.dtype)
            and _same_memory(self.layer.data, self._buffer)
        )

    def _drop_history(self) -> None:
        if not self._touched:
            return
        mode = self.layer.mode
        self.layer.editable = False  # the public way to empty the undo history
        self.layer.editable = True
        self.layer.mode = mode
        self._touched = False

    # ------------------------------------------------------------------------- from napari

    def _watch_stroke(self, layer: Labels, event: Any) -> Iterator[None]:
        self._in_stroke = True
        yield
        while event.type == "mouse_move":
            yield
        self._in_stroke = False
        self._later.start()

    def _painted(self, event: Any) -> None:
        self._touched = True
        self._later.start()

    def _data_set(self, event: Any) -> None:
        """Look at the pixels when they may have changed: undo and redo say nothing else."""
        replaced = self._shown is not None and not _same_memory(self.layer.data, self._buffer)
        if not self._writing and (self._touched or replaced):
            self._touched = True
            self._later.start()

    def _settle(self) -> None:
        """Record what the user changed; with nothing to record, show what waits."""
        self._later.stop()
        if self._in_stroke or self._shown is None:
            return
        before, after = self._shown, self._read()
        if after is not None and not np.array_equal(after, before):
            self._shown = after
            self._controller.record_edit(before, after)
        elif self._wanted is not None and self._wanted is not self._shown:
            self._push(self._wanted)

    def _read(self) -> NDArray[Any] | None:
        """Copy the layer's pixels, or nothing when someone gave it data of another shape."""
        if _same_memory(self.layer.data, self._buffer):
            return self._buffer.copy()
        data = np.asarray(self.layer.data)
        if data.shape != self._alignment.lay(self._buffer).shape:
            return None
        return self._alignment.lift(data).copy()


def image_input(layer: Image, axes: str | None) -> ImageInput:
    """Describe an image layer to the session; of a multiscale image, its finest level."""
    return ImageInput(
        data=layer.data[0] if layer.multiscale else layer.data,
        axes=axes,
        name=layer.name,
        spacing=tuple(float(s) for s in layer.scale),
        rgb=bool(layer.rgb),
        axes_hint=_joined(layer.axis_labels),
    )


def _joined(axis_labels: tuple[str, ...]) -> str:
    return "".join(axis_labels) if all(len(label) == 1 for label in axis_labels) else ""


def placement(layer: Layer, ndim: int) -> dict[str, Any]:
    """Where a layer of ``ndim`` axes must lie to cover the last axes of ``layer``."""
    return {
        "scale": layer.scale[-ndim:],
        "translate": layer.translate[-ndim:],
        "rotate": layer.rotate[-ndim:, -ndim:],
        "units": layer.units[-ndim:],
        "axis_labels": layer.axis_labels[-ndim:],
    }


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


def _same_memory(data: Any, buffer: NDArray[Any]) -> bool:
    """Whether writing into ``buffer`` writes into a layer's ``data``."""
    return isinstance(data, np.ndarray) and np.may_share_memory(data, buffer)
