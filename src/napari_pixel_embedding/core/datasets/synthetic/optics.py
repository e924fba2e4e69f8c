"""Light microscopy of a drawing: phase contrast, bright field, fluorescence, and the camera."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import numpy as np
from scipy import ndimage

from napari_pixel_embedding.core.datasets.synthetic.noise import smooth_field

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_pixel_embedding.core.datasets.synthetic.rasterise import Drawing

    Image = NDArray[np.float32]

Optics = Literal["phase contrast", "bright field", "fluorescence", "stained membrane"]
OPTICS: tuple[Optics, ...] = ("phase contrast", "bright field", "fluorescence", "stained membrane")


def look_at(
    drawing: Drawing, width: float, optics: Optics, rng: np.random.Generator
) -> NDArray[np.uint8]:
    """Return how a microscope shows a drawing of cells, uint8 (Y, X).

    Everything about the look that differs between microscopes is drawn at random: contrast, halos,
    focus, single cells' brightness, uneven light, dust, noise, and how much of the camera's range
    is used.

    Parameters
    ----------
    drawing : Drawing
        Labels and each pixel's relative radius in its object.
    width : float
        Width of a cell in pixels.
    optics : {"phase contrast", "bright field", "fluorescence", "stained membrane"}
    rng : numpy.random.Generator
    """
    height = _heights(drawing, width, rng)
    light = _RENDERERS[optics](height, drawing, width, rng)
    light = light + (_dust(light.shape, width, rng) + _mottle(light.shape, rng)) * np.ptp(light)
    blur = width * rng.uniform(0.03, 0.14)
    light = ndimage.gaussian_filter(light, blur)
    return _camera(light, rng)


def _heights(drawing: Drawing, width: float, rng: np.random.Generator) -> Image:
    """Optical thickness of each pixel: about 1 in the middle of a cell, 0 outside."""
    power = rng.uniform(0.25, 0.6)
    profile = np.clip(1 - drawing.radius**2, 0, 1) ** power
    each = np.exp(rng.normal(0, rng.uniform(0.02, 0.3), drawing.labels.max() + 1))
    grain = 1 + rng.uniform(0, 0.15) * smooth_field(profile.shape, 3, rng)
    thick = _thickness(drawing, width) ** rng.uniform(0.3, 1.5)
    height: Image = np.where(drawing.labels > 0, profile * each[drawing.labels] * grain * thick, 0)
    return height.astype(np.float32)


def _thickness(drawing: Drawing, width: float) -> Image:
    """Thickness of the object at each pixel in cells' widths: less than 1 in a stalk."""
    from_border = ndimage.distance_transform_edt(drawing.radius < 1)
    half = from_border / np.maximum(1 - drawing.radius, 0.1)
    return np.asarray(np.clip(half / (width / 2), 0.1, 1), np.float32)


def _phase_contrast(
    height: Image, drawing: Drawing, width: float, rng: np.random.Generator
) -> Image:
    """Dark cells, bright halos around them, and paler cells within a colony (shade-off).

    The phase ring also lets the light through that is diffracted least: what is large loses its
    contrast, and what lies beside it brightens (Zernike, 1942).
    """
    near = ndimage.gaussian_filter(height, width * rng.uniform(0.35, 1.2))
    far = ndimage.gaussian_filter(height, width * rng.uniform(1.2, 3.5))
    halo, shade = rng.uniform(0.2, 1.6), rng.uniform(-0.6, 1.1)
    contrast = rng.uniform(0.2, 0.6)
    light: Image = 0.5 - contrast * (height - halo * near - shade * far)
    if rng.random() < 0.35:  # the camera is blind to what is brighter
        light = np.minimum(light, np.quantile(light, rng.uniform(0.85, 0.99)))
    return light if rng.random() < 0.6 else 1 - light


def _bright_field(height: Image, drawing: Drawing, width: float, rng: np.random.Generator) -> Image:
    """Rims that are bright or dark with the focus, on cells hardly darker than the background."""
    inner = ndimage.gaussian_filter(height, width * rng.uniform(0.08, 0.2))
    outer = ndimage.gaussian_filter(height, width * rng.uniform(0.3, 0.7))
    focus = rng.choice([-1, 1]) * rng.uniform(0.25, 0.8)
    light: Image = 0.5 + focus * (inner - outer) - rng.uniform(0, 0.25) * inner
    return light


