"""Embeddings as colour images: three principal components as red, green and blue."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from napari_pixel_embedding.core.embedding.embedding_map import EmbeddingMap

_CHUNK = 1 << 16
"""Pixels processed at a time: few enough to stay in a processor's cache."""

_OBJECTS_AROUND = 4
"""Touching objects, ``2 * delta_dist`` apart, after which the colours of positions repeat."""

_MOST_SATURATED = 0.5
"""Share of vectors beyond a basis's range by half of it, above which the basis is refitted."""


@dataclass(frozen=True, eq=False)
class ColorBasis:
    """Linear map from vectors to colours, which can be kept for other frames.

    Parameters
    ----------
    mean : array of float32, shape (F,)
        Mean of the sampled foreground vectors, with each position channel as two numbers.
    components : array of float32, shape (3, F)
        Principal components, one for each of red, green and blue; zeros where the embedding has
        fewer directions.
    low, high : array of float32, shape (3,)
        Projections shown as 0 and as full colour: 1st and 99th percentile of the sample.
    """

    mean: NDArray[np.float32]
    components: NDArray[np.float32]
    low: NDArray[np.float32]
    high: NDArray[np.float32]

    def __post_init__(self) -> None:
        dim = len(self.mean)
        shapes = [a.shape for a in (self.mean, self.components, self.low, self.high)]
        if shapes != [(dim,), (3, dim), (3,), (3,)]:
            raise ValueError(
                "A colour basis has a mean (F,), components (3, F), low (3,) and high (3,), "
                f"found the shapes {shapes}."
            )


def fit_color_basis(emap: EmbeddingMap, sample: int = 20000, seed: int = 0) -> ColorBasis:
    """Fit a colour basis to an embedding: the principal components of its foreground.

    A component's largest entry is made positive, so that colours do not flip between runs.
    Position channels are wrapped around a circle first: so neighbours differ in colour on a
    large image too, instead of one gradient from corner to corner.

    Parameters
    ----------
    emap : EmbeddingMap
    sample : int
        Number of foreground pixels to sample, at least 2. Without foreground, of all pixels.
    seed : int
        Seed of the random choice of pixels; the same seed gives the same colours.

    Raises
    ------
    ValueError
        When ``sample`` is under 2.
    """
    if sample < 2:
        raise ValueError(f"sample must be at least 2 pixels, found {sample}. Try 20000.")
    vectors = _sample_vectors(emap, sample, seed)
    if len(vectors) == 0:
        vectors = np.zeros((1, emap.embedding_dim + emap.position_channels))
    mean = vectors.mean(axis=0)
    components = _principal_components(vectors - mean)
    low, high = np.percentile((vectors - mean) @ components.T, (1, 99), axis=0)
    flat = high - low <= 1e-6 * max(float(np.abs(vectors).max()), 1e-30)
    components[flat], low[flat], high[flat] = 0.0, -1.0, 1.0
    return ColorBasis(*(a.astype(np.float32) for a in (mean, components, low, high)))


def embedding_to_rgb(emap: EmbeddingMap, basis: ColorBasis | None = None) -> NDArray[np.uint8]:
    """Return an embedding as an RGB image: similar vectors in similar colours, background black.

    Parameters
    ----------
    emap : EmbeddingMap
    basis : ColorBasis, optional
        From :func:`fit_color_basis` on another frame or an earlier model, for comparable colours;
        by default fitted to this one. A component that is missing is shown as 0.5.

    Returns
    -------
    array of uint8, shape ([Z,] Y, X, 3)
        Scaled by the foreground; pixels with NaN or Inf are black.

    Raises
    ------
    ValueError
        When the basis was fitted to vectors of another length.

    Examples
    --------
    >>> from napari_pixel_embedding.core.embedding.embedding_map import EmbeddingMap
    >>> vectors = np.array([[[0.0, 1.0]]], dtype=np.float32)
    >>> embedding_to_rgb(EmbeddingMap(vectors, np.ones((1, 2), np.float32)))[0, :, 0]
    array([  0, 255], dtype=uint8)
    """
    if basis is None:
        basis = fit_color_basis(emap)
    expected = emap.embedding_dim + emap.position_channels
    if len(basis.mean) != expected:
        raise ValueError(
            f"The colour basis is for vectors of {len(basis.mean)} components, found an embedding "
            f"of {expected}. Fit a new basis with fit_color_basis."
        )
    matrix = (basis.components / (basis.high - basis.low)[:, None]).astype(np.float32)
    offset = (basis.low / (basis.high - basis.low)).astype(np.float32)
    foreground = emap.foreground.reshape(-1)
    rgb = np.empty((foreground.size, 3), np.uint8)
    for part, features in iterate_features(emap):
        with np.errstate(invalid="ignore", over="ignore"):
            colors = matrix @ (features - basis.mean[:, None]) - offset[:, None]
            colors *= 255 * np.clip(foreground[part], 0, 1)
        limit = 255 * np.nan_to_num(np.clip(foreground[part], 0, 1))
        rgb[part] = np.rint(np.clip(_finite(colors), 0, limit)).T
    return rgb.reshape(*emap.shape, 3)


