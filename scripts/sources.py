"""What the bundled models learn from and are scored on: image folders, volumes, drawn volumes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

import numpy as np

from napari_pixel_embedding import SyntheticConfig, prepare_samples, segment, synthetic_image
from napari_pixel_embedding.core.datasets.pairs import find_pairs, names_where
from napari_pixel_embedding.core.inference.normalisation import normalise
from napari_pixel_embedding.core.inference.object_scale import (
    resample,
    resample_labels,
    zoom_for,
    zoomed_shape,
)
from napari_pixel_embedding.core.io.images import read_image, read_labels
from napari_pixel_embedding.core.training.targets import prepare_sample

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from napari_pixel_embedding import EmbeddingModel, ModelConfig
    from napari_pixel_embedding.core.training.targets import Sample


class Segmented(NamedTuple):
    """Label images that are right, and those that a model found."""

    truth: list[NDArray[Any]]
    found: list[NDArray[Any]]


class Source(Protocol):
    """Images with label images, of which some are learnt from and others give the scores."""

    folder: str

    def samples(self, data: Path, config: ModelConfig) -> list[Sample]:
        """Read what is learnt from, each as often as it counts."""

    def segmented(self, data: Path, model: EmbeddingModel) -> Segmented:
        """Segment the images that were held back."""


@dataclass(frozen=True)
class Pairs:
    """A folder with ``train`` and ``dev``: which images, how large their objects are, how often."""

    folder: str
    kinds: tuple[str, ...] = ()
    diameter: float | None = None
    times: int = 1

    def samples(self, data: Path, config: ModelConfig) -> list[Sample]:
        """Read what is learnt from."""
        images, labels = self._read(data, "train")
        return prepare_samples(images, labels, config, diameter=self.diameter) * self.times

    def segmented(self, data: Path, model: EmbeddingModel) -> Segmented:
        """Segment what was held back."""
        images, truth = self._read(data, "dev")
        diameter = self.diameter if model.config.image_diameter is None else None
        return Segmented(truth, [segment(image, model, diameter=diameter) for image in images])

    def _read(self, data: Path, split: str) -> tuple[list[NDArray[Any]], list[NDArray[Any]]]:
        folder = data / self.folder
        found = find_pairs(folder / split)
        if self.kinds:
            index = folder / "index.csv"
            names = {n for kind in self.kinds for n in names_where(index, {"type": kind})}
            found = [pair for pair in found if pair.image.stem in names]
        images = [read_image(pair.image).data for pair in found]
        return images, [read_labels(pair.mask).data for pair in found]


@dataclass(frozen=True)
class Volume:
    """A single annotated volume (Z, Y, X): the last third along Y is held back.

    ``diameter`` is that of a typical object in pixels along Y and X; ``planes_apart`` the distance
    of two planes in pixels.
    """

    folder: str
    diameter: float
    planes_apart: float = 1.0
    times: int = 1

    @property
    def spacing(self) -> tuple[float, float, float]:
        """Size of a pixel along each axis, in pixels along X."""
        return (self.planes_apart, 1.0, 1.0)

    def samples(self, data: Path, config: ModelConfig) -> list[Sample]:
        """Read what is learnt from."""
        image, labels = self._read(data)
        cut = self._held_back_from(labels)
        zoom = zoom_for(config, self.diameter, self.spacing)
        shape = zoomed_shape(labels[:, :cut].shape, zoom)
        pixels = resample(normalise(image[None, :, :cut], config.percentiles), shape)
        return [prepare_sample(pixels, resample_labels(labels[:, :cut], shape))] * self.times

    def segmented(self, data: Path, model: EmbeddingModel) -> Segmented:
        """Segment what was held back."""
        image, labels = self._read(data)
        cut = self._held_back_from(labels)
        known = {"diameter": self.diameter, "spacing": self.spacing}
        return Segmented([labels[:, cut:]], [segment(image[:, cut:], model, axes="ZYX", **known)])

    def _read(self, data: Path) -> tuple[NDArray[Any], NDArray[Any]]:
        (pair,) = find_pairs(data / self.folder)
        return read_image(pair.image).data, read_labels(pair.mask).data.astype(np.int32)

    @staticmethod
    def _held_back_from(labels: NDArray[Any]) -> int:
        return labels.shape[1] - labels.shape[1] // 3


@dataclass(frozen=True)
class DrawnVolumes:
    """Volumes of touching ellipsoids, from clear to very noisy; others are drawn for the scores."""

    number: int
    held_back: int
    shape: tuple[int, int, int] = (64, 80, 80)
    folder: str = "drawn ellipsoids"

    def samples(self, data: Path, config: ModelConfig) -> list[Sample]:
        """Read what is learnt from."""
        drawn = [self._draw(seed) for seed in range(self.number)]
        images, labels = zip(*drawn, strict=True)
        return prepare_samples(images, labels, config, axes="ZYX")

    def segmented(self, data: Path, model: EmbeddingModel) -> Segmented:
        """Segment what was held back."""
        drawn = [self._draw(self.number + seed) for seed in range(self.held_back)]
        truth = [labels for _, labels in drawn]
        return Segmented(truth, [segment(image, model, axes="ZYX") for image, _ in drawn])

    def _draw(self, seed: int) -> tuple[NDArray[Any], NDArray[Any]]:
        rng = np.random.default_rng(seed)
        config = SyntheticConfig(
            diameter=float(rng.uniform(13, 20)),
            density=float(rng.uniform(0.3, 0.9)),
            noise=float(np.exp(rng.uniform(np.log(0.05), np.log(0.6)))),
            blur=float(rng.uniform(0.5, 2.0)),
            uneven=float(rng.uniform(0.0, 0.6)),
        )
        return synthetic_image("ellipses", self.shape, seed=seed, config=config)
