"""Shapes of single objects, as relative radius of each pixel: 0 in the middle, 1 on the border."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Vectors = NDArray[np.floating[Any]]


class Shape(Protocol):
    """One object, in pixels along ([Z,] Y, X)."""

    @property
    def core(self) -> Vectors:
        """Points (N, D) along the object's middle."""
        ...

    @property
    def box(self) -> tuple[Vectors, Vectors]:
        """Lowest and highest corner of a box that holds the object."""
        ...

    def radius(self, points: Vectors) -> Vectors:
        """Return the relative radius of points (..., D) of a window: 0 middle, 1 border."""
        ...


@dataclass(frozen=True, eq=False)
class Ellipse:
    """An ellipse or ellipsoid; the columns of ``frame`` are the directions of the half axes."""

    centre: Vectors
    half_axes: Vectors
    frame: Vectors

    @property
    def core(self) -> Vectors:
        """The centre."""
        return self.centre[None]

    @property
    def box(self) -> tuple[Vectors, Vectors]:
        """The bounding box."""
        reach = np.linalg.norm(self.frame * self.half_axes, axis=1)
        return self.centre - reach, self.centre + reach

    def radius(self, points: Vectors) -> Vectors:
        """Return the distance from the centre in units of the half axes."""
        scaled = ((points - self.centre) @ self.frame) / self.half_axes
        return np.asarray(np.sqrt((scaled**2).sum(axis=-1)))


@dataclass(frozen=True, eq=False)
class Tube:
    """A rod or filament with round ends: all points within ``thickness`` of a line (N, D).

    ``thicknesses`` gives each of the line's N − 1 pieces its own, the largest of them
    ``thickness``.
    """

    line: Vectors
    thickness: float
    thicknesses: tuple[float, ...] = ()

    @property
    def core(self) -> Vectors:
        """The line."""
        return self.line

    @property
    def box(self) -> tuple[Vectors, Vectors]:
        """The bounding box."""
        return self.line.min(axis=0) - self.thickness, self.line.max(axis=0) + self.thickness

    def radius(self, points: Vectors) -> Vectors:
        """Return the distance from the line divided by the thickness; 2 for far pixels."""
        nearest = np.full(points.shape[:-1], 2.0, points.dtype)
        corner = points[(0,) * points.shape[-1]]
        each = self.thicknesses or (self.thickness,) * (len(self.line) - 1)
        for (start, end), thickness in zip(pairwise(self.line), each, strict=True):
            low = np.minimum(start, end) - thickness - corner
            high = np.maximum(start, end) + thickness - corner
            near = tuple(
                slice(max(int(a), 0), max(int(b) + 2, 0)) for a, b in zip(low, high, strict=True)
            )
            distance = _to_segment(points[near], start, end) / thickness
            np.minimum(nearest[near], distance, out=nearest[near])
        return nearest


def _to_segment(points: Vectors, start: Vectors, end: Vectors) -> Vectors:
    along = end - start
    away = points - start
    share = np.clip((away @ along) / max(float(along @ along), 1e-12), 0, 1)
    return np.asarray(np.sqrt(((away - share[..., None] * along) ** 2).sum(axis=-1)))


@dataclass(frozen=True, eq=False)
class Leaf:
    """A blade on a stalk that starts at ``base``.

    The columns of ``frame`` are the direction of the leaf, that of its width, and in a volume
    that of its thickness.
    """

    base: Vectors
    length: float
    half_width: float
    frame: Vectors

    STALK = 0.35  # share of the length
    STALK_WIDTH = 0.2  # of the blade's
    MIN_STALK = 1.2  # pixels
    THICKNESS = 0.7  # of the width

    @property
    def core(self) -> Vectors:
        """The midrib's ends and middle."""
        return self.base + np.array([[0.1], [0.6], [0.9]]) * self.length * self.frame[:, 0]

    @property
    def box(self) -> tuple[Vectors, Vectors]:
        """A box around the axis, as wide as the blade."""
        ends = np.stack([self.base, self.base + self.length * self.frame[:, 0]])
        reach = max(self.half_width, self.MIN_STALK)
        return ends.min(axis=0) - reach, ends.max(axis=0) + reach

    def radius(self, points: Vectors) -> Vectors:
        """Return the distance from the midrib divided by the width there; 2 beyond the ends."""
        local = (points - self.base) @ self.frame
        along = local[..., 0] / self.length
        blade = np.clip((along - self.STALK) / (1 - self.STALK), 0, 1)
        stalk = max(self.STALK_WIDTH * self.half_width, self.MIN_STALK)
        # Widest slightly before the middle, round at the stalk and pointed at the tip.
        width = self.half_width * 2 * np.sqrt(blade) * (1 - blade) ** 0.8 / 0.84
        width = np.maximum(width, np.where(along < 0.6, stalk, 0.0))
        thickness = np.array([1.0, self.THICKNESS])[: local.shape[-1] - 1]
        aside = np.sqrt(((local[..., 1:] / thickness) ** 2).sum(axis=-1))
        beyond = (along < 0) | (along > 1)
        return np.where(beyond, 2.0, aside / np.maximum(width, 1e-3))
