"""Mutex watershed on an embedding: clustering by pairs of pixels, without cluster means.

Wolf et al., "The mutex watershed and its objective: efficient, parameter-free graph partitioning",
TPAMI 43 (2021). Needs the extra ``mutex``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from napari_pixel_embedding.core.clustering.params import ClusterParams, default_bandwidth

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_pixel_embedding.core.embedding.embedding_map import EmbeddingMap

    Offset = tuple[int, ...]

REACH = (9, 27)
"""Lengths of the repulsive offsets in pixels, along the axes and the diagonals of the plane."""

MIN_INTERIOR = 2
"""Least number of pixels of an object whose whole neighbourhood lies in it."""

STRIDE = 2
"""Step along each axis between pixels with repulsive offsets: as accurate in half the time."""


def mutex_watershed(
    emap: EmbeddingMap, params: ClusterParams | None = None
) -> NDArray[np.unsignedinteger[Any]]:
    """Cluster an embedding by mutex watershed.

    Neighbouring pixels attract each other, pixels 9 and 27 apart repel each other, both by the
    distance of their vectors. The strongest edge comes first: an attraction joins two clusters
    unless a stronger repulsion lies between them. Attraction and repulsion are equal at the
    bandwidth. Slivers between objects, where vectors are a mixture, join the objects they touch.

    Parameters
    ----------
    emap : EmbeddingMap
        Embedding and foreground of one frame. Pixels with NaN or infinite values, and zero
        vectors under cosine, are background. The distance map is not used.
    params : ClusterParams, optional
        Bandwidth, foreground threshold and minimum size; the seed threshold has no effect.

    Returns
    -------
    array of uint16 or uint32, shape ([Z,] Y, X)
        Label image, 0 is background; ids from 1 without gaps.

    Raises
    ------
    ValueError
        When ``bioimage-cpp`` is not installed, or the bandwidth is 0.

    Notes
    -----
    Takes about 200 bytes of memory per pixel. Offsets along Z are shortened according to the
    spacing.

    Examples
    --------
    >>> from napari_pixel_embedding import EmbeddingMap
    >>> embedding = np.zeros((2, 32, 32), np.float32)
    >>> embedding[0, :, 16:] = 3.0
    >>> int(mutex_watershed(EmbeddingMap(embedding, np.ones((32, 32), np.float32))).max())
    2
    """
    segmentation = _library()
    params = params or ClusterParams(bandwidth=default_bandwidth(emap.space, emap.delta_var))
    if params.bandwidth <= 0:
        raise ValueError(f"bandwidth must be above 0, found {params.bandwidth}.")
    near, far = neighbourhood(emap.shape, emap.spacing)
    vectors, inside = _read(emap, params.foreground_threshold)
    weights = _distances(vectors, [*near, *far], emap.space) / (2 * params.bandwidth)
    np.clip(weights, 0, 1, out=weights)
    weights[: len(near)] = 1 - weights[: len(near)]
    labels = segmentation.mutex_watershed(
        weights, [*near, *far], len(near), strides=(STRIDE,) * emap.ndim, mask=inside
    )
    return _without_small(_without_slivers(labels), params.min_size)


def neighbourhood(
    shape: tuple[int, ...], spacing: tuple[float, ...] | None = None
) -> tuple[list[Offset], list[Offset]]:
    """Return the offsets of the attractive and of the repulsive edges of a pixel.

    Parameters
    ----------
    shape : tuple of int
        Pixels along ([Z,] Y, X); longer offsets are left out.
    spacing : tuple of float, optional
        Size of a pixel along each axis.

    Returns
    -------
    near, far : list of tuple of int
        Attractive: one for each axis. Repulsive: along each axis and the diagonals of the plane.

    Examples
    --------
    >>> near, far = neighbourhood((64, 20))
    >>> near, far
    ([(-1, 0), (0, -1)], [(-9, 0), (0, -9), (-9, -9), (-9, 9), (-27, 0)])
    """
    ndim = len(shape)
    sizes = np.array(spacing if spacing is not None else (1.0,) * ndim)
    steps = np.maximum(sizes[-1] / sizes, 1e-6)
    near = [tuple(-int(a == axis) for a in range(ndim)) for axis in range(ndim)]
    far = []
    for reach in REACH:
        along = np.maximum(np.round(reach * steps), 2).astype(int)
        far += [tuple(int(n) for n in np.array(unit) * along) for unit in near]
        far += [(*(0,) * (ndim - 2), -int(along[-2]), sign * int(along[-1])) for sign in (-1, 1)]
    fits = [offset for offset in far if all(abs(o) < n for o, n in zip(offset, shape, strict=True))]
    return near, list(dict.fromkeys(fits))


def _library() -> Any:
    try:
        from bioimage_cpp import segmentation
    except ImportError as error:
        raise ValueError(
            "The mutex watershed needs the package bioimage-cpp, found none: "
            "pip install 'napari-pixel-embedding[mutex]'"
        ) from error
    return segmentation


def _read(emap: EmbeddingMap, threshold: float) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """Return finite vectors (E, [Z,] Y, X) and the mask of the pixels to cluster."""
    vectors = np.ascontiguousarray(emap.embedding, np.float32)
    usable = np.isfinite(vectors).all(axis=0)
    if emap.space == "cosine":
        usable &= (vectors != 0).any(axis=0)
    if not usable.all():
        vectors = np.where(usable, vectors, np.float32(1))
    return vectors, usable & (emap.foreground > threshold)


def _distances(
    vectors: NDArray[np.float32], offsets: list[Offset], space: str
) -> NDArray[np.float32]:
    """Return the distance of the vectors of each edge, of shape (offsets, [Z,] Y, X)."""
    from bioimage_cpp.affinities import compute_embedding_distances

    norm = "cosine" if space == "cosine" else "l2"
    return np.asarray(compute_embedding_distances(vectors, offsets, norm=norm))


def _without_slivers(labels: NDArray[np.uint64]) -> NDArray[np.int32]:
    """Merge objects without an interior into those that they touch; isolated ones stay."""
    from scipy.ndimage import maximum_filter, minimum_filter
    from skimage.segmentation import watershed

    pieces = labels.astype(np.int32)
    lowest, highest = (f(pieces, 3, mode="nearest") for f in (minimum_filter, maximum_filter))
    interior = np.bincount(pieces[lowest == highest], minlength=int(pieces.max()) + 1)
    kept = interior >= MIN_INTERIOR
    kept[0] = False
    markers = np.where(kept[pieces], pieces, 0)
    level = np.zeros(pieces.shape, np.uint8)
    grown = watershed(level, markers, mask=pieces > 0)  # type: ignore[no-untyped-call]
    return np.where(grown > 0, grown, pieces)


def _without_small(labels: NDArray[Any], min_size: int) -> NDArray[np.unsignedinteger[Any]]:
    sizes = np.bincount(labels.ravel().astype(np.int64))
    kept = sizes >= max(min_size, 1)
    kept[0] = False
    dtype = np.uint16 if kept.sum() < 2**16 else np.uint32
    numbers = np.zeros(len(sizes), dtype)
    numbers[kept] = np.arange(1, kept.sum() + 1)
    return np.asarray(numbers[labels])