def _fluorescence(height: Image, drawing: Drawing, width: float, rng: np.random.Generator) -> Image:
    """Bright cells on a dark background, with haze from out of focus."""
    each = np.exp(rng.normal(0, rng.uniform(0.05, 0.5), drawing.labels.max() + 1))
    light = height * each[drawing.labels].astype(np.float32)
    haze = ndimage.gaussian_filter(light, width * rng.uniform(0.5, 2))
    return np.asarray(light + rng.uniform(0.05, 0.5) * haze + rng.uniform(0.02, 0.2))


def _stained_membrane(
    height: Image, drawing: Drawing, width: float, rng: np.random.Generator
) -> Image:
    """Bright rims of cells, brightest where two touch."""
    sharp = rng.uniform(0.15, 0.4)
    rim = np.exp(-(((1 - drawing.radius) / sharp) ** 2)) * (drawing.labels > 0)
    each = np.exp(rng.normal(0, 0.25, drawing.labels.max() + 1))
    light = (rim * each[drawing.labels]).astype(np.float32) + rng.uniform(0, 0.35) * height
    haze = ndimage.gaussian_filter(light, width * rng.uniform(0.5, 1.5))
    return np.asarray(light + rng.uniform(0, 0.4) * haze + rng.uniform(0.02, 0.2))


_RENDERERS = {
    "phase contrast": _phase_contrast,
    "bright field": _bright_field,
    "fluorescence": _fluorescence,
    "stained membrane": _stained_membrane,
}


def _mottle(shape: tuple[int, ...], rng: np.random.Generator) -> Image:
    """Texture of the medium at several scales, which is no cell however much it looks like one."""
    strength = rng.uniform(0, 0.12) * rng.random()
    scales = np.exp(rng.uniform(np.log(1.5), np.log(30), 3))
    return np.asarray(sum(strength * smooth_field(shape, scale, rng) for scale in scales) / 2)


def _dust(shape: tuple[int, ...], width: float, rng: np.random.Generator) -> Image:
    """Small spots and threads that are no cells; none in most images."""
    spots = np.zeros(shape, np.float32)
    if rng.random() < 0.6:
        return spots
    for _ in range(rng.integers(1, 12)):
        place = tuple(int(rng.integers(n)) for n in shape)
        spots[place] = rng.normal(0, 1) * width**2
    return np.asarray(ndimage.gaussian_filter(spots, width * rng.uniform(0.15, 0.4)))


def _camera(light: Image, rng: np.random.Generator) -> NDArray[np.uint8]:
    """Uneven light, photon and read noise, and a part of the eight bits."""
    light = light - min(float(light.min()), 0.0)
    light = light / max(float(np.quantile(light, 0.999)), 1e-6)
    shade = smooth_field(light.shape, 0.7 * max(light.shape), rng)
    tilt = smooth_field(light.shape, 3 * max(light.shape), rng)
    uneven = rng.uniform(0, 0.08) * shade + rng.uniform(0, 0.06) * tilt
    light = light * np.exp(uneven)
    photons = np.exp(rng.uniform(np.log(150), np.log(6000)))
    counted = rng.poisson(np.clip(light, 0, 4) * photons) / photons
    light = counted + rng.normal(0, np.exp(rng.uniform(np.log(0.002), np.log(0.03))), light.shape)
    if rng.random() < 0.3:  # compressed or resampled images have correlated noise
        light = ndimage.gaussian_filter(light, rng.uniform(0.4, 0.9))
    low, high = light.min(), max(float(light.max()), 1e-6)
    levels = np.exp(rng.uniform(np.log(25), np.log(255)))
    seen = (light - low) / max(high - low, 1e-6) * levels + rng.uniform(0, 255 - levels)
    image: NDArray[np.uint8] = np.clip(np.round(seen), 0, 255).astype(np.uint8)
    return image
