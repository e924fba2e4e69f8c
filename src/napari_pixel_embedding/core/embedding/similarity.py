"""Distance of every pixel's vector from one vector."""

from __future__ import annotations

import operator
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from napari_pixel_embedding.core.embedding.embedding_map import EmbeddingMap
from napari_pixel_embedding.core.embedding.colors import _unit, _vectors


def vector_at(emap: EmbeddingMap, index: Sequence[int]) -> NDArray[np.float32]:
    """Return one pixel's vector, scaled to unit length in cosine space.

    Parameters
    ----------
    emap : EmbeddingMap
    index : sequence of int
        The pixel, ([z,] y, x).

    Returns
    -------
    array of float32, shape (E,)

    Raises
    ------
    ValueError
        When the pixel lies outside the image or its vector is not finite.
    """
    position = _pixel(index, emap.shape)
    flat = int(np.ravel_multi_index(position, emap.shape))
    vector = emap.embedding.reshape(emap.embedding_dim, -1)[:, flat, None]
    picked = _unit(vector.astype(np.float32), emap)[:, 0]
    if not np.isfinite(picked).all():
        raise ValueError(f"The pixel {position} has no finite vector. Pick another one.")
    return picked


def similarity_to_pixel(emap: EmbeddingMap, index: Sequence[int]) -> NDArray[np.float32]:
    """Return the distance of every pixel's vector from that of one pixel.

    Parameters
    ----------
    emap : EmbeddingMap
    index : sequence of int
        The pixel, ([z,] y, x).

    Returns
    -------
    array of float32, shape ([Z,] Y, X)
        Distance in embedding units, or 1 − cos in cosine space, as a bandwidth. Inf where a
        vector has NaN or Inf.

    Raises
    ------
    ValueError
        When the pixel lies outside the image or its own vector is not finite.
    """
    result = similarity_to_vector(emap, vector_at(emap, index))
    result[_pixel(index, emap.shape)] = 0.0
    return result


def similarity_to_vector(
    emap: EmbeddingMap, vector: NDArray[np.float32], region: tuple[slice, ...] | None = None
) -> NDArray[np.float32]:
    """Return the distance of every pixel's vector from a given one.

    Parameters
    ----------
    emap : EmbeddingMap
    vector : array of float32, shape (E,)
        From :func:`vector_at`, of this embedding or of another frame.
    region : tuple of slice, optional
        Box of pixels, a slice for each of the axes ([Z,] Y, X); by default all.

    Returns
    -------
    array of float32, shape ([Z,] Y, X) of the region
        See :func:`similarity_to_pixel`.

    Raises
    ------
    ValueError
        When the vector has another number of components than the embedding.

    Examples
    --------
    >>> from napari_pixel_embedding.core.embedding.embedding_map import EmbeddingMap
    >>> vectors = np.array([[[0.0, 3.0]], [[0.0, 4.0]]], dtype=np.float32)
    >>> emap = EmbeddingMap(vectors, np.ones((1, 2), np.float32))
    >>> similarity_to_vector(emap, np.zeros(2, np.float32))
    array([[0., 5.]], dtype=float32)
    """
    if vector.shape != (emap.embedding_dim,):
        raise ValueError(
            f"vector must have the embedding's {emap.embedding_dim} components, "
            f"found an array of shape {vector.shape}."
        )
    embedding = emap.embedding if region is None else emap.embedding[(slice(None), *region)]
    result = np.empty(embedding.shape[1:], np.float32)
    flat = result.reshape(-1)
    for part, vectors in _vectors(embedding, emap):
        with np.errstate(invalid="ignore", over="ignore"):
            if emap.space == "cosine":
                distance = 1 - vector @ vectors
            else:
                vectors = vectors - vector[:, None]
                distance = np.sqrt(np.einsum("en,en->n", vectors, vectors))
        flat[part] = np.where(np.isfinite(distance), np.maximum(distance, 0), np.inf)
    return result


def _pixel(index: Sequence[int], shape: tuple[int, ...]) -> tuple[int, ...]:
    position: tuple[Any, ...] = tuple(operator.index(i) for i in index)
    inside = len(position) == len(shape) and all(
        0 <= i < n for i, n in zip(position, shape, strict=True)
    )
    if not inside:
        raise ValueError(
            f"index must be a pixel ([z,] y, x) within the shape {shape}, found {position}."
        )
    return position
