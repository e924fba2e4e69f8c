"""Rosettes seen from above, in colour: images to train a model for leaves on."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from scipy import ndimage

from napari_pixel_embedding.core.datasets.synthetic.drawing import SyntheticImage
from napari_pixel_embedding.core.datasets.synthetic.noise import smooth_field
from napari_pixel_embedding.core.datasets.synthetic.scenes import GOLDEN_ANGLE

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    Image = NDArray[np.float32]

Place = Literal["glasshouse", "field"]


@dataclass(frozen=True)
class Setting:
    """Ranges that the plants of a place are drawn from.

    ``leaves`` is their number; ``blade`` the half width and ``stalk`` the stalk of a leaf as shares
    of its length; ``teeth`` the depth of its margin's lobes; ``hue`` the green's share of blue and
    of red; ``soils`` the colours of the ground.
    """

    leaves: tuple[int, int]
    blade: tuple[float, float]
    stalk: tuple[float, float]
    teeth: tuple[float, float]
    hue: tuple[tuple[float, float], tuple[float, float]]
    soils: tuple[tuple[float, float, float], ...]


SETTINGS: dict[Place, Setting] = {
    "glasshouse": Setting(
        leaves=(3, 22),
        blade=(0.16, 0.36),
        stalk=(0.15, 0.5),
        teeth=(0.0, 0.12),
        hue=((0.15, 0.65), (0.35, 0.95)),
        soils=((0.25, 0.17, 0.12), (0.35, 0.32, 0.30), (0.12, 0.10, 0.09), (0.55, 0.5, 0.45)),
    ),
    "field": Setting(
        leaves=(5, 16),
        blade=(0.2, 0.32),
        stalk=(0.25, 0.42),
        teeth=(0.03, 0.1),
        hue=((0.2, 0.5), (0.45, 0.8)),
        soils=((0.42, 0.27, 0.16), (0.6, 0.55, 0.5), (0.2, 0.22, 0.27)),
    ),
}


def rosette_image(shape: Sequence[int], seed: int, place: Place = "glasshouse") -> SyntheticImage:
    """Draw a plant, or a few, from above: leaves around a centre, the younger over the older.

    Parameters
    ----------
    shape : (int, int)
        Pixels along Y and X.
    seed : int
        The same seed draws the same image.
    place : {"glasshouse", "field"}
        Which ranges of leaf numbers and shapes, greens and soils are drawn from.

    Returns
    -------
    SyntheticImage
        ``image`` uint8 (Y, X, 3), ``labels`` uint16 (Y, X).

    Examples
    --------
    >>> image, labels = rosette_image((96, 96), seed=2)
    >>> image.shape, bool(labels.max() >= 3)
    ((96, 96, 3), True)
    """
    setting, rng = SETTINGS[place], np.random.default_rng((seed, len(place)))
    size = (int(shape[0]), int(shape[1]))
    painting = _Painting(_ground(size, setting, rng), np.zeros(size, np.int32))
    for centre, reach in _plants(size, rng):
        _add_plant(painting, centre, reach, setting, rng)
    labels = _visible(painting)
    return SyntheticImage(_photograph(painting.image, rng), labels.astype(np.uint16))


@dataclass
class _Painting:
    """What is painted so far; ``drawn`` counts the pixels of each leaf before others hid them."""

    image: Image
    labels: NDArray[np.int32]
    drawn: list[int] = field(default_factory=list)


def _plants(size: tuple[int, int], rng: np.random.Generator) -> list[tuple[NDArray[Any], float]]:
    """Return centre and reach of each plant: one that fills the image, or four small ones."""
    if rng.random() < 0.8:
        centre = np.array(size) * rng.normal(0.5, 0.05, 2)
        return [(centre, min(size) * rng.uniform(0.22, 0.55))]
    places = [(y, x) for y in (0.27, 0.73) for x in (0.27, 0.73)]
    return [
        (np.array(size) * (place + rng.normal(0, 0.02, 2)), min(size) * rng.uniform(0.12, 0.26))
        for place in places
    ]


def _add_plant(
    painting: _Painting,
    centre: NDArray[Any],
    reach: float,
    setting: Setting,
    rng: np.random.Generator,
) -> None:
    """Draw the leaves of a plant, the oldest first."""
    count = int(rng.integers(*setting.leaves, endpoint=True))
    blade, stalk = rng.uniform(*setting.blade), rng.uniform(*setting.stalk)
    teeth, lobes = rng.uniform(*setting.teeth), int(rng.integers(3, 9))
    color = np.array([rng.uniform(*setting.hue[1]), 1.0, rng.uniform(*setting.hue[0])])
    color = color * rng.uniform(0.4, 0.9)
    turn, spread = rng.uniform(0, 2 * np.pi), rng.uniform(0.35, 0.85)
    for number in range(count):
        youth = number / max(count - 1, 1)
        length = reach * (1 - spread * youth) * np.exp(rng.normal(0, 0.12))
        angle = turn + number * GOLDEN_ANGLE + rng.normal(0, 0.2)
        leaf = _Leaf(
            centre,
            angle,
            max(length, 7.0),
            blade * np.exp(rng.normal(0, 0.1)),
            stalk * (1 - 0.5 * youth),
            teeth,
            lobes,
            rng.normal(0, 0.25),
        )
        tint = color * np.exp(rng.normal(0, 0.1) + 0.15 * youth) * np.exp(rng.normal(0, 0.03, 3))
        _paint(painting, leaf, tint, rng)


@dataclass(frozen=True)
class _Leaf:
    """A leaf's base, direction, length, and the shares of its length that make its shape."""

    base: NDArray[Any]
    angle: float
    length: float
    blade: float
    stalk: float
    teeth: float
    lobes: int
    curve: float

    def local(self, shape: tuple[int, int]) -> tuple[tuple[slice, ...], Image, Image]:
        """Return a window, and in it the position along the leaf and across, as shares of it."""
        reach = self.length * 1.1 + 3
        window = tuple(
            slice(max(int(c - reach), 0), max(min(int(c + reach) + 2, n), 0))
            for c, n in zip(self.base, shape, strict=True)
        )
        y, x = np.mgrid[window].astype(np.float32)
        y, x = y - self.base[0], x - self.base[1]
        along = (y * np.sin(self.angle) + x * np.cos(self.angle)) / self.length
        across = (y * np.cos(self.angle) - x * np.sin(self.angle)) / self.length
        return window, along, across - self.curve * along**2 * 0.5

    def half_width(self, along: Image) -> NDArray[Any]:
        """Half the leaf's width at a position along it: a thin stalk, then the blade."""
        blade = np.clip((along - self.stalk) / (1 - self.stalk), 0, 1)
        width = self.blade * 1.9 * np.sqrt(blade) * (1 - blade) ** 0.7
        width = width * (1 + self.teeth * np.sin(2 * np.pi * self.lobes * blade))
        stalk = max(0.12 * self.blade, 0.9 / self.length)
        return np.where((along > 0) & (along < 1), np.maximum(width, stalk * (along < 0.9)), -1)


