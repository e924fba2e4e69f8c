"""Regions and ids of label images: boxes, connected components, watershed from seeds, free ids."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from napari_pixel_embedding.core.validation import check_label_image

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

_TABLE_SIZE = 1 << 24


def bounding_box(mask: NDArray[np.bool_]) -> tuple[slice, ...]:
    """Return the smallest box around the true pixels, of which there must be at least one."""
    box = []
    for axis in range(mask.ndim):
        others = tuple(a for a in range(mask.ndim) if a != axis)
        hits = np.flatnonzero(mask.any(axis=others))
        box.append(slice(int(hits[0]), int(hits[-1]) + 1))
    return tuple(box)


def connected_pieces(
    labels: NDArray[np.integer[Any]], connectivity: int = 1
) -> tuple[NDArray[np.integer[Any]], NDArray[np.integer[Any]], NDArray[np.int64]]:
    """Return the connected components of equal id, numbered from 1, and their ids and sizes.

    With a connectivity of 1 only pixels with a common side are connected, with the number of axes
    also those that touch at a corner.
    """
    from skimage import measure

    label: Any = measure.label
    pieces = label(labels, background=0, connectivity=connectivity)
    owner = np.zeros(int(pieces.max()) + 1, labels.dtype)
    owner[pieces.ravel()] = labels.ravel()
    return pieces, owner[1:], np.bincount(pieces.ravel())[1:]


def outline(mask: NDArray[np.bool_], width: int = 2) -> NDArray[np.bool_]:
    """Return the pixels around a mask, plane by plane in a volume.

    Examples
    --------
    >>> outline(np.array([[False, True, False, False]]), 1)
    array([[ True, False,  True, False]])
    """
    from scipy import ndimage

    structure = np.ones((1,) * (mask.ndim - 2) + (3, 3), bool)
    return np.asarray(ndimage.binary_dilation(mask, structure, width) & ~mask)


def contains(labels: NDArray[np.integer[Any]], ids: NDArray[np.integer[Any]]) -> NDArray[np.bool_]:
    """Return the pixels with an id among ``ids``; a look-up table, six times as fast as isin."""
    top = int(labels.max())
    if top >= _TABLE_SIZE:
        return np.isin(labels, ids)
    table = np.zeros(top + 1, bool)
    table[ids[ids <= top]] = True
    return table.take(labels)


def seed_markers(
    inside: NDArray[np.bool_], seeds: Sequence[Sequence[int]] | NDArray[Any], id: int
) -> NDArray[np.int32]:
    """Return the seeds as a label image 1, 2, … within the instance, in their order."""
    markers = np.zeros(inside.shape, np.int32)
    if isinstance(seeds, np.ndarray) and seeds.shape == inside.shape:
        drawn = np.where(inside, check_label_image(seeds, "seeds"), 0)
        names = np.unique(drawn[drawn > 0])
        markers[drawn > 0] = 1 + np.searchsorted(names, drawn[drawn > 0])
    else:
        for number, seed in enumerate(seeds, start=1):
            position = _position(seed, inside.shape)
            if not inside[position]:
                raise ValueError(
                    f"Seeds must lie on the instance {id}, found one at {position} outside it. "
                    "Click on the instance itself."
                )
            markers[position] = number
    found = np.unique(markers[markers > 0])
    if len(found) < 2 or len(found) < int(markers.max()):
        raise ValueError(
            f"Cutting the instance {id} needs two or more seeds on pixels of their own, found "
            f"{len(found)}. Click on each of the parts."
        )
    return markers


def _position(seed: Sequence[int], shape: tuple[int, ...]) -> tuple[int, ...]:
    position = tuple(round(float(x)) for x in seed)
    if len(position) != len(shape) or not all(
        0 <= x < n for x, n in zip(position, shape, strict=True)
    ):
        raise ValueError(f"A seed must be a pixel within the shape {shape}, found {position}.")
    return position


def grow_from(markers: NDArray[np.int32], inside: NDArray[np.bool_]) -> NDArray[np.integer[Any]]:
    """Divide the pixels inside among the markers, at necks where there are any.

    A watershed of the distance to the border. Every marker first climbs to the middle of its
    lobe: otherwise the neighbouring lobe would flood a marker near the border. Markers whose
    paths meet lie in one lobe, and every pixel goes to the nearest marker.
    """
    from scipy import ndimage
    from skimage import segmentation

    depth = ndimage.distance_transform_edt(np.pad(inside, 1))[(slice(1, -1),) * inside.ndim]
    climbed = _climb(markers, ndimage.gaussian_filter(depth, 1) * inside)
    parts: Any = markers
    if climbed is not None:
        watershed: Any = segmentation.watershed
        parts = watershed(-depth, climbed, mask=inside)
    return nearest_part(parts, inside)


def nearest_part(
    parts: NDArray[np.integer[Any]], inside: NDArray[np.bool_], reach: float = np.inf
) -> NDArray[np.integer[Any]]:
    """Assign every pixel inside without a part to the nearest part within reach; 0 outside."""
    from scipy import ndimage

    if not ((parts == 0) & inside).any():
        return np.where(inside, parts, 0)
    distance, nearest = ndimage.distance_transform_edt(parts == 0, return_indices=True)
    return np.where(inside & (distance <= reach), parts[tuple(nearest)], 0)


def _climb(
    markers: NDArray[np.int32], depth: NDArray[np.floating[Any]]
) -> NDArray[np.int32] | None:
    """Return the markers with their steepest paths to a maximum of depth; None when two meet."""
    result = markers.copy()
    for number in range(1, int(markers.max()) + 1):
        start = np.argmax(np.where(markers == number, depth, -1))
        for step in _steepest_path(depth, np.unravel_index(start, depth.shape)):
            if result[step] not in (0, number):
                return None
            result[step] = number
    return result


def _steepest_path(
    depth: NDArray[np.floating[Any]], start: tuple[np.intp, ...]
) -> Iterator[tuple[int, ...]]:
    here = tuple(int(x) for x in start)
    while True:
        yield here
        low = [max(x - 1, 0) for x in here]
        window = depth[tuple(slice(a, x + 2) for a, x in zip(low, here, strict=True))]
        best = np.unravel_index(np.argmax(window), window.shape)
        there = tuple(a + int(b) for a, b in zip(low, best, strict=True))
        if depth[there] <= depth[here]:
            return
        here = there


def free_ids(used: NDArray[np.integer[Any]], count: int) -> NDArray[np.int64]:
    """Return ``count`` unused ids: above the used ones, or in gaps to stay within 16 bits."""
    top = int(used.max(initial=0))
    if top + count < 2**16 or top >= 2**16:
        return np.arange(top + 1, top + 1 + count, dtype=np.int64)
    gaps = np.setdiff1d(np.arange(1, 2**16), used)[:count]
    beyond = np.arange(2**16, 2**16 + count - len(gaps))
    return np.concatenate([gaps, beyond]).astype(np.int64)


def compact(labels: NDArray[np.integer[Any]]) -> NDArray[Any]:
    """Return a copy in uint16, or uint32 when ids need it."""
    largest = int(labels.max())
    if largest >= 2**32:
        raise ValueError(f"Label images hold ids below {2**32}, found {largest}. Renumber them.")
    return labels.astype(np.uint16 if largest < 2**16 else np.uint32)


def check_present(labels: NDArray[np.integer[Any]], ids: Sequence[int]) -> None:
    """Raise ValueError when an id is background or not in ``labels``."""
    missing = [k for k in ids if k <= 0 or not (labels == k).any()]
    if missing:
        raise ValueError(
            f"Expected instances of the label image, found no {', '.join(map(str, missing))}. "
            "Pick an object that is shown; 0 is background."
        )


def inner_outlines(labels: NDArray[np.integer[Any]]) -> NDArray[np.bool_]:
    """Return the pixels of objects that touch a pixel of another id, plane by plane in a volume.

    Parameters
    ----------
    labels : array of int, shape ([Z,] Y, X)
        Pixels of 0 and below are of no object. The image's border is no other id.

    Examples
    --------
    >>> inner_outlines(np.array([[0, 1, 1, 1, 2]])).astype(int)
    array([[0, 1, 0, 1, 1]])
    """
    edges = np.zeros(labels.shape, bool)
    for axis in (-2, -1):
        ids, found = np.moveaxis(labels, axis, 0), np.moveaxis(edges, axis, 0)
        differ = ids[:-1] != ids[1:]
        found[:-1] |= differ
        found[1:] |= differ
    return edges & (labels > 0)
