"""The drop-down lists of the Segment dock."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from napari.layers import Image, Labels
from qtpy.QtCore import QObject, Signal  # type: ignore[attr-defined]
from qtpy.QtWidgets import QComboBox, QSizePolicy

from napari_pixel_embedding._napari.layers.kept import image_of, is_input, is_objects, is_ours, read
from napari_pixel_embedding._napari.widgets.panel import text
from napari_pixel_embedding.core.features.source import (
    MOST_FEATURES,
    FeatureConfig,
    features_named,
)
from napari_pixel_embedding.core.model.config import ModelFileError
from napari_pixel_embedding.core.model.file_check import check_model_file

if TYPE_CHECKING:
    from napari import Viewer

    from napari_pixel_embedding.core.model.config import ModelConfig
    from napari_pixel_embedding.core.segmentation.segment import Method
    from napari_pixel_embedding.session import ImageInput

_AXES = {
    (2, False): ("YX",),
    (3, False): ("TYX", "ZYX", "CYX", "YXC"),
    (4, False): ("TZYX", "ZTYX", "TCYX", "CTYX", "CZYX", "ZCYX", "TYXC", "ZYXC"),
    (5, False): ("TZCYX", "TCZYX", "CTZYX", "CZTYX", "ZTCYX", "ZCTYX"),
    (2, True): ("YXC",),
    (3, True): ("TYXC", "ZYXC"),
    (4, True): ("TZYXC", "ZTYXC"),
}
_MEANING = {"T": "time or slice by slice", "Z": "planes", "C": "channels"}


class Choice(QComboBox):
    """A drop-down list that fits the available width."""

    def __init__(self, tooltip: str) -> None:
        super().__init__()
        self.setToolTip(tooltip)
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        self.setMinimumContentsLength(8)

    def refill(self, items: list[tuple[str, Any]], chosen: Any) -> None:
        """Replace the items without emitting a signal; ``chosen`` stays if it is among them."""
        self.blockSignals(True)
        self.clear()
        for title, value in items:
            self.addItem(title, value)
        same = (i for i, (_, value) in enumerate(items) if _is_same(value, chosen))
        self.setCurrentIndex(next(same, 0))
        self.blockSignals(False)


class ImageChooser(QObject):
    """Chooses an image layer and its axes; follows the viewer's active layer.

    Parameters
    ----------
    viewer : napari.Viewer
        Its layers are offered.

    Attributes
    ----------
    changed : Signal
        Another layer was chosen, or the chosen one was given other data or axis labels.
    """

    changed = Signal()

    def __init__(self, viewer: Viewer) -> None:
        super().__init__()
        self._viewer = viewer
        self.layers = Choice("The image to segment. It follows the layer you select.")
        self.axes_choice = Choice(
            "What the axes of the image are. Automatic follows the layer's axis labels and the "
            "model. A 2-D model takes a stack plane by plane."
        )
        self.hint = text()
        self._followed: Image | None = None
        self._offered_for: tuple[int, bool] | None = None
        self.layers.currentIndexChanged.connect(self._chosen)
        events = viewer.layers.events
        for event in (events.inserted, events.removed, events.renamed):
            event.connect(self._refill)
        viewer.layers.selection.events.active.connect(self._follow_active)
        self._refill()
        self._follow_active()

    def close(self) -> None:
        """Stop following the viewer."""
        events = self._viewer.layers.events
        for event in (events.inserted, events.removed, events.renamed):
            event.disconnect(self._refill)
        self._viewer.layers.selection.events.active.disconnect(self._follow_active)
        self._follow_layer(None)

    @property
    def layer(self) -> Image | None:
        """The chosen layer, if there is any image layer."""
        return self.layers.currentData()

    @property
    def axes(self) -> str | None:
        """The chosen axes; None for automatic."""
        chosen: str | None = self.axes_choice.currentData()
        return chosen

    def show_axes(self, image: ImageInput | None) -> None:
        """Show the axes of the session's image, where its layer is the chosen one."""
        layer = self.layer
        if image is None or layer is None:
            return
        if image.data is (layer.data[0] if layer.multiscale else layer.data):
            values = [self.axes_choice.itemData(n) for n in range(self.axes_choice.count())]
            if image.axes in values:
                self.axes_choice.setCurrentIndex(values.index(image.axes))

    def choose(self, layer: Image) -> None:
        """Choose a layer."""
        for index in range(self.layers.count()):
            if self.layers.itemData(index) is layer:
                self.layers.setCurrentIndex(index)
                return

    def _refill(self, event: Any = None) -> None:
        before = self.layer
        images = [layer for layer in self._viewer.layers if is_input(layer)]
        items = [(layer.name, layer) for layer in images] or [("no image layer", None)]
        self.layers.refill(items, before)
        self.layers.setEnabled(bool(images))
        if self.layer is not before or not images:
            self._chosen()

    def _chosen(self, _: int = 0) -> None:
        self._follow_layer(self.layer)
        self._offer_axes()
        self._show_hint()
        self.changed.emit()

    def _offer_axes(self) -> None:
        layer = self.layer
        self._offered_for = None if layer is None else (layer.ndim, bool(layer.rgb))
        known = () if self._offered_for is None else _AXES.get(self._offered_for, ())
        items = [("Automatic", None), *((_axes_title(axes), axes) for axes in known)]
        self.axes_choice.refill(items, None)
        self.axes_choice.setEnabled(len(items) > 2)

    def _follow_layer(self, layer: Image | None) -> None:
        """Follow what the chosen layer holds, and no other layer."""
        before, self._followed = self._followed, layer
        if before is layer:
            return
        if before is not None:
            for event in (before.events.data, before.events.axis_labels):
                event.disconnect(self._changed_layer)
        if layer is not None:
            for event in (layer.events.data, layer.events.axis_labels):
                event.connect(self._changed_layer)

    def _changed_layer(self, event: Any = None) -> None:
        layer = self.layer
        if layer is not None and self._offered_for != (layer.ndim, bool(layer.rgb)):
            self._offer_axes()
        self.changed.emit()

    def _follow_active(self, event: Any = None) -> None:
        active = self._viewer.layers.selection.active
        if active is not None and is_input(active):
            self.choose(active)
        self._show_hint()

    def _show_hint(self) -> None:
        self.hint.setText(self._hint())
        self.hint.setVisible(bool(self.hint.text()))

    def _hint(self) -> str:
        active, layer = self._viewer.layers.selection.active, self.layer
        if layer is None:
            return "Open an image: File > Open Sample > Pixel Embedding has some."
        if is_objects(active) and image_of(active, self._viewer) is None:
            lost = read(active).get("image", "its image")
            return (
                f"The image “{lost}” of “{active.name}” is not open: open it to go on with these "
                f"objects. “{layer.name}” is segmented."
            )
        if isinstance(active, Labels) and not is_ours(active):
            return f"“{active.name}” is a labels layer; the image “{layer.name}” is segmented."
        if layer.multiscale:
            return (
                "A multiscale image: its finest level is segmented; where that is too large, a "
                "coarser one gives a preview of what is in view."
            )
        return ""


