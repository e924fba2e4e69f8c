"""The exact connected mean shift that the cluster index is tested against.

Slow, plain numpy and scipy, and no code in common with the index.
"""

from __future__ import annotations

import itertools
import math
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from napari_pixel_embedding.core.clustering.params import ClusterParams
    from napari_pixel_embedding.core.embedding.embedding_map import EmbeddingMap

Field = NDArray[np.float64]
Labels = NDArray[np.int64]


def exact_mean_shift(emap: EmbeddingMap, params: ClusterParams) -> Labels:
    """Cluster every pixel at one bandwidth by connected greedy mean shift.

    Pixels in order of flatness: the connected set of free pixels within the bandwidth of a mean
    is grown from a seed pixel and recentred until the mean rests within 1e-3 of the bandwidth.
    Sets without two pixels inside them are slivers: left to their neighbours' modes. Touching
    clusters merge when their means and the best of their contacts lie within the bandwidth.
    The distance map is not used.

    Parameters
    ----------
    emap : EmbeddingMap
        Embedding and foreground.
    params : ClusterParams
        Bandwidth, foreground threshold and minimum size.

    Returns
    -------
    array of int64, shape ([Z,] Y, X)
        Label image, 0 is background.
    """
    vectors, inside = _read(emap, params.foreground_threshold)
    cosine = emap.space == "cosine"
    radius = math.sqrt(2 * params.bandwidth) if cosine else params.bandwidth
    labels, modes = _shift(vectors, inside, radius, cosine)
    _fill(vectors, inside, labels, modes, rings=3)
    _label_rest(vectors, inside, labels, modes, radius, cosine)
    labels = _merge(vectors, labels, radius, cosine)
    sizes = np.bincount(labels.ravel())
    labels[sizes[labels] < params.min_size] = 0
    return labels


def _read(emap: EmbeddingMap, threshold: float) -> tuple[Field, NDArray[np.bool_]]:
    vectors = np.moveaxis(np.asarray(emap.embedding, np.float64), 0, -1)
    inside = np.isfinite(vectors).all(axis=-1) & (emap.foreground > threshold)
    vectors = np.where(inside[..., None], vectors, 0.0)
    if emap.space == "cosine":
        norm = np.linalg.norm(vectors, axis=-1, keepdims=True)
        inside = inside & (norm[..., 0] > 0)
        vectors = vectors / np.where(norm > 0, norm, 1.0)
    return vectors, inside


def _moves(ndim: int) -> list[tuple[int, ...]]:
    return [move for move in itertools.product((-1, 0, 1), repeat=ndim) if any(move)]


def _moved(array: NDArray[Any], move: tuple[int, ...], fill: Any) -> NDArray[Any]:
    """Each pixel's neighbour in the direction of ``move``; ``fill`` beyond the edge."""
    ndim = len(move)
    padded = np.pad(array, [(1, 1)] * ndim + [(0, 0)] * (array.ndim - ndim), constant_values=fill)
    return padded[tuple(slice(1 + m, 1 + m + n) for m, n in zip(move, array.shape, strict=False))]


def _flatness(vectors: Field, inside: NDArray[np.bool_]) -> Field:
    total, count = np.zeros(inside.shape), np.ones(inside.shape)
    for move in _moves(inside.ndim):
        there = _moved(inside, move, False) & inside
        away = ((vectors - _moved(vectors, move, 0.0)) ** 2).sum(axis=-1)
        total += np.where(there, away, 0.0)
        count += there
    return total / count


def _mean(vectors: Field, cosine: bool) -> Field:
    mean: Field = vectors.mean(axis=0)
    return mean / max(float(np.linalg.norm(mean)), 1e-12) if cosine else mean


