"""The chosen image, and how to read it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from napari_pixel_embedding.core.blockwise.roi import ROI, Crop, image_region
from napari_pixel_embedding.core.features.source import feature_axes
from napari_pixel_embedding.core.inference.axes import ImageStack, guess_axes, image_layout
from napari_pixel_embedding.core.inference.layout import ArrangedImage
from napari_pixel_embedding.core.validation import as_numeric_image

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_pixel_embedding.core.features.source import FeatureSource
    from napari_pixel_embedding.core.inference.channels import Channel
    from napari_pixel_embedding.core.inference.layout import Layout
    from napari_pixel_embedding.core.model.config import ModelConfig


@dataclass(frozen=True, eq=False)
class ImageInput:
    """A chosen image: its array, and how to read it.

    Parameters
    ----------
    data : array_like
        Anything with a shape: numpy, dask, zarr. Read by the worker only.
    axes : str, optional
        One letter an axis, such as "YX" or "TYX"; None to go by the model, see
        :func:`~napari_pixel_embedding.core.inference.axes.guess_axes`.
    name : str
        Name shown to the user.
    spacing : tuple of float, optional
        Size of a pixel along each of its axes but colours, or along the spatial ones only.
    rgb : bool
        Whether the last axis holds red, green, blue (and alpha).
    axes_hint : str
        Axis names from the image's source; used only if they consist of the letters T, C, Z, Y, X
        and ``axes`` is None.
    path : str, optional
        The file that the image was read from.
    coarser : tuple of array_like
        The same image at coarser levels, the finest of them first.
    channel : int or str, optional
        The one channel to read, see :func:`~.channels.read_channel`.
    foreground : array_like, optional
        Read as one more channel, for an image of features.
    """

    data: Any
    axes: str | None = None
    name: str = "image"
    spacing: tuple[float, ...] | None = None
    rgb: bool = False
    axes_hint: str = ""
    path: str | None = None
    coarser: tuple[Any, ...] = ()
    channel: Channel | None = None
    foreground: Any = None

    @property
    def levels(self) -> tuple[Any, ...]:
        """Arrays of the image, the finest first."""
        return (self.data, *self.coarser)

    @property
    def source(self) -> Any:
        """The array as it was chosen, also of an arranged image."""
        return self.data.data if isinstance(self.data, ArrangedImage) else self.data

    def is_same(self, other: ImageInput) -> bool:
        """Whether both are the same pixels of one array, in the same order."""
        same = self.source is other.source
        return same and getattr(self.data, "layout", None) == getattr(other.data, "layout", None)

    def layout_for(self, config: ModelConfig) -> Layout:
        """Return how the image is read for a model.

        Raises
        ------
        ValueError
            When axes or channel do not fit the model.
        """
        spatial, channels = config.axes, config.in_channels
        axes = guess_axes(
            self.shape, spatial, channels, hint=self.axes_hint, rgb=self.rgb, chosen=self.axes
        )
        return image_layout(self.shape, axes, config, self.channel)

    def with_features(self, source: FeatureSource) -> ImageInput:
        """Return the image as one of features, with its axes and, if chosen, the foreground.

        Raises
        ------
        ValueError
            When the axis of the features cannot be told, or no foreground was given.
        """
        axes = feature_axes(self.shape, chosen=self.axes, hint=self.axes_hint, rgb=self.rgb)
        if source.foreground != "image":
            return replace(self, axes=axes, foreground=None)
        if self.foreground is None:
            raise ValueError("choose the layer that says where objects may be.")
        return replace(self, axes=axes)

    def arranged(self, layout: Layout) -> ImageInput:
        """Return the image with the axes with which it is read, ``layout.read_axes``."""
        levels = self.levels
        if self.foreground is not None:  # which has no coarser levels
            levels = (ArrangedImage(self.data, layout, self.foreground),)
        elif not layout.is_plain:
            levels = tuple(
                ArrangedImage(level, replace(layout, shape=tuple(level.shape))) for level in levels
            )
        return replace(
            self,
            data=levels[0],
            coarser=levels[1:],
            axes=layout.read_axes,
            spacing=self._spacing_along(layout),
            channel=None,
        )

    def _spacing_along(self, layout: Layout) -> tuple[float, ...] | None:
        """Size of a pixel along the model's spatial axes, where it is known."""
        axes = layout.axes.removesuffix("C") if self.rgb else layout.axes
        if self.spacing is None or len(self.spacing) != len(axes):
            return self.spatial_spacing(len(layout.spatial))
        return tuple(self.spacing[axes.index(a)] for a in layout.spatial)

    def read(self, config: ModelConfig, axes: str) -> ImageStack:
        """Read the pixels of an arranged image for a model."""
        spacing = self.spatial_spacing(len(config.axes))
        return ImageStack(as_numeric_image(self.data), axes, self.count_read(config), spacing)

    def count_read(self, config: ModelConfig) -> int:
        """Return the number of channels that are read for a model."""
        return config.in_channels + (self.foreground is not None)

    def spatial_spacing(self, ndim: int) -> tuple[float, ...] | None:
        """Size of a pixel along the last ``ndim`` axes, where it is known."""
        if self.spacing is None or len(self.spacing) < ndim:
            return None
        return self.spacing[-ndim:]

    def part(self, axes: str, roi: ROI | None) -> ImageInput:
        """Return the image inside an ROI; the whole image without one."""
        if roi is None:
            return self
        region = image_region(axes, roi.box, roi.frame)
        data = Crop(self.levels[roi.level], region)
        return replace(self, data=data, spacing=self._spacing_in(roi), coarser=())

    def _spacing_in(self, roi: ROI) -> tuple[float, ...] | None:
        """Size of a pixel at the ROI's level along the spatial axes."""
        spacing = self.spatial_spacing(len(roi.factor))
        return spacing and tuple(s * f for s, f in zip(spacing, roi.factor, strict=True))

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of the array."""
        return tuple(self.data.shape)


@dataclass(frozen=True, eq=False)
class CorrectedImage:
    """An image with corrections to learn from.

    Parameters
    ----------
    image : ImageInput
        The image.
    axes : str, optional
        The axes it was read with.
    corrections : array of int, shape ([T,] [Z,] Y, X)
        As in :class:`Session`.
    """

    image: ImageInput
    axes: str | None
    corrections: NDArray[Any]


@dataclass(frozen=True)
class ImageRegion:
    """A region of an image: a frame, if it has frames, and pixels along ([Z,] Y, X)."""

    frame: int | None
    pixels: tuple[slice, ...]