def _is_same(value: Any, chosen: Any) -> bool:
    return value is chosen or (isinstance(value, str) and value == chosen)


def _axes_title(axes: str) -> str:
    letters = axes.removesuffix("YX") if not axes.endswith("YXC") else axes.removesuffix("YXC")
    meanings = [_MEANING[letter] for letter in letters]
    if axes.endswith("YXC"):
        meanings.append("colours")
    return f"{axes} ({', '.join(meanings)})" if meanings else f"{axes} (one plane)"


class DeviceChooser(Choice):
    """Where networks run; ``device`` is chosen first."""

    def __init__(self, device: str = "auto") -> None:
        super().__init__("Where the network runs. Automatic uses a GPU if there is one.")
        self.refill(
            [
                ("Automatic", "auto"),
                ("CPU", "cpu"),
                ("CUDA (NVIDIA)", "cuda"),
                ("MPS (Apple)", "mps"),
            ],
            device,
        )

    @property
    def device(self) -> str:
        """The chosen device."""
        chosen: str = self.currentData()
        return chosen


class ViewsChooser(Choice):
    """Number of orientations that predictions are averaged over."""

    def __init__(self) -> None:
        super().__init__(
            "Average predictions over flipped and rotated copies of the image: borders become "
            "slightly more accurate, and a run takes that many times as long."
        )
        self.refill(
            [
                ("1 view", 1),
                ("4 views: flips (4 × the time)", 4),
                ("8 views: flips and rotations (8 × the time)", 8),
            ],
            1,
        )

    @property
    def augment(self) -> int:
        """Number of views that is chosen."""
        return int(self.currentData())


class MethodChooser(Choice):
    """Clustering method."""

    def __init__(self) -> None:
        super().__init__(
            "Live clusters (mean shift) follow the sliders at once. Mutex watershed is computed "
            "again at each change, without seed depth and without splitting or merging single "
            "objects; corrections stay. It needs the package bioimage-cpp."
        )
        self.refill([("Live clusters", "mean_shift"), ("Mutex watershed", "mutex")], "mean_shift")

    def show_method(self, method: Method) -> None:
        """Show the session's method."""
        self.setCurrentIndex(self.findData(method))


def config_of(source: Any) -> ModelConfig | None:
    """Return a model's configuration; None if there is no model or it cannot be read."""
    if not isinstance(source, str):
        config: ModelConfig | None = getattr(source, "config", None)
        return config
    if features_named(source) is not None:
        return FeatureConfig(in_channels=MOST_FEATURES)
    try:
        return check_model_file(source)
    except (ModelFileError, OSError):
        return None
