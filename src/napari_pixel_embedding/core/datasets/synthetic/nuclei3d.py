"""Nuclei in volumes as confocal and light-sheet microscopes show them, to train a model on.

Few annotated volumes of nuclei are free. Networks that learn from drawn ones, made to look like the
real ones, do better than those that learn from few real ones (NucGen3D, bioRxiv 2025).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from scipy import ndimage

from napari_pixel_embedding.core.datasets.synthetic.drawing import SyntheticImage
from napari_pixel_embedding.core.datasets.synthetic.noise import smooth_field
from napari_pixel_embedding.core.datasets.synthetic.rasterise import draw
from napari_pixel_embedding.core.datasets.synthetic.scenes import (
    Frame,
    Scene,
    grouped,
    lattice,
    rotation,
    scattered,
)
from napari_pixel_embedding.core.datasets.synthetic.shapes import Ellipse

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from napari_pixel_embedding.core.datasets.synthetic.rasterise import Drawing
    from napari_pixel_embedding.core.datasets.synthetic.shapes import Shape

    Volume = NDArray[np.float32]

DIAMETERS = (11.0, 24.0)
"""Smallest and largest typical diameter that is drawn by default, in voxels."""


def nuclei_volume(shape: Sequence[int], seed: int, diameter: float | None = None) -> SyntheticImage:
    """Draw nuclei in a volume with isotropic voxels.

    Densely packed or scattered, round, long or flat, each with a brightness of its own, with
    chromatin and nucleoli; blurred along Z, darker with depth, with haze and shot noise, and in
    half of the volumes interpolated from planes that lie further apart.

    Parameters
    ----------
    shape : (int, int, int)
        Voxels along Z, Y and X.
    seed : int
        The same seed draws the same volume.
    diameter : float, optional
        Typical diameter in voxels; by default at random from :data:`DIAMETERS`.

    Returns
    -------
    SyntheticImage
        ``image`` uint16 and ``labels`` uint16, both (Z, Y, X).

    Examples
    --------
    >>> image, labels = nuclei_volume((24, 40, 40), seed=1)
    >>> image.shape == labels.shape, bool(labels.max() > 0)
    (True, True)
    """
    rng = np.random.default_rng((seed, 3))
    if diameter is None:
        diameter = float(np.exp(rng.uniform(*np.log(DIAMETERS))))
    frame = Frame(tuple(int(n) for n in shape), diameter, float(rng.uniform(0.15, 1.0)))
    arrange = _packed if rng.random() < 0.65 else _scattered
    scene = Scene(arrange, max_overlap=0.3, bend=rng.uniform(0.02, 0.09))
    drawing = draw(scene, frame, rng)
    light = _stained(drawing, diameter, rng)
    seen = _microscope(light, diameter, rng)
    return SyntheticImage(_photons(seen, rng), drawing.labels.astype(np.uint16))  # type: ignore[arg-type]


def _packed(frame: Frame, rng: np.random.Generator) -> Iterator[Shape]:
    """Yield nuclei of a tissue, side by side in groups."""
    gap = rng.uniform(0.85, 1.25)
    wide = Frame(frame.shape, frame.diameter * gap, frame.density)
    yield from _nuclei(grouped(lattice(wide, 0.95, 0.28, rng), frame, rng), frame, rng)


def _scattered(frame: Frame, rng: np.random.Generator) -> Iterator[Shape]:
    """Yield nuclei anywhere, some of them touching."""
    yield from _nuclei(scattered(frame, rng.uniform(0.05, 1.2), rng), frame, rng)


def _nuclei(centres: NDArray[Any], frame: Frame, rng: np.random.Generator) -> Iterator[Shape]:
    spread, vary = rng.uniform(0.05, 0.3), rng.uniform(0.05, 0.25)
    for centre in centres:
        stretch = np.exp(rng.normal(0, spread, 3))
        size = frame.diameter / 2 * np.exp(rng.normal(0.03, vary))
        half_axes = size * stretch / np.cbrt(np.prod(stretch))
        yield Ellipse(centre, half_axes, rotation(3, rng))


def _stained(drawing: Drawing, diameter: float, rng: np.random.Generator) -> Volume:
    """Brightness of the stain: chromatin, dark or bright nucleoli, some nuclei much brighter."""
    labels, shape = drawing.labels, drawing.labels.shape
    each = np.exp(rng.normal(0, rng.uniform(0.05, 0.6), labels.max() + 1))
    condensed = rng.random(len(each)) < 0.03
    each[condensed] *= rng.uniform(2, 6)
    chromatin = np.exp(rng.uniform(0.05, 0.45) * smooth_field(shape, diameter / 7, rng))
    profile = 1 - rng.uniform(-0.25, 0.6) * drawing.radius**2
    spots = smooth_field(shape, diameter / 3.5, rng) - 1.5 * drawing.radius
    nucleoli = 1 - rng.uniform(0.0, 0.75) * (spots > rng.uniform(0.6, 1.6))
    inside = each[labels] * chromatin * profile * nucleoli
    light: Volume = np.where(labels > 0, inside, 0).astype(np.float32)
    return light


def _microscope(light: Volume, diameter: float, rng: np.random.Generator) -> Volume:
    """Blur (more along Z), haze, attenuation with depth, background, planes further apart."""
    flat = diameter * np.exp(rng.uniform(np.log(0.02), np.log(0.09)))
    seen = ndimage.gaussian_filter(light, (flat * rng.uniform(1, 3), flat, flat))
    haze = ndimage.gaussian_filter(light, diameter * rng.uniform(0.3, 0.9))
    seen = seen + rng.uniform(0, 0.5) * haze
    background = np.exp(0.5 * smooth_field(light.shape, diameter * rng.uniform(0.3, 3), rng))
    seen = seen + rng.uniform(0.01, 0.3) * background
    depth = np.linspace(0, 1, len(seen), dtype=np.float32)[:: rng.choice([-1, 1])]
    seen = seen * np.exp(-rng.uniform(0, 1.2) * depth)[:, None, None]
    apart = rng.uniform(1, 3.2) if rng.random() < 0.5 else 1.0
    if apart > 1:
        seen = _interpolated(seen, apart)
    return np.asarray(seen, np.float32)


def _interpolated(volume: Volume, apart: float) -> Volume:
    """Keep planes that lie ``apart`` voxels apart, and interpolate the others between them."""
    count = max(round(len(volume) / apart), 2)
    planes = volume[np.round(np.linspace(0, len(volume) - 1, count)).astype(int)]
    return np.asarray(ndimage.zoom(planes, (len(volume) / count, 1, 1), order=1))


def _photons(light: Volume, rng: np.random.Generator) -> NDArray[np.uint16]:
    """Shot and read noise, from hardly any to more than the signal."""
    bright = max(float(np.quantile(light, 0.98)), 1e-6)
    photons = np.exp(rng.uniform(np.log(3), np.log(400)))
    seen = rng.poisson(light / bright * photons) / photons
    if rng.random() < 0.4:  # a filter, or planes averaged: correlated noise
        seen = ndimage.gaussian_filter(seen, rng.uniform(0.3, 0.8))
    seen = seen + rng.normal(0, rng.uniform(0, 0.06), light.shape)
    image: NDArray[np.uint16] = np.round(np.clip(seen * 600 + 100, 0, 65535)).astype(np.uint16)
    return image