def basis_fits(basis: ColorBasis, emap: EmbeddingMap, sample: int = 20000) -> bool:
    """Return whether a basis of another embedding also suits this one.

    It does unless most vectors get saturated colours, as those of a retrained model usually do.

    Parameters
    ----------
    basis : ColorBasis
    emap : EmbeddingMap
    sample : int
        Number of foreground pixels to sample.
    """
    if len(basis.mean) != emap.embedding_dim + emap.position_channels:
        return False
    vectors = _sample_vectors(emap, sample, 0)
    if len(vectors) == 0:
        return True
    used = np.abs(basis.components).any(axis=1)
    shares = ((vectors - basis.mean) @ basis.components.T - basis.low) / (basis.high - basis.low)
    beyond = (np.abs(shares - 0.5) > 1.0).mean(axis=0)
    return bool((beyond[used] <= _MOST_SATURATED).all())


def iterate_features(
    emap: EmbeddingMap, *, wrap: bool = True
) -> Iterator[tuple[slice, NDArray[np.float32]]]:
    """Iterate over all pixels in chunks, with the features that a colour basis is fitted to.

    Parameters
    ----------
    emap : EmbeddingMap
    wrap : bool
        Replace position channels by points on circles, as for colours.

    Yields
    ------
    part : slice
        Pixels of the flattened image.
    features : array of float32, shape (F, n)
        Their vectors, of unit length in cosine space.
    """
    for part, vectors in _vectors(emap.embedding, emap):
        yield part, _wrapped(vectors, emap) if wrap else vectors


def _vectors(
    embedding: NDArray[Any], emap: EmbeddingMap
) -> Iterator[tuple[slice, NDArray[np.float32]]]:
    """Iterate over chunks of pixels and their vectors (E, n), of unit length in cosine space."""
    flat = embedding.reshape(emap.embedding_dim, -1)
    for start in range(0, flat.shape[1], _CHUNK):
        part = slice(start, min(start + _CHUNK, flat.shape[1]))
        yield part, _unit(flat[:, part].astype(np.float32, copy=False), emap)


def _unit(vectors: NDArray[np.float32], emap: EmbeddingMap) -> NDArray[np.float32]:
    if emap.space != "cosine":
        return vectors
    with np.errstate(invalid="ignore", over="ignore"):
        length = np.sqrt(np.einsum("en,en->n", vectors, vectors))
        return np.asarray(vectors / np.maximum(length, np.float32(1e-12)))


def _wrapped(vectors: NDArray[np.float32], emap: EmbeddingMap) -> NDArray[np.float32]:
    """Replace each position by a point on a circle, lengths along it kept: (E, n) to (F, n)."""
    count = emap.position_channels
    if count == 0:
        return vectors
    radius = np.float32(_OBJECTS_AROUND * 2 * emap.delta_dist / (2 * np.pi))
    angle = vectors[:count] / radius
    return np.concatenate([radius * np.cos(angle), radius * np.sin(angle), vectors[count:]])


def _finite(colors: NDArray[np.float32]) -> NDArray[np.float32]:
    """Set the colours of pixels with NaN or Inf to 0."""
    bad = ~np.isfinite(colors).all(axis=0)
    if bad.any():
        colors[:, bad] = 0.0
    return colors


def _sample_vectors(emap: EmbeddingMap, sample: int, seed: int) -> NDArray[np.float64]:
    """Return finite features (n, F) of random foreground pixels, or of any without foreground."""
    flat = emap.embedding.reshape(emap.embedding_dim, -1)
    pixels = np.flatnonzero(emap.foreground > 0.5)
    if pixels.size < 2:
        pixels = np.arange(flat.shape[1])
    if pixels.size > sample:
        chosen = np.random.default_rng(seed).choice(pixels.size, sample, replace=False)
        pixels = pixels[np.sort(chosen)]
    features = _wrapped(_unit(flat[:, pixels].astype(np.float32), emap), emap)
    vectors = features.T.astype(np.float64)
    return vectors[np.isfinite(vectors).all(axis=1)]


def _principal_components(centred: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the directions of largest variance (3, F), zeros where there are fewer."""
    dim = centred.shape[1]
    scale = max(float(np.abs(centred).max()), 1e-30)
    vectors = np.linalg.eigh((centred / scale).T @ (centred / scale))[1][:, ::-1].T[:3]
    largest = np.take_along_axis(vectors, np.abs(vectors).argmax(axis=1)[:, None], axis=1)
    result = np.zeros((3, dim))
    result[: len(vectors)] = vectors * np.where(largest < 0, -1.0, 1.0)
    return result