def _paint(painting: _Painting, leaf: _Leaf, tint: NDArray[Any], rng: np.random.Generator) -> None:
    """Paint a leaf over what is there, with its shadow on that."""
    window, along, across = leaf.local(painting.labels.shape)
    if along.size == 0:
        return
    width = leaf.half_width(along)
    inside = np.abs(across) < width
    if np.count_nonzero(inside) < 12:
        return
    image = painting.image[window]
    shadow = ndimage.gaussian_filter(inside.astype(np.float32), 1 + 0.02 * leaf.length)
    shift = tuple(rng.uniform(0, 0.04) * leaf.length * np.array((0.8, 0.5)))
    shadow = ndimage.shift(shadow, shift, order=1)
    image *= (1 - rng.uniform(0.1, 0.6) * shadow)[..., None]
    aside = across / np.maximum(width, 1e-3)
    light = 1 + rng.uniform(-0.25, 0.25) * aside - rng.uniform(0, 0.35) * aside**2
    light += rng.uniform(-0.2, 0.3) * (along - 0.5)
    vein = np.exp(-((across * leaf.length / rng.uniform(0.8, 2.2)) ** 2))
    ribs = np.cos(2 * np.pi * rng.uniform(4, 9) * (along - 0.7 * np.abs(across))) ** 8
    light += rng.uniform(0, 0.4) * vein + rng.uniform(0, 0.12) * ribs
    light *= 1 + rng.uniform(0, 0.12) * smooth_field(light.shape, 3, rng)
    image[inside] = (light[..., None] * tint)[inside]
    painting.drawn.append(int(np.count_nonzero(inside)))
    painting.labels[window][inside] = len(painting.drawn)


