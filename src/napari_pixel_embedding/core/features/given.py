"""Embedding maps of images whose channels are features: no network, one scale for all parts."""

from __future__ import annotations

from itertools import product
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, cast

import numpy as np
import torch
from torch import nn

from napari_pixel_embedding.core.embedding.embedding_map import EmbeddingMap
from napari_pixel_embedding.core.features.source import FeatureConfig, feature_axes, features_named
from napari_pixel_embedding.core.model.model_file import EmbeddingModel, load_model

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from napari_pixel_embedding.core.features.source import FeatureSource

_PLACES = {"T": 2, "Z": 2, "Y": 3, "X": 3}
_SIDE = {"T": 1, "Z": 1, "Y": 64, "X": 64}
_VECTORS = 4096
"""Vectors whose distances from each other are taken."""
_APART = 3.0
"""Multiples of the usual distance of neighbours from which two vectors belong to two objects."""
_NEAREST = 25
"""Percentile of those distances that stands for two objects of similar vectors."""
_WITHIN = 1.5
"""Multiples of the usual distance of neighbours that vectors of one object lie apart at most."""

Reading = Literal["probability", "logit", "threshold"]
"""How a number becomes the probability of foreground: as it is, by its logistic, or by halves."""
_READINGS: tuple[Reading, ...] = ("probability", "logit", "threshold")


class FeatureFit(NamedTuple):
    """What is measured once for an image of features, from samples of all of it.

    Parameters
    ----------
    scale : float
        The bandwidth to start with, in the features' own unit; maps are divided by it.
    reading : {"probability", "logit", "threshold"}
    threshold : float
        The value whose probability is one half, for the last of them.
    """

    scale: float
    reading: Reading
    threshold: float


class GivenFeatures(nn.Module):
    """Stands where a model has its network, and keeps the fit to an image in its place."""

    fitted: torch.Tensor

    def __init__(self, fit: FeatureFit | None = None) -> None:
        super().__init__()
        numbers = (np.nan,) * 3
        if fit is not None:
            numbers = (fit.scale, float(_READINGS.index(fit.reading)), fit.threshold)
        self.register_buffer("fitted", torch.tensor(numbers, dtype=torch.float64))

    @property
    def fit(self) -> FeatureFit | None:
        """What was measured; None before that."""
        scale, reading, threshold = self.fitted.tolist()
        return None if np.isnan(scale) else FeatureFit(scale, _READINGS[int(reading)], threshold)


def load_features(source: FeatureSource, shape: Sequence[int], axes: str) -> EmbeddingModel:
    """Return what stands for a model of an image of features, still to be fitted to it.

    Raises
    ------
    ValueError
        When image and choice do not fit, see :meth:`FeatureSource.config_for`.
    """
    return EmbeddingModel(GivenFeatures(), source.config_for(shape, axes))


def load_source(
    source: str | EmbeddingModel, shape: Sequence[int], axes: str | None
) -> tuple[EmbeddingModel, str | None]:
    """Return the model for an image, and the axes of the image where it is one of features.

    Parameters
    ----------
    source : str or EmbeddingModel
        Name, path, loaded model, or text of a :class:`FeatureSource`.
    shape : sequence of int
        The image's shape.
    axes : str, optional
        The image's axes, if they are known.

    Raises
    ------
    ValueError
        When the model cannot be loaded, or the features do not fit the image.
    """
    if isinstance(source, EmbeddingModel):
        return source, axes
    features = features_named(source)
    if features is None:
        return load_model(source), axes
    axes = feature_axes(shape, chosen=axes)
    return load_features(features, shape, axes), axes


def fit_model(model: EmbeddingModel, image: Any, axes: str) -> EmbeddingModel:
    """Return a model that is ready for an image; only one of given features changes by it.

    Parameters
    ----------
    model : EmbeddingModel
    image : array_like
        Anything that can be sliced; a bounded number of pixels is read.
    axes : str
        A letter for each of its axes, from :attr:`Layout.read_axes`.
    """
    config, network = model.config, model.network
    if not isinstance(config, FeatureConfig) or cast("GivenFeatures", network).fit is not None:
        return model
    return EmbeddingModel(GivenFeatures(measure_features(config, image, axes)), config)


