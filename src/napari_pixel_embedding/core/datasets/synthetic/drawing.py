"""Synthetic images: objects, light, camera and colours, drawn from a random seed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from scipy import ndimage

from napari_pixel_embedding.core.datasets.synthetic.config import KINDS, SyntheticConfig
from napari_pixel_embedding.core.datasets.synthetic.noise import smooth_field
from napari_pixel_embedding.core.datasets.synthetic.rasterise import draw
from napari_pixel_embedding.core.datasets.synthetic.scenes import SCENES, Frame

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from napari_pixel_embedding.core.datasets.synthetic.config import Kind
    from napari_pixel_embedding.core.datasets.synthetic.rasterise import Drawing

_PALETTES = {
    "ellipses": ((0.93, 0.82, 0.90), (0.30, 0.14, 0.48)),
    "rosette": ((0.22, 0.15, 0.11), (0.62, 0.88, 0.36)),
    "filaments": ((0.0, 0.02, 0.02), (0.25, 1.0, 0.45)),
    "bacteria": ((0.95, 0.92, 0.88), (0.38, 0.12, 0.45)),
}
"""Colours of dark and of bright pixels, for each kind."""


class SyntheticImage(NamedTuple):
    """A synthetic image and its label image.

    ``image`` uint8 ([Z,] Y, X), or (Y, X, 3) in colour; ``labels`` uint16 or uint32
    ([Z,] Y, X), 0 is background.
    """

    image: NDArray[np.uint8]
    labels: NDArray[np.unsignedinteger[Any]]


def synthetic_image(
    kind: Kind = "ellipses",
    shape: Sequence[int] = (256, 256),
    *,
    seed: int = 0,
    config: SyntheticConfig | None = None,
) -> SyntheticImage:
    """Draw an image of dense objects and its exact label image.

    Parameters
    ----------
    kind : {"ellipses", "rosette", "filaments", "bacteria"}
        Touching ellipses such as nuclei; leaves around plant centres, the younger over the
        older; curved filaments; rods in colonies.
    shape : sequence of int
        Pixels along ([Z,] Y, X). Volumes have ellipsoids, raised leaves, tubes.
    seed : int
        Random seed; the same seed draws the same image.
    config : SyntheticConfig, optional
        Diameter, density, noise, blur, uneven light, colour.

    Returns
    -------
    SyntheticImage
        Named tuple of ``image`` and ``labels``. Every object is connected, ids run from 1
        without gaps, and objects with less than a quarter visible are left out.

    Raises
    ------
    ValueError
        For another kind, a shape that is not two or three sizes from 8, or a volume in colour.

    Examples
    --------
    >>> image, labels = synthetic_image("bacteria", (128, 128), seed=3)
    >>> image.shape, image.dtype.name, int(labels.max()) > 10
    ((128, 128), 'uint8', True)
    """
    config = config or SyntheticConfig()
    size = _check(kind, shape, config)
    rng = np.random.default_rng(seed)
    drawing = draw(SCENES[kind], Frame(size, config.diameter, config.density), rng)
    values = _expose(_light(drawing, kind, config, rng), config, rng)
    image = _colored(values, drawing.labels, kind, rng) if config.color else values
    dtype = np.uint16 if drawing.labels.max() < 2**16 else np.uint32
    return SyntheticImage(np.round(255 * image).astype(np.uint8), drawing.labels.astype(dtype))


def _check(kind: str, shape: Sequence[int], config: SyntheticConfig) -> tuple[int, ...]:
    if kind not in KINDS:
        raise ValueError(f"kind must be one of {', '.join(KINDS)}, found {kind!r}.")
    size = tuple(int(n) for n in shape)
    if len(size) not in (2, 3) or min(size) < 8:
        raise ValueError(
            f"shape must have two or three sizes, ([Z,] Y, X), of 8 pixels or more, found {size}."
        )
    if config.color and len(size) == 3:
        raise ValueError(f"Colours are drawn in two dimensions only, found the shape {size}.")
    return size


def _light(
    drawing: Drawing, kind: Kind, config: SyntheticConfig, rng: np.random.Generator
) -> NDArray[np.float32]:
    """Return the ideal image's brightness: 0.1 to 0.2 in the background, about 0.7 in objects."""
    labels, radius = drawing.labels, drawing.radius
    shape = labels.shape
    each = np.exp(rng.normal(-0.1, 0.18, labels.max() + 1))
    profile = 1 - 0.35 * radius**2
    if kind == "rosette":  # a bright midrib
        profile = 0.85 - 0.2 * radius**2 + 0.3 * np.exp(-((radius / 0.12) ** 2))
    grain = 1 + 0.12 * smooth_field(shape, config.diameter / 8, rng)
    inside = 0.75 * each[labels] * profile * grain
    outside = 0.14 + 0.02 * smooth_field(shape, 2 * config.diameter, rng)
    values: NDArray[np.float32] = np.where(labels > 0, inside, outside).astype(np.float32)
    return values


def _expose(
    light: NDArray[np.float32], config: SyntheticConfig, rng: np.random.Generator
) -> NDArray[np.float32]:
    """Simulate a camera: uneven light, blur, and noise that grows with the brightness."""
    shade = smooth_field(light.shape, max(light.shape) * 0.8, rng)
    shade = (shade - shade.min()) / max(float(np.ptp(shade)), 1e-6)
    seen = light * (1 - config.uneven * shade)
    if config.blur:
        seen = ndimage.gaussian_filter(seen, config.blur)
    noise = rng.standard_normal(seen.shape, np.float32)
    seen = seen + config.noise * np.sqrt(np.maximum(seen, 0)) * noise
    exposed: NDArray[np.float32] = np.clip(seen, 0, 1).astype(np.float32)
    return exposed


def _colored(
    values: NDArray[np.float32], labels: NDArray[np.int32], kind: Kind, rng: np.random.Generator
) -> NDArray[np.float32]:
    """Map brightness to colours (Y, X, 3) between two, with a random tint for each object."""
    dark, bright = np.array(_PALETTES[kind], np.float32)
    tinge = rng.normal(0, 0.025, (labels.max() + 1, 3)).astype(np.float32)
    tinge[0] = 0
    mixed = dark + (bright - dark) * values[..., None] + tinge[labels]
    mixed += rng.normal(0, 0.01, mixed.shape)
    return np.asarray(np.clip(mixed, 0, 1))
