"""Scenes: position, size and drawing order of the objects of each kind."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_pixel_embedding.core.datasets.synthetic.noise import smooth_field
from napari_pixel_embedding.core.datasets.synthetic.shapes import Ellipse, Leaf, Tube

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from numpy.typing import NDArray

    from napari_pixel_embedding.core.datasets.synthetic.config import Kind
    from napari_pixel_embedding.core.datasets.synthetic.shapes import Shape, Vectors

GOLDEN_ANGLE = np.pi * (3 - np.sqrt(5))


@dataclass(frozen=True)
class Frame:
    """Image to fill: shape in pixels, typical object diameter, share that objects may cover."""

    shape: tuple[int, ...]
    diameter: float
    density: float


@dataclass(frozen=True)
class Scene:
    """Objects of a kind and how they are drawn.

    Parameters
    ----------
    shapes : callable
        Yields the objects in drawing order.
    occlude : bool
        Whether later objects cover earlier ones; otherwise a pixel goes to the object whose
        middle is relatively nearer.
    max_overlap : float
        Share of an object's pixels in earlier objects above which it is left out.
    bend : float
        Displacement of outlines by a smooth random field, in diameters.
    """

    shapes: Callable[[Frame, np.random.Generator], Iterator[Shape]]
    occlude: bool = False
    max_overlap: float = 1.0
    bend: float = 0.0


def ellipses(frame: Frame, rng: np.random.Generator) -> Iterator[Shape]:
    """Yield ellipses on a jittered lattice, in groups."""
    ndim = len(frame.shape)
    for centre in grouped(lattice(frame, 0.92, 0.25, rng), frame, rng):
        stretch = np.exp(rng.normal(0, 0.18, ndim))
        size = frame.diameter / 2 * np.exp(rng.normal(0.06, 0.15))
        half_axes = size * stretch / np.prod(stretch) ** (1 / ndim)
        yield Ellipse(centre, half_axes, rotation(ndim, rng))


def bacteria(frame: Frame, rng: np.random.Generator) -> Iterator[Shape]:
    """Yield rods that are aligned with their neighbours, in colonies."""
    direction = _directions(frame, 4 * frame.diameter, rng)
    for centre in grouped(scattered(frame, 12, rng), frame, rng):
        heading = direction(centre) + rng.normal(0, 0.12, len(frame.shape))
        aspect = rng.uniform(1.2, 3.6)
        yield _tube(centre, heading, aspect, 3, 0.12, frame, rng)


def filaments(frame: Frame, rng: np.random.Generator) -> Iterator[Shape]:
    """Yield long, curved filaments that touch and seldom cross."""
    direction = _directions(frame, 3 * frame.diameter, rng)
    for centre in scattered(frame, 5 * frame.density, rng):
        heading = direction(centre) + rng.normal(0, 0.4, len(frame.shape))
        yield _tube(centre, heading, rng.uniform(9, 18), 12, 0.22, frame, rng)


def rosettes(frame: Frame, rng: np.random.Generator) -> Iterator[Shape]:
    """Yield the leaves of plants seen from above: the oldest, longest leaves lie lowest."""
    length = 2.4 * frame.diameter
    for centre in _plant_centres(frame, 1.9 * length, rng):
        count = int(rng.integers(8, 15))
        turn = rng.uniform(0, 2 * np.pi)
        for age in range(count):
            youth = age / (count - 1)
            angle = turn + age * GOLDEN_ANGLE + rng.normal(0, 0.12)
            size = length * (1 - 0.5 * youth) * np.exp(rng.normal(0, 0.08))
            axes = _leaf_frame(len(frame.shape), angle, 0.1 + youth)
            base = centre + 0.03 * length * axes[:, 0]
            yield Leaf(base, size, size * rng.uniform(0.19, 0.27), axes)


SCENES: dict[Kind, Scene] = {
    "ellipses": Scene(ellipses, bend=0.06),
    "rosette": Scene(rosettes, occlude=True, bend=0.04),
    "filaments": Scene(filaments, max_overlap=0.12),
    "bacteria": Scene(bacteria, max_overlap=0.15),
}


def lattice(frame: Frame, step: float, shake: float, rng: np.random.Generator) -> Vectors:
    """Return points (N, D) about ``step`` diameters apart, over the frame and a margin."""
    step *= frame.diameter
    axes = [np.arange(-step * rng.uniform(0.1, 0.9), n + step, step) for n in frame.shape]
    points = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, len(axes))
    points[:, -1] += step / 2 * (np.round((points[:, -2] - points[0, -2]) / step) % 2)
    points = points + rng.uniform(-shake, shake, points.shape) * frame.diameter
    return rng.permutation(points)


def scattered(frame: Frame, per_object: float, rng: np.random.Generator) -> Vectors:
    """Return random points (N, D), ``per_object`` of them for each object that would fit."""
    margin = frame.diameter / 2
    sizes = np.array(frame.shape) + 2 * margin
    room = float(np.prod(sizes / frame.diameter))
    return rng.uniform(size=(max(int(per_object * room), 1), len(sizes))) * sizes - margin


def grouped(points: Vectors, frame: Frame, rng: np.random.Generator) -> Vectors:
    """Return the points within smooth patches that cover about ``density`` of the frame."""
    field = smooth_field(frame.shape, 3.5 * frame.diameter, rng)
    limit = np.quantile(field, 1 - frame.density)
    kept = points[field[_pixels(points, frame)] >= limit]
    return kept if len(kept) else points[:1]


def _pixels(points: Vectors, frame: Frame) -> tuple[NDArray[np.intp], ...]:
    """Return the pixels nearest to points, which may lie outside of the frame."""
    highest = np.array(frame.shape) - 1
    return tuple(np.clip(np.round(points), 0, highest).astype(np.intp).T)


def _directions(
    frame: Frame, scale: float, rng: np.random.Generator
) -> Callable[[Vectors], Vectors]:
    """Return a function from a point to a direction that varies smoothly over the frame."""
    fields = np.stack([smooth_field(frame.shape, scale, rng) for _ in frame.shape], axis=-1)

    def at(point: Vectors) -> Vectors:
        found: Vectors = fields[_pixels(point[None], frame)][0]
        return found / max(float(np.linalg.norm(found)), 1e-3)

    return at


def _tube(
    centre: Vectors,
    heading: Vectors,
    aspect: float,
    pieces: int,
    bend: float,
    frame: Frame,
    rng: np.random.Generator,
) -> Tube:
    """Return a curved tube of typical size, with a line ``aspect`` times as long as its width."""
    ndim = len(centre)
    if ndim == 2:
        share = np.sqrt(np.pi / (4 * aspect + np.pi))
    else:
        share = np.cbrt((4 / 3) / (2 * aspect + 4 / 3))
    thickness = max(share * frame.diameter / 2 * np.exp(rng.normal(0.05, 0.08)), 1.0)
    step = 2 * aspect * thickness / pieces
    turn = rng.normal(0, bend, ndim)
    steps = [_unit(heading)]
    for _ in range(pieces - 1):
        turn = 0.7 * turn + rng.normal(0, bend, ndim) * 0.7
        steps.append(_unit(steps[-1] + turn))
    line = np.cumsum(np.stack([np.zeros(ndim), *steps]), axis=0) * step
    return Tube(line - line.mean(axis=0) + centre, float(thickness))


def _plant_centres(frame: Frame, step: float, rng: np.random.Generator) -> Vectors:
    """Return jittered positions in rows; one in the middle of a small frame."""
    counts = [max(1, round(n / step)) for n in frame.shape]
    axes = [(np.arange(c) + 0.5) * n / c for c, n in zip(counts, frame.shape, strict=True)]
    points = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, len(axes))
    keep = max(1, round(len(points) * min(1.0, frame.density / 0.7)))
    points = points + rng.normal(0, 0.05 * step, points.shape)
    return rng.permutation(points)[:keep]


def _leaf_frame(ndim: int, angle: float, lift: float) -> NDArray[np.float64]:
    """Return axes as columns: along the leaf, across, and in a volume its normal.

    ``lift`` is the angle to the plane (Y, X), in radians.
    """
    along = np.array([np.sin(angle), np.cos(angle)])
    across = np.array([-along[1], along[0]])
    if ndim == 2:
        return np.stack([along, across], axis=1)
    rise, flat = np.sin(lift), np.cos(lift)
    columns: list[Any] = [[-rise, *(flat * along)], [0.0, *across], [flat, *(rise * along)]]
    return np.array(columns).T


def rotation(ndim: int, rng: np.random.Generator) -> Vectors:
    """Return a random orthogonal matrix."""
    return np.linalg.qr(rng.standard_normal((ndim, ndim)))[0]


def _unit(vector: Vectors) -> Vectors:
    return vector / max(float(np.linalg.norm(vector)), 1e-6)
