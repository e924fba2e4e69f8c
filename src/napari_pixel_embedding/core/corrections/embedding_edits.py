"""Edits of objects from the embedding or a line: split by seeds, cut along a line, grow, add.

As in :mod:`~.corrections.corrections`, edits return corrections and no function writes into its
arguments.
"""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_pixel_embedding.core.corrections.corrections import (
    NOT_CORRECTED,
    check_corrections,
    lock_parts,
    next_free_id,
)
from napari_pixel_embedding.core.embedding.similarity import similarity_to_vector, vector_at
from napari_pixel_embedding.core.label_regions import (
    bounding_box,
    check_present,
    connected_pieces,
    grow_from,
    nearest_part,
    seed_markers,
)
from napari_pixel_embedding.core.validation import check_label_image, check_same_shape

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import ArrayLike, NDArray

    from napari_pixel_embedding.core.embedding.embedding_map import EmbeddingMap

SEED_RADIUS = 2.0
"""Radius in pixels around a click over which a seed's vector is averaged, as one is noisy."""

SMALLEST_PART = 0.02
"""Share of an object below which a component beside a line does not count as a part."""

_FIRST_REACH = 24
"""Pixels around a click that are searched first; doubled until the object fits."""

_WEAK = 0.5
"""Share of the foreground at the click that a grown object's pixels need."""


def split_by_embedding(
    corrections: ArrayLike,
    labels: ArrayLike,
    id: int,
    seeds: Sequence[Sequence[int]] | NDArray[Any],
    emap: EmbeddingMap,
) -> NDArray[np.int32]:
    """Split one instance into a part for each seed: a pixel goes to the seed of nearest vector.

    Every part is connected and holds its seed. Where two seeds have the same vector within the
    noise (``delta_var``, or a chord of 0.5 under cosine), the embedding cannot separate them, and
    the instance is split by its shape: see :func:`~.corrections.split`.

    Parameters
    ----------
    corrections, labels : array of int, shape ([Z,] Y, X)
        Present corrections, and the label image as it is shown.
    id : int
        The instance to cut.
    seeds : sequence of pixel positions ([z,] y, x), or array of int, shape ([Z,] Y, X)
        Two or more pixels of the instance, or a label image of strokes through its parts.
    emap : EmbeddingMap
        The frame that the labels were cut from.

    Returns
    -------
    array of int32, shape ([Z,] Y, X)
        The first seed's part keeps the id, the others get free ones; all are locked.

    Raises
    ------
    ValueError
        When the instance does not exist, a seed lies outside it, or fewer than two are left.
    """
    fixed, shown = _checked(corrections, labels, emap)
    check_present(shown, [int(id)])
    inside = shown == id
    markers = seed_markers(inside, seeds, int(id))
    box = bounding_box(inside)
    parts = _nearest_seed(emap, box, markers[box], inside[box])
    return lock_parts(fixed, shown, int(id), box, parts)


def cut_along(
    corrections: ArrayLike, labels: ArrayLike, id: int, line: Sequence[Sequence[float]]
) -> NDArray[np.int32]:
    """Split one instance along a line that was drawn across it, and lock the parts.

    Parameters
    ----------
    corrections, labels : array of int, shape ([Z,] Y, X)
        Present corrections, and the label image as it is shown.
    id : int
        The instance to cut.
    line : sequence of positions ([z,] y, x)
        Corners of the line, inside the image or not. In a volume it lies in a plane and cuts all
        parallel planes too.

    Returns
    -------
    array of int32, shape ([Z,] Y, X)
        The largest part keeps the id, the others get free ones.

    Raises
    ------
    ValueError
        When the instance does not exist or the line does not split it.

    Examples
    --------
    >>> cut_along([[-1] * 5], [[4, 4, 4, 4, 4]], 4, [(-1, 2), (1, 2)])
    array([[4, 4, 4, 5, 5]], dtype=int32)
    """
    fixed, shown = _checked(corrections, labels)
    check_present(shown, [int(id)])
    inside = shown == id
    box = bounding_box(inside)
    origin = np.array([part.start for part in box])
    drawn = _curtain(np.asarray(line, float) - origin, inside[box].shape)
    pieces, _, sizes = connected_pieces((inside[box] & ~drawn).astype(np.uint8))
    kept = np.flatnonzero(sizes >= max(1, SMALLEST_PART * sizes.sum()))
    if len(kept) < 2:
        raise ValueError(
            f"The line must cross the instance {id} from one side to the other, found it in one "
            "piece still. Draw it longer, or click a seed in each part."
        )
    names = np.zeros(len(sizes) + 1, np.int32)
    names[1 + kept[np.argsort(-sizes[kept], kind="stable")]] = np.arange(1, len(kept) + 1)
    return lock_parts(fixed, shown, int(id), box, nearest_part(names[pieces], inside[box]))


