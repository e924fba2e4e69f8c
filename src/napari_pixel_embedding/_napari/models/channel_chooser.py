"""The choice of one channel of an image, or of a colour or stain of a colour picture."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from napari_pixel_embedding._napari.layers.placement import image_input
from napari_pixel_embedding._napari.widgets.choosers import (
    Choice,
    ImageChooser,
    config_of,
)
from napari_pixel_embedding._napari.widgets.panel import set_enabled
from napari_pixel_embedding.core.inference.axes import guess_axes
from napari_pixel_embedding.core.inference.channels import COLOR_CHANNELS
from napari_pixel_embedding.core.model.config import ModelConfig

if TYPE_CHECKING:
    from napari.layers import Image

    from napari_pixel_embedding._napari.models.chooser import ModelChooser
    from napari_pixel_embedding.core.inference.channels import Channel
    from napari_pixel_embedding.session import ImageInput

_TOOLTIP = (
    "The one channel to segment. Numbers count from 0, as napari's slider does. Of a colour "
    "picture, haematoxylin shows the nuclei of a stained section. Automatic takes all that the "
    "model takes, and colours as grey."
)
_NO_CHOICE = "The image has no more channels than the model takes."


class ChannelChooser(Choice):
    """Chooses a channel of the chosen image, where it has more than the chosen model takes.

    Parameters
    ----------
    images : ImageChooser
    models : ModelChooser
    """

    def __init__(self, images: ImageChooser, models: ModelChooser) -> None:
        super().__init__(_TOOLTIP)
        self._images = images
        self._models = models
        for signal in (images.changed, images.axes_choice.currentIndexChanged, models.changed):
            signal.connect(self._follow)
        self._follow()

    @property
    def channel(self) -> Channel | None:
        """The chosen channel; None for automatic."""
        chosen: Channel | None = self.currentData()
        return chosen

    def show_image(self, image: ImageInput | None) -> None:
        """Show the channel of the session's image."""
        values = [self.itemData(n) for n in range(self.count())]
        if image is not None and image.channel in values:
            self.setCurrentIndex(values.index(image.channel))

    def _follow(self, *_: Any) -> None:
        layer = self._images.layer
        config = config_of(self._models.source) or ModelConfig()
        found = [] if layer is None else _channels(layer, self._images.axes, config)
        items = [("Automatic", None), *((str(channel), channel) for channel in found)]
        self.refill(items, self.channel)
        set_enabled(self, _TOOLTIP, None if found else _NO_CHOICE)


def _channels(layer: Image, axes: str | None, config: ModelConfig) -> list[Channel]:
    """Return the channels among which there is a choice."""
    if layer.rgb:
        return list(COLOR_CHANNELS)
    image = image_input(layer, axes)
    named = guess_axes(
        image.shape, config.axes, config.in_channels, hint=image.axes_hint, chosen=axes
    )
    if named is None or "C" not in named:
        return []
    count = image.shape[named.index("C")]
    return list(range(count)) if count > config.in_channels else []
