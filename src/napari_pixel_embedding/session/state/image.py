"""The chosen image, and how to read it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from napari_pixel_embedding.core.blockwise.roi import ROI, Crop, image_region
from napari_pixel_embedding.core.inference.axes import ImageStack, guess_axes, resolve_axes
from napari_pixel_embedding.core.validation import as_numeric_image

if TYPE_CHECKING:
    from numpy.typing import NDArray

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
        Size of a pixel along each of its axes but the channels.
    rgb : bool
        Whether the last axis holds red, green, blue (and alpha).
    axes_hint : str
        Axis names from the image's source; used only if they consist of the letters T, C, Z, Y, X
        and ``axes`` is None.
    path : str, optional
        The file that the image was read from.
    coarser : tuple of array_like
        The same image at coarser levels, the finest of them first.
    """

    data: Any
    axes: str | None = None
    name: str = "image"
    spacing: tuple[float, ...] | None = None
    rgb: bool = False
    axes_hint: str = ""
    path: str | None = None
    coarser: tuple[Any, ...] = ()

    @property
    def levels(self) -> tuple[Any, ...]:
        """Arrays of the image, the finest first."""
        return (self.data, *self.coarser)

    def settle_axes(self, config: ModelConfig) -> str:
        """Return the axes for a model: a letter for each.

        Raises
        ------
        ValueError
            When the axes do not fit the model.
        """
        spatial, channels = config.axes, config.in_channels
        axes = guess_axes(
            self.shape, spatial, channels, hint=self.axes_hint, rgb=self.rgb, chosen=self.axes
        )
        return resolve_axes(self.shape, axes, spatial, channels)

    def read(self, config: ModelConfig, axes: str) -> ImageStack:
        """Read the pixels for a model; ``axes`` from :meth:`settle_axes`."""
        spacing = self.spatial_spacing(len(config.axes))
        return ImageStack(as_numeric_image(self.data), axes, config.in_channels, spacing)

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