def _grown(
    vectors: Field, free: NDArray[np.bool_], seed: tuple[int, ...], radius: float, cosine: bool
) -> NDArray[np.bool_]:
    from scipy import ndimage

    structure = np.ones((3,) * free.ndim)
    mean, found = vectors[seed], np.zeros_like(free)
    for _ in range(50):
        near = free & (((vectors - mean) ** 2).sum(axis=-1) <= radius**2)
        near[seed] = True
        pieces, _ = ndimage.label(near, structure)
        found = pieces == pieces[seed]
        moved = _mean(vectors[found], cosine)
        rest = np.linalg.norm(moved - mean) <= 1e-3 * radius
        mean = moved
        if rest:
            break
    return found


def _shift(
    vectors: Field, inside: NDArray[np.bool_], radius: float, cosine: bool
) -> tuple[Labels, list[Field]]:
    from scipy import ndimage

    labels = np.zeros(inside.shape, np.int64)
    modes: list[Field] = []
    order = np.argsort(_flatness(vectors, inside)[inside], kind="stable")
    seeds = np.argwhere(inside)[order]
    tried = np.zeros_like(inside)
    structure = np.ones((3,) * inside.ndim)
    for seed in map(tuple, seeds):
        if labels[seed] or tried[seed]:
            continue
        found = _grown(vectors, inside & (labels == 0), seed, radius, cosine)
        if np.count_nonzero(ndimage.binary_erosion(found, structure, border_value=1)) < 2:
            tried |= found
            continue
        modes.append(_mean(vectors[found], cosine))
        labels[found] = len(modes)
    return labels, modes


def _fill(
    vectors: Field, inside: NDArray[np.bool_], labels: Labels, modes: list[Field], rings: int
) -> None:
    table = np.array([np.zeros(vectors.shape[-1]), *modes])
    for _ in range(rings):
        nearest = np.full(labels.shape, np.inf)
        chosen = np.zeros_like(labels)
        for move in _moves(labels.ndim):
            there = _moved(labels, move, 0)
            away = ((vectors - table[there]) ** 2).sum(axis=-1)
            better = inside & (labels == 0) & (there > 0) & (away < nearest)
            nearest[better], chosen[better] = away[better], there[better]
        if not chosen.any():
            return
        labels[chosen > 0] = chosen[chosen > 0]


def _label_rest(
    vectors: Field, inside: NDArray[np.bool_], labels: Labels, modes: list[Field],
    radius: float, cosine: bool,
) -> None:  # fmt: skip
    """Thin objects have no inside: what touches no cluster becomes one as it is."""
    for seed in map(tuple, np.argwhere(inside & (labels == 0))):
        if labels[seed] == 0:
            found = _grown(vectors, inside & (labels == 0), seed, radius, cosine)
            modes.append(_mean(vectors[found], cosine))
            labels[found] = len(modes)


def _merge(vectors: Field, labels: Labels, radius: float, cosine: bool) -> Labels:
    """Merge the nearest two touching clusters again and again."""
    while True:
        pair = _nearest_pair(vectors, labels, radius, cosine)
        if pair is None:
            return labels
        labels = np.where(labels == pair[1], pair[0], labels)


def _nearest_pair(
    vectors: Field, labels: Labels, radius: float, cosine: bool
) -> tuple[int, int] | None:
    ids = np.unique(labels[labels > 0])
    modes = np.zeros((labels.max() + 1, vectors.shape[-1]))
    for n in ids:
        modes[n] = _mean(vectors[labels == n], cosine)
    away = np.linalg.norm(vectors - modes[labels], axis=-1)
    best, pair = radius, None
    for move in _moves(labels.ndim):
        there = _moved(labels, move, 0)
        touching = (there > labels) & (labels > 0)
        saddle = np.maximum(away, _moved(away, move, np.inf))[touching]
        a, b = labels[touching], there[touching]
        height = np.maximum(saddle, np.linalg.norm(modes[a] - modes[b], axis=-1))
        if height.size > 0 and height.min() <= best:
            best, k = float(height.min()), int(height.argmin())
            pair = int(a[k]), int(b[k])
    return pair
