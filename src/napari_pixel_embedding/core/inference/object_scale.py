"""Object scale: images are resampled to the object diameter a model was trained on.

``zoom_for`` returns the factors, ``resample`` applies them, and the network's outputs are resampled
back to the image's own pixels, so that clustering and editing work at full resolution.
"""

from __future__ import annotations

import math
from dataclasses import replace
from numbers import Real
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_pixel_embedding.core.model.config import MOST_ENLARGED

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from napari_pixel_embedding.core.clustering.params import ClusterParams
    from napari_pixel_embedding.core.model.config import ModelConfig

    Spacings = Sequence[float] | Sequence[Sequence[float] | None] | None
    """Size of a pixel along each spatial axis, for all images or for each; None if unknown."""

DIAMETERS = (2.0, 4000.0)
"""Smallest and largest valid object diameter, in pixels."""

Zoom = tuple[float, ...]
"""Resampling factor along each spatial axis."""

_CLOSE_ENOUGH = 1.05


def image_diameter(config: ModelConfig, diameter: float | None = None) -> float | None:
    """Return the object diameter to use for an image, in its pixels along Y and X.

    The given one, else that of the images the model was tuned on, else that of its training
    objects; None when none of them is known.

    Examples
    --------
    >>> from napari_pixel_embedding.core.model.config import ModelConfig
    >>> config = ModelConfig(object_diameter=20, image_diameter=40)
    >>> image_diameter(config), image_diameter(config, 60.0)
    (40, 60.0)
    """
    return diameter or config.image_diameter or config.object_diameter


def measured_note(config: ModelConfig, diameter: float) -> str:
    """Say which diameter was measured, or at which scale long objects were looked at.

    Examples
    --------
    >>> from napari_pixel_embedding.core.model.config import ModelConfig
    >>> measured_note(ModelConfig(object_diameter=20), 31.0)
    "The objects' diameter was measured: 31 pixels. Name another if it is wrong."
    >>> print(measured_note(ModelConfig(object_diameter=20, pull_window=48), 50.0))
    The scale was measured: the image was seen at 0.4 times its size. Name a diameter for another.
    """
    own = config.object_diameter
    if not config.drifts or own is None:
        return (
            f"The objects' diameter was measured: {diameter:g} pixels. Name another if it is wrong."
        )
    seen = "as it is" if diameter == own else f"at {own / diameter:.2g} times its size"
    return f"The scale was measured: the image was seen {seen}. Name a diameter for another."


def diameter_at_level(
    config: ModelConfig, diameter: float | None, factor: Sequence[float]
) -> float | None:
    """Return the diameter of the same objects at a coarser pyramid level, in that level's pixels.

    It is smaller by ``factor``, but at least the model's own, so that a preview is never enlarged.
    At the finest level, and for a model without an object diameter, ``diameter`` is returned.
    """
    counted = image_diameter(config, diameter)
    if max(factor) == 1 or counted is None or config.object_diameter is None:
        return diameter
    return max(counted / max(factor), config.object_diameter)


def zoom_in_plane(config: ModelConfig, diameter: float | None = None) -> float:
    """Return the factor along Y and X that scales objects to the model's diameter; 1 if unknown."""
    counted = image_diameter(config, diameter)
    if config.object_diameter is None or counted is None:
        return 1.0
    return config.object_diameter / counted


def zoom_for(
    config: ModelConfig,
    diameter: float | None = None,
    spacing: Sequence[float] | None = None,
) -> Zoom:
    """Return the factor along each spatial axis that scales objects to the model's diameter.

    Parameters
    ----------
    config : ModelConfig
        Configuration of the model.
    diameter : float, optional
        Diameter of the image's objects in pixels along Y and X; by default from
        :func:`image_diameter`.
    spacing : sequence of float, optional
        Size of a pixel along each spatial axis. Planes are interpolated
        where they lie further apart, relative to the pixels, than in the training images.

    Returns
    -------
    tuple of float
        Below 1 the image is made smaller. Factors within 5 % of 1 become 1.

    Raises
    ------
    ValueError
        When the diameter is invalid, or given for a model without an ``object_diameter``.

    Examples
    --------
    >>> from napari_pixel_embedding.core.model.config import ModelConfig
    >>> zoom_for(ModelConfig(object_diameter=20), diameter=80)
    (0.25, 0.25)
    """
    _check_diameter(config, diameter)
    return _zoom(config, zoom_in_plane(config, diameter), spacing)


def zoom_of_planes(config: ModelConfig, spacing: Sequence[float] | None = None) -> Zoom:
    """Return the factors of :func:`zoom_for` for objects that already have the model's size."""
    return _zoom(config, 1.0, spacing)


def _zoom(config: ModelConfig, plane: float, spacing: Sequence[float] | None) -> Zoom:
    zoom = (plane,) * config.ndim
    if config.ndim == 3 and spacing is not None and config.pixel_size is not None:
        stretch = spacing[0] / spacing[-1] / (config.pixel_size[0] / config.pixel_size[-1])
        zoom = (plane * stretch, plane, plane)
    return tuple(1.0 if 1 / _CLOSE_ENOUGH < z < _CLOSE_ENOUGH else z for z in zoom)


