"""Rasterisation of shapes into a label image in which every object is connected."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_pixel_embedding.core.datasets.synthetic.noise import smooth_field

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_pixel_embedding.core.datasets.synthetic.scenes import Frame, Scene
    from napari_pixel_embedding.core.datasets.synthetic.shapes import Shape

MIN_PIXELS = 4
MIN_VISIBLE = 0.25  # share of an object's pixels; objects with less visible are left out
MAX_BEND = 3.0  # standard deviations


@dataclass(frozen=True, eq=False)
class Drawing:
    """Label image, and each pixel's relative radius in its object: 0 middle, 1 border."""

    labels: NDArray[np.int32]
    radius: NDArray[np.float32]


def draw(scene: Scene, frame: Frame, rng: np.random.Generator) -> Drawing:
    """Draw all objects of a scene and keep those with enough visible pixels."""
    canvas = _Canvas(scene, frame, rng)
    for shape in scene.shapes(frame, rng):
        canvas.add(shape)
    labels = _whole_objects(canvas.labels, np.array([0, *canvas.drawn]))
    return Drawing(labels, np.where(labels > 0, canvas.radius, 1).astype(np.float32))


class _Canvas:
    """Drawing in progress; ``drawn`` counts the pixels of each object before occlusion."""

    def __init__(self, scene: Scene, frame: Frame, rng: np.random.Generator) -> None:
        self._scene, self._frame = scene, frame
        bend = scene.bend * frame.diameter
        self._margin = MAX_BEND * bend
        self._points = _bent_grid(frame, bend, rng)
        self.labels = np.zeros(frame.shape, np.int32)
        self.radius = np.ones(frame.shape, np.float32)
        self.drawn: list[int] = []

    def add(self, shape: Shape) -> None:
        """Draw an object, unless it lies outside or overlaps too much."""
        window = self._window(shape)
        if window is None or self._is_taken(shape):
            return
        labels, radius = self.labels[window], self.radius[window]
        own = shape.radius(self._points[window]).astype(np.float32)
        inside = own < 1
        count = int(np.count_nonzero(inside))
        hidden = np.count_nonzero(labels[inside]) > self._scene.max_overlap * count
        if count < MIN_PIXELS or hidden:
            return
        taken = inside if self._scene.occlude else inside & (own < radius)
        self.drawn.append(count)
        labels[taken] = len(self.drawn)
        radius[taken] = own[taken]

    def _window(self, shape: Shape) -> tuple[slice, ...] | None:
        low, high = shape.box
        starts = np.maximum(np.floor(low - self._margin), 0).astype(int)
        stops = np.minimum(np.ceil(high + self._margin) + 1, self._frame.shape).astype(int)
        if (starts >= stops).any():
            return None
        return tuple(slice(a, b) for a, b in zip(starts, stops, strict=True))

    def _is_taken(self, shape: Shape) -> bool:
        """Return whether more than half of an object's core is covered, as a cheap first test."""
        if self._scene.max_overlap >= 1:
            return False
        middle = np.round(shape.core).astype(int)
        middle = middle[((middle >= 0) & (middle < self._frame.shape)).all(axis=1)]
        return len(middle) > 0 and float(np.mean(self.labels[tuple(middle.T)] > 0)) > 0.5


def _bent_grid(frame: Frame, bend: float, rng: np.random.Generator) -> NDArray[np.float32]:
    """Return each pixel's position (..., D), displaced smoothly by about ``bend`` pixels."""
    grid = np.moveaxis(np.indices(frame.shape, np.float32), 0, -1).copy()
    if bend:
        for axis in range(grid.shape[-1]):
            shift = smooth_field(frame.shape, 0.45 * frame.diameter, rng)
            grid[..., axis] += bend * np.clip(shift, -MAX_BEND, MAX_BEND)
    return grid


def _whole_objects(labels: NDArray[np.int32], drawn: NDArray[Any]) -> NDArray[np.int32]:
    """Keep the largest component of each object, if large enough; number them from 1."""
    from skimage import measure

    pieces: NDArray[np.int64] = measure.label(labels, connectivity=1)  # type: ignore[no-untyped-call]
    sizes = np.bincount(pieces.ravel())
    sizes[0] = 0  # background, also the entry of wholly hidden objects
    owner = np.zeros(len(sizes), np.int64)
    owner[pieces.ravel()] = labels.ravel()
    order = np.argsort(sizes, kind="stable")
    largest = np.zeros(len(drawn), np.int64)
    largest[owner[order]] = order  # the last one written is the largest
    kept = largest[1:]
    kept = kept[sizes[kept] >= np.maximum(MIN_VISIBLE * drawn[1:], MIN_PIXELS)]
    numbers = np.zeros(len(sizes), np.int32)
    numbers[kept] = np.arange(1, len(kept) + 1)
    return np.asarray(numbers[pieces])
