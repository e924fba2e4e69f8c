"""The quality look: signs that a segmentation was made with a wrong model or diameter."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from scipy import ndimage

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

Finding = Literal["nothing", "everything", "fragments", "blobs", "small", "doubtful"]
"""What is wrong with a result: no objects; one object nearly everywhere; objects in pieces;
objects merged; objects far smaller than expected; objects that the network is not sure of."""

CONFIDENT = 0.61
"""Confidence from which a result is trusted: `benchmarks/quality_look.py` has the numbers."""
_OF_LONG = 0.72
"""Confidence of a model of long objects that means nothing: a fragment of such an object has a
middle line of its own, so they are sure of far more than others are. Chosen from the same table, so
that good results are trusted."""
_EVERYWHERE = 0.9
"""Share of the image that a single object covers where foreground was taken for granted."""
_PIECE, _LARGE, _SMALL = 0.8, 1.5, 0.5
"""Diameters relative to the expected one: of pieces at most, of merged objects at least, of
objects that the model has no eye for at most."""
_TINY, _HUGE = 0.4, 4.0
"""The same where a model has no distance output, which would tell its confidence."""
_TOUCHING = 0.3
"""Share of objects in contact from which small ones are pieces of larger ones."""


@dataclass(frozen=True)
class Quality:
    """Measurements of a segmentation that tell whether model and diameter fit the image.

    Parameters
    ----------
    count : int
        Number of objects.
    diameter : float
        Median equivalent diameter of the objects, in pixels along Y and X; 0 without objects.
    main_diameter : float
        The same where each object counts by its size: half of all labelled pixels belong to
        larger ones.
    largest : float
        Share of the image that the largest object covers.
    touching : float
        Share of the objects that touch another one.
    confidence : float, optional
        Median over objects of the largest predicted distance inside; nearly 1 where the network
        sees whole objects of the size it knows, lower where it sees parts of objects, or several
        in one. None without a distance output.
    """

    count: int
    diameter: float
    main_diameter: float
    largest: float
    touching: float
    confidence: float | None


def measure_quality(
    labels: NDArray[np.integer[Any]],
    distance: NDArray[np.floating[Any]] | None,
    spacing: Sequence[float] | None = None,
    drifts: bool = False,
) -> Quality:
    """Measure a segmentation of one frame, to be judged by :func:`find_problem`.

    Parameters
    ----------
    labels : array of int, shape ([Z,] Y, X)
        Label image, 0 is background.
    distance : array of float, shape ([Z,] Y, X), optional
        The network's normalised distance, as in ``EmbeddingMap``.
    spacing : sequence of float, optional
        Size of a pixel along each spatial axis: planes further apart make larger objects.
    drifts : bool
        Whether the distance is that of a model of long objects.

    Examples
    --------
    >>> labels = np.zeros((8, 8), int)
    >>> labels[2:6, 2:4], labels[2:6, 4:6] = 1, 2
    >>> measure_quality(labels, None).touching
    1.0
    """
    sizes = np.bincount(labels.ravel())
    ids = np.flatnonzero(sizes[1:]) + 1
    if ids.size == 0:
        return Quality(0, 0.0, 0.0, 0.0, 0.0, None if distance is None else 0.0)
    stretch = 1.0 if spacing is None or labels.ndim == 2 else spacing[0] / spacing[-1]
    diameters = _diameters(np.sort(sizes[ids]) * stretch, labels.ndim)
    return Quality(
        ids.size,
        float(np.median(diameters)),
        _main(diameters, labels.ndim),
        float(sizes[ids].max() / labels.size),
        float(_touching(labels, sizes.size)[ids].mean()),
        None if distance is None else comparable(confidence(labels, distance, ids), drifts),
    )


def confidence(
    labels: NDArray[np.integer[Any]], distance: NDArray[np.floating[Any]], ids: NDArray[Any]
) -> float:
    """Return the median over objects of the largest predicted distance inside, 0 to 1."""
    return float(np.median(ndimage.maximum(distance, labels, ids)))


def comparable(confidence: float, drifts: bool) -> float:
    """Return a confidence as one that can be compared with those of models of any kind.

    Examples
    --------
    >>> comparable(0.7, drifts=False), comparable(0.7, drifts=True)
    (0.7, 0.0)
    """
    return max(confidence - _OF_LONG, 0.0) / (1 - _OF_LONG) if drifts else confidence


def _diameters(sizes: NDArray[Any], ndim: int) -> NDArray[np.float64]:
    """Diameters of the discs or balls of these sizes."""
    return np.asarray(2 * np.sqrt(sizes / np.pi) if ndim == 2 else np.cbrt(6 * sizes / np.pi))


def _main(diameters: NDArray[np.float64], ndim: int) -> float:
    """Median of ascending diameters weighted by size."""
    total = np.cumsum(diameters**ndim)
    return float(diameters[np.searchsorted(total, total[-1] / 2)])


def _touching(labels: NDArray[np.integer[Any]], count: int) -> NDArray[np.bool_]:
    """Whether each id has a pixel next to one of another object."""
    touching = np.zeros(count, bool)
    for axis in range(labels.ndim):
        along = np.moveaxis(labels, axis, 0)
        one, other = along[1:], along[:-1]
        contact = (one != other) & (one > 0) & (other > 0)
        touching[one[contact]] = touching[other[contact]] = True
    return touching


def find_problem(quality: Quality, expected: float | None) -> Finding | None:
    """Say what is wrong with a segmentation; None where nothing is.

    A model is trusted while its own confidence is high: objects may then be of any size. Where it
    is low, the sizes tell what went wrong.

    Parameters
    ----------
    quality : Quality
        From :func:`measure_quality`.
    expected : float, optional
        Diameter that the run went by, in pixels along Y and X; None if the model knows none.

    Examples
    --------
    >>> find_problem(Quality(300, 11.0, 19.0, 0.01, 0.75, 0.30), 20.0)
    'fragments'
    """
    if quality.count == 0:
        return "nothing"
    if quality.largest >= _EVERYWHERE:
        return "everything"
    if expected is None:
        return None if _is_trusted(quality) else "doubtful"
    if quality.confidence is None:
        return _kind(quality, expected, _TINY, _HUGE)
    if _is_trusted(quality):
        return None
    kind = _kind(quality, expected, _PIECE, _LARGE)
    return kind or ("small" if quality.main_diameter < _SMALL * expected else "doubtful")


def _is_trusted(quality: Quality) -> bool:
    return quality.confidence is None or quality.confidence >= CONFIDENT


def _kind(quality: Quality, expected: float, piece: float, large: float) -> Finding | None:
    if quality.main_diameter > large * expected:
        return "blobs"
    pieces = quality.diameter < piece * expected and quality.touching > _TOUCHING
    return "fragments" if pieces else None