def spacing_of_each(spacing: Spacings, count: int) -> list[Any]:
    """Return the spacing of each image; a single one is repeated.

    Examples
    --------
    >>> spacing_of_each((2.0, 1.0, 1.0), 2)
    [(2.0, 1.0, 1.0), (2.0, 1.0, 1.0)]
    >>> spacing_of_each([None, (2.0, 1.0, 1.0)], 2)
    [None, (2.0, 1.0, 1.0)]

    Raises
    ------
    ValueError
        When the number of spacings is not ``count``.
    """
    if spacing is None or all(isinstance(size, Real) for size in spacing):
        return [spacing] * count
    if len(spacing) != count:
        raise ValueError(
            f"expected one spacing, or one for each of {count} images, found {len(spacing)}."
        )
    return list(spacing)


def _check_diameter(config: ModelConfig, diameter: float | None) -> None:
    if diameter is None:
        return
    low, high = DIAMETERS
    if not low <= diameter <= high:
        raise ValueError(
            f"diameter must be from {low:g} to {high:g} pixels, found {diameter}: give the typical "
            "diameter of an object in pixels of the image, or leave it out."
        )
    if config.object_diameter is None:
        raise ValueError(
            f"the model {config.name!r} does not say how large the objects it was trained on are: "
            f"leave the diameter out, found {diameter:g}, or choose another model."
        )
    if config.object_diameter > MOST_ENLARGED * diameter:
        raise ValueError(
            f"diameter must be at least {config.object_diameter / MOST_ENLARGED:g} pixels for the "
            f"model {config.name!r}, found {diameter:g}: a smaller one would enlarge the image "
            f"more than {MOST_ENLARGED} times. Give it in pixels, or choose another model."
        )


def zoomed_shape(shape: Sequence[int], zoom: Zoom) -> tuple[int, ...]:
    """Return the shape ([Z,] Y, X) after resampling, at least 1 on each axis."""
    return tuple(max(round(n * z), 1) for n, z in zip(shape, zoom, strict=True))


def pixels_as_seen(
    config: ModelConfig,
    diameter: float | None = None,
    spacing: Sequence[float] | None = None,
) -> float:
    """Return the network's pixels per pixel of an image; parameters as in ``zoom_for``.

    Examples
    --------
    >>> from napari_pixel_embedding.core.model.config import ModelConfig
    >>> pixels_as_seen(ModelConfig(object_diameter=20, image_diameter=40))
    0.25
    """
    return math.prod(zoom_for(config, diameter, spacing))


def usual_params(
    config: ModelConfig,
    diameter: float | None = None,
    spacing: Sequence[float] | None = None,
) -> ClusterParams:
    """Return the default cluster parameters of a model for an image.

    The minimum size is converted to the image's pixels.
    Parameters and errors are those of ``zoom_for``.

    Examples
    --------
    >>> from napari_pixel_embedding.core.model.config import ModelConfig
    >>> usual_params(ModelConfig(object_diameter=20), diameter=40).min_size
    80
    """
    params = config.cluster_params()
    larger = pixels_as_seen(config) / pixels_as_seen(config, diameter, spacing)
    return replace(params, min_size=round(params.min_size * larger))


def params_as_seen(params: ClusterParams, config: ModelConfig) -> ClusterParams:
    """Convert parameters from the image's pixels to the network's pixels."""
    return replace(params, min_size=round(params.min_size * pixels_as_seen(config)))


def resample(image: NDArray[np.float32], shape: tuple[int, ...]) -> NDArray[np.float32]:
    """Resample each channel of an image (C, [Z,] Y, X) to ``shape`` ([Z,] Y, X).

    Linear interpolation, with averaging where the image gets smaller. An image that already has
    that shape is returned unchanged.
    """
    if image.shape[1:] == shape:
        return image
    if len(shape) == 2:
        return _interpolate(image, shape)
    planes = image.reshape(-1, *image.shape[2:])  # Y and X plane by plane, then Z alone
    planes = _interpolate(planes, shape[1:]).reshape(*image.shape[:2], -1)
    return _interpolate(planes, (shape[0], planes.shape[-1])).reshape(-1, *shape)


def _interpolate(image: NDArray[np.float32], shape: tuple[int, ...]) -> NDArray[np.float32]:
    import torch  # imported late: the window needs the factors alone
    from torch.nn import functional as F

    pixels = torch.from_numpy(np.require(image, requirements=("C", "W")))[None]
    return F.interpolate(pixels, shape, mode="bilinear", antialias=True)[0].numpy()


def resample_labels(labels: NDArray[Any], shape: tuple[int, ...]) -> NDArray[Any]:
    """Resample a label image ([Z,] Y, X) to ``shape``: nearest neighbour."""
    if labels.shape == shape:
        return labels
    picked = (
        np.clip(((np.arange(m) + 0.5) * (n / m)).astype(int), 0, n - 1)
        for n, m in zip(labels.shape, shape, strict=True)
    )
    return labels[np.ix_(*picked)]


def equivalent_diameter(sizes: NDArray[Any], ndim: int = 2) -> float:
    """Return the median diameter of discs (balls) of these sizes, in pixels; NaN for none."""
    if len(sizes) == 0:
        return math.nan
    size = float(np.median(sizes))
    return 2 * math.sqrt(size / math.pi) if ndim == 2 else 2 * math.cbrt(3 * size / (4 * math.pi))
