"""Bacteria of many kinds, arrangements and microscopes: images to train a general model on."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from napari_pixel_embedding.core.datasets.synthetic.colony import grow_colony
from napari_pixel_embedding.core.datasets.synthetic.drawing import SyntheticImage
from napari_pixel_embedding.core.datasets.synthetic.optics import OPTICS, look_at
from napari_pixel_embedding.core.datasets.synthetic.rasterise import draw
from napari_pixel_embedding.core.datasets.synthetic.scenes import Frame, Scene
from napari_pixel_embedding.core.datasets.synthetic.shapes import Tube

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from numpy.typing import NDArray

    from napari_pixel_embedding.core.datasets.synthetic.shapes import Shape

    Arrangement = Callable[["Frame", np.random.Generator], Iterator["Shape"]]

WIDTHS = (4.5, 18.0)
"""Narrowest and widest cells that are drawn by default, in pixels."""


def bacteria_image(shape: Sequence[int], seed: int, width: float | None = None) -> SyntheticImage:
    """Draw bacteria of a random kind as a random microscope shows them.

    Rods in colonies that have grown, single rods, cocci in clusters and chains, curved cells with
    and without a stalk, filaments alone and in bundles; in phase contrast (most), bright field and
    fluorescence.

    Parameters
    ----------
    shape : (int, int)
        Pixels along Y and X.
    seed : int
        The same seed draws the same image.
    width : float, optional
        Width of a cell in pixels; by default at random from :data:`WIDTHS`.

    Examples
    --------
    >>> image, labels = bacteria_image((128, 160), seed=1)
    >>> image.shape == labels.shape == (128, 160), labels.max() > 0
    (True, np.True_)
    """
    rng = np.random.default_rng((seed, 20_191))
    if width is None:
        width = float(np.exp(rng.uniform(*np.log(WIDTHS))))
    arrange = _ARRANGEMENTS[rng.choice(len(_ARRANGEMENTS), p=_SHARES)]
    scene = Scene(arrange, max_overlap=0.35, bend=rng.uniform(0, 0.05))
    frame = Frame((int(shape[0]), int(shape[1])), width, 1.0)
    drawing = draw(scene, frame, rng)
    optics = OPTICS[rng.choice(len(OPTICS), p=(0.70, 0.07, 0.15, 0.08))]
    return SyntheticImage(look_at(drawing, width, optics, rng), drawing.labels.astype(np.uint16))


def _colonies(frame: Frame, rng: np.random.Generator) -> Iterator[Shape]:
    """Yield the rods of one or more colonies, or of one that fills the image."""
    width = frame.diameter
    length = width * rng.uniform(2.6, 6.5)
    room = np.prod(frame.shape) / (0.75 * width * length)  # cells that fill the image
    if rng.random() < 0.3:
        groups, count = 1, int(1.6 * room) + 8
    else:
        groups = int(rng.integers(1, 5))
        count = int(np.exp(rng.uniform(np.log(3), np.log(max(0.8 * room / groups, 4)))))
    bow = rng.uniform(0, 0.12)
    for _ in range(groups):
        founders = 1 if rng.random() < 0.7 else int(rng.integers(2, 6))
        cells = grow_colony(min(count, 500), width, length, rng, min(founders, count))
        if groups == 1 and count > room:
            middle = np.array(frame.shape) / 2 + rng.normal(0, 0.1, 2) * frame.shape
        else:
            middle = rng.uniform(-0.05, 1.05, 2) * frame.shape
        for y, x, turn, long in cells:
            centre = middle + np.array([y, x])
            yield _rod(centre, turn, long, width * np.exp(rng.normal(0.02, 0.04)), bow, rng)
    yield from _loose(frame, length, int(rng.integers(0, 4)), rng)


def _loose(frame: Frame, length: float, count: int, rng: np.random.Generator) -> Iterator[Shape]:
    """Yield rods that lie anywhere, in any direction, some across each other's ends."""
    bow = rng.uniform(0, 0.25)
    for _ in range(count):
        centre = rng.uniform(0, 1, 2) * frame.shape
        width = frame.diameter * np.exp(rng.normal(0, 0.08))
        yield _rod(centre, rng.uniform(0, np.pi), length * rng.uniform(0.5, 1.1), width, bow, rng)


def _singles(frame: Frame, rng: np.random.Generator) -> Iterator[Shape]:
    """Yield scattered rods, pairs end to end, and small heaps."""
    length = frame.diameter * rng.uniform(1.8, 8)
    room = np.prod(frame.shape) / (frame.diameter * length)
    count = int(rng.uniform(0.05, 0.9) * room) + 2
    yield from _loose(frame, length, min(count, 400), rng)


def _cocci(frame: Frame, rng: np.random.Generator) -> Iterator[Shape]:
    """Yield round cells: in clusters that have grown, and in chains."""
    width = frame.diameter
    room = np.prod(frame.shape) / width**2
    if rng.random() < 0.5:
        for _ in range(rng.integers(1, 5)):
            count = int(np.exp(rng.uniform(np.log(4), np.log(max(0.5 * room, 5)))))
            middle = rng.uniform(0.05, 0.95, 2) * frame.shape
            for y, x, turn, long in grow_colony(min(count, 500), width, 1.9 * width, rng):
                yield _rod(middle + np.array([y, x]), turn, max(long, 1.05 * width), width, 0, rng)
        return
    for _ in range(rng.integers(3, 18)):
        line = _path(rng.uniform(0, 1, 2) * frame.shape, width, int(rng.integers(2, 14)), 0.3, rng)
        for place, step in zip(line[:-1], np.diff(line, axis=0), strict=True):
            size = width * np.exp(rng.normal(0, 0.05))
            yield _rod(place, np.arctan2(*step), 1.08 * size, size, 0, rng)


