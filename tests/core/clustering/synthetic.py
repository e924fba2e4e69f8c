"""Embeddings with known objects: warped Voronoi cells, blurred borders and noise."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from napari_pixel_embedding.core.embedding.embedding_map import EmbeddingMap


@dataclass(frozen=True, eq=False)
class Scene:
    emap: EmbeddingMap
    labels: np.ndarray


def voronoi_labels(shape, diameter, rng, gaps=True, spacing=None):
    """Touching cells of about ``diameter`` pixels; with gaps, about a third is background."""
    spacing = np.ones(len(shape)) if spacing is None else np.asarray(spacing)
    extent = np.array(shape) * spacing
    grid = [np.arange(diameter / 2, size + diameter / 2, diameter) for size in extent]
    points = np.stack(np.meshgrid(*grid, indexing="ij"), axis=-1).reshape(-1, len(shape))
    points = points + rng.uniform(-0.3, 0.3, points.shape) * diameter
    where = np.stack(np.meshgrid(*map(np.arange, shape), indexing="ij"), axis=-1) * spacing
    for axis in range(len(shape)):
        smooth = ndimage.gaussian_filter(rng.normal(size=shape), diameter / 6)
        where[..., axis] += smooth / (np.abs(smooth).max() + 1e-9) * diameter / 8
    away = np.linalg.norm(where[..., None, :] - points, axis=-1)
    labels = away.argmin(axis=-1) + 1
    if gaps:
        nearest = away.min(axis=-1)
        labels[nearest > 0.55 * diameter] = 0
        labels[np.isin(labels, rng.choice(len(points), len(points) // 8) + 1)] = 0
    labels = keep_largest_pieces(labels)
    voxel = float(np.prod(spacing))
    labels[np.bincount(labels.ravel())[labels] * voxel < (diameter / 2) ** len(shape)] = 0
    return labels


def keep_largest_pieces(labels):
    result = np.zeros_like(labels)
    for n in np.unique(labels)[1:]:
        pieces, _ = ndimage.label(labels == n)
        largest = np.bincount(pieces.ravel())[1:].argmax() + 1
        result[pieces == largest] = n
    return result


def object_vectors(count, channels, space, rng, apart):
    """Vectors that are at least about ``apart`` from each other; unit vectors under cosine."""
    if space == "cosine":
        vectors = rng.normal(size=(count, channels))
        return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    chosen = []
    for _ in range(count):
        tries = rng.uniform(-1, 1, (20, channels)) * apart * max(2, count ** (1 / channels))
        away = [min([9e9, *(np.linalg.norm(t - c) for c in chosen)]) for t in tries]
        chosen.append(tries[int(np.argmax(away))])
    return np.array(chosen)


def neighbour_vectors(labels, channels, rng):
    """Unit vectors of which only those of touching objects are apart: others repeat."""
    touching = {n: set() for n in range(labels.max() + 1)}
    for offset in ((1, 0), (0, 1), (1, 1), (1, -1)):
        a, b = labels, np.roll(labels, offset, axis=(-2, -1))
        for n, m in {(int(n), int(m)) for n, m in zip(a.ravel(), b.ravel(), strict=True) if n != m}:
            touching[n].add(m)
            touching[m].add(n)
    axes = np.full(labels.max() + 1, -1)
    for n in range(1, labels.max() + 1):
        taken = {axes[m] for m in touching[n]}
        axes[n] = rng.choice([k for k in range(channels) if k not in taken] or [0])
    return np.eye(channels)[axes[1:]]


def distance_map(labels, spacing=None):
    """Distance to the border divided by its maximum in each object."""
    result = np.zeros(labels.shape)
    for n in np.unique(labels)[1:]:
        inside = np.pad(labels == n, 1)
        depth = ndimage.distance_transform_edt(inside, sampling=spacing)
        depth = depth[(slice(1, -1),) * labels.ndim]
        result += depth / depth.max()
    return result


def make_scene(
    shape=(96, 96),
    diameter=16,
    channels=8,
    space="euclidean",
    noise=0.1,
    blur=0.7,
    apart=3.0,
    seed=0,
    distance=False,
    scale=1.0,
    gaps=True,
    spacing=None,
    drift=0.0,
):
    rng = np.random.default_rng(seed)
    labels = voronoi_labels(shape, diameter, rng, gaps, spacing)
    count = int(labels.max())
    if space == "cosine" and len(shape) == 2 and channels >= 6:
        vectors = neighbour_vectors(labels, channels, rng)
    else:
        vectors = object_vectors(count, channels, space, rng, apart)
    field = np.moveaxis(np.concatenate([np.zeros((1, channels)), vectors])[labels], -1, 0)
    blurs = blur / np.asarray(spacing or (1,) * len(shape))
    field = np.stack([ndimage.gaussian_filter(c, blurs) for c in field])
    field += noise * rng.normal(size=field.shape)
    if drift:
        field[0] += drift * np.arange(shape[-1]) / diameter
    foreground = ndimage.gaussian_filter((labels > 0).astype(float), 0.5)
    foreground = np.where(labels > 0, np.maximum(foreground, 0.6), np.minimum(foreground, 0.4))
    emap = EmbeddingMap(
        (field * scale).astype(np.float32),
        foreground.astype(np.float32),
        distance_map(labels, spacing).astype(np.float32) * 0.6 if distance else None,
        space=space,
        delta_var=0.5 * scale,
        delta_dist=1.5 * scale,
        spacing=spacing,
    )
    return Scene(emap, labels)


def stripes(*steps, width=8):
    """Stripes of 12 × ``width`` pixels side by side along X, each so far from the one before."""
    values = np.repeat(np.cumsum([0.0, *steps]), width)
    embedding = np.broadcast_to(values, (1, 12, values.size)).astype(np.float32)
    return EmbeddingMap(embedding, np.ones(embedding.shape[1:], np.float32))


def f1_score(y_true, y_pred, iou_threshold=0.5):
    """F1 of objects; above an IoU of 0.5 a match is one to one by itself."""
    true_ids, t = np.unique(y_true, return_inverse=True)
    pred_ids, p = np.unique(y_pred, return_inverse=True)
    table = np.zeros((true_ids.size, pred_ids.size))
    np.add.at(table, (t.ravel(), p.ravel()), 1)
    union = table.sum(1, keepdims=True) + table.sum(0, keepdims=True) - table
    inner = table[true_ids != 0][:, pred_ids != 0]
    hits = np.count_nonzero(inner > iou_threshold * union[true_ids != 0][:, pred_ids != 0])
    total = inner.shape[0] + inner.shape[1]
    return 1.0 if total == 0 else 2 * hits / total