def _ground(size: tuple[int, int], setting: Setting, rng: np.random.Generator) -> Image:
    """Paint soil, gravel, felt or a tray, with moss and a pot's rim in some images."""
    soil = np.array(setting.soils[rng.integers(len(setting.soils))]) * rng.uniform(0.6, 1.3)
    rough = rng.uniform(0.03, 0.3) * smooth_field(size, rng.uniform(1, 6), rng)
    rough = rough + rng.uniform(0, 0.2) * smooth_field(size, rng.uniform(10, 80), rng)
    image = soil * (1 + rough[..., None]) + rng.normal(0, 0.02, (*size, 3))
    if rng.random() < 0.35:
        moss = smooth_field(size, rng.uniform(4, 20), rng) > rng.uniform(0.8, 1.8)
        green = np.array([0.5, 0.7, 0.25]) * rng.uniform(0.3, 0.8)
        image[moss] = (0.4 * image + 0.6 * green * (1 + rough[..., None]))[moss]
    if rng.random() < 0.4:
        y, x = np.mgrid[: size[0], : size[1]]
        far = np.hypot(y - size[0] / 2, x - size[1] / 2) / min(size)
        if rng.random() < 0.5:
            far = np.maximum(np.abs(y / size[0] - 0.5), np.abs(x / size[1] - 0.5))
        image[far > rng.uniform(0.42, 0.5)] = rng.uniform(0.05, 0.9)
    return np.clip(image, 0, None).astype(np.float32)


def _photograph(image: Image, rng: np.random.Generator) -> NDArray[np.uint8]:
    """Light, white balance, focus and noise of a camera."""
    light = 1 + rng.uniform(0, 0.15) * smooth_field(image.shape[:2], 150, rng)
    lit = image * light[..., None] * np.exp(rng.normal(0, 0.08, 3)) * rng.uniform(0.7, 1.4)
    seen = ndimage.gaussian_filter(lit, (*(rng.uniform(0.3, 1.1),) * 2, 0))
    seen = seen + rng.normal(0, rng.uniform(0.003, 0.03), seen.shape)
    gamma = rng.uniform(0.7, 1.3)
    photo: NDArray[np.uint8] = np.round(255 * np.clip(seen, 0, 1) ** gamma).astype(np.uint8)
    return photo


MIN_VISIBLE = 0.12
"""Share of a leaf that must be seen for it to be an object."""
MIN_PIXELS = 25


def _visible(painting: _Painting) -> NDArray[np.int32]:
    """Keep the largest visible part of each leaf, if it is no mere rim; number them from 1."""
    labels = painting.labels
    kept = np.zeros_like(labels)
    count = 0
    for label, box in enumerate(ndimage.find_objects(labels), start=1):
        if box is None:
            continue
        parts, _ = ndimage.label(labels[box] == label)
        sizes = np.bincount(parts.ravel())[1:]
        if sizes.max(initial=0) >= max(MIN_PIXELS, MIN_VISIBLE * painting.drawn[label - 1]):
            count += 1
            kept[box][parts == 1 + int(sizes.argmax())] = count
    return kept