def measure_features(config: FeatureConfig, image: Any, axes: str) -> FeatureFit:
    """Choose the scale of features, and how their foreground is read.

    The scale is a bandwidth that lies between the distances of neighbouring pixels, nearly all of
    which are in one object, and those of pixels anywhere, nearly all of which are not. Its value
    is one in the map, so that the sliders' ranges suit features of any unit.

    Parameters
    ----------
    config : FeatureConfig
    image : array_like
        With the image of the foreground as its last channel, where there is one.
    axes : str
        A letter for each of its axes.

    Examples
    --------
    >>> two_halves = np.repeat([[[0.0, 90.0]]], 8, axis=2)
    >>> measure_features(FeatureConfig(), np.tile(two_halves, (1, 8, 1)), "CYX").scale
    30.0
    """
    patches = list(_patches(image, axes))
    reading, threshold = _foreground_reading(config, patches)
    unscaled = FeatureFit(1.0, reading, threshold)
    near, vectors = [np.zeros(0)], []
    for patch in patches:
        emap = arrange_features(config, unscaled, patch)
        inside = emap.foreground > 0.5
        near += [_neighbour_distances(emap.embedding, inside, axis) for axis in (-2, -1)]
        found = emap.embedding[:, inside]
        vectors.append(found[:, :: max(found.shape[1] * len(patches) // _VECTORS, 1)])
    scale = _start(np.concatenate(near), np.concatenate(vectors, axis=1))
    return FeatureFit(scale, reading, threshold)


def arrange_features(
    config: FeatureConfig,
    fit: FeatureFit,
    pixels: NDArray[Any],
    spacing: tuple[float, ...] | None = None,
) -> EmbeddingMap:
    """Return the embedding map of one frame of features (C, [Z,] Y, X).

    Vectors that are not finite, and zero vectors under "cosine", are background.
    """
    embedding = _vectors(config, pixels)
    foreground = _foreground(config, fit, pixels, embedding)
    missing = ~np.isfinite(embedding).all(axis=0)
    if missing.any():
        embedding = np.where(missing, np.float32(0), embedding)
        foreground[missing] = 0
    if config.compare == "cosine":
        length = np.linalg.norm(embedding, axis=0)
        foreground[length == 0] = 0
        embedding = (embedding / np.where(length > 0, length, 1)).astype(np.float32)
    scaled = (embedding / np.float32(fit.scale)).astype(np.float32, copy=False)
    return EmbeddingMap(scaled, foreground, spacing=spacing)


def features_of(
    model: EmbeddingModel, pixels: NDArray[Any], spacing: tuple[float, ...] | None
) -> EmbeddingMap | None:
    """Return the map of a frame for a model of given features; None for other models."""
    config = model.config
    if not isinstance(config, FeatureConfig):
        return None
    axes = "C" + config.axes
    fit = cast("GivenFeatures", fit_model(model, pixels, axes).network).fit
    return arrange_features(config, cast("FeatureFit", fit), pixels, spacing)


def _vectors(config: FeatureConfig, pixels: NDArray[Any]) -> NDArray[np.float32]:
    count, without = config.in_channels, config.foreground_channel
    kept = [n for n in range(count) if n != without]
    chosen = pixels[:count] if without is None else pixels[kept]
    vectors: NDArray[np.float32] = chosen.astype(np.float32, copy=False)
    return vectors


def _foreground(
    config: FeatureConfig, fit: FeatureFit, pixels: NDArray[Any], embedding: NDArray[np.float32]
) -> NDArray[np.float32]:
    if config.foreground == "everywhere":
        return np.ones(pixels.shape[1:], np.float32)
    values = _foreground_values(config, pixels, embedding)
    if fit.reading == "logit":
        values = 1 / (1 + np.exp(-values.astype(np.float64)))
    elif fit.reading == "threshold":
        values = values / (2 * fit.threshold)
    found: NDArray[np.float32] = np.nan_to_num(values).clip(0, 1).astype(np.float32)
    return found


def _foreground_values(
    config: FeatureConfig, pixels: NDArray[Any], embedding: NDArray[np.float32]
) -> NDArray[Any]:
    if config.foreground == "length":
        finite = np.where(np.isfinite(embedding), embedding, 0)
        length: NDArray[Any] = np.linalg.norm(finite, axis=0)
        return length
    chosen = config.foreground_channel
    values: NDArray[Any] = pixels[config.in_channels if chosen is None else chosen]
    return values


def _foreground_reading(
    config: FeatureConfig, patches: Sequence[NDArray[Any]]
) -> tuple[Reading, float]:
    """Tell probabilities, logits and other numbers apart, and choose a threshold for the last."""
    if config.foreground == "everywhere":
        return "probability", 0.5
    found = [_foreground_values(config, p, _vectors(config, p)).ravel() for p in patches]
    values = np.concatenate(found).astype(np.float64)
    values = values[np.isfinite(values)]
    if values.size == 0 or values.min() == values.max():
        return "probability", 0.5
    if config.foreground != "length" and values.min() < 0:
        return "logit", 0.0
    if config.foreground != "length" and values.max() <= 1:
        return "probability", 0.5
    return "threshold", _middle(values)


def _middle(values: NDArray[np.float64]) -> float:
    """Return the middle between the means of the two classes of Otsu (1979).

    His threshold itself lies at the lower end of the gap, where the noise ends.
    """
    from skimage.filters import threshold_otsu

    upper = values > threshold_otsu(values)  # type: ignore[no-untyped-call]
    return float(values[upper].mean() + values[~upper].mean()) / 2


def _start(near: NDArray[Any], vectors: NDArray[Any]) -> float:
    """Return the bandwidth to start with, from distances of neighbours and (E, N) vectors."""
    step = float(np.median(near)) if near.size else 0.0
    count = vectors.shape[1]
    if count < 2:
        return 1.0
    order = np.random.default_rng(0)  # pairs of any two, the same in every run
    pairs = vectors[:, order.permutation(count)] - vectors[:, order.permutation(count)]
    far = np.linalg.norm(pairs, axis=0)
    apart = far[far > _APART * step]
    if apart.size == 0:
        return step or 1.0
    other = float(np.percentile(apart, _NEAREST))
    return float(np.clip(np.sqrt(_WITHIN * step * other), other / 3, other / 1.2))


def _neighbour_distances(
    embedding: NDArray[Any], inside: NDArray[np.bool_], axis: int
) -> NDArray[np.float64]:
    """Return the distances of neighbours along an axis, both inside."""
    steps = np.linalg.norm(np.diff(embedding, axis=axis), axis=0)
    both = np.diff(inside.astype(np.int8), axis=axis) == 0
    first = np.take(inside, range(inside.shape[axis] - 1), axis=axis)
    found: NDArray[np.float64] = steps[both & first]
    return found


def _patches(image: Any, axes: str) -> Iterator[NDArray[Any]]:
    """Yield parts (C, [Z,] Y, X) of an image, evenly spread over it."""
    shape = tuple(int(n) for n in image.shape)
    parts = [_spread(letter, n) for letter, n in zip(axes, shape, strict=True)]
    for box in product(*parts):
        part = np.asarray(image[box]).transpose([axes.index(a) for a in "TCZYX" if a in axes])
        yield from part if "T" in axes else (part,)


def _spread(letter: str, size: int) -> list[slice]:
    """Return at most a few disjoint parts of an axis, evenly spread; all channels."""
    if letter == "C":
        return [slice(None)]
    side = min(_SIDE[letter], size)
    places = min(_PLACES[letter], size // side)
    starts = [round((size - side) * (n + 0.5) / places) for n in range(places)]
    return [slice(start, start + side) for start in starts]