def grow_like(
    emap: EmbeddingMap,
    labels: ArrayLike,
    point: Sequence[int],
    bandwidth: float,
    corrections: ArrayLike | None = None,
) -> tuple[tuple[slice, ...], NDArray[np.bool_]]:
    """Grow an object from a pixel: the connected pixels of similar vectors.

    Its holes are filled. Pixels of other objects, of fixed background, and with a foreground
    below half of that at ``point`` are left out.

    Parameters
    ----------
    emap : EmbeddingMap
        The frame.
    labels : array of int, shape ([Z,] Y, X)
        Label image of the present objects.
    point : sequence of int
        The pixel, ([z,] y, x), on the background of ``labels``.
    bandwidth : float
        Largest distance of a vector from the pixel's: embedding units, or 1 − cos.
    corrections : array of int, shape ([Z,] Y, X), optional
        Its fixed background stays background, unless the pixel lies on it.

    Returns
    -------
    box : tuple of slice
        Bounding box of the object.
    mask : array of bool, of the box's shape
        Its pixels.

    Raises
    ------
    ValueError
        When the pixel lies outside the image, on an object, or has no finite vector.
    """
    shown = check_label_image(labels)
    vector, position = vector_at(emap, point), tuple(int(n) for n in point)
    check_same_shape(shown, emap.foreground, ("labels", "the embedding map"))
    if shown[position] > 0:
        raise ValueError(
            f"There is the object {shown[position]} already, expected background. "
            "Click beside it, or split it."
        )
    fixed = None if corrections is None else np.asarray(corrections)
    if fixed is not None and fixed[position] == 0:
        fixed = None  # the click overrides the fixed background
    floor = _WEAK * float(emap.foreground[position])
    reach = _FIRST_REACH
    while True:
        box = tuple(
            slice(max(n - reach, 0), min(n + reach + 1, size))
            for n, size in zip(position, emap.shape, strict=True)
        )
        free = shown[box] == 0
        if fixed is not None:
            free &= fixed[box] == NOT_CORRECTED
        alike = similarity_to_vector(emap, vector, box) <= bandwidth
        alike &= free & (emap.foreground[box] >= floor)
        here = tuple(n - part.start for n, part in zip(position, box, strict=True))
        mask = piece_at(alike, here)
        if not _cut_short(mask, box, emap.shape):
            return _filled(box, mask, free)
        reach *= 2


def add_object(
    corrections: ArrayLike, labels: ArrayLike, box: tuple[slice, ...], mask: NDArray[np.bool_]
) -> NDArray[np.int32]:
    """Lock pixels as a new instance with a free id.

    Parameters
    ----------
    corrections, labels : array of int, shape ([Z,] Y, X)
        Present corrections, and the label image as it is shown.
    box, mask
        The new instance, as from :func:`grow_like`.

    Raises
    ------
    ValueError
        When the mask is empty.
    """
    fixed, shown = _checked(corrections, labels)
    if not mask.any():
        raise ValueError("A new object needs at least one pixel, found none. Click elsewhere.")
    result = fixed.copy()
    result[box][mask] = next_free_id(shown, fixed)
    return result


def _checked(
    corrections: ArrayLike, labels: ArrayLike, emap: EmbeddingMap | None = None
) -> tuple[NDArray[np.int32], NDArray[np.integer[Any]]]:
    fixed, shown = check_corrections(corrections), check_label_image(labels)
    check_same_shape(shown, fixed, ("labels", "corrections"))
    if emap is not None:
        check_same_shape(shown, emap.foreground, ("labels", "the embedding map"))
    return fixed, shown


# --------------------------------------------------------------------------------------- seeds