def _curved(frame: Frame, rng: np.random.Generator) -> Iterator[Shape]:
    """Yield crescent cells; in most of the images some have a long, thin stalk."""
    width = frame.diameter
    stalked = rng.random() < 0.65
    room = np.prod(frame.shape) / (20 * width**2)
    for _ in range(int(rng.uniform(0.15, 1.0) * room) + 2):
        turn = rng.uniform(0, 2 * np.pi)
        length = width * rng.uniform(2.5, 5)
        body = _arc(rng.uniform(0, 1, 2) * frame.shape, turn, length, rng.uniform(0.3, 1.2), rng)
        if not (stalked and rng.random() < 0.7):
            yield Tube(body, width / 2)
            continue
        steps = int(rng.integers(6, 40))
        tail = _path(body[-1], 1.0 * width, steps, 0.15, rng, np.diff(body, axis=0)[-1])
        thin = max(width * rng.uniform(0.15, 0.35), 1.2)
        thickness = np.r_[np.full(len(body) - 1, width / 2), np.full(len(tail) - 1, thin)]
        yield Tube(np.concatenate([body, tail[1:]]), width / 2, tuple(thickness))


def _filaments(frame: Frame, rng: np.random.Generator) -> Iterator[Shape]:
    """Yield long cells, alone and in bundles side by side."""
    width = frame.diameter
    pieces = int(np.prod(frame.shape) / (40 * width**2) * rng.uniform(0.2, 1.2)) + 1
    while pieces > 0:
        steps = int(rng.integers(6, 45))
        start = rng.uniform(-0.1, 1.1, 2) * frame.shape
        line = _path(start, 1.5 * width, steps, rng.uniform(0.05, 0.25), rng)
        bundle = 1 if rng.random() < 0.5 else int(rng.integers(2, 6))
        pieces -= bundle * steps // 20 + 1
        along = np.gradient(line, axis=0)
        aside = np.stack([-along[:, 1], along[:, 0]], axis=1)
        aside /= np.maximum(np.linalg.norm(aside, axis=1, keepdims=True), 1e-6)
        for number in range(bundle):
            first, last = 0, len(line)
            if bundle > 1:
                first, last = (
                    int(rng.integers(0, steps // 2)),
                    int(rng.integers(steps // 2 + 2, steps + 1)),
                )
            part = (line + number * 1.02 * width * aside)[first : last + 1]
            if len(part) > 2:
                yield from _cut(part, width, rng)


def _cut(line: NDArray[Any], width: float, rng: np.random.Generator) -> Iterator[Shape]:
    """Yield one long cell, or shorter ones end to end (a chain of rods)."""
    if rng.random() < 0.6:
        yield Tube(line, width / 2)
        return
    size = int(rng.integers(3, 7))
    for first in range(0, len(line) - 2, size):
        piece = line[first : first + size + 1].copy()
        piece[-1] -= 0.75 * (piece[-1] - piece[-2])  # a gap between two round ends
        yield Tube(piece, width / 2)


def _rod(
    centre: NDArray[Any],
    turn: float,
    length: float,
    width: float,
    bow: float,
    rng: np.random.Generator,
) -> Tube:
    """Return a capsule, bent by up to ``bow`` of its length."""
    line = _arc(centre, turn, max(length - width, 0.02 * width), rng.normal(0, bow), rng)
    return Tube(line, width / 2)


def _arc(
    centre: NDArray[Any], turn: float, length: float, bend: float, rng: np.random.Generator
) -> NDArray[Any]:
    """Return points along an arc (5, 2); ``bend`` is its angle from end to end in radians."""
    angles = turn + bend * np.linspace(-1, 1, 4)
    steps = np.stack([np.sin(angles), np.cos(angles)], axis=1) * length / 4
    line = np.concatenate([np.zeros((1, 2)), np.cumsum(steps, axis=0)])
    return np.asarray(line - line.mean(axis=0) + centre)


def _path(
    start: NDArray[Any],
    step: float,
    count: int,
    bend: float,
    rng: np.random.Generator,
    heading: NDArray[Any] | None = None,
) -> NDArray[Any]:
    """Return a smoothly winding path of ``count`` steps from ``start``."""
    turn = rng.uniform(0, 2 * np.pi) if heading is None else np.arctan2(*heading)
    rate = np.zeros(count)
    for i in range(1, count):
        rate[i] = 0.8 * rate[i - 1] + rng.normal(0, bend * 0.6)
    angles = turn + np.cumsum(rate)
    steps = step * np.stack([np.sin(angles), np.cos(angles)], axis=1)
    return np.asarray(start + np.concatenate([np.zeros((1, 2)), np.cumsum(steps, axis=0)]))


_ARRANGEMENTS = (_colonies, _singles, _cocci, _curved, _filaments)
_SHARES = (0.34, 0.10, 0.08, 0.28, 0.20)