def _nearest_seed(
    emap: EmbeddingMap,
    box: tuple[slice, ...],
    markers: NDArray[np.int32],
    inside: NDArray[np.bool_],
) -> NDArray[np.integer[Any]]:
    """Divide the instance among the seeds by their vectors, or else by its shape."""
    around = nearest_part(markers, inside, SEED_RADIUS)
    vectors = [_mean_vector(emap, box, around == k) for k in range(1, int(markers.max()) + 1)]
    if not _tell_apart(vectors, emap):
        return grow_from(markers, inside)
    distances = np.stack([similarity_to_vector(emap, v, box) for v in vectors])
    parts = np.where(inside, 1 + distances.argmin(axis=0), 0)
    parts[markers > 0] = markers[markers > 0]
    return nearest_part(_pieces_with(parts, markers), inside)


def _mean_vector(
    emap: EmbeddingMap, box: tuple[slice, ...], mask: NDArray[np.bool_]
) -> NDArray[np.float32]:
    vectors = emap.embedding[(slice(None), *box)][:, mask].astype(np.float32)
    finite = np.isfinite(vectors).all(axis=0)
    mean = vectors[:, finite].mean(axis=1) if finite.any() else np.zeros(len(vectors), np.float32)
    if emap.space == "cosine":
        mean = mean / max(float(np.linalg.norm(mean)), 1e-12)
    return np.asarray(mean, np.float32)


def _tell_apart(vectors: list[NDArray[np.float32]], emap: EmbeddingMap) -> bool:
    """Return whether all vectors are further apart from each other than the noise."""
    noise = 0.5 if emap.space == "cosine" else emap.delta_var
    return all(
        float(np.linalg.norm(a - b)) > noise
        for i, a in enumerate(vectors)
        for b in vectors[i + 1 :]
    )


def _pieces_with(
    parts: NDArray[np.integer[Any]], markers: NDArray[np.int32]
) -> NDArray[np.integer[Any]]:
    """Keep of each part only the components that hold its marker."""
    pieces, _, sizes = connected_pieces(parts)
    hit = np.zeros(len(sizes) + 1, bool)
    hit[pieces[markers > 0]] = True
    return np.where(hit[pieces], parts, 0)


# ---------------------------------------------------------------------------------------- lines


def _curtain(line: NDArray[np.float64], shape: tuple[int, ...]) -> NDArray[np.bool_]:
    """Return the pixels on a line; in a volume, in all planes parallel to that of the line."""
    spans = np.ptp(line, axis=0)
    plane = [0, 1] if len(shape) == 2 else [a for a in range(3) if a != int(spans.argmin())]
    drawn = np.zeros([shape[a] for a in plane], bool)
    corners = line[:, plane]
    for start, end in pairwise(corners):
        count = 2 * int(np.abs(end - start).max()) + 2
        steps = np.round(np.linspace(start, end, count)).astype(int)
        steps = steps[((steps >= 0) & (steps < drawn.shape)).all(axis=1)]
        drawn[tuple(steps.T)] = True
    if len(shape) == 3:
        drawn = np.expand_dims(drawn, int(spans.argmin()))
    return np.broadcast_to(drawn, shape)


# -------------------------------------------------------------------------------------- growing


def piece_at(mask: NDArray[np.bool_], point: tuple[int, ...]) -> NDArray[np.bool_]:
    """Return the component of a mask at a point, which is always included."""
    marked = mask.astype(np.uint8)
    marked[point] = 1
    pieces, _, _ = connected_pieces(marked)
    return np.asarray(pieces == pieces[point])


def _cut_short(mask: NDArray[np.bool_], box: tuple[slice, ...], shape: tuple[int, ...]) -> bool:
    """Return whether a mask touches a side of its box that is not the image's own border."""
    for axis, (part, size) in enumerate(zip(box, shape, strict=True)):
        first, last = mask.take(0, axis=axis).any(), mask.take(-1, axis=axis).any()
        if (first and part.start > 0) or (last and part.stop < size):
            return True
    return False


def _filled(
    box: tuple[slice, ...], mask: NDArray[np.bool_], free: NDArray[np.bool_]
) -> tuple[tuple[slice, ...], NDArray[np.bool_]]:
    """Fill the free holes of a mask, and return it with its bounding box."""
    from scipy import ndimage

    whole = mask | (np.asarray(ndimage.binary_fill_holes(mask)) & free)
    inner = bounding_box(whole)
    outer = tuple(
        slice(a.start + b.start, a.start + b.stop) for a, b in zip(box, inner, strict=True)
    )
    return outer, whole[inner]
